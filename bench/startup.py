"""The size of a package, and its start: from a fresh, isolated interpreter to the imported handler, clients ready."""

import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.processes import PRINT_MEMORY, PYTHON, environment
from bench.table import Figure, at_most, unbounded
from tools.processes import Done, run
from tools.project import DIST, FAST_TRACK, POST, ROOT, SWEEP, CommandError, functions

_STARTS = 9
#: Million instructions of a start.
_MOST = 850
#: The same before ADR 19.
_BEFORE = {"api-schedule-delete": 940, "api-schedule-get": 946, POST: 949, FAST_TRACK: 977, SWEEP: 943}
#: Of the instructions of a plain package.
_LARGEST_PART = 0.25
#: The limit of the packaging tool, for a short cold start.
_MOST_MB = 5


class Start(NamedTuple):
    """The cost of a start. `instructions` is None without valgrind."""

    instructions: int | None
    seconds: Sequence[float]
    memory_bytes: int


def measure(folder: Path) -> Iterator[Figure]:
    """Weigh each function's zip, and start it unpacked, and two from a plain package: with one client and with two."""
    yield from size_figures({function: (DIST / f"{function}.zip").stat().st_size for function in functions()})
    plain = folder / "plain"
    _make_plain_package(plain)
    # The longest first, so that both processors are busy to the end.
    jobs = [(POST, plain), (FAST_TRACK, plain), *((function, folder / function) for function in functions())]
    with ThreadPoolExecutor(2) as pool:  # the load of the machine does not change instructions
        counts = list(pool.map(_instructions, *zip(*jobs, strict=True)))
    starts = {job: _timed(*job, count) for job, count in zip(jobs, counts, strict=True)}
    for function in functions():
        like = FAST_TRACK if function == FAST_TRACK else POST
        yield from figures(function, starts[function, folder / function], starts[like, plain])


def size_figures(sizes: Mapping[str, int]) -> Iterator[Figure]:
    """Yield the size of each function's zip, from its bytes."""
    for function, size_bytes in sizes.items():
        yield at_most(f"{function}.zip, MB", size_bytes / 1e6, _MOST_MB, form=".2f")


def _make_plain_package(folder: Path) -> None:
    """Install the same lock with `pip install --target`, and add our sources: nothing left out, no bytecode."""
    command = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-deps", "--no-compile"]
    command += ["--only-binary=:all:", "--require-hashes", "--requirement", "requirements.txt", "--target", str(folder)]
    done = run(command, folder=ROOT)
    if done.status:
        raise CommandError(f"pip install --target failed: {done.errors[-500:]}")
    shutil.copytree(ROOT / "src", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))


def figures(function: str, start: Start, plain: Start) -> Iterator[Figure]:
    """Yield a start's figures beside the plain package's."""
    if start.instructions is None or plain.instructions is None:
        text = "not measured: install valgrind"
        yield Figure(f"{function}: million instructions", text, "a figure", is_good=False)
    else:
        note = f"before: {_BEFORE[function]}"
        yield at_most(f"{function}: million instructions", start.instructions / 1e6, _MOST, note=note)
        part = start.instructions / plain.instructions
        note = f"plain package: {plain.instructions / 1e6:,.0f} million"
        yield at_most(f"{function}: part of a plain package's", part, _LARGEST_PART, form=".3f", note=note)
    milliseconds = [seconds * 1000 for seconds in start.seconds]
    note = f"plain package: {median(plain.seconds) * 1000:,.0f} ms"
    yield unbounded(f"{function}: time, ms", milliseconds, form=",.0f", note=note)
    note = f"plain package: {plain.memory_bytes / 2**20:,.0f} MiB"
    yield Figure(f"{function}: memory, MiB", f"{start.memory_bytes / 2**20:,.0f}", note=note)


def _instructions(function: str, folder: Path) -> int | None:
    if shutil.which("valgrind") is None:
        return None
    return instructions_in(
        _start(function, folder, "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null").errors
    )


def instructions_in(text: str) -> int:
    """Parse callgrind's count. Raises CommandError if there is none."""
    match = re.search(r"Collected *: *(\d+)", text)
    if match is None:
        raise CommandError(f"callgrind printed no count: {text[-500:]}")
    return int(match[1])


def _timed(function: str, folder: Path, instructions: int | None) -> Start:
    seconds = []
    for _ in range(_STARTS):
        begun = time.perf_counter()
        done = _start(function, folder)
        seconds.append(time.perf_counter() - begun)
    return Start(instructions, seconds, int(done.output) * 1024)


def _start(function: str, folder: Path, *under: str) -> Done:
    package = functions()[function].package
    program = f"import sys; sys.path.insert(0, {str(folder)!r}); from {package}.main import handler; {PRINT_MEMORY}"
    done = run([*under, PYTHON, "-I", "-S", "-B", "-c", program], variables=environment())
    if done.status:
        raise CommandError(f"{function} does not start from {folder}: {done.errors[-500:]}")
    return done
