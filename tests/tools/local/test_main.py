"""Commands that make local prints can be pasted, and one stack runs at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.checkouts import ROOT, write_program
from tests.support.documents import example
from tools import terminal
from tools.local import __main__ as local
from tools.local.stack import LOCAL_FOLDER, Stack
from tools.project import CommandError

_STACK = Stack(
    "http://127.0.0.1:4567",
    Path("/checkouts/Ana's own/build/work/local"),
    {
        "api_id": "abc123",
        "delayer_queue_url": "http://127.0.0.1:4567/000000000000/delayer-local-delayer",
    },
)
_API = "http://127.0.0.1:4567/_aws/execute-api/abc123"


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a folder, first on PATH, with a curl that prints its arguments."""
    programs = tmp_path / "programs"
    write_program(programs / "curl", "import json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return programs


def paste(start: str, end: str) -> str:
    """Paste the variables and the commands between two lines into a shell; return its output."""
    return run_bash(between("In your shell", "Post a schedule") + between(start, end))


def between(start: str, end: str) -> str:
    """Return the commands that are described between two lines."""
    return local.describe(_STACK).partition(start)[2].partition("\n")[2].partition(end)[0]


def run_bash(script: str) -> str:
    """Run commands, and return their output."""
    done = subprocess.run(  # noqa: S603 -- our own command
        ["bash", "-euc", script],  # noqa: S607 -- the user's bash
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def option(arguments: list[str], name: str) -> str:
    """Return the value of an option of curl."""
    return arguments[arguments.index(name) + 1]


class TestDescription:
    """Addresses, and commands to paste."""

    def test_addresses_are_shown(self) -> None:
        """The API, the queue, the file with all of it, and how to end it."""
        described = local.describe(_STACK)
        assert f"API             {_API}\n" in described
        assert f"all of it       {_STACK.folder / 'stack.json'}\n" in described
        assert f"delayer queue   {_STACK.outputs['delayer_queue_url']}\n" in described
        assert described.endswith("End it: make local-stop\n")

    @pytest.mark.usefixtures("programs")
    def test_post_is_due_in_ten_seconds(self) -> None:
        """The command is one signed call of the API with JSON."""
        before = datetime.now(UTC).replace(microsecond=0)
        (line,) = paste("Post a schedule", "Receive its").splitlines()
        arguments = json.loads(line)
        body = json.loads(option(arguments, "--data"))
        due = datetime.fromisoformat(body["pointInTime"])
        assert arguments[-1] == f"{_API}/schedules"
        assert option(arguments, "--user") == "test:test"
        assert option(arguments, "--aws-sigv4") == "aws:amz:us-east-1:execute-api"
        assert body.keys() == {"pointInTime", "payload"}
        assert due.utcoffset() == timedelta(0)
        assert before + timedelta(seconds=10) <= due <= datetime.now(UTC) + timedelta(seconds=10)

    def test_post_works_with_bsd_date(self, programs: Path) -> None:
        """BSD's date refuses -d."""
        write_program(
            programs / "date",
            'if [ "$2" = -d ]; then echo "illegal option -- d" >&2; exit 1; fi\n'
            '[ "$*" = "-u -v+10S +%FT%TZ" ] && echo 2026-11-22T10:00:00Z\n',
            "/bin/sh",
        )
        (line,) = paste("Post a schedule", "Receive its").splitlines()
        assert json.loads(option(json.loads(line), "--data"))["pointInTime"] == "2026-11-22T10:00:00Z"

    @pytest.mark.usefixtures("programs")
    def test_receive_names_the_queue(self) -> None:
        """The command is one call of SQS's JSON protocol."""
        (line,) = paste("Receive its", "End it").splitlines()
        arguments = json.loads(line)
        assert json.loads(option(arguments, "--data"))["QueueUrl"] == _STACK.outputs["delayer_queue_url"]
        assert "x-amz-target: AmazonSQS.ReceiveMessage" in arguments
        assert arguments[-1] == f"{_STACK.endpoint}/"

    def test_exports_are_the_stacks_variables(self) -> None:
        """boto3's own variable for the region is among them."""
        exports = between("In your shell", "Post a schedule")
        wanted = {f"{name}={value}" for name, value in _STACK.variables.items() if value}
        wanted |= {f"API_URL={_API}", "AWS_DEFAULT_REGION=us-east-1"}
        assert wanted <= set(run_bash(f"{exports}\nenv").splitlines())

    def test_exports_replace_another_account(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """boto3 finds this stack even in a shell with a profile and a session."""
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            monkeypatch.setenv(name, "production")
        exports = between("In your shell", "Post a schedule")
        asked = (
            "import boto3; client = boto3.client('sqs'); found = client._request_signer._credentials; "
            "print(client.meta.endpoint_url, client.meta.region_name, found.access_key, found.secret_key, found.token)"
        )
        said = run_bash(f'{exports}\n"{sys.executable}" -c "{asked}"')
        assert said.split() == [_STACK.endpoint, "us-east-1", "test", "test", "None"]

    @pytest.mark.usefixtures("programs")
    def test_readme_command_works_with_the_exports(self) -> None:
        """README.md's curl command posts to the described address with the described key."""
        command = example("README.md", "Post a schedule", "sh")
        exports = between("In your shell", "Post a schedule")
        (line,) = run_bash(f"set +u\n{exports}\n{command}").splitlines()
        arguments = json.loads(line)
        assert arguments[-1] == f"{_API}/schedules"
        assert option(arguments, "--aws-sigv4") == "aws:amz:us-east-1:execute-api"
        assert option(arguments, "--user") == "test:test"


class TestPort:
    """PORT is a port, or it is refused in one sentence."""

    @pytest.mark.parametrize(("text", "port"), [("", 0), ("1", 1), ("4566", 4566), ("65535", 65535)])
    def test_port_is_parsed(self, text: str, port: int) -> None:
        """An empty PORT means a free one."""
        assert local.parse_port(text) == port

    @pytest.mark.parametrize(
        "text", ["0", "65536", "99999", "9" * 5000, "0000099999", "-1", "+1", "1.5", " 80", "x", "²"]
    )
    def test_other_text_is_refused(self, text: str) -> None:
        """It is out of range or no number."""
        with pytest.raises(CommandError, match=r"^PORT must be a whole number from 1 to 65535, not '.{1,20}'$"):
            local.parse_port(text)

    def test_make_passes_port_on(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        """An empty argument stands for no PORT."""
        monkeypatch.setattr(local, "running_stack", lambda: _STACK)
        for argument, status in (("", 0), ("4567", 0), ("4566", 1)):
            with pytest.raises(SystemExit) as ended:
                terminal.main("make local", local.up, arguments=[argument])
            assert ended.value.code == status
        assert capsys.readouterr().err.startswith("make local: the local stack is already running on port 4567")
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert '-m tools.local "$(PORT)"\n' in makefile


class TestCommand:
    """One stack runs at a time."""

    @pytest.mark.parametrize("port", ["", "4567"])
    def test_running_stack_is_described_again(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], port: str
    ) -> None:
        """No other one is started."""

        def start(*_: object, **__: object) -> Stack:
            pytest.fail("another one was started")

        monkeypatch.setattr(local, "running_stack", lambda: _STACK)
        monkeypatch.setattr(local, "start", start)
        local.up(port)
        assert capsys.readouterr().out == f"{local.describe(_STACK)}\n"

    def test_running_stack_stays_on_its_port(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Another PORT is refused, with what to do."""
        monkeypatch.setattr(local, "running_stack", lambda: _STACK)
        with pytest.raises(CommandError) as caught:
            local.up("4566")
        assert str(caught.value) == (
            "the local stack is already running on port 4567: omit PORT=4566, or run make local-stop first"
        )

    def test_stack_is_started_and_described(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """It starts in its place in the checkout."""
        done: list[object] = []

        def start(folder: Path, _progress: object, port: int) -> Stack:
            done.extend((folder, port))
            return _STACK

        monkeypatch.setattr(local, "running_stack", lambda: None)
        monkeypatch.setattr(local, "start", start)
        local.up("4566")
        assert done == [LOCAL_FOLDER, 4566]
        assert local.describe(_STACK) in capsys.readouterr().out

    def test_stop_without_a_stack_succeeds(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Nothing runs, as was asked for."""
        monkeypatch.setattr(local, "running_stack", lambda: None)
        local.down()
        assert capsys.readouterr().out == "The local stack is not running.\n"

    def test_stop_ends_the_running_stack(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is found by its file."""
        stopped: list[Path] = []
        monkeypatch.setattr(local, "running_stack", lambda: _STACK)
        monkeypatch.setattr(local, "stop", stopped.append)
        local.down()
        assert stopped == [LOCAL_FOLDER]
