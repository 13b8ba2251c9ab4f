"""The whole delayer on this machine: the embedded AWS, and the real Terraform applied to it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
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
from tools.processes import environment
from tools.terraform import ROOT, TerraformError, Workspace, open_workspace

__all__ = [
    "ACCESS_KEY",
    "LOCAL_FOLDER",
    "REGION",
    "Answer",
    "Stack",
    "free_port",
    "running_stack",
    "stack_in",
    "start",
    "start_embedded_aws",
    "stop",
]

LOCAL_FOLDER = ROOT / "build" / "local"
REGION = "us-east-1"

#: The embedded AWS takes any; both parts of the key are this word.
ACCESS_KEY = "test"

_START_SECONDS = 60
_STARTS = 3
_STOP_SECONDS = 10

#: Tells of progress: how many of the resources are there, of how many.
type Progress = Callable[[int, int], None]


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
    def base_url(self) -> str:
        """What `$API_URL` is here: a request goes to a path below it, like `/schedules`.

        It names no stage, and needs none. `$default` in a path would have to be signed as `%24default`, and curl signs
        a path as it is written.
        """
        return f"{self.endpoint}/_aws/execute-api/{self.outputs['api_id']}"

    @property
    def api_url(self) -> str:
        """Where to POST schedules: the embedded AWS has at a path what `api_url` has at a host of amazonaws.com."""
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
            "POST", self.api_url, data=body, headers={"content-type": "application/json"} | dict(headers or {})
        )
        SigV4Auth(Credentials(ACCESS_KEY, ACCESS_KEY), "execute-api", REGION).add_auth(request)
        return self.send(dict(request.headers), body)

    def send(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST with just these headers."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        call = urllib.request.Request(self.api_url, data=body, headers=dict(headers), method="POST")
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
        TerraformError: it could not be started or applied; what was said is in the message.
    """
    stack = start(folder, progress, variables)
    try:
        yield stack
    finally:
        stop(stack)


def start(folder: Path, progress: Progress, variables: Mapping[str, str] | None = None) -> Stack:
    """Start a stack that goes on when this process ends. Raises TerraformError; nothing is left behind then."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    stack = start_embedded_aws(folder, variables or {})
    try:
        workspace = open_workspace("local", folder, has_local_state=True, variables=stack.variables)
        planned = _run("plan", workspace, "-var-file=environments/local.tfvars", "-out=local.tfplan")
        total = next(message["changes"]["add"] for message in planned if message["type"] == "change_summary")
        _run("apply", workspace, "-parallelism=32", "local.tfplan", report=lambda created: progress(created, total))
        stack = Stack(stack.endpoint, folder, stack.pid, workspace.outputs())
        (folder / "stack.json").write_text(
            json.dumps({"endpoint": stack.endpoint, "pid": stack.pid, "outputs": stack.outputs})
        )
    except BaseException:
        stop(stack)
        raise
    return stack


def stop(stack: Stack) -> None:
    """End the embedded AWS with all its processes, and remove what the stack kept."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(stack.pid, signal.SIGTERM)
    try:
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline and _is_alive(stack.pid):
            time.sleep(0.05)
    finally:
        # Someone who presses Ctrl-C again doesn't want to wait, and wants nothing to be left either.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(stack.pid, signal.SIGKILL)
        shutil.rmtree(stack.folder, ignore_errors=True)


def running_stack() -> Stack | None:
    """The stack that make local left running, if it is."""
    try:
        kept = json.loads((LOCAL_FOLDER / "stack.json").read_text())
        stack = Stack(kept["endpoint"], LOCAL_FOLDER, kept["pid"], kept["outputs"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return stack if _is_healthy(stack.endpoint) else None


def start_embedded_aws(folder: Path, added: Mapping[str, str]) -> Stack:
    """Start an embedded AWS with nothing in it, to which nothing is applied yet. Raises TerraformError.

    Its folder is to be there; `added` are variables for its environment.
    """
    python = ROOT / ".venv" / "ministack" / "bin" / "python"
    if not python.exists():
        raise TerraformError("the embedded AWS is not installed: run make demo or make local, which install it first")
    log = folder / "embedded-aws.log"
    temporary = folder / "tmp"
    temporary.mkdir()
    deadline = time.monotonic() + _START_SECONDS
    for _ in range(_STARTS):
        port = free_port()
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
        with log.open("ab") as output:
            # A group of its own: Ctrl-C is for us, who then end it in order, with the functions' processes.
            # No script: it would name the folder that it was installed in, and the checkout may have been moved.
            command = [str(python), "-B", "-m", "tools.embedded_aws"]
            process = processes.start(command, variables=variables, folder=ROOT, stdout=output, stderr=output)
        stack = Stack(endpoint, folder, process.pid)
        try:
            while time.monotonic() < deadline and process.poll() is None:
                if _is_healthy(endpoint):
                    return stack
                time.sleep(0.05)
        except BaseException:
            stop(stack)
            raise
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if time.monotonic() >= deadline:
            break
        # It ended: another process may have taken the port since the system named it. Another port is tried.
    said = log.read_text(errors="replace").strip().splitlines()[-5:] or ["nothing"]
    shutil.rmtree(folder)
    raise TerraformError(
        "the embedded AWS did not start. If trying again doesn't help, delete .venv/ministack: it is then installed "
        "anew. It said:\n" + "\n".join(said)
    )


def _run(
    action: str, workspace: Workspace, *arguments: str, report: Callable[[int], None] | None = None
) -> list[dict[str, Any]]:
    """Run Terraform with machine-readable output; the messages it gave. Raises TerraformError with its errors."""
    process = processes.start(
        workspace.command(action, "-input=false", "-json", *arguments), variables=workspace.variables
    )
    messages: list[dict[str, Any]] = []
    created = 0
    try:
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
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    errors = [
        f"{message['diagnostic']['summary']}: {message['diagnostic']['detail']}"
        for message in messages
        if message["type"] == "diagnostic" and message["diagnostic"]["severity"] == "error"
    ]
    raise TerraformError(f"terraform {action} failed:\n" + "\n".join(errors or ["it said nothing of why"]))


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
    return True


def _json(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text if isinstance(text, str) else text.decode(errors="replace")
