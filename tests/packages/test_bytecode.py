"""Lambda uses the bytecode in the zips as it is; it does not depend on the process that compiled it."""

from __future__ import annotations

import importlib.util
import marshal
import subprocess
import sys
from zipfile import ZipFile

import pytest

from tests.support.package_checkouts import Checkout

#: Python 3.13's, from CPython's pycore_magic_number.h.
_MAGIC = b"\xf3\x0d\x0d\x0a"


@pytest.fixture
def files(built: Checkout, function: str) -> dict[str, bytes]:
    """Return the contents of a function's zip, by name."""
    with ZipFile(built.zip_path(function)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_every_source_has_its_bytecode(files: dict[str, bytes]) -> None:
    """Beside every source is bytecode of Python 3.13 that was made from it, where Python looks for it."""
    sources = {name for name in files if name.endswith(".py")}
    cached = {importlib.util.source_from_cache(name): name for name in files if name.endswith(".pyc")}
    assert set(cached) == sources
    for source, name in cached.items():
        assert files[name][:4] == _MAGIC
        assert files[name][8:16] == importlib.util.source_hash(files[source])


def test_bytecode_is_never_checked_against_its_source(files: dict[str, bytes]) -> None:
    """All bytecode is of the unchecked-hash kind (PEP 552), so the zip's fixed dates of 1980 do not matter."""
    assert {content[4:8] for name, content in files.items() if name.endswith(".pyc")} == {b"\1\0\0\0"}


def test_tracebacks_name_the_path_on_lambda(files: dict[str, bytes]) -> None:
    """The path in the bytecode is the one under /var/task, not the build's."""
    for name, content in files.items():
        if name.endswith(".pyc"):
            code = marshal.loads(content[16:])  # noqa: S302 -- our own
            assert code.co_filename == f"/var/task/{importlib.util.source_from_cache(name)}"


def test_modules_loaded_by_the_build_do_not_change_the_bytecode(files: dict[str, bytes]) -> None:
    """The bytecode equals that of an interpreter that has loaded and compiled nothing before.

    typing_extensions has a class with the qualified name of one in typing; a process that has loaded typing compiles
    it to other bytes.
    """
    program = """if True:
        import marshal, sys
        made = marshal.dumps(compile(sys.stdin.buffer.read(), "/var/task/typing_extensions.py", "exec"))
        sys.stdout.buffer.write(made)
        """
    run = subprocess.run(  # noqa: S603 -- our own command
        [sys.executable, "-I", "-S", "-c", program],
        input=files["typing_extensions.py"],
        capture_output=True,
        check=True,
    )
    assert files["__pycache__/typing_extensions.cpython-313.pyc"][16:] == run.stdout
