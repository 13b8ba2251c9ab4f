"""Compile sources to bytecode that Lambda uses as it is: its Python, its paths, no check against the source.

The same sources give the same bytes on every machine: Python 3.13.5, 3.13.15 and 3.13.18, on x86-64 and arm64, were
compared over all dependencies. Python 3.13.0 writes other bytes, because its compiler leaves out an instruction in
comprehensions.
"""

import importlib.util
import marshal
import sys
from collections.abc import Mapping
from pathlib import Path

from tools.processes import bare_environment, run
from tools.project import CommandError

#: The folder in which Lambda unpacks a function. The bytecode holds it and tracebacks show it, so it must not be the
#: folder of the build.
_TASK_ROOT = "/var/task/"

#: PEP 552: hash-based and unchecked. Lambda's files are read-only, so a check would only cost time; and the zip's
#: fixed dates would make date-based bytecode stale.
_UNCHECKED_HASH = (0b01).to_bytes(4, "little")


def compile_sources(sources: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the bytecode of these sources, by the names in the zip where Python looks for it. Raises CommandError."""
    # Keep this machine out: no site-packages, no user's or script's folder to import from, no variables.
    command = [sys.executable, "-S", "-s", "-P", "-W", "ignore", str(Path(__file__).with_name("compile_clean.py"))]
    request = marshal.dumps([(_TASK_ROOT + name, source) for name, source in sources.items()])
    done = run(command, variables=bare_environment({"PYTHONHASHSEED": "0"}), said=request.hex())
    if done.status:
        raise CommandError(f"the compiler ended with status {done.status}: {' '.join(done.errors.split())[-500:]}")
    answers = marshal.loads(bytes.fromhex(done.output))  # noqa: S302 -- our own
    compiled = {}
    for (name, source), answer in zip(sources.items(), answers, strict=True):
        if isinstance(answer, str):
            raise CommandError(f"a source does not compile: {answer.removeprefix(_TASK_ROOT)}")
        header = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + importlib.util.source_hash(source)
        compiled[importlib.util.cache_from_source(name, optimization="")] = header + answer
    return compiled
