"""A child process sees nothing of the caller's shell that would change what it does."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkouts import ROOT, write_program
from tools.processes import bare_environment, environment, git, run


class TestEnvironment:
    """The variables of a child."""

    @pytest.mark.parametrize(
        "name",
        [
            "BASH_ENV", "CLICOLOR_FORCE", "FORCE_COLOR", "GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "MAKEFLAGS",
            "MAKELEVEL", "MFLAGS", "PIP_DRY_RUN", "PIP_NO_BINARY", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV", "PIP_ROOT",
            "PIP_TARGET", "PIP_USER", "PYTHONHASHSEED", "PYTHONHOME", "PYTHONOPTIMIZE", "PYTHONPATH",
            "PYTHONSAFEPATH", "PYTHONSTARTUP", "TF_CLI_ARGS", "TF_CLI_ARGS_show", "TF_DATA_DIR", "TF_INPUT",
            "TF_VAR_shard_count", "TF_WORKSPACE",
        ],
    )  # fmt: skip
    def test_variable_that_changes_behaviour_is_dropped(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        """A variable that changes what Python, pip, git, make or Terraform does is not passed on."""
        monkeypatch.setenv(name, "1")
        assert name not in environment()

    @pytest.mark.parametrize(
        "name",
        [
            "AWS_PROFILE", "HTTPS_PROXY", "LD_LIBRARY_PATH", "NO_COLOR", "PATH", "PIP_CERT", "PIP_CONFIG_FILE",
            "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_PROXY", "PYTHON", "SSL_CERT_FILE",
            "TERRAFORM", "TF_CLI_ARGS_plan", "TF_CLI_CONFIG_FILE", "TF_LOG", "TF_PLUGIN_CACHE_DIR", "TMPDIR",
        ],
    )  # fmt: skip
    def test_variable_that_says_where_things_are_is_kept(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        """A variable that says where something is, or how it is reached, is passed on."""
        monkeypatch.setenv(name, "somewhere")
        assert environment()[name] == "somewhere"

    def test_group_is_dropped_by_its_prefix(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A plan that asks AWS nothing gets none of its settings: a profile that isn't there would end it."""
        monkeypatch.setenv("AWS_PROFILE", "gone")
        assert "AWS_PROFILE" not in environment(without=("AWS_",))

    def test_added_variable_wins(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A variable that a command adds is passed on, whatever its name and the caller's value."""
        monkeypatch.setenv("TF_DATA_DIR", "theirs")
        assert environment({"TF_DATA_DIR": "ours"})["TF_DATA_DIR"] == "ours"

    @pytest.mark.parametrize("spelling", ["no_proxy", "NO_PROXY"])
    def test_loopback_is_reached_directly(self, monkeypatch: pytest.MonkeyPatch, spelling: str) -> None:
        """Both spellings hold the caller's hosts and the loopback, so that every program finds them."""
        for each in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(each, raising=False)
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv(spelling, "intranet.example")
        variables = environment()
        assert variables["no_proxy"] == variables["NO_PROXY"] == "intranet.example,127.0.0.1,localhost,::1"

    @pytest.mark.parametrize("home", [None, ""])
    def test_home_is_made_where_there_is_none(self, monkeypatch: pytest.MonkeyPatch, home: str | None) -> None:
        """A user without HOME and passwd entry gets a folder below build/: pip would make one called ~."""

        def unknown(_: int) -> None:
            raise KeyError

        monkeypatch.setattr(pwd, "getpwuid", unknown)
        if home is None:
            monkeypatch.delenv("HOME")
        else:
            monkeypatch.setenv("HOME", home)
        made = Path(environment()["HOME"])
        assert made == ROOT / "build" / "work" / "cache" / "home"
        assert made.is_dir()

    def test_bare_environment_keeps_the_loaders_path(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A Python that finds its library by LD_LIBRARY_PATH starts with nothing else of the caller's."""
        monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/python/lib")
        assert bare_environment({"A": "1"}) == {"A": "1", "LD_LIBRARY_PATH": "/opt/python/lib"}


class TestRun:
    """A process that is waited for."""

    def test_output_is_read_as_utf_8(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Output is text in any locale, and bytes that are none are replaced."""
        monkeypatch.setenv("LC_ALL", "C")
        done = run(
            [sys.executable, "-c", "import sys; sys.stdout.buffer.write('Grüße'.encode() + b'\\xff'); sys.exit(3)"]
        )
        assert done == (3, "Grüße\ufffd", "")

    def test_standard_input_is_empty(self) -> None:
        """A program that asks a question gets no answer instead of waiting for one."""
        assert run([sys.executable, "-c", "import sys; print(repr(sys.stdin.read()))"]).output == "''\n"


class TestGit:
    """git with nobody's settings."""

    @pytest.fixture
    def repository(self, tmp_path: Path) -> Path:
        """A repository of one commit, whose own settings and hooks are in the way."""
        root = tmp_path / "repository"
        root.mkdir()
        (root / "naïve.txt").write_text("text\n")
        git(root, "init", "--quiet")
        git(root, "add", ".")
        git(root, "-c", "user.name=a", "-c", "user.email=a@localhost", "commit", "--quiet", "--message=one")
        for name, value in (("color.ui", "always"), ("core.autocrlf", "true"), ("core.quotePath", "true")):
            subprocess.run(["git", "config", name, value], cwd=root, check=True)  # noqa: S603, S607
        write_program(root / ".git" / "hooks" / "post-checkout", "exit 1\n", "/bin/sh")
        return root

    def test_output_has_no_colours_and_plain_names(self, repository: Path) -> None:
        """color.ui=always and quoted names don't change git's output."""
        assert git(repository, "show", "--stat", "--format=%s").output.splitlines()[::2][0] == "one"
        assert git(repository, "ls-files").output == "naïve.txt\n"
        assert "\x1b" not in git(repository, "show", "--stat").output

    def test_checkout_runs_no_hook_and_changes_no_line_ending(self, repository: Path, tmp_path: Path) -> None:
        """A worktree holds the bytes of the commit, and a failing hook of the user's is not run."""
        assert git(repository, "worktree", "add", "--quiet", "--detach", str(tmp_path / "tree"), "HEAD").status == 0
        assert (tmp_path / "tree" / "naïve.txt").read_bytes() == b"text\n"

    def test_surrounding_repository_is_not_used(self, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """GIT_DIR, as it is set in a hook, names another repository."""
        monkeypatch.setenv("GIT_DIR", "/nowhere")
        assert git(repository, "rev-parse", "HEAD").status == 0

    @pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to somebody else")
    def test_repository_of_somebody_else_is_read(self, repository: Path) -> None:
        """A checkout that another user owns, as in a container, is read all the same."""
        for path in (repository, *repository.rglob("*")):
            os.chown(path, 12_345, 12_345)
        assert git(repository, "rev-parse", "HEAD").status == 0
