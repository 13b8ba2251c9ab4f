"""Fetch the locked dependencies' wheels once, and choose the files that a function needs."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

from bytecode import compile_sources
from deterministic_zip import Entry, compress, decompress
from errors import BuildError

from tools.processes import pip_environment, run

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
    | boto3/examples/.+  |  (?:boto3|botocore)/data/.+/examples-1\.json   # for the documentation
    | dateutil/zoneinfo/.+\.tar\.gz                             # time zones, 150 KB; botocore uses UTC and local time
    """
)

_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[\w.!+-]+)(?P<hashes>(?:\s+--hash=sha256:[0-9a-f]{64})+)")

#: Amazon Linux 2023 on arm64 has glibc 2.34. pip takes each tag literally, so one is not enough. Compiled wheels are
#: fetched only so that `_checked` can refuse them by name.
_PLATFORMS = ("manylinux_2_34_aarch64", "manylinux_2_28_aarch64", "manylinux2014_aarch64", "manylinux_2_17_aarch64")


class Requirement(NamedTuple):
    """One pinned package of the lock."""

    name: str
    version: str
    sha256: frozenset[str]

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


class Wheel(NamedTuple):
    """A wheel whose hash the lock allows."""

    file_name: str
    sha256: str
    content: bytes


def read_lock(path: Path) -> list[Requirement]:
    """Return the packages of a lock that pip-compile wrote with hashes.

    Raises:
        BuildError: a line is not a pinned package with its hashes.
    """
    requirements = []
    text = re.sub(r"\\\n", " ", path.read_text(encoding="utf-8"))
    for line in filter(None, (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines())):
        match = _REQUIREMENT.fullmatch(line)
        if not match:
            raise BuildError(f"{path.name}: '{line[:60]}' is not a pinned package with its hashes: run 'make lock'")
        hashes = frozenset(re.findall(r"sha256:(\w+)", match["hashes"]))
        requirements.append(Requirement(match["name"], match["version"], hashes))
    return requirements


