"""A command started with SIGINT ignored, as a background job of a shell is, can be interrupted all the same."""

from __future__ import annotations

import re
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools.checkouts import ROOT, clean_environment
from tools.interrupts import hear_interrupts

#: The modules that make runs. `tools.chaos` imports what only its own environment has; it ends in `tools.terminal.run`.
_COMMANDS = sorted(
    set(re.findall(r"-m ((?:bench|tests|tools)[a-z_.]*)", (ROOT / "Makefile").read_text())) - {"tools.chaos"}
)
_ARGUMENTS = {"tests.model.soak": ["1", ""], "tools.drift": ["dev"]}

#: Fails if a process that a test starts ignores SIGINT.
_TEST = """
import subprocess, sys

def test_child():
    program = "import signal; print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "False\\n"
"""


@pytest.fixture(autouse=True)
def _restore_handler() -> Iterator[None]:
    handler = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, handler)


def run_ignoring_sigint(*command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a command as a shell without job control runs a background job."""
    return subprocess.run(  # noqa: S603 -- our own command
        ["bash", "-c", "trap '' INT; exec \"$@\"", "bash", *command],  # noqa: S607 -- the user's bash
        cwd=cwd, env=clean_environment(PYTHONPATH=str(ROOT)), check=False, capture_output=True, text=True,
    )  # fmt: skip


class TestHearInterrupts:
    """SIGINT raises KeyboardInterrupt again, and nothing else changes."""

    @pytest.mark.parametrize(("first", "said"), [("", "not interrupted"), ("hear_interrupts()", "interrupted")])
    def test_sigint_ignored_on_entry_raises_keyboard_interrupt(self, first: str, said: str) -> None:
        """An ignored SIGINT does nothing; after the call it raises KeyboardInterrupt."""
        program = f"""
import os, signal
from tools.interrupts import hear_interrupts
{first}
try:
    os.kill(os.getpid(), signal.SIGINT)
    print("not interrupted")
except KeyboardInterrupt:
    print("interrupted")
"""
        done = run_ignoring_sigint(sys.executable, "-c", program)
        assert (done.stdout, done.stderr) == (f"{said}\n", "")

    def test_other_handler_is_kept(self) -> None:
        """A handler that the process has set itself stays."""

        def handler(_number: int, _frame: object) -> None: ...

        signal.signal(signal.SIGINT, handler)
        hear_interrupts()
        assert signal.getsignal(signal.SIGINT) is handler


def test_commands_are_found() -> None:
    """The Makefile names the modules that the next test runs."""
    assert {"tools.demo", "tools.deploy", "tools.github", "tests.model.soak", "bench"} <= set(_COMMANDS)


@pytest.mark.parametrize("module", _COMMANDS)
def test_every_command_hears_interrupts_first(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever make runs restores SIGINT before it does anything else."""

    def heard() -> None:
        raise SystemExit("heard")

    for patched in ("tools.interrupts", "tools.terminal", "tools.failures"):
        monkeypatch.setattr(f"{patched}.hear_interrupts", heard)
    monkeypatch.setattr("sys.argv", [module, *_ARGUMENTS.get(module, [])])
    for loaded in (module, f"{module}.__main__"):
        monkeypatch.delitem(sys.modules, loaded, raising=False)
    with pytest.raises(SystemExit, match=r"^heard$"):
        runpy.run_module(module, run_name="__main__", alter_sys=True)


def test_processes_started_by_tests_do_not_ignore_sigint(tmp_path: Path) -> None:
    """A test run that is a background job gives the processes it starts the default SIGINT."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_child.py").write_text(_TEST)
    arguments = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", str(tmp_path)]
    done = run_ignoring_sigint(sys.executable, "-m", "pytest", *arguments, "tests", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
