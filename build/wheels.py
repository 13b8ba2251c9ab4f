"""Fetch the locked dependencies' wheels once, and choose the files that a function needs."""

import gzip
import hashlib
import io
import json
import re
import shutil
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from bytecode import compile_sources
from deterministic_zip import Entry, compress

from tools.processes import pip_environment, run
from tools.project import CACHE, ROOT, CommandError

_WHEELS = CACHE / "wheels"

_ENDPOINTS = "botocore/data/endpoints.json"

#: The files of botocore's data that belong to no service: botocore always reads them.
_COMMON_DATA = {"_retry.json", "endpoints.json", "partitions.json", "sdk-default-configuration.json"}

#: The files of a wheel's .dist-info that are packaged: those that licences require, and the name and version.
_METADATA = re.compile(r"(?i)(?:(?:licen[cs]e|notice|copying|authors)[^/]*|licen[cs]es/.+|METADATA)$")

#: Files beside the code that no function opens. Code is kept whole: lazy imports change from release to release, and a
#: missing module would show only when a call fails.
_UNUSED = re.compile(
    r"""(?x)
      .+/py\.typed  |  .+\.pyi                                  # for type checkers
    | aws_lambda_powertools/event_handler/.+\.(?:js|css)        # the Swagger page, 450 KB; unused
    | botocore/data/.+/examples-1\.json                         # for the documentation
    | dateutil/zoneinfo/.+\.tar\.gz                             # time zones, 150 KB; botocore uses UTC and local time
    """
)

_PIN = re.compile(r"([\w.-]+==[\w.!+-]+)(?:\s+--hash=sha256:[0-9a-f]{64})+")

#: Amazon Linux 2023 on arm64 has glibc 2.34. pip takes each tag literally, so one is not enough. Compiled wheels are
#: fetched only so that `_checked` can refuse them by name.
_PLATFORMS = ("manylinux_2_34_aarch64", "manylinux_2_28_aarch64", "manylinux2014_aarch64", "manylinux_2_17_aarch64")


def fetch_wheels() -> list[tuple[str, bytes]]:
    """Return the name and content of the lock's wheels, in its order. Fetch missing ones first. Raises CommandError."""
    pins = _read_lock()
    if missing := {pin: hashes for pin, hashes in pins.items() if not _find(pin)}:
        print(f"Fetching the wheels of {', '.join(missing)}", flush=True)
        _fetch(missing)
    return [_checked(pin, hashes) for pin, hashes in pins.items()]


def _read_lock() -> dict[str, list[str]]:
    """Return the SHA-256 of the wheels that each pin, like six==1.17.0, allows. pip-compile wrote the lock."""
    text = re.sub(r"(?m)\\\n|(?:^| )#.*", " ", (ROOT / "requirements.txt").read_text(encoding="utf-8"))
    pins = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        if not (match := _PIN.fullmatch(line)):
            raise CommandError(
                f"requirements.txt: '{line[:60]}' is not a pinned package with its hashes: run 'make lock'"
            )
        pins[match[1]] = re.findall(r"sha256:(\w+)", line)
    return pins


def _find(pin: str) -> Path | None:
    """Return the path of the pin's wheel, whose name has the package in any of its spellings."""
    package, _, version = pin.partition("==")
    name = re.compile(re.sub(r"[-_.]+", "[-_.]+", package) + f"-{re.escape(version)}-.+[.]whl", re.IGNORECASE)
    return next((path for path in sorted(_WHEELS.glob("*.whl")) if name.fullmatch(path.name)), None)


def _checked(pin: str, hashes: list[str]) -> tuple[str, bytes]:
    if not (path := _find(pin)):
        raise CommandError(f"{pin}: pip fetched a wheel of another name or version; run 'make lock'")
    if not path.name.endswith("-none-any.whl"):
        raise CommandError(
            f"{pin}: {path.name} holds code compiled for one kind of machine, but the zip that is tested must"
            f" be the zip that runs on Lambda: choose a pure Python package in requirements.in"
        )
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 not in hashes:
        raise CommandError(
            f"{pin}: its wheel has the sha256 {sha256}, which requirements.txt does not allow. If requirements.txt was"
            f" edited, restore it; otherwise the wheel is damaged: delete {path} and build again"
        )
    return path.name, content


