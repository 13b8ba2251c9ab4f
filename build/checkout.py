"""Bring a checkout's zips up to date, or check that they are.

A zip holds the function's package, the shared one and the locked dependencies, each source with its bytecode. The same
commit gives the same bytes everywhere. A zip is built again only if the content of its inputs has changed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import marshal
import os
import re
import shutil
import sys
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from errors import BuildError
from sources import SHARED_PACKAGE, is_module, list_sources, packaged

from tools.processes import hear_interrupts
from tools.project import CACHE, ROOT, CommandError, Function, read_functions

if TYPE_CHECKING:
    from deterministic_zip import Entry
    from wheels import Wheel

#: Our limit, for a short cold start. Lambda accepts 50 MB.
_MAX_ZIP_BYTES = 5_000_000

#: The first bytes of every bytecode file of Python 3.13 (3571 in CPython's pycore_magic_number.h).
_MAGIC_NUMBER = (3571).to_bytes(2, "little") + b"\r\n"

#: The prefix of unfinished files' and folders' names; the id of the process that writes one comes next.
_UNFINISHED = ".unfinished-"

#: The checkout that this file belongs to.
_TOOLCHAIN = Path(__file__).resolve().parents[1]

#: The most files that one line names.
_MAX_NAMED = 5


class Checkout:
    """A checkout, and the zips that are built from it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = root / "requirements.txt"
        self._cache = root / CACHE.relative_to(ROOT)
        self._dist = root / "build" / "dist"
        self.functions = read_functions((root / "pyproject.toml").read_text(encoding="utf-8"))
        self._all_services = sorted({service for function in self.functions for service in function.services})
        self._toolchain = _toolchain()

    def build(self, function: Function) -> str:
        """Bring the function's zip up to date; return a line that reports it."""
        sources = self._sources(function)
        zip_path = self._zip_path(function)
        if self._is_current(function, sources):
            content = zip_path.read_bytes()
            return f"{zip_path.name}: unchanged ({_size(len(content))}, sha256 {_sha256(content)[:16]})"
        start = time.monotonic()
        content = self._zip(function, sources)
        if len(content) > _MAX_ZIP_BYTES:
            raise BuildError(f"{zip_path.name} has {_size(len(content))}; the limit is {_size(_MAX_ZIP_BYTES)}")
        _write(zip_path, content)
        _write(self._record_path(function), self._record(function, sources, content))
        seconds = time.monotonic() - start
        return f"{zip_path.name}: built ({_size(len(content))}, sha256 {_sha256(content)[:16]}, {seconds:.1f} s)"

    def is_current(self, function: Function) -> bool:
        """Return whether a build would leave the function's zip as it is."""
        return self._is_current(function, self._sources(function))

    def has_zip(self, function: Function) -> bool:
        """Return whether the function has a zip, current or not."""
        return self._zip_path(function).is_file()

    def unnamed(self) -> list[str]:
        """Return the visible Python files that are not packaged because their names are not modules' names."""
        files = (path for path in self._listed if path.endswith(".py") and not re.search(r"/\.", path))
        return [path for path in files if not is_module(path)]

    def _zip_path(self, function: Function) -> Path:
        return self._dist / f"{function.name}.zip"

    def _record_path(self, function: Function) -> Path:
        return self._cache / f"{function.name}.built"

    def _record(self, function: Function, sources: dict[str, bytes], content: bytes) -> bytes:
        """Return a digest of the zip and of everything that decides its bytes."""
        files = sources | self._toolchain | {self._lock.name: self._lock.read_bytes()}
        # Python's version in full: its patch versions may compile a source to different bytes.
        names = [repr(function), sys.version, *sorted(files)]
        digest = _digest(content, *(name.encode() for name in names), *(files[path] for path in sorted(files)))
        return digest.hex().encode()

    def _is_current(self, function: Function, sources: dict[str, bytes]) -> bool:
        """Return whether the zip was built from these inputs and has not changed since."""
        try:
            content, record = self._zip_path(function).read_bytes(), self._record_path(function).read_bytes()
        except FileNotFoundError:
            return False
        return record == self._record(function, sources, content)

    def remove_unfinished(self) -> None:
        """Remove the unfinished files of killed builds, but not those of builds that still run."""
        for path in (path for folder in (self._cache, self._dist) for path in folder.glob(f"{_UNFINISHED}*")):
            if not _is_another_process(int(path.name.removeprefix(_UNFINISHED).partition("-")[0])):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)

    @cached_property
    def _listed(self) -> list[str]:
        return list_sources(self._root)

    def _sources(self, function: Function) -> dict[str, bytes]:
        """Return the contents of the function's and the shared package's sources, by path."""
        sources = {}
        for path in packaged(self._listed, function):
            if (self._root / path).is_symlink():
                raise BuildError(f"{path} is a symbolic link: packages hold regular files only")
            # A file that git tracks may have been deleted.
            if (self._root / path).is_file():
                sources[path] = (self._root / path).read_bytes()
        for package in (f"src/{function.package}/", f"src/{SHARED_PACKAGE}/"):
            if not any(path.startswith(package) for path in sources):
                raise BuildError(f"pyproject.toml: {function.name} needs the package {package}, which holds no module")
        return sources

    def _zip(self, function: Function, sources: dict[str, bytes]) -> bytes:
        _require_locked_compressor()
        from bytecode import compile_sources  # noqa: PLC0415 -- only where there is something to build
        from deterministic_zip import compress, zip_bytes  # noqa: PLC0415
        from wheels import for_services  # noqa: PLC0415

        dependencies = for_services(self._dependencies, function.services)
        named = {path.removeprefix("src/"): content for path, content in sources.items()}
        own = [compress(name, content) for name, content in (named | compile_sources(named)).items()]
        return zip_bytes([*dependencies, *own])

    @cached_property
    def _dependencies(self) -> list[Entry]:
        """Return the entries of all dependencies, with the data of every service that a function uses."""
        from wheels import wheels  # noqa: PLC0415 -- only where there is something to build

        locked = wheels(self._lock, self._cache / "wheels", self._cache / f"{_UNFINISHED}{os.getpid()}-wheels")
        return [entry for wheel in locked for entry in self._prepared(wheel)]

    def _prepared(self, wheel: Wheel) -> list[Entry]:
        """Return the wheel's entries, compiled and compressed once and then cached until an input of theirs changes."""
        from deterministic_zip import Entry  # noqa: PLC0415 -- only where there is something to build
        from wheels import prepare  # noqa: PLC0415

        path = self._cache / "prepared" / f"{wheel.file_name}.entries"
        decisive = (sys.version, wheel.sha256, *self._all_services)
        key = _digest(*self._toolchain.values(), *(text.encode() for text in decisive))
        if path.is_file():
            content = path.read_bytes()
            kept = content[hashlib.sha256().digest_size :]
            if content == _digest(key, kept) + kept:
                return [Entry(*fields) for fields in marshal.loads(kept)]  # noqa: S302 -- checked and our own
        print(f"Preparing {wheel.file_name}", flush=True)
        entries = prepare(wheel, self._all_services)
        kept = marshal.dumps([tuple(entry) for entry in entries])
        _write(path, _digest(key, kept) + kept)
        return entries


