"""Compile Python sources, each from the same clean state. `bytecode.py` runs this in a separate interpreter.

What marshal writes depends on the process: a name that other loaded code also uses can change the bytes (those of
typing_extensions differ where typing is loaded). So each file is compiled in a fork of a process that has compiled
nothing, has imported only this module's imports, and was started without a locale and with a fixed hash seed.

Standard input is a marshalled list of (path, source); standard output the marshalled list of answers in the same
order: a code object's bytes, or a str with the error if the source does not compile.
"""

import marshal
import os
import sys


def compile_one(path: str, source: bytes) -> bytes | str:
    """Return the marshalled code object of one module, or the error as a str."""
    try:
        return marshal.dumps(compile(source, path, "exec", dont_inherit=True, optimize=0))
    except (SyntaxError, ValueError) as error:
        return f"{path}: {error}"


def compile_forked(path: str, source: bytes) -> bytes | str:
    """Run `compile_one` in a child process; return its answer."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        with open(writer, "wb") as pipe:  # noqa: PTH123 -- pathlib would be imported for it
            marshal.dump(compile_one(path, source), pipe)
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:  # noqa: PTH123 -- see above
        answer: bytes | str = marshal.load(pipe)  # noqa: S302 -- written by the child above
    os.waitpid(child, 0)
    return answer


if __name__ == "__main__":
    sources = marshal.load(sys.stdin.buffer)  # noqa: S302 -- written by bytecode.py
    marshal.dump([compile_forked(path, source) for path, source in sources], sys.stdout.buffer)
