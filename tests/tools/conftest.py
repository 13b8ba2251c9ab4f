"""Nothing of the caller's account, settings or checkout takes part in these tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checkouts import clean_environment, write_program

#: Stands in for Terraform: notes how it was called, and prints what a test has put into a file for the action.
_TERRAFORM = """
from pathlib import Path
import sys
folder = Path(__file__).parent
action = sys.argv[2]
with (folder / "calls").open("a") as calls:
    print(*sys.argv[1:], file=calls)
said = folder / f"{action}.says"
print(said.read_text() if said.exists() else "")
if (folder / f"{action}.fails").exists():
    sys.exit((folder / f"{action}.fails").read_text())
"""


class FakeTerraform:
    """A program on PATH in Terraform's place."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = write_program(folder / "terraform", _TERRAFORM)
        # An environment's files are asked about first, and nothing is found.
        self.says("validate", '{"diagnostics": []}')

    def says(self, action: str, text: str) -> None:
        """From now on, this is what it prints for an action."""
        (self.folder / f"{action}.says").write_text(text)

    def fails(self, action: str, error: str) -> None:
        """From now on, this action fails."""
        (self.folder / f"{action}.fails").write_text(error)

    def calls(self, action: str) -> list[list[str]]:
        """The arguments of every call of an action, without -chdir."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        calls = [line.partition(" ")[2].split(" ") for line in lines]
        return [arguments for arguments in calls if arguments[0] == action]


@pytest.fixture(autouse=True)
def _nothing_of_the_callers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in set(os.environ) - set(clean_environment()):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")


@pytest.fixture(autouse=True)
def _restore_handlers() -> Iterator[None]:
    """Give each test the signals of a shell's foreground, whatever runs the tests, and let no command keep them."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def fake_terraform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeTerraform:
    """A stand-in for Terraform, first on PATH. The registry is as good as reached."""
    fake = FakeTerraform(tmp_path / "programs")
    monkeypatch.setenv("PATH", f"{fake.folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("tools.deploy.terraform._provider_mirror", lambda _cache: None)
    return fake