def _toolchain() -> dict[str, bytes]:
    """Return the files that decide how zips are built, by path."""
    modules = (path for path in (_TOOLCHAIN / "build").glob("*.py") if path.stem.isidentifier())
    others = ("build/requirements.txt", "tools/processes.py", "tools/project.py")
    paths = sorted([*modules, *(_TOOLCHAIN / name for name in others)])
    return {path.relative_to(_TOOLCHAIN).as_posix(): path.read_bytes() for path in paths}


def _require_lambda_bytecode() -> None:
    """Raise BuildError if the functions' Python can't read this Python's bytecode."""
    if importlib.util.MAGIC_NUMBER != _MAGIC_NUMBER:
        version = ".".join(map(str, sys.version_info[:3]))
        raise BuildError(
            f"The functions run on Python 3.13, which can't use the bytecode of Python {version}, {sys.executable}:"
            " delete .venv/build and run 'make package PYTHON=python3.13'"
        )


def _require_locked_compressor() -> None:
    """Raise BuildError if this Python's compressor is not the locked one: another writes other bytes."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 -- slow, seldom needed

    lock = (_TOOLCHAIN / "build" / "requirements.txt").read_text(encoding="utf-8")
    locked = "".join(re.findall(r"(?m)^deflate==(\S+)", lock))
    try:
        found = version("deflate")
    except PackageNotFoundError:
        found = "none"
    if found != locked:
        raise BuildError(
            f"build/requirements.txt names deflate {locked}, and {sys.executable} has {found}: run 'make package',"
            " which uses .venv/build"
        )


def _is_another_process(process: int) -> bool:
    # In a container every build may have the same id: a file under this process's id is an earlier build's.
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # It is running, as another user.
    return True


def _digest(*parts: bytes) -> bytes:
    """Return a digest of the parts that depends on where one part ends and the next begins."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8) + part)
    return digest.digest()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _some(paths: list[str]) -> str:
    more = len(paths) - _MAX_NAMED
    return ", ".join(paths[:_MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


def _size(size_bytes: int) -> str:
    return f"{size_bytes:,} bytes"


def _write(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{_UNFINISHED}{os.getpid()}-{path.name}")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _check(checkout: Checkout) -> int:
    missing = [each.name for each in checkout.functions if not checkout.has_zip(each)]
    stale = [each.name for each in checkout.functions if each.name not in missing and not checkout.is_current(each)]
    if missing:
        print(f"There is no {_zips(missing)}", file=sys.stderr)
    elif stale:
        print(f"Built from other sources than there are now: {_zips(stale)}", file=sys.stderr)
    return 1 if missing or stale else 0


def _zips(functions: list[str]) -> str:
    return ", ".join(f"build/dist/{name}.zip" for name in functions)


def main() -> int:
    """Build the zips that are out of date, or only check; return the exit status."""
    hear_interrupts()
    parser = argparse.ArgumentParser(description="Build build/dist/<function>.zip for every function.")
    parser.add_argument("--project", type=Path, default=_TOOLCHAIN, help="the checkout to build (default: this)")
    parser.add_argument("--check", action="store_true", help="build nothing; fail if a zip is missing or out of date")
    options = parser.parse_args()
    root: Path = options.project.resolve()
    try:
        if options.check:
            return _check(Checkout(root))
        _build(root)
    except (BuildError, CommandError, OSError) as error:
        print(f"The packages were not built. {error}.", file=sys.stderr)
        return 1
    return 0


def _build(root: Path) -> None:
    _require_lambda_bytecode()
    checkout = Checkout(root)
    checkout.remove_unfinished()
    for function in checkout.functions:
        print(checkout.build(function), flush=True)
    if unnamed := checkout.unnamed():
        print(f"Not packaged, because a module's name has lower-case letters, digits and _ only: {_some(unnamed)}")
    if sys.version_info[:3] == (3, 13, 0):
        print("Built by Python 3.13.0: these zips differ from those that 3.13.1 and later build.")
