"""What a build's caller has set changes neither the bytes nor whether the wheels are fetched."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from tests.packages.checkouts import FUNCTIONS, Checkout, assert_refused, own_wheels

#: Modules that a folder on PYTHONPATH may hold in the place of Python's and of the toolchain's.
_STAND_INS = ("boto3", "deflate", "errors", "hashlib", "json", "pathlib", "pip", "tools", "wheels", "zipfile")


def forget_zips(checkout: Checkout) -> None:
    """Remove all zips, so that the next build makes them."""
    for function in FUNCTIONS:
        checkout.zip_path(function).unlink()


@pytest.fixture
def stand_ins(tmp_path: Path) -> Path:
    """A folder of modules that end whatever imports them."""
    folder = tmp_path / "stand-ins"
    folder.mkdir()
    for name in _STAND_INS:
        (folder / f"{name}.py").write_text("raise SystemExit('A stand-in was imported.')\n")
    return folder


@pytest.fixture
def offered(checkout: Checkout) -> Path:
    """The folder of all wheels; the checkout lacks one of them."""
    folder = (checkout.cache / "wheels").resolve()
    next(own_wheels(checkout).glob("six-*")).unlink()
    return folder


def ignore_interrupts() -> None:
    """Do what a shell without job control does for a background command."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class TestPython:
    """Variables of the caller's that are meant for other programs."""

    @pytest.mark.parametrize(
        "variables",
        [
            {"PYTHONHOME": sys.base_prefix},
            {"PYTHONOPTIMIZE": "2", "PYTHONHASHSEED": "4711"},
            {"PYTHONSAFEPATH": "1"},
            {"PYTHONWARNINGS": "error", "PYTHONINSPECT": "1"},
            {"LC_ALL": "tr_TR.ISO-8859-9", "LANG": "tr_TR.ISO-8859-9", "TMPDIR": "/nowhere"},
        ],
        ids="-".join,
    )
    def test_variables_change_nothing(self, built: Checkout, checkout: Checkout, variables: dict[str, str]) -> None:
        """The zips are the same whatever the caller's shell has exported."""
        forget_zips(checkout)
        result = checkout.build(variables)
        assert (result.status, result.errors) == (0, "")
        assert checkout.zips() == built.zips()

    def test_modules_on_pythonpath_are_not_imported(
        self, built: Checkout, checkout: Checkout, offered: Path, stand_ins: Path
    ) -> None:
        """Neither the build nor pip imports a module from there, and the zips are the same."""
        result = checkout.build({"PYTHONPATH": str(stand_ins), "PIP_FIND_LINKS": str(offered), "PIP_NO_INDEX": "1"})
        assert (result.status, result.errors) == (0, "")
        assert checkout.zips() == built.zips()

    def test_python_that_needs_a_variable_to_start(self, built: Checkout, checkout: Checkout, tmp_path: Path) -> None:
        """The compiler gets the variables that its interpreter finds its libraries by."""
        needy = tmp_path / "python"
        needy.write_text(f'#!/bin/sh\n[ "$LD_LIBRARY_PATH" = /libraries ] || exit 127\nexec {sys.executable} "$@"\n')
        needy.chmod(0o755)
        forget_zips(checkout)
        result = checkout.build({"LD_LIBRARY_PATH": "/libraries"}, before=f"sys.executable = {str(needy)!r}")
        assert result.status == 0, result.errors
        assert checkout.zips() == built.zips()

    @pytest.mark.parametrize(("patch", "lines"), [(0, 1), (1, 0), (18, 0)])
    def test_python_3_13_0_is_reported(self, checkout: Checkout, patch: int, lines: int) -> None:
        """A line says that the zips of Python 3.13.0 are others than those of later patch versions."""
        result = checkout.build(before=f"sys.version_info = (3, 13, {patch}, 'final', 0)")
        assert result.status == 0
        assert result.output.count("3.13.0: these zips differ from those that 3.13.1 and later build.\n") == lines


