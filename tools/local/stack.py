"""The whole delayer on this machine: the embedded AWS, and the real Terraform applied to it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from tools import processes
from tools.processes import Process, environment
from tools.project import ROOT, CommandError
from tools.terraform import Workspace, open_workspace

__all__ = [
    "ACCESS_KEY",
    "LOCAL_FOLDER",
    "REGION",
    "Answer",
    "Progress",
    "Stack",
    "end",
    "free_port",
    "keep",
    "running_stack",
    "stack_in",
    "start",
    "start_embedded_aws",
    "stop",
    "warm_up",
]

LOCAL_FOLDER = ROOT / "build" / "local"
REGION = "us-east-1"

#: The embedded AWS takes any; both parts of the key are this word.
ACCESS_KEY = "test"

_START_SECONDS = 60
_STARTS = 3
_STOP_SECONDS = 10

#: Where the process that runs in a stack's folder is noted, for whoever cleans up after an interruption.
_PID_FILE = "embedded-aws.pid"

#: Shows progress: what is being done, how much of it is done, and of how much (0: it is not counted).
type Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer of the delayer's API."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack. `outputs` are the Terraform root's."""

    endpoint: str
    folder: Path
    pid: int
    outputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables with which Terraform and the AWS SDKs talk to this stack and to nothing else."""
        return {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
            "AWS_SESSION_TOKEN": "",
            # Both: where a caller has set one, the other is not looked at.
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    @property
    def api_url(self) -> str:
        """What `$API_URL` is here: a request goes to a path below it, like `/schedules`.

        It names no stage, and needs none. `$default` in a path would have to be signed as `%24default`, and curl signs
        a path as it is written.
        """
        return f"{self.endpoint}/_aws/execute-api/{self.outputs['api_id']}"

    @property
    def schedules_url(self) -> str:
        """Where to POST schedules, with the stage in the path."""
        return f"{self.endpoint}/_aws/execute-api/{self.outputs['api_id']}/$default/schedules"

    def client(self, service: str) -> Any:
        """A boto3 client of this stack."""
        # By a string, no type can be told.
        return boto3.client(  # type: ignore[call-overload]
            service,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=ACCESS_KEY,
            config=Config(proxies={}),
            endpoint_url=self.endpoint,
            region_name=REGION,
        )

    def post(self, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """POST a schedule, signed as the API asks."""
        request = AWSRequest(
            "POST", self.schedules_url, data=body, headers={"content-type": "application/json"} | dict(headers or {})
        )
        SigV4Auth(Credentials(ACCESS_KEY, ACCESS_KEY), "execute-api", REGION).add_auth(request)
        return self.send(dict(request.headers), body)

    def send(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST with just these headers."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        call = urllib.request.Request(self.schedules_url, data=body, headers=dict(headers), method="POST")
        try:
            with opener.open(call, timeout=30) as answer:
                return Answer(answer.status, dict(answer.headers), _json(answer.read()))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), _json(error.read()))


@contextlib.contextmanager
def stack_in(folder: Path, progress: Progress, variables: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """Start a stack with all that it keeps in `folder`, and stop it and remove the folder at the end.

    `variables` are added to the environment of the embedded AWS, and so of the functions.

    Raises:
        CommandError: it could not be started or applied; what was said is in the message.
    """
    stack = start(folder, progress, variables)
    try:
        yield stack
    finally:
        stop(stack)


def start(
    folder: Path, progress: Progress, variables: Mapping[str, str] | None = None, port: int | None = None
) -> Stack:
    """Start a stack that goes on when this process ends. Raises CommandError; nothing is left behind then.

    It listens on `port`, or else on a free one.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        progress("Starting the embedded AWS", 0, 0)
        stack = start_embedded_aws(folder, variables or {}, port)
        # Terraform's providers leave their sockets there when they are killed. The path of a socket has room for some
        # hundred characters, so it is relative, to the folder that Terraform changes to.
        terraform = stack.variables | {"TMPDIR": "../tmp"}
        progress("Getting Terraform ready", 0, 0)
        workspace = open_workspace("local", folder, has_local_state=True, variables=terraform)
        progress("Planning the Terraform", 0, 0)
        planned = _run("plan", workspace, "-var-file=environments/local.tfvars", "-out=local.tfplan")
        total = next(message["changes"]["add"] for message in planned if message["type"] == "change_summary")

        def report(created: int) -> None:
            progress("Applying the Terraform to the embedded AWS", created, total)

        report(0)
        _run("apply", workspace, "-parallelism=32", "local.tfplan", report=report)
        progress("Reading the outputs", 0, 0)
        return Stack(stack.endpoint, folder, stack.pid, workspace.outputs())
    except BaseException:
        end(folder)
        raise


def warm_up(stack: Stack) -> None:
    """Wake each function, so that the first schedule does not wait for processes to start. No schedule is stored."""
    stack.post(b"")
    functions = stack.client("lambda")
    for name, event in (("stream-dynamodb-fasttrack_enqueuer", '{"Records": []}'), ("task-1minute-enqueuer", "{}")):
        functions.invoke(FunctionName=stack.outputs["function_names"][name], Payload=event)


def end(folder: Path) -> None:
    """End what runs in a stack's folder, if anything does, and remove the folder."""
    try:
        pid = int((folder / _PID_FILE).read_text())
    except (OSError, ValueError):
        shutil.rmtree(folder, ignore_errors=True)
    else:
        stop(Stack("", folder, pid))


