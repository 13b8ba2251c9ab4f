"""Builds the Lambda functions' zips, build/dist/<function>.zip. `make package` runs it.

A zip holds the function's own package, the shared one and the locked dependencies, each source with its bytecode. The
same commit gives the same bytes everywhere. Where nothing has changed, judged by content, nothing is done.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import marshal
import os
import shutil
import signal
import sys
import time
import tomllib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from errors import BuildError

if TYPE_CHECKING:
    from deterministic_zip import Entry
    from wheels import Wheel

#: What our functions share.
_SHARED_PACKAGE = "delayer"

#: Lambda takes ten times as much. This is what we hold ourselves to, for a short cold start.
_MAX_ZIP_BYTES = 5_000_000

#: What every bytecode file of Python 3.13 starts with (3571 in CPython's pycore_magic_number.h).
_MAGIC_NUMBER = (3571).to_bytes(2, "little") + b"\r\n"

#: How the names of unfinished files and folders begin; the process that works on one comes next.
_UNFINISHED = ".unfinished-"

_TOOLCHAIN = Path(__file__).parent


class Function(NamedTuple):
    """What pyproject.toml says of one function."""

    name: str
    package: str
    services: tuple[str, ...]


class Project:
    """One checkout: what is built from it, and where to."""

    def __init__(self, root: Path) -> None:
        self._source = root / "src"
        self._lock = root / "requirements.txt"
        self._cache = root / "build" / "cache"
        self._dist = root / "build" / "dist"
        self.functions = _functions(root / "pyproject.toml")
        self._all_services = sorted({service for function in self.functions for service in function.services})
        tools = [*sorted(_TOOLCHAIN.glob("*.py")), _TOOLCHAIN / "requirements.txt"]
        # Python's version in full: its patch versions may compile a source to different bytes.
        self._toolchain = _digest(sys.version.encode(), *(tool.read_bytes() for tool in tools))

    def build(self, function: Function) -> str:
        """Bring the function's zip up to date; returns what was done, in a line."""
        sources = self._sources(function)
        inputs = self._inputs(function, sources)
        zip_path, record = self._zip_path(function), self._record(function)
        sha256 = self._current_sha256(function, inputs)
        if sha256 is not None:
            return f"{zip_path.name}: unchanged ({_size(zip_path.stat().st_size)}, sha256 {sha256[:16]})"
        start = time.monotonic()
        content = self._zip(function, sources)
        if len(content) > _MAX_ZIP_BYTES:
            raise BuildError(f"{zip_path.name} would have {_size(len(content))}, more than {_size(_MAX_ZIP_BYTES)}")
        sha256 = hashlib.sha256(content).hexdigest()
        _write(zip_path, content)
        _write(record, f"{inputs} {sha256}".encode())
        seconds = time.monotonic() - start
        return f"{zip_path.name}: built ({_size(len(content))}, sha256 {sha256[:16]}, {seconds:.1f} s)"

    def is_current(self, function: Function) -> bool:
        """Whether the function's zip is what would be built now, judged by content."""
        return self._current_sha256(function, self._inputs(function, self._sources(function))) is not None

    def has_zip(self, function: Function) -> bool:
        """Whether the function has a zip, of whatever sources."""
        return self._zip_path(function).is_file()

    def _zip_path(self, function: Function) -> Path:
        return self._dist / f"{function.name}.zip"

    def _record(self, function: Function) -> Path:
        """Where a build notes what it made the zip of."""
        return self._cache / f"{function.name}.built"

    def _inputs(self, function: Function, sources: dict[str, bytes]) -> str:
        """A digest of all that decides the zip's bytes."""
        pairs = (part for name, content in sources.items() for part in (name.encode(), content))
        return _digest(self._toolchain, self._lock.read_bytes(), repr(function).encode(), *pairs).hex()

    def _current_sha256(self, function: Function, inputs: str) -> str | None:
        """The zip's SHA-256, if it was built from these inputs and is as it was built."""
        zip_path, record = self._zip_path(function), self._record(function)
        if not (record.is_file() and zip_path.is_file()):
            return None
        sha256 = hashlib.sha256(zip_path.read_bytes()).hexdigest()
        return sha256 if record.read_text(encoding="utf-8") == f"{inputs} {sha256}" else None

    def remove_unfinished(self) -> None:
        """Remove what builds that were killed have left behind, but not what another build is working on."""
        for path in (path for folder in (self._cache, self._dist) for path in folder.glob(f"{_UNFINISHED}*")):
            if not _is_another_process(int(path.name.removeprefix(_UNFINISHED).partition("-")[0])):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)

    def _sources(self, function: Function) -> dict[str, bytes]:
        """The function's own code and the shared package's, by name in the zip."""
        packages = (self._source / function.package, self._source / _SHARED_PACKAGE)
        for package in packages:
            if not package.is_dir():
                raise BuildError(f"pyproject.toml: {function.name} needs the package {package}, which is not there")
        paths = sorted(path for package in packages for path in package.rglob("*.py"))
        return {path.relative_to(self._source).as_posix(): path.read_bytes() for path in paths}

    def _zip(self, function: Function, sources: dict[str, bytes]) -> bytes:
        from bytecode import compile_sources  # noqa: PLC0415 -- only where there is something to build
        from deterministic_zip import compress, zip_bytes  # noqa: PLC0415
        from wheels import for_services  # noqa: PLC0415

        dependencies = for_services(self._dependencies, function.services)
        own = [compress(name, content) for name, content in (sources | compile_sources(sources)).items()]
        return zip_bytes([*dependencies, *own])

    @cached_property
    def _dependencies(self) -> list[Entry]:
        """All dependencies' entries, with the data of every service that any function uses."""
        from wheels import wheels  # noqa: PLC0415 -- only where there is something to build

        locked = wheels(self._lock, self._cache / "wheels", self._cache / f"{_UNFINISHED}{os.getpid()}-wheels")
        return [entry for wheel in locked for entry in self._prepared(wheel)]

    def _prepared(self, wheel: Wheel) -> list[Entry]:
        """The wheel's entries: compiled and compressed once, then kept until anything that they depend on changes."""
        from deterministic_zip import Entry  # noqa: PLC0415 -- only where there is something to build
        from wheels import prepare  # noqa: PLC0415

        path = self._cache / "prepared" / f"{wheel.file_name}.entries"
        key = _digest(self._toolchain, wheel.sha256.encode(), repr(self._all_services).encode())
        if path.is_file():
            content = path.read_bytes()
            kept = content[hashlib.sha256().digest_size :]
            if content == _digest(key, kept) + kept:
                return [Entry(*fields) for fields in marshal.loads(kept)]  # noqa: S302 -- checked, and our own
        print(f"Preparing {wheel.file_name}", flush=True)
        entries = prepare(wheel, self._all_services)
        kept = marshal.dumps([tuple(entry) for entry in entries])
        _write(path, _digest(key, kept) + kept)
        return entries


