"""Compile sources to bytecode that Lambda uses as it is: its Python, its paths, no check against the source.

The same sources give the same bytes on every machine: Python 3.13.5, 3.13.15 and 3.13.18, on x86-64 and arm64, were
compared over all dependencies. Python 3.13.0 writes other bytes, because its compiler leaves out an instruction in
comprehensions.
"""

from __future__ import annotations

import importlib.util
import marshal
import os
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from errors import BuildError

from tools.processes import bare_environment, exchange

#: The folder in which Lambda unpacks a function. The bytecode holds it and tracebacks show it, so it must not be the
#: folder of the build.
_TASK_ROOT = "/var/task/"

#: PEP 552: hash-based and unchecked. Lambda's files are read-only, so a check would only cost time; and the zip's
#: fixed dates would make date-based bytecode stale.
_UNCHECKED_HASH = (0b01).to_bytes(4, "little")


def cached_name(name: str) -> str:
    """Return the name under which Python 3.13 looks for the bytecode of the source file `name`."""
    folder, slash, file = name.rpartition("/")
    return f"{folder}{slash}__pycache__/{file.removesuffix('.py')}.cpython-313.pyc"


def compile_sources(sources: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the bytecode files' contents by `cached_name`. `sources` are contents by name in the zip.

    Raises:
        BuildError: a source does not compile.
    """
    names = list(sources)
    # A process for a handful of files is not worth its start. The bytes do not depend on the process.
    processes = max(1, min(os.cpu_count() or 1, len(names) // 8))
    shares = [{name: sources[name] for name in names[start::processes]} for start in range(processes)]
    compiled: dict[str, bytes] = {}
    with ThreadPoolExecutor(processes) as pool:
        for share in pool.map(_compile, shares):
            compiled |= share
    return compiled


def _compile(sources: Mapping[str, bytes]) -> dict[str, bytes]:
    # Keep this machine out: no site-packages, no user's or script's folder to import from, no variables.
    command = [sys.executable, "-S", "-s", "-P", "-W", "ignore", str(Path(__file__).with_name("compile_clean.py"))]
    request = marshal.dumps([(_TASK_ROOT + name, source) for name, source in sources.items()])
    status, output, errors = exchange(command, request, variables=bare_environment({"PYTHONHASHSEED": "0"}))
    if status:
        raise BuildError(f"The compiler ended with status {status}: {' '.join(errors.split())[-500:]}")
    compiled = {}
    for (name, source), answer in zip(sources.items(), marshal.loads(output), strict=True):  # noqa: S302 -- our own
        if isinstance(answer, str):
            raise BuildError(f"A source does not compile: {answer.removeprefix(_TASK_ROOT)}")
        header = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + importlib.util.source_hash(source)
        compiled[cached_name(name)] = header + answer
    return compiled
