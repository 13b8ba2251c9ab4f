"""`make soak`: runs the model on every processor, as often as one likes, until it finds something."""

from __future__ import annotations

import os
import random
import sys
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context

from tests.model.machine import Tally, run
from tools.processes import hear_interrupts

__all__ = ["Soaked", "soak"]

#: Runs with one seed: few enough that a failure is soon replayed.
_RUNS_PER_SEED = 250
#: Some runs are given up before their last step, since hypothesis bounds what it draws for one.
_SPARE = 1.04


@dataclass(frozen=True, slots=True)
class Soaked:
    """What was run, and what was found."""

    whole_runs: int
    seed: int | None = None
    finding: str | None = None


def soak(runs: int, seed: int) -> Soaked:
    """Run the model at least so many times; the first finding ends it. Seeds are `seed` and those after it."""
    lots = -(-runs // _RUNS_PER_SEED)
    per_seed = min(int(_RUNS_PER_SEED * _SPARE), int(runs * _SPARE) + 1)
    whole_runs = 0
    with ProcessPoolExecutor(os.process_cpu_count(), mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(_run, per_seed, seed + lot) for lot in range(lots)]):
            soaked = done.result()
            whole_runs += soaked.whole_runs
            if soaked.finding is not None:
                pool.shutdown(wait=False, cancel_futures=True)
                return soaked
    return Soaked(whole_runs)


def _run(runs: int, seed: int) -> Soaked:
    before = Tally.whole_runs
    try:
        run(runs, seed)
    except Exception as error:  # noqa: BLE001  (a handler's own, too, is a finding)
        notes = "\n".join(getattr(error, "__notes__", []))
        finding = f"{''.join(traceback.format_exception(error)[-3:])}\n{notes}\nmake soak RUNS={runs} SEED={seed}"
        return Soaked(Tally.whole_runs - before, seed, finding)
    return Soaked(Tally.whole_runs - before)


def main(runs: str, seed: str) -> None:
    """Run, and print what replays a failure."""
    hear_interrupts()
    first = int(seed) if seed else random.SystemRandom().randrange(10**9)
    sys.stdout.write(f"{runs} runs from SEED={first}\n")
    sys.stdout.flush()
    soaked = soak(int(runs), first)
    if soaked.finding is not None:
        sys.stdout.write(f"{soaked.finding}\n")
        sys.exit(1)
    sys.stdout.write(f"nothing found in {soaked.whole_runs} whole runs\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