def _fetch(pins: Mapping[str, list[str]]) -> None:
    scratch = CACHE / "fetching"
    # A build that was killed has left it.
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        wanted = scratch / "wanted.txt"
        lines = (" ".join([pin, *(f"--hash=sha256:{digest}" for digest in hashes)]) for pin, hashes in pins.items())
        wanted.write_text("\n".join(lines), encoding="utf-8")
        command = [sys.executable, "-I", "-m", "pip", "download", "--disable-pip-version-check", "--no-input"]
        command += ["--no-deps", "--require-hashes", "--only-binary=:all:", f"--dest={scratch}"]
        command += [f"--requirement={wanted}", *(f"--platform={platform}" for platform in _PLATFORMS)]
        # pip's temporary files are removed with the folder, even if pip is killed.
        done = run(command, variables=pip_environment(sys.executable) | {"TMPDIR": str(scratch)})
        if done.status:
            raise CommandError(_why_not_fetched(done.errors, pins))
        _WHEELS.mkdir(exist_ok=True)
        for path in scratch.glob("*.whl"):
            path.replace(_WHEELS / path.name)
    finally:
        shutil.rmtree(scratch)


def _why_not_fetched(stderr: str, pins: Iterable[str]) -> str:
    _, mismatch, details = stderr.partition("DO NOT MATCH THE HASHES")
    if mismatch:
        named = [pin for pin in pins if re.search(rf"(?m)^\s+{re.escape(pin)}\s", details)]
        return (
            f"{', '.join(named)}: the index offers a wheel with none of the hashes that requirements.txt allows; it was"
            " not used. If requirements.txt was edited, restore it or run 'make lock'; otherwise ask who changed the"
            " package"
        )
    errors = re.findall(r"(?m)^ERROR: (.+)$", stderr) or stderr.strip().splitlines()
    return (
        f"the wheels could not be fetched (pip: {' '.join(errors[-1:])}). This needs PyPI (or the mirror that pip is"
        " configured for), once; run the same command again when it is reached"
    )


def prepare(wheel: str, content: bytes, services: Sequence[str]) -> list[Entry]:
    """Return a wheel's entries for a zip, with bytecode and the data of these AWS services. Raises CommandError."""
    files = dict(_needed_files(wheel, content, services))
    unknown = set(services).difference(map(_service_of, files))
    if _ENDPOINTS in files and unknown:
        raise CommandError(f"pyproject.toml: {wheel} knows no service '{min(unknown)}'")
    files |= compile_sources({name: source for name, source in files.items() if name.endswith(".py")})
    return [compress(name, file) for name, file in files.items()]


def for_services(entries: Iterable[Entry], services: Sequence[str]) -> Iterator[Entry]:
    """Yield the entries that a function with these AWS services needs."""
    for entry in entries:
        if entry.name == _ENDPOINTS:
            # Reading all 1.2 MB takes a tenth of a start.
            endpoints = json.loads(zlib.decompress(entry.data, -zlib.MAX_WBITS))
            for partition in endpoints["partitions"]:
                known = partition["services"]
                partition["services"] = {service: known[service] for service in services if service in known}
            yield compress(entry.name, _compact(endpoints))
        elif _service_of(entry.name) in (None, *services):
            yield entry


def _needed_files(wheel: str, content: bytes, services: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    with ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            top, _, rest = name.partition("/")
            if top.endswith(".data"):
                if not rest.startswith("scripts/"):
                    raise CommandError(
                        f"{wheel}: {name} does not belong in site-packages; build/wheels.py can't package it"
                    )
            elif top.endswith(".dist-info"):
                if _METADATA.match(rest):
                    yield name, archive.read(name)
            elif not name.endswith("/") and _service_of(name) in (None, *services) and not _UNUSED.fullmatch(name):
                if name.startswith("botocore/data/") and name.endswith(".json.gz"):
                    # botocore reads it at every start: uncompressed and without its texts, a dynamodb client is made
                    # 5 ms faster. The zip compresses it anyway.
                    text = gzip.decompress(archive.read(name))
                    yield name.removesuffix(".gz"), _compact(json.loads(text, object_pairs_hook=_undocumented))
                else:
                    yield name, archive.read(name)


def _service_of(name: str) -> str | None:
    match = re.match(r"botocore/data/([^/]+)", name)
    return match[1] if match and match[1] not in _COMMON_DATA else None


def _undocumented(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Emptied, not removed: botocore fails on some missing texts. A shape's member may also be called documentation; its
    # value is an object, not a text.
    return {key: "" if key == "documentation" and isinstance(value, str) else value for key, value in pairs}


def _compact(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