def _functions(pyproject: Path) -> list[Function]:
    try:
        table = tomllib.loads(pyproject.read_text(encoding="utf-8"))["tool"]["delayer"]["functions"]
        return [
            Function(name, table[name]["package"], tuple(sorted(table[name]["services"]))) for name in sorted(table)
        ]
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise BuildError(
            f"{pyproject}: [tool.delayer.functions.<function>] must name a package and services ({error!r})"
        ) from error


def _require_lambda_bytecode() -> None:
    """Raise BuildError if this Python's bytecode is not what the functions' Python reads."""
    if importlib.util.MAGIC_NUMBER != _MAGIC_NUMBER:
        version = ".".join(map(str, sys.version_info[:3]))
        raise BuildError(
            f"The functions run on Python 3.13, which can't use the bytecode of Python {version}, {sys.executable}:"
            " delete .venv/build and run 'make package PYTHON=python3.13'"
        )


def _is_another_process(process: int) -> bool:
    # In a container, every build may have the same number: then what it finds under it is an earlier one's.
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
    """A digest of these parts that no other division of the same bytes has."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8) + part)
    return digest.digest()


def _size(size_bytes: int) -> str:
    return f"{size_bytes:,} bytes"


def _write(path: Path, content: bytes) -> None:
    """Write a file that is there in full or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{_UNFINISHED}{os.getpid()}-{path.name}")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _check(project: Project) -> int:
    missing = [each.name for each in project.functions if not project.has_zip(each)]
    stale = [each.name for each in project.functions if each.name not in missing and not project.is_current(each)]
    if missing:
        print(f"There is no {_zips(missing)}", file=sys.stderr)
    elif stale:
        print(f"Built from other sources than there are now: {_zips(stale)}", file=sys.stderr)
    return 1 if missing or stale else 0


def _zips(functions: list[str]) -> str:
    return ", ".join(f"build/dist/{name}.zip" for name in functions)


def main() -> int:
    """Build what has changed, or only look; returns the exit status."""
    # SIGINT is ignored from the start in a background job of a shell without job control.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser(description="Build build/dist/<function>.zip for every function.")
    parser.add_argument("--project", type=Path, default=_TOOLCHAIN.parent, help="the checkout to build (default: this)")
    parser.add_argument("--check", action="store_true", help="build nothing; fail if a zip is missing or out of date")
    options = parser.parse_args()
    root: Path = options.project.resolve()
    try:
        if options.check:
            return _check(Project(root))
        _require_lambda_bytecode()
        project = Project(root)
        project.remove_unfinished()
        for function in project.functions:
            print(project.build(function), flush=True)
    except (BuildError, OSError) as error:
        print(f"The packages were not built. {error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted. Every zip is whole: as it was, or as it is to be.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