class TestPip:
    """Settings of pip's that are meant for other calls."""

    def test_variables_change_nothing(self, built: Checkout, checkout: Checkout, offered: Path, tmp_path: Path) -> None:
        """Only the variables that say where packages come from are heeded."""
        constraints = tmp_path / "constraints.txt"
        constraints.write_text("six==1.0\n")
        result = checkout.build(
            {
                "PIP_CONSTRAINT": str(constraints),
                "PIP_DRY_RUN": "1",
                "PIP_FIND_LINKS": str(offered),
                "PIP_NO_BINARY": ":all:",
                "PIP_NO_INDEX": "1",
                "PIP_PLATFORM": "win_amd64",
                "PIP_PREFIX": "/nowhere",
                "PIP_PYTHON": "/nowhere",
                "PIP_REQUIRE_VIRTUALENV": "1",
                "PIP_TARGET": "/nowhere",
                "PIP_USER": "1",
            }
        )
        assert result.status == 0, result.errors
        assert checkout.zips() == built.zips()

    def test_configuration_changes_nothing(
        self, built: Checkout, checkout: Checkout, offered: Path, tmp_path: Path
    ) -> None:
        """Of a configuration file, only the settings that say where packages come from are heeded."""
        constraints = tmp_path / "constraints.txt"
        constraints.write_text("six==1.0\n")
        configuration = tmp_path / "pip.conf"
        configuration.write_text(
            f"[global]\nconstraint = {constraints}\nfind-links =\n    /nowhere\n    {offered}\nno-binary = :all:\n"
            "no-index = true\ntarget = /nowhere\nuser = true\n"
            "[download]\nplatform = win_amd64\nrequirement = /nowhere\n[install]\nno-index = false\n"
        )
        result = checkout.build({"PIP_CONFIG_FILE": str(configuration), "PIP_FIND_LINKS": ""})
        assert result.status == 0, result.errors
        assert checkout.zips() == built.zips()

    def test_configuration_that_can_not_be_read_is_refused(
        self, checkout: Checkout, offered: Path, tmp_path: Path
    ) -> None:
        """One line says why pip's configuration is not understood."""
        configuration = tmp_path / "pip.conf"
        configuration.write_text("no section = here\n")
        result = checkout.build({"PIP_CONFIG_FILE": str(configuration), "PIP_FIND_LINKS": str(offered)})
        assert_refused(result, "pip's configuration can't be read", str(configuration))

    def test_user_without_a_home(self, built: Checkout, checkout: Checkout, offered: Path) -> None:
        """In a container whose user has no entry in passwd, pip's cache has a place, which is no folder called ~."""
        variables = {"HOME": "", "PIP_FIND_LINKS": str(offered), "PIP_NO_INDEX": "1"}
        result = checkout.build(variables, before="import pwd; pwd.getpwuid = {}.__getitem__")
        assert result.status == 0, result.errors
        assert checkout.zips() == built.zips()
        assert list(checkout.root.rglob("~")) == []


@pytest.mark.parametrize("is_ignored", [False, True])
def test_interrupted_while_fetching(checkout: Checkout, tmp_path: Path, *, is_ignored: bool) -> None:
    """Ctrl-C ends pip too, and nothing of it is left; also where the shell had the build ignore Ctrl-C."""
    # GIVEN an index that gives no answer
    next(own_wheels(checkout).glob("six-*")).unlink()
    before = sorted(path for path in checkout.root.rglob("*") if path.is_file())
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        variables = {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_FIND_LINKS": "",
            "PIP_INDEX_URL": f"http://127.0.0.1:{server.getsockname()[1]}/simple",
            "TMPDIR": str(temporary),
        }
        process = checkout.start(variables, preexec=ignore_interrupts if is_ignored else None)
        # WHEN the build is interrupted while pip waits for it
        connection, _ = server.accept()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        # THEN pip has ended, and so its end of the connection
        connection.settimeout(60)
        while connection.recv(4096):
            pass
        connection.close()
    assert (process.returncode, len(errors.splitlines())) == (130, 1), errors
    assert sorted(path for path in checkout.root.rglob("*") if path.is_file()) == before
    assert list(temporary.iterdir()) == []
