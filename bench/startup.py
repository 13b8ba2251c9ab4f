"""3. The start of a function: from a fresh, isolated interpreter to the imported handler with its clients ready."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from bench.packages import FAST_TRACK, FUNCTIONS, POST, PYTHON, ROOT, Function, environment
from bench.processes import BenchError
from bench.table import Figure, at_most, judged
from tools.processes import Done, run

__all__ = ["Start", "figures", "instructions_in", "make_plain_package", "measure"]

_ITEM = "3. Start-up"
_STARTS = 9

#: Instructions of a start. The fast track has a second client.
_MOST = {FAST_TRACK: 1_050e6}
_MOST_OF_ONE_CLIENT = 1_000e6
#: Of what a plain package takes.
_LARGEST_PART = 0.27


class Start(NamedTuple):
    """What a start took."""

    #: None where there is no valgrind.
    instructions: int | None
    seconds: Sequence[float]
    memory_bytes: int


def measure(folders: dict[Function, Path]) -> Iterator[Figure]:
    """Start each function from its unpacked zip, and one of each kind from a plain package."""
    plain = folders[POST].parent / "plain"
    make_plain_package(plain)
    # The longest first, so that both processors have something to do to the end.
    jobs = [(POST, plain), (FAST_TRACK, plain)] + [(function, folders[function]) for function in FUNCTIONS]
    with ThreadPoolExecutor(2) as pool:  # instructions are the same whatever else runs
        counts = list(pool.map(lambda job: _instructions(*job), jobs))
    starts = {job: Start(count, *_times_and_memory(*job)) for job, count in zip(jobs, counts, strict=True)}
    for function in FUNCTIONS:
        like = FAST_TRACK if function is FAST_TRACK else POST
        yield from figures(function, starts[function, folders[function]], starts[like, plain])


def make_plain_package(folder: Path) -> None:
    """What `pip install --target` makes of the same lock, with our sources: nothing left out, no bytecode."""
    lock = ROOT / "requirements.txt"
    command = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-deps", "--no-compile"]
    command += ["--only-binary=:all:", "--require-hashes", "--requirement", str(lock), "--target", str(folder)]
    done = run(command)
    if done.status:
        raise BenchError(f"pip could not make a plain package: {done.errors[-500:]}")
    shutil.copytree(ROOT / "src", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))


def figures(function: Function, start: Start, plain: Start) -> Iterator[Figure]:
    """Compare with the bounds, and with the plain package."""
    name = function.name
    if start.instructions is None or plain.instructions is None:
        text = "not measured: valgrind is not installed"
        yield Figure(_ITEM, f"{name}: instructions", text, "a figure", is_good=False)
    else:
        most = _MOST.get(function, _MOST_OF_ONE_CLIENT)
        yield at_most(_ITEM, f"{name}: million instructions", start.instructions / 1e6, most / 1e6)
        part = start.instructions / plain.instructions
        note = f"plain: {plain.instructions / 1e6:,.0f} million"
        yield at_most(_ITEM, f"{name}: part of a plain package's", part, _LARGEST_PART, form=".3f", note=note)
    yield judged(
        _ITEM, f"{name}: time", [seconds * 1000 for seconds in start.seconds], form=",.0f ms",
        note=f"plain: {sorted(plain.seconds)[len(plain.seconds) // 2] * 1000:,.0f} ms",
    )  # fmt: skip
    memory = f"{start.memory_bytes / 2**20:,.0f} MiB"
    yield Figure(_ITEM, f"{name}: memory", memory, note=f"plain: {plain.memory_bytes / 2**20:,.0f} MiB")


def _instructions(function: Function, folder: Path) -> int | None:
    if shutil.which("valgrind") is None:
        return None
    done = _start(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"], function, folder)
    return instructions_in(done.errors)


def instructions_in(text: str) -> int:
    """What callgrind says that it has counted. Raises BenchError if it says nothing of the kind."""
    match = re.search(r"Collected *: *(\d+)", text)
    if match is None:
        raise BenchError(f"callgrind counted nothing: {text[-500:]}")
    return int(match[1])


def _times_and_memory(function: Function, folder: Path) -> tuple[list[float], int]:
    seconds = []
    for _ in range(_STARTS):
        begun = time.perf_counter()
        done = _start([], function, folder)
        seconds.append(time.perf_counter() - begun)
    return seconds, int(done.output) * 1024


def _start(before: Sequence[str], function: Function, folder: Path) -> Done:
    program = (
        f"import sys; sys.path.insert(0, {str(folder)!r}); from {function.package}.main import handler;"
        # ru_maxrss may be that of the process that started it.
        " print(*[line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM:')])"
    )
    done = run([*before, PYTHON, "-I", "-S", "-B", "-c", program], variables=environment())
    if done.status:
        raise BenchError(f"{function.name} does not start from {folder}: {done.errors[-500:]}")
    return done