def wheels(lock: Path, folder: Path, scratch: Path) -> list[Wheel]:
    """Return the lock's wheels, in its order, from `folder`. Fetch missing ones first, through the folder `scratch`.

    Raises:
        BuildError: a wheel can't be fetched, has a hash that the lock does not allow, or holds compiled code.
    """
    requirements = read_lock(lock)
    missing = [requirement for requirement in requirements if not _find(requirement, folder)]
    if missing:
        print(f"Fetching the wheels of {', '.join(map(str, missing))}", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        scratch.mkdir()
        try:
            _fetch(missing, lock, scratch)
            for path in scratch.glob("*.whl"):
                path.replace(folder / path.name)
        finally:
            shutil.rmtree(scratch)
    return [_checked(requirement, _find(requirement, folder), lock) for requirement in requirements]


def _find(requirement: Requirement, folder: Path) -> Path | None:
    """Return the path of the requirement's wheel, whose name begins with the normalized package and the version."""
    for path in sorted(folder.glob(f"*-{requirement.version}-*.whl")):
        if _normalized(path.name.partition("-")[0]) == _normalized(requirement.name):
            return path
    return None


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _checked(requirement: Requirement, path: Path | None, lock: Path) -> Wheel:
    if path is None:
        raise BuildError(f"{requirement}: pip fetched a wheel of another name or version; run 'make lock'")
    if not path.name.endswith("-none-any.whl"):
        raise BuildError(
            f"{requirement}: {path.name} holds code compiled for one kind of machine, but the zip that is tested must"
            f" be the zip that runs on Lambda: choose a pure Python package in {lock.stem}.in"
        )
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 not in requirement.sha256:
        raise BuildError(
            f"{requirement}: its wheel has the sha256 {sha256}, which {lock.name} does not allow. If {lock.name} was"
            f" edited, restore it; otherwise the wheel is damaged: delete {path} and build again"
        )
    return Wheel(path.name, sha256, content)


def _fetch(missing: Sequence[Requirement], lock: Path, folder: Path) -> None:
    wanted = folder / "wanted.txt"
    lines = (f"{r} " + " ".join(f"--hash=sha256:{digest}" for digest in sorted(r.sha256)) for r in missing)
    wanted.write_text("\n".join(lines), encoding="utf-8")
    command = [sys.executable, "-I", "-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--no-deps"]
    command += ["--require-hashes", "--only-binary=:all:", "--python-version=3.13", "--implementation=cp"]
    command += [f"--platform={platform}" for platform in _PLATFORMS]
    command += [f"--dest={folder}", f"--requirement={wanted}"]
    try:
        variables = pip_environment(sys.executable)
    except OSError as error:
        raise BuildError(str(error)) from error
    # pip's temporary files are removed with the folder, even if pip is killed.
    done = run(command, variables=variables | {"TMPDIR": str(folder)})
    if done.status:
        raise BuildError(_why_not_fetched(done.errors, missing, lock))


def _why_not_fetched(stderr: str, missing: Sequence[Requirement], lock: Path) -> str:
    """Return pip's error in one line."""
    _, mismatch, details = stderr.partition("DO NOT MATCH THE HASHES")
    if mismatch:
        named = [str(r) for r in missing if re.search(rf"(?m)^\s+{re.escape(str(r))}\s", details)]
        return (
            f"{', '.join(named)}: the index offers a wheel with none of the hashes that {lock.name} allows; it was not"
            f" used. If {lock.name} was edited, restore it or run 'make lock'; otherwise ask who changed the package"
        )
    errors = re.findall(r"(?m)^ERROR: (.+)$", stderr) or stderr.strip().splitlines()[-1:]
    return (
        f"The wheels could not be fetched (pip: {' '.join(errors[-1:])}). This needs PyPI (or the mirror that pip is"
        " configured for), once; run the same command again when it is reached"
    )


def prepare(wheel: Wheel, services: Sequence[str]) -> list[Entry]:
    """Return the wheel's entries for a zip, with bytecode and with the data of these AWS services.

    Raises:
        BuildError: a source does not compile, or a file does not belong in site-packages.
    """
    files = dict(_needed_files(wheel, services))
    if _ENDPOINTS in files:
        for service in services:
            if not any(_service_of(name) == service for name in files):
                raise BuildError(f"pyproject.toml: {wheel.file_name} knows no service '{service}'")
    files |= compile_sources({name: content for name, content in files.items() if name.endswith(".py")})
    return [compress(name, content) for name, content in files.items()]


def for_services(entries: Iterable[Entry], services: Sequence[str]) -> Iterator[Entry]:
    """Yield the entries that a function with these AWS services needs."""
    wanted = {None, *services}
    for entry in entries:
        if entry.name == _ENDPOINTS:
            yield compress(entry.name, _reduced_endpoints(decompress(entry), services))
        elif _service_of(entry.name) in wanted:
            yield entry


def _needed_files(wheel: Wheel, services: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    wanted = {None, *services}
    with ZipFile(io.BytesIO(wheel.content)) as archive:
        for name in archive.namelist():
            top, _, rest = name.partition("/")
            if top.endswith(".data"):
                if not rest.startswith("scripts/"):
                    raise BuildError(
                        f"{wheel.file_name}: {name} does not belong in site-packages; build/wheels.py can't package it"
                    )
            elif top.endswith(".dist-info"):
                if _METADATA.match(rest):
                    yield name, archive.read(name)
            elif not name.endswith("/") and _service_of(name) in wanted and not _UNUSED.fullmatch(name):
                content = archive.read(name)
                if name.startswith("botocore/data/") and name.endswith(".json.gz"):
                    yield name.removesuffix(".gz"), _without_documentation(content)
                else:
                    yield name, content


def _service_of(name: str) -> str | None:
    """Return the AWS service whose data the file holds, or None."""
    match = re.match(r"(?:boto3|botocore)/data/([^/]+)", name)
    return match[1] if match and match[1] not in _COMMON_DATA else None


def _without_documentation(content: bytes) -> bytes:
    """Return the description of a service, uncompressed and without its documentation texts.

    botocore reads it at every start: this makes a dynamodb client 5 ms faster. The zip compresses it anyway.
    """

    def without(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        # Emptied, not removed: botocore fails on some missing texts. A shape's member may also be called
        # documentation; its value is an object, not a text.
        return {key: "" if key == "documentation" and isinstance(value, str) else value for key, value in pairs}

    return _compact(json.loads(gzip.decompress(content), object_pairs_hook=without))


def _compact(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _reduced_endpoints(content: bytes, services: Sequence[str]) -> bytes:
    """Return botocore's endpoints.json with these services only: reading all 1.2 MB takes a tenth of a start."""
    endpoints = json.loads(content)
    for partition in endpoints["partitions"]:
        known = partition["services"]
        partition["services"] = {service: known[service] for service in services if service in known}
    return _compact(endpoints)
