"""Bytecode that Lambda uses as it is: for its Python, with the path it will have, never compared with its source.

The same sources give the same bytes on every machine: Python 3.13.5, 3.13.15 and 3.13.18, on x86-64 and arm64, were
compared over all our dependencies. Python 3.13.0 gives others, because its compiler leaves out an instruction in
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

__all__ = ["cached_name", "compile_sources"]

#: Where Lambda unpacks a function. Tracebacks show it; it is in the bytecode and must not be the build's own path.
_TASK_ROOT = "/var/task/"

#: PEP 552: hash-based, and not to be checked against the source. Lambda's files are read-only, so a check could only
#: cost time, and the zip's fixed dates would make bytecode that goes by the date stale.
_UNCHECKED_HASH = (0b01).to_bytes(4, "little")


def cached_name(name: str) -> str:
    """Where Python 3.13 looks for the bytecode of the source file `name`."""
    folder, slash, file = name.rpartition("/")
    return f"{folder}{slash}__pycache__/{file.removesuffix('.py')}.cpython-313.pyc"


def compile_sources(sources: Mapping[str, bytes]) -> dict[str, bytes]:
    """The contents of the bytecode files, by `cached_name`, of sources by their names in the zip.

    Raises:
        BuildError: a source does not compile.
    """
    names = list(sources)
    # A process for a handful of files is not worth its start. Which one compiles a file makes no difference to it.
    processes = max(1, min(os.cpu_count() or 1, len(names) // 8))
    shares = [{name: sources[name] for name in names[start::processes]} for start in range(processes)]
    compiled: dict[str, bytes] = {}
    with ThreadPoolExecutor(processes) as pool:
        for share in pool.map(_compile, shares):
            compiled |= share
    return compiled


def _compile(sources: Mapping[str, bytes]) -> dict[str, bytes]:
    # Nothing of this machine: no site-packages, no user's or script's folder to import from, no variable.
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
