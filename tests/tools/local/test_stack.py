"""A stack starts whole or not at all, and nothing of it is left behind."""

from __future__ import annotations

import contextlib
import fcntl
import json
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkouts import ROOT, is_ended, write_program
from tests.support.fake_terraform import FakeTerraform
from tools import processes, terraform
from tools.local import stack as stack_module
from tools.local.stack import Stack, running_stack, stack_in, start, stop
from tools.project import CommandError
from tools.terraform import Workspace

#: Stands in for the embedded AWS. It and its child, which ignores SIGTERM, hold a lock while they live.
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
class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer((os.environ["BIND_HOST"], int(os.environ["GATEWAY_PORT"])), Healthy).serve_forever()
"""

_OUTPUTS = {"api_id": {"value": "abc"}}
_CREATED = {"type": "apply_complete", "hook": {"action": "create"}}
_PLANNED = {"type": "change_summary", "changes": {"operation": "plan", "add": 2}}
_APPLIED = {"type": "change_summary", "changes": {"operation": "apply", "add": 2}}
_READ = {"type": "apply_complete", "hook": {"action": "read"}}


class Machine:
    """A checkout with stand-ins for the embedded AWS and for Terraform."""

    def __init__(self, root: Path, terraform: FakeTerraform) -> None:
        self.folder = root / "build" / "work" / "stack"
        self.terraform = terraform
        self.programs = root / ".venv" / "ministack" / "bin"
        write_program(self.programs / "python", _EMBEDDED_AWS)
        self.behaves("well")
        self.terraform_says("apply", _PLANNED, _READ, _CREATED, {"type": "version"}, _CREATED, _APPLIED)
        self.terraform_says("output", _OUTPUTS)

    def behaves(self, how: str) -> None:
        """Choose what the embedded AWS does: "well", "ends" or "hangs"."""
        (self.programs / "behaviour").write_text(how)

    def terraform_says(self, action: str, *messages: object) -> None:
        """Let Terraform print messages for an action, a line of JSON each."""
        self.terraform.says(action, "\n".join(json.dumps(message) for message in messages))

    @property
    def starts(self) -> list[dict[str, str]]:
        """Return the environment variables of every start."""
        path = self.programs / "starts"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def is_clean(self) -> bool:
        """Return whether the embedded AWS, its child and the folder are all gone."""
        return is_ended(self.programs / "lock") and not self.folder.exists()


@pytest.fixture
def machine(fake_terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Machine]:
    """Return a machine on which nothing runs, and on which nothing runs afterwards."""
    root = tmp_path / "checkout"
    monkeypatch.setattr(stack_module, "ROOT", root)
    machine = Machine(root, fake_terraform)
    monkeypatch.setattr(stack_module, "LOCAL_FOLDER", machine.folder)
    monkeypatch.setattr(stack_module, "warm_up", lambda _stack: None)
    yield machine
    stop(machine.folder)


#: Shows no progress.
IGNORE = contextlib.nullcontext(lambda _step, _done, _total: None)


def interrupt(*_: object) -> None:
    """Do what Ctrl-C does."""
    raise KeyboardInterrupt


class TestStart:
    """A stack starts whole or not at all."""

    def test_every_step_is_shown_and_the_stack_is_found(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The apply counts its resources; later commands find the stack, whose functions are awake."""
        woken: list[Stack] = []
        monkeypatch.setattr(stack_module, "warm_up", woken.append)
        seen: list[tuple[str, int, int]] = []
        shown = contextlib.nullcontext(lambda step, done, total: seen.append((step, done, total)))
        stack = start(machine.folder, shown)
        assert seen == [
            ("Starting the embedded AWS", 0, 0),
            ("Getting Terraform ready", 0, 0),
            ("Planning the Terraform", 0, 0),
            ("Applying the Terraform to the embedded AWS", 0, 2),
            ("Applying the Terraform to the embedded AWS", 1, 2),
            ("Applying the Terraform to the embedded AWS", 2, 2),
            ("Reading the outputs", 0, 0),
            ("Waking the functions", 0, 0),
        ]
        assert stack.schedules_url == f"{stack.endpoint}/_aws/execute-api/abc/$default/schedules"
        assert stack.api_url == f"{stack.endpoint}/_aws/execute-api/abc"
        assert running_stack() == stack
        assert woken == [stack]

    def test_terraform_keeps_sockets_in_the_folder(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        """A killed provider leaves its socket behind: in the folder, which is removed, by a short path."""
        given: list[str] = []

        def open_workspace(*arguments: Any, variables: Mapping[str, str], **further: Any) -> Workspace:
            given.append(variables["TMPDIR"])
            return terraform.open_workspace(*arguments, variables=variables, **further)

        monkeypatch.setattr(stack_module, "open_workspace", open_workspace)
        with stack_in(machine.folder, IGNORE):
            (relative,) = given
            assert (machine.folder / "terraform" / relative).resolve() == (machine.folder / "tmp").resolve()
            assert (machine.folder / "tmp").is_dir()
            assert len(relative) < 20

    def test_port_is_used_if_given(self, machine: Machine) -> None:
        """A consumer keeps its configuration from one start to the next."""
        port = stack_module.free_port()
        assert start(machine.folder, IGNORE, port=port).endpoint == f"http://127.0.0.1:{port}"

    def test_given_port_that_is_taken_is_refused(self, machine: Machine) -> None:
        """Nothing starts, and no other port is used."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            with pytest.raises(CommandError, match=rf"^port {port} can't be used \(.+\): choose another PORT$"):
                start(machine.folder, IGNORE, port=port)
        assert machine.starts == []
        assert machine.is_clean

    def test_embedded_aws_is_local_and_knows_no_account(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It listens on the loopback, and gets none of the caller's AWS variables."""
        monkeypatch.setenv("AWS_PROFILE", "production")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "production")
        with stack_in(machine.folder, IGNORE) as stack:
            (variables,) = machine.starts
            assert {name for name in variables if name.startswith("AWS_")} == {"AWS_ENDPOINT_URL"}
            assert variables["BIND_HOST"] == "127.0.0.1"
            assert variables["AWS_ENDPOINT_URL"] == stack.endpoint
            assert "production" not in stack.variables.values()

    def test_free_port_that_gets_taken_is_replaced(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        """Another process may take the port before the embedded AWS listens on it."""
        free_port = stack_module.free_port
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            ports = iter([other.getsockname()[1], free_port()])
            monkeypatch.setattr(stack_module, "free_port", lambda _port: next(ports))
            with stack_in(machine.folder, IGNORE) as stack:
                first, second = (start["GATEWAY_PORT"] for start in machine.starts)
                assert first == str(other.getsockname()[1])
                assert stack.endpoint == f"http://127.0.0.1:{second}"
        assert machine.is_clean

    def test_embedded_aws_that_ends_is_started_three_times(self, machine: Machine) -> None:
        """The error has its last lines and says what to do."""
        machine.behaves("ends")
        with pytest.raises(CommandError, match=r"did not start.*\.venv/ministack") as caught:
            start(machine.folder, IGNORE)
        assert str(caught.value).endswith("It printed last:\nline 3\nline 4\nline 5\nline 6\nline 7")
        assert len(machine.starts) == 3
        assert machine.is_clean

    def test_embedded_aws_that_hangs_is_started_once(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is ended with its child."""
        machine.behaves("hangs")
        # Its time is over once it hangs, so that the test depends on no speed.
        log = machine.folder / "embedded-aws.log"

        def monotonic() -> float:
            return 1e6 if log.exists() and "line 7" in log.read_text() else 0.0

        free_port = stack_module.free_port
        ports = iter([free_port()])
        monkeypatch.setattr(stack_module, "free_port", lambda _port: next(ports))
        with monkeypatch.context() as patch:
            patch.setattr(time, "monotonic", monotonic)
            with pytest.raises(CommandError, match=r"(?s)did not start.*line 7"):
                start(machine.folder, IGNORE)
        assert machine.is_clean

    def test_missing_embedded_aws_names_the_commands_that_install_it(self, machine: Machine) -> None:
        """Nothing else is done."""
        (machine.programs / "python").unlink()
        with pytest.raises(CommandError, match="not installed: run make demo or make local"):
            start(machine.folder, IGNORE)

    def test_failed_apply_ends_the_embedded_aws(self, machine: Machine) -> None:
        """The message has Terraform's errors, without its warnings."""
        machine.terraform_says(
            "apply",
            {"type": "diagnostic", "diagnostic": {"severity": "warning", "summary": "odd", "detail": "but fine"}},
            {"type": "diagnostic", "diagnostic": {"severity": "error", "summary": "no queue", "detail": "it is full"}},
        )
        machine.terraform.fails("apply", "1")
        with pytest.raises(CommandError) as caught:
            start(machine.folder, IGNORE)
        assert str(caught.value) == "terraform apply failed:\nno queue: it is full"
        assert machine.is_clean

    @pytest.mark.parametrize("step", range(9))
    def test_interruption_at_any_step_leaves_nothing(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch, step: int
    ) -> None:
        """Ctrl-C may come during each of the steps, or while the functions wake."""
        steps = iter(range(9))

        def show(*_: object) -> None:
            if next(steps) == step:
                raise KeyboardInterrupt

        monkeypatch.setattr(stack_module, "warm_up", show)
        with pytest.raises(KeyboardInterrupt):
            start(machine.folder, contextlib.nullcontext(show))
        assert machine.is_clean

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
    def test_interruption_waits_until_a_new_process_can_be_ended(
        self, machine: Machine, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
    ) -> None:
        """A signal that comes while a process starts is handled once the process is known."""
        before = {each: signal.signal(each, interrupt) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        start_process = processes.start

        def interrupted(*arguments: Any, **further: Any) -> Any:
            process = start_process(*arguments, **further)
            signal.raise_signal(number)
            return process

        try:
            with monkeypatch.context() as patch:
                patch.setattr(processes, "start", interrupted)
                with pytest.raises(KeyboardInterrupt):
                    start(machine.folder, IGNORE)
            assert signal.getsignal(number) is interrupt
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
        assert machine.is_clean


class TestStop:
    """A stack ends with all that belongs to it."""

    def test_stop_kills_the_whole_group(self, machine: Machine) -> None:
        """Children are killed too, even if they ignore SIGTERM; a second stop does nothing."""
        start(machine.folder, IGNORE)
        for _ in range(2):
            stop(machine.folder)
            assert machine.is_clean
            assert running_stack() is None

    def test_interruption_waits_for_the_end(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ctrl-C during the end is handled once the processes and the folder are gone."""
        start(machine.folder, IGNORE)
        flock = fcntl.flock

        def interrupted(*arguments: Any) -> None:
            signal.raise_signal(signal.SIGINT)
            flock(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(fcntl, "flock", interrupted)
            with pytest.raises(KeyboardInterrupt):
                stop(machine.folder)
        assert machine.is_clean

    def test_stack_that_ended_by_itself_is_removed(self, machine: Machine) -> None:
        """A process ID that is gone is no error."""
        start(machine.folder, IGNORE)
        kept = (machine.folder / "embedded-aws.pid").read_text()
        stop(machine.folder)
        machine.folder.mkdir()
        (machine.folder / "embedded-aws.pid").write_text(kept)
        stop(machine.folder)
        assert machine.is_clean


class TestRunningStack:
    """make local's stack is recognized by its answer."""

    def test_none_was_started(self, machine: Machine) -> None:
        """There is no file then."""
        assert not machine.folder.exists()
        assert running_stack() is None

    @pytest.mark.parametrize("kept", ["", "{", "[]", "null", "{}", '"text"', '{"endpoint": "http://127.0.0.1:1"}'])
    def test_garbled_file_counts_as_none(self, machine: Machine, kept: str) -> None:
        """A file may be cut short or overwritten."""
        machine.folder.mkdir(parents=True)
        (machine.folder / "stack.json").write_text(kept)
        assert running_stack() is None

    def test_stack_from_before_a_reboot_counts_as_none(self, machine: Machine) -> None:
        """Its file is there, and nothing answers."""
        start(machine.folder, IGNORE)
        kept = (machine.folder / "stack.json").read_text()
        stop(machine.folder)
        machine.folder.mkdir()
        (machine.folder / "stack.json").write_text(kept)
        assert running_stack() is None

    def test_every_key_of_stack_json_is_documented(self, machine: Machine) -> None:
        """A page shows the file with its keys and its fixed values."""
        pages = [path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))]
        (shown,) = re.findall(r"`build/work/local/stack\.json`.*?```json\n(.*?)```", "\n".join(pages), re.DOTALL)
        stack = start(machine.folder, IGNORE)
        kept = json.loads((machine.folder / "stack.json").read_text())
        documented = json.loads(shown)
        assert documented.keys() == kept.keys()
        for name in ("access_key_id", "region", "secret_access_key"):
            assert documented[name] == kept[name]
        assert kept["api_url"] == stack.api_url

    def test_another_server_on_the_port_counts_as_none(self, machine: Machine) -> None:
        """It may not even speak HTTP."""
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


def test_variables_avoid_proxies_and_machine_credentials() -> None:
    """Programs that use the stack ask no proxy for it, and the machine for no credentials."""
    variables = Stack("http://127.0.0.1:1", Path()).variables
    assert variables["NO_PROXY"] == variables["no_proxy"] == "127.0.0.1"
    assert variables["AWS_EC2_METADATA_DISABLED"] == "true"
