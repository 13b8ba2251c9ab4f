"""Bring this checkout's zips up to date, or check that they are.

A zip holds the function's package, the shared one and the locked dependencies, each source with its bytecode. The same
commit gives the same bytes everywhere. A zip is built again only if the content of its inputs has changed.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import importlib.util
import marshal
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sources import sources_of, unnamed

from tools.project import CACHE, DIST, ROOT, CommandError, Function, functions

if TYPE_CHECKING:
    from deterministic_zip import Entry

#: Our limit, for a short cold start. Lambda accepts 50 MB.
_MAX_ZIP_BYTES = 5_000_000

#: The first bytes of every bytecode file of Python 3.13 (3571 in CPython's pycore_magic_number.h).
_MAGIC_NUMBER = (3571).to_bytes(2, "little") + b"\r\n"

_PREPARED = CACHE / "prepared"


def package(*, is_check: bool) -> bool:
    """Build the zips that are out of date, or only report them; return whether all are up to date now.

    Raises:
        CommandError: a zip can't be built. Every zip is complete: the old one or the new one.
    """
    if is_check:
        return _check()
    if importlib.util.MAGIC_NUMBER != _MAGIC_NUMBER:
        raise CommandError(
            f"the functions run on Python 3.13, which can't use the bytecode of Python {sys.version.split()[0]}, "
            f"{sys.executable}: delete .venv/build and run 'make package PYTHON=python3.13'"
        )
    _PREPARED.mkdir(parents=True, exist_ok=True)
    with (_PREPARED / ".lock").open("w") as lock:
        # Builds write to files of the same names. Those that a rollback starts share this folder with ours.
        fcntl.flock(lock, fcntl.LOCK_EX)
        for function in functions().values():
            print(_build(function), flush=True)
    if paths := unnamed():
        print(f"Not packaged, because a module's name has lower-case letters, digits and _ only: {', '.join(paths)}")
    if sys.version_info[:3] == (3, 13, 0):
        print("Built by Python 3.13.0: these zips differ from those that 3.13.1 and later build.")
    return True


def _check() -> bool:
    missing = [name for name in functions() if not _zip_path(name).is_file()]
    stale = [each.name for each in functions().values() if _current_zip(each, sources_of(each)) is None]
    if stale:
        problem = "There is no" if missing else "Built from other sources than there are now:"
        print(problem, ", ".join(f"build/dist/{name}.zip" for name in missing or stale), file=sys.stderr)
    return not stale


def _build(function: Function) -> str:
    """Bring the function's zip up to date; return a line that reports it."""
    sources, path = sources_of(function), _zip_path(function.name)
    content = _current_zip(function, sources)
    done, took = "unchanged", ""
    if content is None:
        start = time.monotonic()
        content = _zip(function, sources)
        if len(content) > _MAX_ZIP_BYTES:
            raise CommandError(f"{path.name} has {len(content):,} bytes; the limit is {_MAX_ZIP_BYTES:,} bytes")
        _write(path, content)
        _write(CACHE / f"{function.name}.built", _record(function, sources, content))
        done, took = "built", f", {time.monotonic() - start:.1f} s"
    return f"{path.name}: {done} ({len(content):,} bytes, sha256 {_sha256(content)[:16]}{took})"


def _current_zip(function: Function, sources: dict[str, bytes]) -> bytes | None:
    """Return the zip, or None unless it was built from these inputs and has not changed since."""
    try:
        content, record = _zip_path(function.name).read_bytes(), (CACHE / f"{function.name}.built").read_bytes()
    except FileNotFoundError:
        return None
    return content if record == _record(function, sources, content) else None


def _zip_path(name: str) -> Path:
    return DIST / f"{name}.zip"


def _record(function: Function, sources: dict[str, bytes], content: bytes) -> bytes:
    """Return a digest of the zip and of everything that decides its bytes."""
    return _digest(_toolchain(), function, sources, (ROOT / "requirements.txt").read_bytes(), _sha256(content)).encode()


@functools.cache
def _toolchain() -> str:
    """Return a digest of what decides how zips are built."""
    # A hidden file is an editor's.
    paths = [*sorted((ROOT / "build").glob("[!.]*.py")), ROOT / "build" / "requirements.txt"]
    paths += [ROOT / "tools" / "processes.py", ROOT / "tools" / "project.py"]
    # Python's version in full: its patch versions may compile a source to different bytes.
    return _digest(sys.version, [(path.name, path.read_bytes()) for path in paths])


def _zip(function: Function, sources: dict[str, bytes]) -> bytes:
    _require_locked_compressor()
    from bytecode import compile_sources  # noqa: PLC0415 -- only where there is something to build
    from deterministic_zip import compress, zip_bytes  # noqa: PLC0415
    from wheels import for_services  # noqa: PLC0415

    dependencies = for_services(_dependencies(), function.services)
    own = [compress(name, content) for name, content in (sources | compile_sources(sources)).items()]
    return zip_bytes([*dependencies, *own])


def _require_locked_compressor() -> None:
    """Raise CommandError if this Python's compressor is not the locked one: another writes other bytes."""
    from importlib.metadata import distributions  # noqa: PLC0415 -- slow, seldom needed

    lock = (ROOT / "build" / "requirements.txt").read_text(encoding="utf-8")
    locked = "".join(re.findall(r"(?m)^deflate==(\S+)", lock))
    found = next((each.version for each in distributions(name="deflate")), "none")
    if found != locked:
        raise CommandError(
            f"build/requirements.txt names deflate {locked}, and {sys.executable} has {found}: run 'make package',"
            " which uses .venv/build"
        )


@functools.cache
def _dependencies() -> list[Entry]:
    """Return the entries of all dependencies, with the data of every service that a function uses.

    Each wheel's are compiled and compressed once, and then cached until an input of theirs changes.
    """
    from deterministic_zip import Entry  # noqa: PLC0415 -- only where there is something to build
    from wheels import fetch_wheels, prepare  # noqa: PLC0415

    services = sorted({service for function in functions().values() for service in function.services})
    entries: list[Entry] = []
    for name, content in fetch_wheels():
        path = _PREPARED / f"{name}.entries"
        key = _digest(_toolchain(), services, _sha256(content)).encode()
        cached = path.read_bytes() if path.is_file() else b""
        seal, packed = cached[: len(key)], cached[len(key) :]
        if seal != _sha256(key + packed).encode():
            print(f"Preparing {name}", flush=True)
            packed = marshal.dumps([tuple(entry) for entry in prepare(name, content, services)])
            _write(path, _sha256(key + packed).encode() + packed)
        entries += [Entry(*fields) for fields in marshal.loads(packed)]  # noqa: S302 -- checked and our own
    return entries


def _digest(*parts: object) -> str:
    """Return a digest of texts and contents that depends on where one ends and the next begins."""
    return _sha256(repr(parts).encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
