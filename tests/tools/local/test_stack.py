"""How the embedded AWS is started and ended, and that nothing of it is ever left behind."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkouts import is_ended, write_program
from tests.support.fake_terraform import FakeTerraform
from tools import processes, terraform
from tools.local import stack as stack_module
from tools.local.stack import Stack, end, keep, running_stack, stack_in, start, stop
from tools.project import CommandError
from tools.terraform import Workspace

#: Stands in for the embedded AWS. It and a process of its own, which no SIGTERM ends, hold a lock while they live.
_EMBEDDED_AWS = """
import fcntl, http.server, json, os, pathlib, signal, sys, time
folder = pathlib.Path(__file__).parent
with (folder / "starts").open("a") as starts:
    print(json.dumps(dict(os.environ)), file=starts)
lock = (folder / "lock").open("ab")
fcntl.flock(lock, fcntl.LOCK_EX)
behaviour = (folder / "behaviour").read_text()
for number in range(8):
    print("line", number, flush=True)
if behaviour == "ends":
    sys.exit(1)
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)
    os._exit(0)
if behaviour == "hangs":
    time.sleep(60)
if behaviour == "ignores SIGTERM":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer((os.environ["BIND_HOST"], int(os.environ["GATEWAY_PORT"])), Healthy).serve_forever()
"""

_OUTPUTS = {"api_id": {"value": "abc"}}
_CREATED = {"type": "apply_complete", "hook": {"action": "create"}}
_READ = {"type": "apply_complete", "hook": {"action": "read"}}


class Machine:
    """A checkout with stand-ins for the embedded AWS and for Terraform."""

    def __init__(self, root: Path, terraform: FakeTerraform) -> None:
        self.folder = root / "build" / "work" / "stack"
        self.terraform = terraform
        self.programs = root / ".venv" / "ministack" / "bin"
        write_program(self.programs / "python", _EMBEDDED_AWS)
        self.behaves("well")
        self.terraform_says("plan", {"type": "change_summary", "changes": {"add": 2}})
        self.terraform_says("apply", _READ, _CREATED, {"type": "version"}, _CREATED)
        self.terraform_says("output", _OUTPUTS)

    def behaves(self, how: str) -> None:
        """How the embedded AWS takes being started, and ended."""
        (self.programs / "behaviour").write_text(how)

    def terraform_says(self, action: str, *messages: object) -> None:
        """What Terraform prints for an action, a line of JSON each."""
        self.terraform.says(action, "\n".join(json.dumps(message) for message in messages))

    @property
    def starts(self) -> list[dict[str, str]]:
        """The environment variables of every start."""
        path = self.programs / "starts"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def is_clean(self) -> bool:
        """Whether the embedded AWS, its own processes and the folder are all gone."""
        return is_ended(self.programs / "lock") and not self.folder.exists()


@pytest.fixture
def machine(fake_terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Machine]:
    """A machine on which nothing runs yet, and nothing runs afterwards."""
    root = tmp_path / "checkout"
    monkeypatch.setattr(stack_module, "ROOT", root)
    machine = Machine(root, fake_terraform)
    monkeypatch.setattr(stack_module, "LOCAL_FOLDER", machine.folder)
    yield machine
    stack = running_stack()
    if stack is not None:
        stop(stack)


def ignore(_step: str, _done: int, _total: int) -> None:
    """Show no progress."""


def interrupt(*_: object) -> None:
    """What Ctrl-C does."""
    raise KeyboardInterrupt


class TestStart:
    """A stack is started whole, or not at all."""

    def test_started(self, machine: Machine) -> None:
        """The configuration is applied, every step is shown with its count, and later commands find the stack."""
        seen: list[tuple[str, int, int]] = []
        stack = start(machine.folder, lambda step, done, total: seen.append((step, done, total)))
        assert seen == [
            ("Starting the embedded AWS", 0, 0),
            ("Getting Terraform ready", 0, 0),
            ("Planning the Terraform", 0, 0),
            ("Applying the Terraform to the embedded AWS", 0, 2),
            ("Applying the Terraform to the embedded AWS", 1, 2),
            ("Applying the Terraform to the embedded AWS", 2, 2),
            ("Reading the outputs", 0, 0),
        ]
        assert stack.schedules_url == f"{stack.endpoint}/_aws/execute-api/abc/$default/schedules"
        assert stack.api_url == f"{stack.endpoint}/_aws/execute-api/abc"
        keep(stack)
        assert running_stack() == stack

    def test_terraform_keeps_its_sockets_in_the_folder(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        """A provider that is killed leaves its socket behind: in the folder that is removed, by a short path."""
        given: list[str] = []

        def open_workspace(*arguments: Any, variables: Mapping[str, str], **further: Any) -> Workspace:
            given.append(variables["TMPDIR"])
            return terraform.open_workspace(*arguments, variables=variables, **further)

        monkeypatch.setattr(stack_module, "open_workspace", open_workspace)
        with stack_in(machine.folder, ignore):
            (relative,) = given
            assert (machine.folder / "terraform" / relative).resolve() == (machine.folder / "tmp").resolve()
            assert (machine.folder / "tmp").is_dir()
            assert len(relative) < 20

    def test_on_the_port_that_is_asked_for(self, machine: Machine) -> None:
        """A consumer keeps its configuration from one start to the next."""
        port = stack_module.free_port()
        stack = start(machine.folder, ignore, port=port)
        try:
            assert stack.endpoint == f"http://127.0.0.1:{port}"
        finally:
            stop(stack)

    def test_port_that_is_asked_for_is_taken(self, machine: Machine) -> None:
        """Nothing is started then, and no other port is taken."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            with pytest.raises(CommandError, match=rf"^port {port} can't be listened on \(.+\): choose another$"):
                start(machine.folder, ignore, port=port)
        assert machine.starts == []
        assert machine.is_clean

    def test_on_its_own(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        """It listens on this machine only, and learns nothing of the caller's AWS account."""
        monkeypatch.setenv("AWS_PROFILE", "production")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "production")
        with stack_in(machine.folder, ignore) as stack:
            (variables,) = machine.starts
            assert {name for name in variables if name.startswith("AWS_")} == {"AWS_ENDPOINT_URL"}
            assert variables["BIND_HOST"] == "127.0.0.1"
            assert variables["AWS_ENDPOINT_URL"] == stack.endpoint
            assert "production" not in stack.variables.values()

    def test_port_is_taken(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        """If another process takes the port in the meantime, the next start is on another port."""
        free_port = stack_module.free_port
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            ports = iter([other.getsockname()[1], free_port()])
            monkeypatch.setattr(stack_module, "free_port", lambda: next(ports))
            with stack_in(machine.folder, ignore) as stack:
                first, second = (start["GATEWAY_PORT"] for start in machine.starts)
                assert first == str(other.getsockname()[1])
                assert stack.endpoint == f"http://127.0.0.1:{second}"
        assert machine.is_clean

    def test_it_ends_at_once(self, machine: Machine) -> None:
        """What ends each time it is started is given up, with what it said last and what to do."""
        machine.behaves("ends")
        with pytest.raises(CommandError, match=r"did not start.*\.venv/ministack") as caught:
            start(machine.folder, ignore)
        assert str(caught.value).endswith("It said:\nline 3\nline 4\nline 5\nline 6\nline 7")
        assert len(machine.starts) == 3
        assert machine.is_clean

    def test_it_never_gets_healthy(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        """What hangs is ended, with all its processes, and is not started again."""
        machine.behaves("hangs")
        # Time passes once it hangs, however long that takes.
        log = machine.folder / "embedded-aws.log"

        def monotonic() -> float:
            return 1e6 if log.exists() and "line 7" in log.read_text() else 0.0

        free_port = stack_module.free_port
        ports = iter([free_port()])
        monkeypatch.setattr(stack_module, "free_port", lambda: next(ports))
        with monkeypatch.context() as patch:
            patch.setattr("tools.local.stack.time.monotonic", monotonic)
            with pytest.raises(CommandError, match=r"(?s)did not start.*line 7"):
                start(machine.folder, ignore)
        assert machine.is_clean

    def test_not_installed(self, machine: Machine) -> None:
        """Where the embedded AWS is not installed, the message names the commands that install it."""
        (machine.programs / "python").unlink()
        with pytest.raises(CommandError, match="not installed: run make demo or make local"):
            start(machine.folder, ignore)

    def test_terraform_fails(self, machine: Machine) -> None:
        """Terraform's errors are told, without its warnings, and the embedded AWS is ended."""
        machine.terraform_says(
            "apply",
            {"type": "diagnostic", "diagnostic": {"severity": "warning", "summary": "odd", "detail": "but fine"}},
            {"type": "diagnostic", "diagnostic": {"severity": "error", "summary": "no queue", "detail": "it is full"}},
        )
        machine.terraform.fails("apply", "1")
        with pytest.raises(CommandError) as caught:
            start(machine.folder, ignore)
        assert str(caught.value) == "terraform apply failed:\nno queue: it is full"
        assert machine.is_clean

    @pytest.mark.parametrize("step", range(7))
    def test_interrupted(self, machine: Machine, step: int) -> None:
        """Ctrl-C at any step leaves nothing behind."""
        steps = iter(range(7))

        def show(*_: object) -> None:
            if next(steps) == step:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            start(machine.folder, show)
        assert machine.is_clean

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
    def test_interrupted_as_a_process_starts(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
    ) -> None:
        """GIVEN a process that nobody knows yet WHEN a signal comes THEN it waits until the process can be ended."""
        before = {each: signal.signal(each, interrupt) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        start_process = processes.start

        def interrupted(*arguments: Any, **further: Any) -> Any:
            process = start_process(*arguments, **further)
            signal.raise_signal(number)
            return process

        try:
            with monkeypatch.context() as patch:
                patch.setattr("tools.local.stack.processes.start", interrupted)
                with pytest.raises(KeyboardInterrupt):
                    start(machine.folder, ignore)
            assert signal.getsignal(number) is interrupt
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
        assert machine.is_clean


class TestStop:
    """A stack is ended with all that belongs to it."""

    def test_whole_group(self, machine: Machine) -> None:
        """The functions' processes are ended too, even those that take no notice of SIGTERM."""
        stop(start(machine.folder, ignore))
        assert machine.is_clean
        assert running_stack() is None

    def test_by_its_folder(self, machine: Machine) -> None:
        """Whoever cleans up after an interruption knows no more than the folder, and may come twice."""
        start(machine.folder, ignore)
        for _ in range(2):
            end(machine.folder)
            assert machine.is_clean

    @pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only /proc shows that a process has ended")
    def test_of_another_command(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        """What another command started has ended even where nobody asks for its exit status: it is not waited for."""
        seconds = 30
        monkeypatch.setattr(stack_module, "_STOP_SECONDS", seconds)
        program = (
            "import subprocess, time; "
            "print(subprocess.Popen(['sleep', '60'], start_new_session=True).pid, flush=True); time.sleep(60)"
        )
        with subprocess.Popen(  # noqa: S603 -- our own command
            [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
        ) as parent:
            assert parent.stdout is not None
            began = time.monotonic()
            stop(Stack("", machine.folder, int(parent.stdout.readline())))
            assert time.monotonic() < began + seconds
            parent.kill()

    def test_stubborn(self, machine: Machine) -> None:
        """What takes no notice of being asked to end is ended all the same."""
        machine.behaves("ignores SIGTERM")
        stop(start(machine.folder, ignore))
        assert machine.is_clean

    def test_impatience(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ctrl-C while the end is waited for cuts the waiting short, and still leaves nothing behind."""
        stack = start(machine.folder, ignore)
        with monkeypatch.context() as patch:
            patch.setattr(stack_module, "_is_alive", interrupt)
            with pytest.raises(KeyboardInterrupt):
                stop(stack)
        assert machine.is_clean

    def test_ended_already(self, machine: Machine) -> None:
        """A stack whose process has ended by itself is cleaned up without an error."""
        stack = start(machine.folder, ignore)
        stop(stack)
        machine.folder.mkdir()
        stop(stack)
        assert machine.is_clean


class TestRunningStack:
    """The stack that make local left running is recognized by its answer."""

    def test_none(self, machine: Machine) -> None:
        """Where none was started, there is none."""
        assert not machine.folder.exists()
        assert running_stack() is None

    @pytest.mark.parametrize("kept", ["", "{", "[]", "null", "{}", '"text"', '{"endpoint": "http://127.0.0.1:1"}'])
    def test_garbled(self, machine: Machine, kept: str) -> None:
        """A file that was cut short or overwritten counts as none."""
        machine.folder.mkdir(parents=True)
        (machine.folder / "stack.json").write_text(kept)
        assert running_stack() is None

    def test_stale(self, machine: Machine) -> None:
        """A stack that was there before the machine was started anew is none."""
        stack = start(machine.folder, ignore)
        keep(stack)
        kept = (machine.folder / "stack.json").read_text()
        stop(stack)
        machine.folder.mkdir()
        (machine.folder / "stack.json").write_text(kept)
        assert running_stack() is None

    def test_documented(self, machine: Machine) -> None:
        """README.md shows the file with all its keys."""
        readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
        (shown,) = re.findall(r"`build/local/stack\.json`.*?```json\n(.*?)```", readme, re.DOTALL)
        stack = start(machine.folder, ignore)
        keep(stack)
        kept = json.loads((machine.folder / "stack.json").read_text())
        documented = json.loads(shown)
        assert documented.keys() == kept.keys()
        for name in ("access_key_id", "region", "secret_access_key"):
            assert documented[name] == kept[name]
        assert kept["api_url"] == stack.api_url

    def test_another_server(self, machine: Machine) -> None:
        """If something else listens on the port now, and doesn't even speak HTTP, there is none."""
        machine.folder.mkdir(parents=True)
        with socket.create_server(("127.0.0.1", 0)) as server:
            kept = {"endpoint": f"http://127.0.0.1:{server.getsockname()[1]}", "pid": 1, "outputs": {}}
            (machine.folder / "stack.json").write_text(json.dumps(kept))

            def answer() -> None:
                connection, _ = server.accept()
                with connection:
                    connection.recv(1000)
                    connection.sendall(b"220 mail.example ready\r\n")

            thread = threading.Thread(target=answer, daemon=True)
            thread.start()
            assert running_stack() is None
            thread.join()


def test_variables_reach_no_proxy() -> None:
    """What talks to this stack is told not to ask a proxy for it, nor the machine for credentials."""
    variables = Stack("http://127.0.0.1:1", Path(), 1).variables
    assert variables["NO_PROXY"] == variables["no_proxy"] == "127.0.0.1"
    assert variables["AWS_EC2_METADATA_DISABLED"] == "true"
