"""4. The packages' sizes, and how long a build takes, beside `pip install --target` and a zip."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from zipfile import ZIP_DEFLATED, ZipFile

from bench.packages import FUNCTIONS, POST, ROOT, Function
from bench.processes import BenchError
from bench.startup import make_plain_package
from bench.table import Figure, at_most, judged
from tools.processes import run

__all__ = ["change_dependency", "measure", "size_figures"]

_ITEM = "4. Packages and builds"
_MOST_BYTES = 5_000_000
_PYTHON = ROOT / ".venv" / "build" / "bin" / "python"
_RUNS = 5
#: The dependency that is changed: a small one, and what a change of any of them costs besides its own compilation.
_DEPENDENCY = "jmespath"


def measure(folders: dict[Function, Path]) -> Iterator[Figure]:
    """Weigh the packages, and build a checkout of its own after each kind of change."""
    yield from size_figures({function: function.zip_path.stat().st_size for function in FUNCTIONS})
    folder = folders[POST].parent
    checkout = _checkout(folder / "checkout")
    cache = checkout / "build" / "work" / "cache"

    def nothing() -> None:
        pass

    def forget_all() -> None:
        shutil.rmtree(cache, ignore_errors=True)
        shutil.rmtree(checkout / "build" / "dist", ignore_errors=True)

    def forget_all_but_wheels() -> None:
        wheels = folder / "wheels"
        (cache / "wheels").rename(wheels)
        forget_all()
        cache.mkdir(parents=True)
        wheels.rename(cache / "wheels")

    def change_source() -> None:
        with (checkout / "src" / "delayer" / "schedules.py").open("a", encoding="utf-8") as source:
            source.write(f"# Changed at {time.monotonic()}.\n")

    def build() -> None:
        _run(str(_PYTHON), str(ROOT / "build" / "package.py"), "--project", str(checkout))

    def build_with_pip() -> None:
        plain = folder / "with-pip"
        shutil.rmtree(plain, ignore_errors=True)
        make_plain_package(plain)
        for function in FUNCTIONS:
            _zip(plain, folder / f"{function.name}.zip")

    build()  # so that pip's cache is warm
    with_pip = _times(nothing, build_with_pip, 3)
    interpreter = median(_times(nothing, lambda: _run(str(_PYTHON), "-c", ""), _RUNS))
    note = f"pip install --target, and three zips: {median(with_pip):.1f} s"
    yield _seconds("cold, wheels from pip's cache", _times(forget_all, build, 3), "3 s", note)
    yield _seconds("cold, wheels fetched before", _times(forget_all_but_wheels, build, 3), "3 s", note)
    unchanged = _times(nothing, build, _RUNS)
    note = f"own work, without the interpreter's start of {interpreter:.3f} s: {median(unchanged) - interpreter:.3f} s"
    yield _seconds("nothing changed", unchanged, "0.1 s of own work", note)
    yield _seconds("one source changed, in all packages", _times(change_source, build, _RUNS), "0.5 s")
    change: Callable[[], None] = lambda: change_dependency(checkout, _DEPENDENCY)  # noqa: E731
    yield _seconds(f"one dependency changed ({_DEPENDENCY})", _times(change, build, _RUNS))


def size_figures(sizes: dict[Function, int]) -> Iterator[Figure]:
    """Hold each zip to the bound."""
    for function, size_bytes in sizes.items():
        yield at_most(_ITEM, f"{function.name}.zip: MB", size_bytes / 1e6, _MOST_BYTES / 1e6, form=".2f")


def change_dependency(checkout: Path, name: str) -> None:
    """Put another wheel in the place of a dependency's, with a comment more, and its hash into the lock."""
    [wheel] = (checkout / "build" / "work" / "cache" / "wheels").glob(f"{name}-*.whl")
    old = hashlib.sha256(wheel.read_bytes()).hexdigest()
    with ZipFile(wheel) as archive:
        contents = {entry: archive.read(entry) for entry in archive.namelist()}
    contents[f"{name}/__init__.py"] += f"# Changed at {time.monotonic()}.\n".encode()
    with ZipFile(wheel, "w", ZIP_DEFLATED) as archive:
        for entry, content in contents.items():
            archive.writestr(entry, content)
    lock = checkout / "requirements.txt"
    text = lock.read_text(encoding="utf-8")
    lock.write_text(text.replace(old, hashlib.sha256(wheel.read_bytes()).hexdigest()), encoding="utf-8")


def _checkout(root: Path) -> Path:
    """What a build reads, in a folder that may be changed."""
    shutil.copytree(ROOT / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "requirements.txt"):
        shutil.copy2(ROOT / name, root / name)
    return root


def _times(before: Callable[[], None], work: Callable[[], None], runs: int) -> list[float]:
    seconds = []
    for _ in range(runs):
        before()
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return seconds


def _run(*command: str) -> None:
    done = run(command)
    if done.status:
        raise BenchError(f"{re.sub(r'.*/', '', command[1])}: {done.errors[-500:]}")


def _zip(folder: Path, path: Path) -> None:
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            archive.write(file, file.relative_to(folder))


def _seconds(name: str, times: list[float], goal: str = "", note: str = "") -> Figure:
    return judged(_ITEM, name, times, form=".2f s", goal=goal, note=note)
