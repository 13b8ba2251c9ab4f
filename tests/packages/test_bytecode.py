"""The bytecode in the zips is used by Lambda as it is, and does not depend on what compiled it before."""

from __future__ import annotations

import importlib.util
import marshal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from tests.packages.checkouts import ROOT, Checkout

#: Python 3.13's, from CPython's pycore_magic_number.h.
_MAGIC = b"\xf3\x0d\x0d\x0a"

#: Comprehensions and generator expressions of all kinds, which Python 3.13.0 compiles otherwise than later ones.
_COMPREHENSIONS = Path(__file__).with_name("comprehensions.txt").read_bytes()

#: Of the bytes that Python 3.13.5, 3.13.15 and 3.13.18 make of them, each by itself. To see it of such a Python, run
#: python3.13 -I -S -c "from hashlib import sha256; import marshal, sys; print(sha256(marshal.dumps(compile(
#: sys.stdin.buffer.read(), '/var/task/delayer/comprehensions.py', 'exec'))).hexdigest())" with the file as its input.
_COMPREHENSIONS_SHA256 = "85058d93460626d30899f83e1f30bb632aee54a539bd911dd78186cbfe47b5f2"


@pytest.fixture
def files(built: Checkout, function: str) -> dict[str, bytes]:
    """The contents of a function's zip."""
    with ZipFile(built.zip_path(function)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def comprehensions(built: Checkout, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The marshalled code that the build makes of `_COMPREHENSIONS`."""
    checkout = built.copy(tmp_path_factory.mktemp("comprehensions") / "checkout")
    (checkout.source / "delayer" / "comprehensions.py").write_bytes(_COMPREHENSIONS)
    result = checkout.build()
    assert result.status == 0, result.errors
    with ZipFile(checkout.zip_path("api-schedule-post")) as archive:
        return archive.read("delayer/__pycache__/comprehensions.cpython-313.pyc")[16:]


def test_every_source_has_its_bytecode(files: dict[str, bytes]) -> None:
    """Beside every source is bytecode of Python 3.13 that was made from it, where Python looks for it."""
    sources = {name for name in files if name.endswith(".py")}
    cached = {importlib.util.source_from_cache(name): name for name in files if name.endswith(".pyc")}
    assert set(cached) == sources
    for source, name in cached.items():
        assert files[name][:4] == _MAGIC
        assert files[name][8:16] == importlib.util.source_hash(files[source])


def test_bytecode_is_never_checked_against_its_source(files: dict[str, bytes]) -> None:
    """It is of the unchecked-hash kind (PEP 552): dates, which are all 1980 in the zip, play no part."""
    assert {content[4:8] for name, content in files.items() if name.endswith(".pyc")} == {b"\1\0\0\0"}


def test_tracebacks_name_the_path_on_lambda(files: dict[str, bytes]) -> None:
    """The path in the bytecode is the one under /var/task, not the build's."""
    for name, content in files.items():
        if name.endswith(".pyc"):
            code = marshal.loads(content[16:])  # noqa: S302 -- our own
            assert code.co_filename == f"/var/task/{importlib.util.source_from_cache(name)}"


def test_what_the_build_has_loaded_makes_no_difference(files: dict[str, bytes]) -> None:
    """The bytecode is what an interpreter makes that has nothing loaded and has compiled nothing before.

    The module has a class of the same qualified name as one in typing; a process that has typing loaded makes other
    bytes of it.
    """
    program = """if True:
        import marshal, sys
        made = marshal.dumps(compile(sys.stdin.buffer.read(), "/var/task/typing_extensions.py", "exec"))
        if sys.version_info[:3] == (3, 13, 0):
            sys.path.append(sys.argv[1])
            from python_3_13_0 import as_compiled_later
            made = as_compiled_later(made)
        sys.stdout.buffer.write(made)
        """
    run = subprocess.run(  # noqa: S603 -- our own command
        [sys.executable, "-I", "-S", "-c", program, str(ROOT / "build")],
        input=files["typing_extensions.py"],
        capture_output=True,
        check=True,
    )
    assert files["__pycache__/typing_extensions.cpython-313.pyc"][16:] == run.stdout


def test_any_patch_version_gives_the_same_bytes(comprehensions: bytes) -> None:
    """Whichever Python 3.13 has built this, 3.13.0 too, its bytecode is that of 3.13.5 and later."""
    assert sha256(comprehensions).hexdigest() == _COMPREHENSIONS_SHA256


def test_bytecode_does_what_its_source_says(comprehensions: bytes) -> None:
    """The build's code and what this Python compiles itself have the same results, and errors at the same place."""
    outcomes: list[dict[str, Any]] = []
    for code in (marshal.loads(comprehensions), compile(_COMPREHENSIONS, "comprehensions.py", "exec")):  # noqa: S302
        module: dict[str, Any] = {"__name__": "comprehensions"}
        exec(code, module)  # noqa: S102 -- our own
        outcomes.append(module["results"]())
    assert outcomes[0] == outcomes[1]
    assert outcomes[0]["raising"] is not None