def stop(stack: Stack) -> None:
    """End the embedded AWS with all its processes, and remove what the stack kept.

    Nothing of it is needed any more, so they are killed: asked to end, it first waits for its callers' connections.
    """
    try:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(stack.pid, signal.SIGKILL)
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline and _is_alive(stack.pid):
            time.sleep(0.01)
    finally:
        shutil.rmtree(stack.folder, ignore_errors=True)


def keep(stack: Stack) -> None:
    """Write down where the stack of make local is. README.md documents the file: its keys stay as they are."""
    kept = {
        "access_key_id": ACCESS_KEY,
        "api_url": stack.api_url,
        "endpoint": stack.endpoint,
        "outputs": stack.outputs,
        "pid": stack.pid,
        "region": REGION,
        "secret_access_key": ACCESS_KEY,
    }
    (stack.folder / "stack.json").write_text(json.dumps(kept, indent=2) + "\n")


def running_stack() -> Stack | None:
    """The stack that make local left running, if it is."""
    try:
        kept = json.loads((LOCAL_FOLDER / "stack.json").read_text())
        stack = Stack(kept["endpoint"], LOCAL_FOLDER, kept["pid"], kept["outputs"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return stack if _is_healthy(stack.endpoint) else None


def start_embedded_aws(folder: Path, added: Mapping[str, str], fixed_port: int | None = None) -> Stack:
    """Start an embedded AWS with nothing in it, to which nothing is applied yet. Raises CommandError.

    Its folder is to be there; `added` are variables for its environment. It listens on `fixed_port`, or on a free one.
    """
    if fixed_port is not None:
        _check_port(fixed_port)
    python = ROOT / ".venv" / "ministack" / "bin" / "python"
    if not python.exists():
        raise CommandError("the embedded AWS is not installed: run make demo or make local, which install it first")
    log = folder / "embedded-aws.log"
    temporary = folder / "tmp"
    temporary.mkdir()
    deadline = time.monotonic() + _START_SECONDS
    for _ in range(_STARTS):
        port = free_port() if fixed_port is None else fixed_port
        endpoint = f"http://127.0.0.1:{port}"
        variables = environment(
            {
                "AWS_ENDPOINT_URL": endpoint,
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(port),
                "IOT_MTLS_ENABLED": "0",
                "LOG_LEVEL": "WARNING",
                "TMPDIR": str(temporary),
                **added,
            },
            without=("AWS_",),
        )
        process: Process | None = None
        try:
            with log.open("ab") as output, _signals_held_back():
                # A group of its own: Ctrl-C is for us, who then end it in order, with the functions' processes.
                # No script: it would name the folder that it was installed in, and a checkout may be moved.
                command = [str(python), "-B", "-m", "tools.local.embedded_aws"]
                process = processes.start(command, variables=variables, folder=ROOT, stdout=output, stderr=output)
                (folder / _PID_FILE).write_text(str(process.pid))
            while time.monotonic() < deadline and process.poll() is None:
                if _is_healthy(endpoint):
                    return Stack(endpoint, folder, process.pid)
                time.sleep(0.05)
        except BaseException:
            end(folder)
            raise
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if time.monotonic() >= deadline:
            break
        # It ended: another process may have taken the port since the system named it. Another port is tried.
    said = log.read_text(errors="replace").strip().splitlines()[-5:] or ["nothing"]
    shutil.rmtree(folder)
    raise CommandError(
        "the embedded AWS did not start. If trying again doesn't help, delete .venv/ministack: it is then installed "
        "anew. It said:\n" + "\n".join(said)
    )


def _run(
    action: str, workspace: Workspace, *arguments: str, report: Callable[[int], None] | None = None
) -> list[dict[str, Any]]:
    """Run Terraform with machine-readable output; the messages it gave. Raises CommandError with its errors."""
    messages: list[dict[str, Any]] = []
    created = 0
    process: Process | None = None
    try:
        with _signals_held_back():
            process = processes.start(
                workspace.command(action, "-input=false", "-json", *arguments), variables=workspace.variables
            )
        assert process.stdout is not None
        for line in process.stdout:
            message = _json(line)
            if not isinstance(message, dict):
                continue
            messages.append(message)
            # Data sources are read along the way, and are not among those that the plan counts.
            if message["type"] == "apply_complete" and message["hook"]["action"] == "create":
                created += 1
                if report is not None:
                    report(created)
        if process.wait() == 0:
            return messages
    finally:
        if process is not None and process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    errors = [
        f"{message['diagnostic']['summary']}: {message['diagnostic']['detail']}"
        for message in messages
        if message["type"] == "diagnostic" and message["diagnostic"]["severity"] == "error"
    ]
    raise CommandError(f"terraform {action} failed:\n" + "\n".join(errors or ["it said nothing of why"]))


@contextlib.contextmanager
def _signals_held_back() -> Iterator[None]:
    """Let an interruption wait, so that a process is known to whoever cleans up as soon as it has started."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals interrupt no other thread, which also can't hold them back
        return
    received: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _frame: received.append(number))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if received:
            signal.raise_signal(received[0])


def _check_port(port: int) -> None:
    """Raise CommandError if nobody can listen on a loopback port."""
    with socket.socket() as tried:
        # As the embedded AWS does: connections that were just closed on the port don't matter.
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError as error:
            raise CommandError(f"port {port} can't be listened on ({error.strerror}): choose another") from None


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _is_healthy(endpoint: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{endpoint}/_ministack/health", timeout=2) as answer:
            return bool(answer.status == 200)  # noqa: PLR2004
    except (OSError, HTTPException):
        return False


def _is_alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        # Ended, and its parent, which is not us, has not yet noticed; macOS has no /proc.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True


def _json(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text if isinstance(text, str) else text.decode(errors="replace")
