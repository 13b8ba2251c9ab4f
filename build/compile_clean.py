"""Compile Python sources, each from the same clean state. `bytecode.py` runs this in a separate interpreter.

What marshal writes depends on the process: a name that other loaded code also uses can change the bytes (those of
typing_extensions differ where typing is loaded). So each file is compiled in a fork of a process that has compiled
nothing, has imported only this module's imports, and was started without a locale and with a fixed hash seed.

Standard input is a marshalled list of (path, source); standard output the marshalled list of answers in the same
order: a code object's bytes, or a str with the error if the source does not compile. Both are in hexadecimal.
"""

import marshal
import os
import sys


def compile_forked(path: str, source: bytes) -> bytes | str:
    """Return the marshalled code object of one module, or the error as a str."""
    reader, writer = os.pipe()
    if not os.fork():
        try:
            answer: bytes | str = marshal.dumps(compile(source, path, "exec", dont_inherit=True, optimize=0))
        except (SyntaxError, ValueError) as error:
            answer = f"{path}: {error}"
        with open(writer, "wb") as pipe:  # noqa: PTH123 -- pathlib would be imported for it
            marshal.dump(answer, pipe)
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:  # noqa: PTH123 -- see above
        answer = marshal.load(pipe)  # noqa: S302 -- written by the child above
    os.wait()
    return answer


if __name__ == "__main__":
    sources = marshal.loads(bytes.fromhex(sys.stdin.read()))  # noqa: S302 -- written by bytecode.py
    print(marshal.dumps([compile_forked(path, source) for path, source in sources]).hex())
