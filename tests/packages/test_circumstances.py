"""The caller's settings change neither the zips' bytes nor whether wheels are fetched."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from tests.support.package_checkouts import FUNCTIONS, Checkout, assert_refused, own_wheels

#: Modules on PYTHONPATH that would shadow those of Python and of the toolchain.
_STAND_INS = ("botocore", "deflate", "hashlib", "json", "pathlib", "pip", "tools", "wheels", "zipfile")


def forget_zips(checkout: Checkout) -> None:
    """Remove all zips, so that the next build writes them."""
    for function in FUNCTIONS:
        checkout.zip_path(function).unlink()


@pytest.fixture
def stand_ins(tmp_path: Path) -> Path:
    """Return a folder of modules that end any program that imports them."""
    folder = tmp_path / "stand-ins"
    folder.mkdir()
    for name in _STAND_INS:
        (folder / f"{name}.py").write_text("raise SystemExit('A stand-in was imported.')\n")
    return folder


@pytest.fixture
def offered(checkout: Checkout) -> Path:
    """Return the folder of all wheels; the checkout lacks one of them."""
    folder = (checkout.cache / "wheels").resolve()
    next(own_wheels(checkout).glob("six-*")).unlink()
    return folder


def ignore_interrupts() -> None:
    """Ignore SIGINT, as a shell without job control does for a background command."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class TestPython:
    """Environment variables that are meant for other programs."""

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
        """Neither the build nor pip imports a module from PYTHONPATH, and the zips are the same."""
        result = checkout.build({"PYTHONPATH": str(stand_ins), "PIP_FIND_LINKS": str(offered), "PIP_NO_INDEX": "1"})
        assert (result.status, result.errors) == (0, "")
        assert checkout.zips() == built.zips()

    def test_python_that_needs_a_variable_to_start(self, built: Checkout, checkout: Checkout, tmp_path: Path) -> None:
        """The compiler gets the variables by which its interpreter finds its libraries."""
        needy = tmp_path / "python"
        needy.write_text(f'#!/bin/sh\n[ "$LD_LIBRARY_PATH" = /libraries ] || exit 127\nexec {sys.executable} "$@"\n')
        needy.chmod(0o755)
        forget_zips(checkout)
        result = checkout.build({"LD_LIBRARY_PATH": "/libraries"}, before=f"sys.executable = {str(needy)!r}")
        assert result.status == 0, result.errors
        assert checkout.zips() == built.zips()

    @pytest.mark.parametrize(("patch", "lines"), [(0, 1), (1, 0), (18, 0)])
    def test_python_3_13_0_is_reported(self, checkout: Checkout, patch: int, lines: int) -> None:
        """One line warns that Python 3.13.0 builds other zips than later patch versions."""
        result = checkout.build(before=f"sys.version_info = (3, 13, {patch}, 'final', 0)")
        assert result.status == 0
        assert result.output.count("3.13.0: these zips differ from those that 3.13.1 and later build.\n") == lines


class TestPip:
    """Settings of pip that are meant for other calls."""

    def test_variables_change_nothing(self, built: Checkout, checkout: Checkout, offered: Path, tmp_path: Path) -> None:
        """Only variables that name the source of packages have an effect."""
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
        """Only settings that name the source of packages have an effect."""
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

    def test_unreadable_configuration_is_refused(self, checkout: Checkout, offered: Path, tmp_path: Path) -> None:
        """One line names the configuration file that pip can't read."""
        configuration = tmp_path / "pip.conf"
        configuration.write_text("no section = here\n")
        result = checkout.build({"PIP_CONFIG_FILE": str(configuration), "PIP_FIND_LINKS": str(offered)})
        assert_refused(result, "pip's configuration can't be read", str(configuration))

    def test_user_without_a_home(self, built: Checkout, checkout: Checkout, offered: Path) -> None:
        """A user without an entry in passwd, as in a container, can build, and no folder called ~ is made."""
        variables = {"HOME": "", "PIP_FIND_LINKS": str(offered), "PIP_NO_INDEX": "1"}
        result = checkout.build(variables, before="import pwd; pwd.getpwuid = {}.__getitem__")
        assert result.status == 0, result.errors
        assert checkout.zips() == built.zips()
        assert list(checkout.root.rglob("~")) == []


@pytest.mark.parametrize("is_ignored", [False, True])
def test_interrupted_while_fetching(checkout: Checkout, tmp_path: Path, *, is_ignored: bool) -> None:
    """Ctrl-C ends pip too and leaves no file behind, even if the build was started with SIGINT ignored."""
    # GIVEN an index that never answers
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
        # THEN pip has ended and closed its end of the connection
        connection.settimeout(60)
        while connection.recv(4096):
            pass
        connection.close()
    assert (process.returncode, len(errors.splitlines())) == (130, 1), errors
    assert sorted(path for path in checkout.root.rglob("*") if path.is_file()) == before
    assert list(temporary.iterdir()) == []
