"""What make says, and that what it couldn't install is not there by half."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.checkouts import ROOT, clean_environment, make_checkout


def make(checkout: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run make."""
    return subprocess.run(  # noqa: S603 -- our own command
        ["make", *arguments],  # noqa: S607 -- the user's make
        cwd=checkout, env=clean_environment(**variables), check=False, capture_output=True, text=True,
    )  # fmt: skip


def targets() -> list[str]:
    """The targets that are for users: those that stand for themselves, but for the ones that others need."""
    found = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return [target for line in found for target in line.split() if not target.startswith("require-")]


class TestList:
    """make alone tells what there is."""

    def test_every_target_is_described(self) -> None:
        """Every target that is for users is listed once, with what it does."""
        listed = re.findall(r"^  make (\S+) +\S.+$", make(ROOT).stdout, re.MULTILINE)
        assert sorted(listed) == sorted(targets())

    def test_nothing_else_is_done(self, tmp_path: Path) -> None:
        """It installs nothing."""
        checkout = make_checkout(tmp_path / "checkout")
        assert make(checkout).returncode == 0
        assert not (checkout / ".venv").exists()


class TestInstallation:
    """Tools are installed whole or not at all."""

    @pytest.mark.parametrize("python", ["false", "python-that-is-not-there"])
    def test_another_python(self, tmp_path: Path, python: str) -> None:
        """Without Python 3.13, one line says what is needed and how to name it, and nothing is begun."""
        checkout = make_checkout(tmp_path / "checkout")
        done = make(checkout, ".venv/build/.installed", f"PYTHON={python}")
        lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
        assert done.returncode == 2
        assert len(lines) == 1
        assert lines[0].startswith(
            f"Python 3.13 is needed, the version that the Lambda functions run on, and '{python}'"
        )
        assert lines[0].endswith("make PYTHON=/path/to/python3.13 …")
        assert not (checkout / ".venv").exists()

    def test_no_package_index(self, tmp_path: Path) -> None:
        """If the tools can't be fetched, what to do is said last, and the next run starts afresh."""
        checkout = make_checkout(tmp_path / "a checkout")
        done = make(
            checkout, ".venv/build/.installed", f"PYTHON={sys.executable}",
            PIP_CONFIG_FILE="/dev/null", PIP_FIND_LINKS="", PIP_NO_INDEX="1",
        )  # fmt: skip
        lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
        assert done.returncode == 2
        assert lines[-1].startswith("The tools could not be installed. This needs PyPI")
        assert not (checkout / ".venv" / "build").exists()


def test_make_status_finds_the_calculator() -> None:
    """What the command imports from src/ is on its path: without an environment, one line says which there are."""
    *_, recipe = make(ROOT, "--dry-run", "status").stdout.splitlines()
    done = subprocess.run(  # noqa: S602 -- our own Makefile's line
        recipe.replace(".venv/tools/bin/python", sys.executable),
        shell=True, cwd=ROOT, env=clean_environment(), check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stderr.startswith("make status: no environment is named")
