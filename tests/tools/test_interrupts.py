"""A command started with SIGINT ignored, as a background job of a shell is, can be interrupted all the same."""

from __future__ import annotations

import re
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkouts import ROOT, clean_environment
from tools.processes import hear_interrupts

#: The modules that make runs. `tools.local.chaos` needs an environment of its own; it ends in `tools.terminal.main`.
_COMMANDS = sorted(
    set(re.findall(r"-m ((?:bench|tests|tools)[a-z_.]*)", (ROOT / "Makefile").read_text())) - {"tools.local.chaos"}
)
_ARGUMENTS = {
    "tools.operate.outputs": ["dev", ""],
    "tools.ci.github": ["comment"],
    "tools.ci.plans": ["pack"],
    "tools.toolchain.install": ["build", "build/requirements.txt"],
}

#: Fails if a process that a test starts ignores SIGINT.
_TEST = """
import subprocess, sys

def test_child():
    program = "import signal; print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "False\\n"
"""


def run_ignoring(name: str, *command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a command with a signal ignored on entry, if one is named."""
    ignore = f"trap '' {name}; " if name else ""
    return subprocess.run(  # noqa: S603 -- our own command
        ["bash", "-c", f'{ignore}exec "$@"', "bash", *command],  # noqa: S607 -- the user's bash
        cwd=cwd, env=clean_environment(PYTHONPATH=str(ROOT)), check=False, capture_output=True, text=True,
    )  # fmt: skip


class TestHearInterrupts:
    """What ends a command raises KeyboardInterrupt, in whatever state the caller left it."""

    def said(self, number: signal.Signals, first: str, ignored: str = "") -> str:
        """Whether a signal interrupts a process that begins with a statement, with another signal ignored on entry."""
        program = f"""
import os
from tools.processes import hear_interrupts
{first}
try:
    os.kill(os.getpid(), {number})
    print("not interrupted")
except KeyboardInterrupt:
    print("interrupted")
"""
        done = run_ignoring(ignored, sys.executable, "-c", program)
        assert done.stderr == ""
        return done.stdout.strip()

    @pytest.mark.parametrize(("first", "said"), [("", "not interrupted"), ("hear_interrupts()", "interrupted")])
    def test_sigint_ignored_on_entry_raises_keyboard_interrupt(self, first: str, said: str) -> None:
        """An ignored SIGINT does nothing; after the call it raises KeyboardInterrupt."""
        assert self.said(signal.SIGINT, first, "INT") == said

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_signal_that_ends_a_process_raises_keyboard_interrupt(self, number: signal.Signals) -> None:
        """A kill and a closed terminal leave as little behind as Ctrl-C does."""
        assert self.said(number, "hear_interrupts()") == "interrupted"

    def test_ignored_hangup_stays_ignored(self) -> None:
        """A command under nohup goes on when its terminal closes."""
        assert self.said(signal.SIGHUP, "hear_interrupts()", "HUP") == "not interrupted"

    def test_other_handler_is_kept(self) -> None:
        """A handler that the process has set itself stays."""

        def handler(_number: int, _frame: object) -> None: ...

        signal.signal(signal.SIGINT, handler)
        hear_interrupts()
        assert signal.getsignal(signal.SIGINT) is handler


def test_commands_are_found() -> None:
    """The Makefile names the modules that the next test runs."""
    assert {"tools.local.demo", "tools.deploy.plan", "tools.ci.github", "bench"} <= set(_COMMANDS)


@pytest.mark.parametrize("module", _COMMANDS)
def test_every_command_hears_interrupts_first(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever make runs restores SIGINT before it does anything else."""

    def heard() -> None:
        raise SystemExit("heard")

    for patched in ("tools.processes", "tools.terminal"):
        monkeypatch.setattr(f"{patched}.hear_interrupts", heard)
    monkeypatch.setattr("sys.argv", [module, *_ARGUMENTS.get(module, [])])
    for loaded in (module, f"{module}.__main__"):
        monkeypatch.delitem(sys.modules, loaded, raising=False)
    with pytest.raises(SystemExit, match=r"^heard$"):
        runpy.run_module(module, run_name="__main__", alter_sys=True)


@pytest.mark.parametrize("module", [module for module in _COMMANDS if module.startswith("tools.")])
def test_command_that_is_interrupted_while_it_is_imported_ends_in_a_line(module: str) -> None:
    """Ctrl-C right after the start, when there is nothing to clean up yet, shows no traceback."""
    program = f"""
import runpy, signal, sys
class Interrupt:
    def find_spec(self, name, *_):
        if name == "tools.processes":
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
runpy.run_module("{module}", run_name="__main__", alter_sys=True)
"""
    done = subprocess.run(  # noqa: S603 -- our own command
        [sys.executable, "-c", program],
        cwd=ROOT, env=clean_environment(PYTHONPATH="src:."), check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (-signal.SIGINT, "")
    assert done.stderr == "Interrupted.\n"


def test_processes_started_by_tests_do_not_ignore_sigint(tmp_path: Path) -> None:
    """A test run that is a background job gives the processes it starts the default SIGINT."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_child.py").write_text(_TEST)
    arguments = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", str(tmp_path)]
    done = run_ignoring("INT", sys.executable, "-m", "pytest", *arguments, "tests", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
