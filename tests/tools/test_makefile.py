"""What make says, and that what it couldn't install is not there by half."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkouts import ROOT, clean_environment, make_checkout


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
    """make alone lists the commands."""

    def test_every_target_is_described(self) -> None:
        """Every target that is for users is listed once, with what it does."""
        listed = re.findall(r"^  make (\S+) +\S.+$", make(ROOT).stdout, re.MULTILINE)
        assert sorted(listed) == sorted(targets())

    def test_nothing_else_is_done(self, tmp_path: Path) -> None:
        """It installs nothing."""
        checkout = make_checkout(tmp_path / "checkout")
        assert make(checkout).returncode == 0
        assert not (checkout / ".venv").exists()


def test_check_runs_lint_types_and_the_fast_tests() -> None:
    """Ruff, mypy and the tests of the logic and the handlers are run, and nothing else."""
    commands = make(ROOT, "--dry-run", "check").stdout
    found = re.findall(r"^\.venv/tests/bin/(?:python -m )?(\w+(?: format)?)", commands, re.MULTILINE)
    assert found[-4:] == ["ruff format", "ruff", "mypy", "pytest"]
    assert commands.splitlines()[-1].endswith(" tests/logic tests/handlers")


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
        assert lines[-1].startswith("The tools of build/requirements.txt could not be installed. This needs PyPI")
        assert not (checkout / ".venv" / "build").exists()


class TestVariables:
    """Variables that a target takes."""

    @pytest.mark.parametrize("said", ["1", "y", "yes", "YES", "t", "true", "True", "TRUE", "on", "ON"])
    @pytest.mark.parametrize(
        ("target", "switch", "option"),
        [
            ("redrive", "DRY_RUN", "--dry-run"), ("plan", "OFFLINE", "--offline"), ("review", "OFFLINE", "--offline"),
            ("apply", "OFFLINE", "--offline"), ("destroy", "OFFLINE", "--offline"),
            ("rollback", "OFFLINE", "--offline"), ("lock", "UPGRADE", "--upgrade"),
        ],
    )  # fmt: skip
    def test_switch_that_says_yes_gives_the_option(self, target: str, switch: str, option: str, said: str) -> None:
        """Every usual spelling of yes means yes: DRY_RUN=true must not redrive for real."""
        assert make(ROOT, "--dry-run", target, f"{switch}={said}").stdout.count(f" {option}\n") == 1

    @pytest.mark.parametrize("said", ["", "0", "n", "no", "No", "f", "false", "FALSE", "off", "OFF"])
    def test_switch_that_says_no_gives_nothing(self, said: str) -> None:
        """Every usual spelling of no means no, and so does nothing at all."""
        assert "--dry-run" not in make(ROOT, "--dry-run", "redrive", f"DRY_RUN={said}").stdout
        assert "--dry-run" not in make(ROOT, "--dry-run", "redrive", DRY_RUN=said).stdout

    @pytest.mark.parametrize("said", ["maybe", "2", "yes please", "1 0", "-1"])
    def test_switch_that_says_neither_is_refused(self, said: str) -> None:
        """Anything else ends make in one line, from the command line as from the environment."""
        for done in (
            make(ROOT, "--dry-run", "redrive", f"DRY_RUN={said}"), make(ROOT, "--dry-run", "redrive", DRY_RUN=said)
        ):  # fmt: skip
            (line,) = done.stderr.splitlines()
            assert done.returncode == 2
            assert f"DRY_RUN={said} is neither yes (1, true, yes, on) nor no (0, false, no, off, or nothing)" in line

    @pytest.mark.parametrize("name", ["DRYRUN", "dry_run", "OFLINE", "ENVIRONMENT"])
    def test_misspelt_variable_is_refused(self, name: str) -> None:
        """A variable that no target reads would be ignored, and the target would do something else than is meant."""
        done = make(ROOT, "--dry-run", "redrive", f"{name}=1")
        (line,) = done.stderr.splitlines()
        assert done.returncode == 2
        assert f"There is no variable {name}. There are " in line
        assert "DRY_RUN" in line

    def test_every_variable_is_read_by_a_target(self) -> None:
        """The Makefile lists the variables that its targets read, and no other."""
        text = (ROOT / "Makefile").read_text()
        (listed,) = re.findall(r"^VARIABLES := (.+)$", text, re.MULTILINE)
        read = set(re.findall(r"\$\((?:call switch,|or \$\()?([A-Z_]{2,})[),]", text)) & set(listed.split())
        assert read == set(listed.split())

    @pytest.mark.parametrize("name", ["PYTHONPATH", "PYTHONSAFEPATH", "PYTHONHOME", "PYTHONOPTIMIZE", "BASH_ENV"])
    def test_callers_python_settings_reach_no_recipe(self, tmp_path: Path, name: str) -> None:
        """Recipes run without the variables that a shell has for its own Pythons and scripts."""
        (tmp_path / "Makefile").write_text(f"include {ROOT}/Makefile\nprint:\n\t@echo $${{{name}-unset}}\n")
        assert make(tmp_path, "print", **{name: "/elsewhere"}).stdout == "unset\n"


def test_only_programs_that_can_be_moved_are_run() -> None:
    """A script of an environment begins with the folder that it was installed in: a moved checkout could not run it.

    ruff and zizmor are no scripts.
    """
    run = set(re.findall(r"\.venv/\w+/bin/([\w-]+)", (ROOT / "Makefile").read_text()))
    assert run == {"python", "ruff", "zizmor"}


def test_make_status_finds_the_calculator() -> None:
    """What the command imports from src/ is on its path: without an environment, one line says which there are."""
    *_, recipe = make(ROOT, "--dry-run", "status").stdout.splitlines()
    done = subprocess.run(  # noqa: S602 -- our own Makefile's line
        recipe.replace(".venv/tools/bin/python", sys.executable),
        shell=True, cwd=ROOT, env=clean_environment(), check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stderr.startswith("make status: no environment is named")


def test_messages_of_a_command_begin_with_its_target() -> None:
    """A module that make runs passes the name of its target to `tools.terminal`."""
    recipes = re.findall(
        r"^([a-z-]+):.*\n(?:\t.*\n)*?\t.* -m tools\.([a-z_.]+)", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
    commands = {target: module for target, module in recipes if not target.startswith(("ci-", "local"))}
    assert len(commands) > 15
    for target, module in commands.items():
        path = ROOT / "tools" / module.replace(".", "/")
        text = (path / "__main__.py" if path.is_dir() else path.with_suffix(".py")).read_text()
        assert f'"make {target}"' in text, module


def test_readme_of_the_tools_names_every_command() -> None:
    """Every module that make runs is in the table, beside its target."""
    table = (ROOT / "tools" / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    modules = set(re.findall(r"-m tools\.([a-z_.]+)", makefile))
    listed = {
        path.removesuffix(".py").removesuffix("/__main__").replace("/", ".")
        for path in re.findall(r"`([a-z_/]+\.py)` \|", table)
    }
    assert listed == modules
    assert set(re.findall(r"`make ([a-z-]+)`", table)) <= set(targets())
