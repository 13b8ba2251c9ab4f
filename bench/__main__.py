"""Measure, print one table, and end with 1 if a count, a size or an instruction figure is out of bounds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from bench import builds, bursts, cpu, lateness, requests, startup
from bench.packages import Function, unpack
from bench.processes import BenchError
from bench.table import Figure, table_of, verdict
from tools.project import CommandError
from tools.terminal import run

#: By the names that ONLY takes.
_ITEMS: dict[str, Callable[[dict[Function, Path]], Iterator[Figure]]] = {
    "requests": requests.measure,
    "cpu": cpu.measure,
    "startup": startup.measure,
    "builds": builds.measure,
    "bursts": bursts.measure,
    "lateness": lateness.measure,
}


def _measured(name: str, folders: dict[Function, Path]) -> Iterator[Figure]:
    """An item's figures; of one that does not work, those that there are, and what it said."""
    try:
        yield from _ITEMS[name](folders)
    except (BenchError, CommandError) as error:
        yield Figure(name, "not measured to its end", str(error), "measured", is_good=False)


def bench(console: Console, names: list[str]) -> bool:
    """Measure the items of these names, or all; whether every figure is within its bounds."""
    if unknown := set(names) - set(_ITEMS):
        raise CommandError(f"there is no {', '.join(sorted(unknown))}: ONLY takes some of {', '.join(_ITEMS)}")
    figures: list[Figure] = []
    console.width = max(160, console.width)
    with TemporaryDirectory(prefix="bench-") as folder:
        folders = unpack(Path(folder))
        for name in names or _ITEMS:
            begun = time.monotonic()
            for figure in _measured(name, folders):
                figures.append(figure)
                # So that whoever waits sees what there is.
                print(f"{figure.name}: {figure.value}", file=sys.stderr, flush=True)
            print(f"({name} took {time.monotonic() - begun:.0f} s)", file=sys.stderr, flush=True)
    is_good, why = verdict(figures)
    console.print(table_of(figures))
    console.print(why)
    return is_good


if __name__ == "__main__":
    run("make bench", lambda console: bench(console, sys.argv[1:]))
