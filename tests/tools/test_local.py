"""What make local prints can be pasted, and one stack is enough."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from tests.tools.checkouts import write_program
from tools import local
from tools.stack import LOCAL_FOLDER, Stack

_STACK = Stack(
    "http://127.0.0.1:4567",
    Path("/checkouts/Ana's own/build/local"),
    1,
    {
        "api_id": "abc123",
        "delayer_queue_url": "http://127.0.0.1:4567/000000000000/delayer-local-delayer",
    },
)
_API = "http://127.0.0.1:4567/_aws/execute-api/abc123/$default/schedules"


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder first on PATH, with a curl that prints its arguments."""
    programs = tmp_path / "programs"
    write_program(programs / "curl", "import json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return programs


def paste(start: str, end: str) -> str:
    """Paste what is described between two lines into a shell; what it prints."""
    described = local.describe(_STACK)
    script = described.partition(start)[2].partition("\n")[2].partition(end)[0]
    return run_bash(script)


def run_bash(script: str) -> str:
    """Run commands; what they print."""
    done = subprocess.run(  # noqa: S603 -- our own command
        ["bash", "-euc", script],  # noqa: S607 -- the user's bash
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def option(arguments: list[str], name: str) -> str:
    """The value of an option of curl's."""
    return arguments[arguments.index(name) + 1]


class TestDescription:
    """Where the stack is, and commands to paste."""

    def test_addresses(self) -> None:
        """The API's address and the queue's are told, and how to end it."""
        described = local.describe(_STACK)
        assert f"API             {_API}\n" in described
        assert f"delayer queue   {_STACK.outputs['delayer_queue_url']}\n" in described
        assert described.endswith("End it: make local-stop\n")

    @pytest.mark.usefixtures("programs")
    def test_post(self) -> None:
        """The command for posting is one call of the API with JSON, due in ten seconds with an offset."""
        before = datetime.now(UTC).replace(microsecond=0)
        (line,) = paste("Post a schedule", "Receive its").splitlines()
        arguments = json.loads(line)
        body = json.loads(option(arguments, "--data"))
        due = datetime.fromisoformat(body["pointInTime"])
        assert arguments[-1] == _API
        assert option(arguments, "--aws-sigv4") == "aws:amz:us-east-1:execute-api"
        assert body.keys() == {"pointInTime", "payload"}
        assert due.utcoffset() == timedelta(0)
        assert before + timedelta(seconds=10) <= due <= datetime.now(UTC) + timedelta(seconds=10)

    def test_other_date(self, programs: Path) -> None:
        """Where date is BSD's, which refuses -d, the command works too."""
        write_program(
            programs / "date",
            'if [ "$2" = -d ]; then echo "illegal option -- d" >&2; exit 1; fi\n'
            '[ "$*" = "-u -v+10S +%FT%TZ" ] && echo 2026-11-22T10:00:00Z\n',
            "/bin/sh",
        )
        (line,) = paste("Post a schedule", "Receive its").splitlines()
        assert json.loads(option(json.loads(line), "--data"))["pointInTime"] == "2026-11-22T10:00:00Z"

    @pytest.mark.usefixtures("programs")
    def test_receive(self) -> None:
        """The command for receiving is one call of SQS's JSON protocol that names the queue."""
        (line,) = paste("Receive its", "For an AWS SDK").splitlines()
        arguments = json.loads(line)
        assert json.loads(option(arguments, "--data"))["QueueUrl"] == _STACK.outputs["delayer_queue_url"]
        assert "x-amz-target: AmazonSQS.ReceiveMessage" in arguments
        assert arguments[-1] == f"{_STACK.endpoint}/"

    def test_variables(self) -> None:
        """The exported variables are those with which an AWS SDK talks to this stack."""
        (export,) = (line for line in local.describe(_STACK).splitlines() if line.startswith("  export "))
        wanted = {f"{name}={value}" for name, value in _STACK.variables.items() if value}
        assert wanted <= set(run_bash(f"{export}; env").splitlines())


class TestCommand:
    """One stack at a time."""

    def test_running_already(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        """While one is running, no other one is started: the same one is described again."""

        def start(*_: object) -> Stack:
            pytest.fail("another one was started")

        monkeypatch.setattr(local, "running_stack", lambda: _STACK)
        monkeypatch.setattr(local, "start", start)
        assert local.up(Console())
        assert capsys.readouterr().out == f"{local.describe(_STACK)}\n"

    def test_started(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        """Where none is running, one is started in its place in the checkout, and described."""
        folders: list[Path] = []

        def start(folder: Path, _progress: object) -> Stack:
            folders.append(folder)
            return _STACK

        monkeypatch.setattr(local, "running_stack", lambda: None)
        monkeypatch.setattr(local, "start", start)
        assert local.up(Console())
        assert folders == [LOCAL_FOLDER]
        assert local.describe(_STACK) in capsys.readouterr().out

    def test_nothing_to_stop(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        """To end what isn't running is no error, for then all is as it was asked to be."""
        monkeypatch.setattr(local, "running_stack", lambda: None)
        assert local.down(Console())
        assert capsys.readouterr().out == "The local stack is not running.\n"

    def test_stop(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The one that is running is ended."""
        stopped: list[Stack] = []
        monkeypatch.setattr(local, "running_stack", lambda: _STACK)
        monkeypatch.setattr(local, "stop", stopped.append)
        assert local.down(Console())
        assert stopped == [_STACK]
