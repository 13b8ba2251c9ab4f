"""The delayer on this machine: the embedded AWS, and the real Terraform applied to it.

All that a stack keeps is in its folder, the process ID of the embedded AWS included, so its folder is enough to end it.
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from tools import processes
from tools.project import FAST_TRACK, LOCAL, ROOT, SWEEP, WORK, CommandError
from tools.terminal import Progress
from tools.terraform import Workspace, open_workspace

#: The folder of make local's stack.
LOCAL_FOLDER = WORK / LOCAL

#: The embedded AWS accepts any account; both parts of the key are this word.
REGION, ACCESS_KEY = "us-east-1", "test"

#: The message of a command that was interrupted while it started or used a stack.
INTERRUPTED = "interrupted, and everything it started was ended"

#: Calls no proxy.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))

_HEALTH = "/_ministack/health"

#: In a stack's folder. The embedded AWS holds a lock on its log while it lives.
_LOG_FILE, _PID_FILE = "embedded-aws.log", "embedded-aws.pid"

#: Shows the progress of a start.
type Shown = contextlib.AbstractContextManager[Progress]


class Answer(NamedTuple):
    """An HTTP answer of the delayer's API."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack. `outputs` are the Terraform root's."""

    endpoint: str
    folder: Path
    outputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables that make Terraform and the AWS SDKs use this stack and nothing else."""
        return {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_DEFAULT_REGION": REGION,  # boto3 reads this one, and not AWS_REGION
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
            "AWS_SESSION_TOKEN": "",
            # Both spellings, because a program that finds one ignores the other.
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    @property
    def api_url(self) -> str:
        """The value of `$API_URL` for this stack, without a stage, because curl signs `$default` unescaped."""
        return f"{self.endpoint}/_aws/execute-api/{self.outputs['api_id']}"

    @property
    def schedules_url(self) -> str:
        """The address of all schedules, with the stage in its path."""
        return f"{self.api_url}/$default/schedules"

    def client(self, service: str) -> Any:
        """Return a boto3 client of this stack."""
        session: Any = boto3.Session(ACCESS_KEY, ACCESS_KEY, region_name=REGION)  # the stubs want a literal service
        return session.client(service, endpoint_url=self.endpoint, config=Config(proxies={}))

    def post(self, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """POST a schedule or an array of them, signed."""
        return self.request("POST", "", body, {"content-type": "application/json"} | dict(headers or {}))

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Make a signed request; `path` follows /schedules, with a query string that is percent-encoded."""
        request = AWSRequest(method, self.schedules_url + path, data=body, headers=dict(headers or {}))
        SigV4Auth(Credentials(ACCESS_KEY, ACCESS_KEY), "execute-api", REGION).add_auth(request)
        return self.send(dict(request.headers), body, method, path)

    def send(self, headers: Mapping[str, str], body: bytes | None, method: str = "POST", path: str = "") -> Answer:
        """Make a request with these headers and no others; `path` follows /schedules."""
        call = urllib.request.Request(self.schedules_url + path, data=body, headers=dict(headers), method=method)
        try:
            answer = _DIRECT.open(call, timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return Answer(answer.status, dict(answer.headers), _parse(answer.read().decode(errors="replace")))


@contextlib.contextmanager
def stack_in(folder: Path, shown: Shown, added: Mapping[str, str] | None = None, port: int = 0) -> Iterator[Stack]:
    """Start a stack in `folder`, and end it with the block. Arguments and errors are those of `start`."""
    try:
        yield start(folder, shown, added, port)
    finally:
        stop(folder)


def start(folder: Path, shown: Shown, added: Mapping[str, str] | None = None, port: int = 0) -> Stack:
    """Start a stack that outlives this process, in a folder, which is emptied first. Its functions are awake then.

    `added` and `port` are as in `start_embedded_aws`. Raises CommandError; nothing is left of the stack then.
    """
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.ExitStack() as on_failure, shown as progress:
        on_failure.callback(stop, folder)
        progress("Starting the embedded AWS", 0, 0)
        empty = start_embedded_aws(folder, added or {}, port)
        progress("Getting Terraform ready", 0, 0)
        # A provider that is killed leaves its socket in TMPDIR. The path is relative, to the folder that Terraform
        # changes to, because a socket's path is limited to about a hundred characters.
        terraform = empty.variables | {"TMPDIR": "../tmp"}
        workspace = open_workspace(LOCAL, folder, has_local_state=True, variables=terraform)
        _apply(workspace, progress)
        progress("Reading the outputs", 0, 0)
        stack = Stack(empty.endpoint, folder, workspace.outputs())
        progress("Waking the functions", 0, 0)
        warm_up(stack)
        # Scripts and later commands find make local's stack by it. The docs show its keys.
        kept = {
            "access_key_id": ACCESS_KEY,
            "api_url": stack.api_url,
            "endpoint": stack.endpoint,
            "outputs": stack.outputs,
            "pid": int((folder / _PID_FILE).read_text()),
            "region": REGION,
            "secret_access_key": ACCESS_KEY,
        }
        (folder / "stack.json").write_text(json.dumps(kept, indent=2) + "\n")
        on_failure.pop_all()
    return stack


def warm_up(stack: Stack) -> None:
    """Wake each function, so that the first schedule doesn't wait for processes to start. Nothing is stored."""
    stack.post(b"")
    stack.request("GET", "?limit=0")
    stack.request("DELETE", "/no-id")
    functions = stack.client("lambda")
    for name, event in ((FAST_TRACK, '{"Records": []}'), (SWEEP, "{}")):
        functions.invoke(FunctionName=stack.outputs["function_names"][name], Payload=event)


def stop(folder: Path) -> None:
    """End the stack in a folder, if one runs there, and remove the folder. Interruptions wait until that is done."""
    with processes.held_back_interruptions():
        _kill(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _kill(folder: Path) -> None:
    # Asked to end, the embedded AWS and the functions' processes would wait for their callers first.
    with contextlib.suppress(OSError, ValueError), (folder / _LOG_FILE).open() as log:
        os.killpg(int((folder / _PID_FILE).read_text()), signal.SIGKILL)
        fcntl.flock(log, fcntl.LOCK_EX)


def running_stack() -> Stack | None:
    """Return the stack that make local started, or None if it doesn't answer."""
    try:
        kept = json.loads((LOCAL_FOLDER / "stack.json").read_text())
        stack = Stack(kept["endpoint"], LOCAL_FOLDER, kept["outputs"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return stack if _answers(stack.endpoint + _HEALTH) else None


def start_embedded_aws(folder: Path, added: Mapping[str, str], port: int = 0) -> Stack:
    """Start an empty embedded AWS that keeps its log and process ID in `folder`. `stop` ends it, also after an error.

    `added` are variables for it, and so for the functions. With the `port` 0 it listens on a free one. Raises
    CommandError if the port is taken, or it is not installed, or it did not start.
    """
    python = ROOT / ".venv" / "ministack" / "bin" / "python"
    if not python.exists():
        raise CommandError("the embedded AWS is not installed: run make demo or make local, which install it first")
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    # More than once: another process may take a free port before the embedded AWS listens on it.
    for _ in range(3):
        number = free_port(port)
        endpoint = f"http://127.0.0.1:{number}"
        variables = {
            # Judge callers by their signatures and policies.
            "AUTH": "true",
            "AWS_ENDPOINT_URL": endpoint,
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(number),
            "IOT_MTLS_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
            "TMPDIR": str(folder / "tmp"),
            **added,
        }
        with (folder / _LOG_FILE).open("ab") as log, processes.held_back_interruptions():
            fcntl.flock(log, fcntl.LOCK_EX)
            process = processes.start(
                # A module and no script: a script names the folder that it was installed in, and a checkout may move.
                [python, "-B", "-m", "tools.local.embedded_aws"],
                variables=processes.environment(variables, without=("AWS_",)),
                folder=ROOT,
                stdout=log,
                stderr=log,
            )
            (folder / _PID_FILE).write_text(str(process.pid))
        if comes_up(process, endpoint + _HEALTH):
            return Stack(endpoint, folder)
        if process.poll() is None:
            break  # it hangs
        _kill(folder)
    said = (folder / _LOG_FILE).read_text(errors="replace").strip().splitlines()[-5:] or ["nothing"]
    raise CommandError(
        "the embedded AWS did not start. Try again; if it fails again, delete .venv/ministack, which is then "
        "installed anew. It printed last:\n" + "\n".join(said)
    )


def _apply(workspace: Workspace, progress: Progress) -> None:
    progress("Planning the Terraform", 0, 0)
    arguments = ("-auto-approve", "-input=false", "-json", "-parallelism=32", "-var-file=environments/local.tfvars")
    step, created, total = "Applying the Terraform to the embedded AWS", 0, 0
    errors = []
    with contextlib.ExitStack() as cleanup:
        with processes.held_back_interruptions():
            process = processes.start(workspace.command("apply", *arguments), variables=workspace.variables)
            cleanup.callback(_end, process)
        assert process.stdout is not None
        for line in process.stdout:
            # Terraform's documentation, "Machine-Readable UI".
            match _parse(line):
                case {"type": "change_summary", "changes": {"operation": "plan", "add": total}}:
                    progress(step, created, total)
                # Data sources are read in an apply too; the plan's count leaves them out.
                case {"type": "apply_complete", "hook": {"action": "create"}}:
                    created += 1
                    progress(step, created, total)
                case {"type": "diagnostic", "diagnostic": {"severity": "error", "summary": summary, "detail": detail}}:
                    errors.append(f"{summary}: {detail}")
        if process.wait():
            raise CommandError("terraform apply failed:\n" + "\n".join(errors or ["Terraform gave no reason"]))


def _end(process: processes.Process) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port(port: int = 0) -> int:
    """Return a loopback port that nobody listens on now: this one, or any. Raises CommandError if it can't be used."""
    with socket.socket() as tried:
        # As the embedded AWS does, so that connections which were just closed don't matter.
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError as error:
            raise CommandError(f"port {port} can't be used ({error.strerror}): choose another PORT") from None
        return int(tried.getsockname()[1])


def comes_up(process: processes.Process, url: str) -> bool:
    """Wait until a process answers at an address; return False if it ends before or takes more than a minute."""
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if _answers(url):
            return True
        time.sleep(0.05)
    return False


def _answers(url: str) -> bool:
    try:
        _DIRECT.open(url, timeout=2).close()
    except (OSError, HTTPException):
        return False
    return True


def _parse(text: str) -> Any:
    """Return the JSON document, or the text itself if it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text
