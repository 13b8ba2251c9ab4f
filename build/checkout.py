"""Bring this checkout's zips up to date, or check that they are.

A zip holds the function's package, the shared one and the locked dependencies, each source with its bytecode. The same
commit gives the same bytes everywhere. A zip is built again only if the content of its inputs has changed.
"""

import contextlib
import fcntl
import functools
import hashlib
import importlib.util
import marshal
import re
import sys
import time
from importlib.metadata import distributions
from pathlib import Path

from bytecode import compile_sources
from deterministic_zip import Entry, compress, zip_bytes
from wheels import fetch_wheels, for_services, prepare

from tools.processes import git
from tools.project import CACHE, DIST, ROOT, CommandError, Function, functions

#: Our limit, for a short cold start. Lambda accepts 50 MB.
_MAX_ZIP_BYTES = 5_000_000

#: The first bytes of every bytecode file of Python 3.13 (3571 in CPython's pycore_magic_number.h).
_MAGIC_NUMBER = (3571).to_bytes(2, "little") + b"\r\n"

#: Names of modules that are packaged. They exclude editors' locks (.#x.py) and copies (x.orig.py, x copy.py), files of
#: macOS (._x.py) and of notebooks (.ipynb_checkpoints), and the leftovers of git's merge tools (x_LOCAL_12.py).
_MODULE = re.compile(r"src/(?P<package>[a-z_][a-z0-9_]*)/(?:[a-z_][a-z0-9_]*/)*[a-z_][a-z0-9_]*\.py")

_PREPARED = CACHE / "prepared"


def package(*, is_check: bool) -> bool:
    """Build the zips that are out of date, or only report them; return whether all are up to date now.

    Raises CommandError if a zip can't be built. Every zip is complete: the old one or the new one.
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
    visible = [path for path in _listed() if path.endswith(".py") and "/." not in path]
    if paths := [path for path in visible if not _MODULE.fullmatch(path)]:
        print(f"Not packaged, because a module's name has lower-case letters, digits and _ only: {', '.join(paths)}")
    if sys.version_info[:3] == (3, 13, 0):
        print("Built by Python 3.13.0: these zips differ from those that 3.13.1 and later build.")
    return True


def _check() -> bool:
    missing = [name for name in functions() if not (DIST / f"{name}.zip").is_file()]
    stale = [each.name for each in functions().values() if _current_zip(each, _sources_of(each)) is None]
    if stale:
        problem = "There is no" if missing else "Built from other sources than there are now:"
        print(problem, ", ".join(f"build/dist/{name}.zip" for name in missing or stale), file=sys.stderr)
    return not stale


def _build(function: Function) -> str:
    sources, path = _sources_of(function), DIST / f"{function.name}.zip"
    content = _current_zip(function, sources)
    done, took = "unchanged", ""
    if content is None:
        start = time.monotonic()
        _require_locked_compressor()
        dependencies = for_services(_dependencies(), function.services)
        own = [compress(name, file) for name, file in (sources | compile_sources(sources)).items()]
        content = zip_bytes([*dependencies, *own])
        if len(content) > _MAX_ZIP_BYTES:
            raise CommandError(f"{path.name} has {len(content):,} bytes; the limit is {_MAX_ZIP_BYTES:,} bytes")
        _write(path, content)
        _write(CACHE / f"{function.name}.built", _record(function, sources, content))
        done, took = "built", f", {time.monotonic() - start:.1f} s"
    return f"{path.name}: {done} ({len(content):,} bytes, sha256 {_sha256(content)[:16]}{took})"


def _current_zip(function: Function, sources: dict[str, bytes]) -> bytes | None:
    """Return the zip, or None unless it was built from these inputs and has not changed since."""
    try:
        content = (DIST / f"{function.name}.zip").read_bytes()
        record = (CACHE / f"{function.name}.built").read_bytes()
    except FileNotFoundError:
        return None
    return content if record == _record(function, sources, content) else None


def _sources_of(function: Function) -> dict[str, bytes]:
    """Return the function's and the shared package's modules, by their names in the zip."""
    packages = (function.package, "delayer")
    paths = [path for path in _listed() if (match := _MODULE.fullmatch(path)) and match["package"] in packages]
    for path in paths:
        if (ROOT / path).is_symlink():
            raise CommandError(f"{path} is a symbolic link: packages hold regular files only")
    # A file that git tracks may have been deleted.
    sources = {path.removeprefix("src/"): (ROOT / path).read_bytes() for path in paths if (ROOT / path).is_file()}
    for package in packages:
        if not any(name.startswith(f"{package}/") for name in sources):
            raise CommandError(
                f"pyproject.toml: {function.name} needs the package src/{package}/, which holds no module"
            )
    return sources


@functools.cache
def _listed() -> list[str]:
    """Return the paths below src/ that git tracks or would add; outside a repository, all paths."""
    # `git status` would not do: flags in the index can hide changes from it.
    with contextlib.suppress(OSError):
        listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "src")
        if listed.status and "not a git repository" not in listed.errors:
            raise CommandError(f"git can't list the files in src: {listed.errors.strip().splitlines()[-1]}")
        if listed.output:
            return sorted(set(filter(None, listed.output.split("\0"))))
    # No git, no repository, or a copy in another project's repository that does not track it.
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "src").rglob("*"))


def _record(function: Function, sources: dict[str, bytes], content: bytes) -> bytes:
    # Everything that decides the zip's bytes, and these.
    return _digest(_toolchain(), function, sources, (ROOT / "requirements.txt").read_bytes(), _sha256(content)).encode()


@functools.cache
def _toolchain() -> str:
    # A hidden file is an editor's.
    paths = [*sorted((ROOT / "build").glob("[!.]*.py")), ROOT / "build" / "requirements.txt"]
    paths += [ROOT / "tools" / "processes.py", ROOT / "tools" / "project.py"]
    # Python's version in full: its patch versions may compile a source to different bytes.
    return _digest(sys.version, [(path.name, path.read_bytes()) for path in paths])


def _require_locked_compressor() -> None:
    """Raise CommandError if this Python's compressor is not the locked one: another writes other bytes."""
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
    """Return the entries of all dependencies, with all functions' services; a wheel's are cached until it changes."""
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
    # Their repr depends on where one part ends and the next begins.
    return _sha256(repr(parts).encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
