"""The packages' sizes, and how long a build takes, beside `pip install --target` and a zip."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median
from zipfile import ZIP_DEFLATED, ZipFile

from bench.deployed import FUNCTIONS, POST, package_path
from bench.processes import BenchError
from bench.startup import make_plain_package
from bench.table import Figure, at_most, unbounded
from tools.processes import run
from tools.project import ROOT

__all__ = ["measure", "size_figures"]

_MOST_MB = 5
_PYTHON = ROOT / ".venv" / "build" / "bin" / "python"
_COLD_RUNS, _WARM_RUNS = 3, 5


def measure(folders: Mapping[str, Path]) -> Iterator[Figure]:
    """Weigh the packages, and build a checkout after each kind of change."""
    yield from size_figures({function: package_path(function).stat().st_size for function in FUNCTIONS})
    folder = folders[POST].parent
    checkout = _checkout(folder / "checkout")
    cache = checkout / "build" / "work" / "cache"
    wheels = cache / "wheels"

    def build() -> None:
        _run(_PYTHON, ROOT / "build" / "package.py", "--project", checkout)

    def forget() -> None:
        shutil.rmtree(checkout / "build")

    def forget_all_but_wheels() -> None:
        wheels.rename(folder / "wheels")
        forget()
        cache.mkdir(parents=True)
        (folder / "wheels").rename(wheels)

    def change_source() -> None:
        with (checkout / "src" / "delayer" / "schedules.py").open("a", encoding="utf-8") as source:
            source.write(f"# Changed at {time.monotonic()}.\n")

    def build_with_pip() -> None:
        make_plain_package(folder / "with-pip")
        for function in FUNCTIONS:
            _zip(folder / "with-pip", folder / f"{function}.zip")
        shutil.rmtree(folder / "with-pip")

    build()  # so that pip's cache is warm
    with_pip = median(_times(build_with_pip, _COLD_RUNS))
    note = f"pip install --target, and three zips: {with_pip:.1f} s"
    yield _seconds("cold, wheels from pip's cache", _times(build, _COLD_RUNS, before=forget), "3", note)
    yield _seconds("cold, wheels kept", _times(build, _COLD_RUNS, before=forget_all_but_wheels), "3", note)
    interpreter = median(_times(lambda: _run(_PYTHON, "-c", ""), _WARM_RUNS))
    unchanged = [seconds - interpreter for seconds in _times(build, _WARM_RUNS)]
    yield _seconds("nothing changed, without the interpreter's start", unchanged, "0.1")
    yield _seconds("one source changed, in all packages", _times(build, _WARM_RUNS, before=change_source), "0.5")


def size_figures(sizes: Mapping[str, int]) -> Iterator[Figure]:
    """Yield the size of each function's zip, from its bytes."""
    for function, size_bytes in sizes.items():
        yield at_most(f"{function}.zip, MB", size_bytes / 1e6, _MOST_MB, form=".2f")


def _checkout(root: Path) -> Path:
    """Copy the files that a build reads, so that they can be changed."""
    shutil.copytree(ROOT / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "requirements.txt"):
        shutil.copy2(ROOT / name, root / name)
    return root


def _times(work: Callable[[], None], runs: int, *, before: Callable[[], None] = lambda: None) -> list[float]:
    seconds = []
    for _ in range(runs):
        before()
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return seconds


def _run(*command: str | Path) -> None:
    done = run(command)
    if done.status:
        raise BenchError(f"{' '.join(map(str, command))} failed: {done.errors[-500:]}")


def _zip(folder: Path, path: Path) -> None:
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            archive.write(file, file.relative_to(folder))


def _seconds(name: str, times: list[float], goal: str, note: str = "") -> Figure:
    return unbounded(f"{name}, s", times, form=".2f", goal=goal, note=note)
