"""make local: start the delayer on this machine and leave it running. make local-stop: end it."""

import fcntl
import json
import re
import shlex
import sys
from urllib.parse import urlsplit

from tools import terminal
from tools.local.stack import INTERRUPTED, LOCAL_FOLDER, Stack, running_stack, start, stop
from tools.project import CommandError


def describe(stack: Stack) -> str:
    """Return the stack's addresses, and commands to paste that post a schedule and receive its message."""
    variables = {"API_URL": stack.api_url} | {name: value for name, value in stack.variables.items() if value}
    # With GNU's date, or else with BSD's.
    due = '"$(date -u -d "+10 seconds" +%FT%TZ 2>/dev/null || date -u -v+10S +%FT%TZ)"'
    post = f"""'{{"pointInTime": "'{due}'", "payload": {{"hello": "world"}}}}'"""
    receive = json.dumps(
        {"QueueUrl": stack.outputs["delayer_queue_url"], "WaitTimeSeconds": 20, "MessageAttributeNames": ["All"]}
    )
    return f"""\
The delayer is running on this machine.

  API             {stack.api_url}
  delayer queue   {stack.outputs["delayer_queue_url"]}
  logs            {stack.folder / "embedded-aws.log"}
  all of it       {stack.folder / "stack.json"}

In your shell, for the commands below and in the docs, AWS SDKs and Terraform:

  unset AWS_PROFILE AWS_SESSION_TOKEN
  export {" ".join(f"{name}={shlex.quote(value)}" for name, value in sorted(variables.items()))}

Post a schedule that is due in 10 seconds:

  curl --silent --show-error --aws-sigv4 "aws:amz:$AWS_REGION:execute-api" \\
    --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" --header 'content-type: application/json' \\
    --data {post} \\
    "$API_URL/schedules"

Receive its message (waits up to 20 seconds; run it again for the next one):

  curl --silent --show-error --aws-sigv4 "aws:amz:$AWS_REGION:sqs" \\
    --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \\
    --header 'content-type: application/x-amz-json-1.0' --header 'x-amz-target: AmazonSQS.ReceiveMessage' \\
    --data {shlex.quote(receive)} \\
    "$AWS_ENDPOINT_URL/"

End it: make local-stop
"""


def parse_port(text: str) -> int:
    """Return PORT, or 0 if it is empty. Raises CommandError if it is not a port."""
    if text and (not re.fullmatch(r"[1-9][0-9]{0,4}", text) or int(text) not in range(65_536)):
        raise CommandError(f"PORT must be a whole number from 1 to 65535, not {text[:20]!r}")
    return int(text or 0)


def up(port_text: str) -> None:
    """Start the stack unless it is running, and describe it. Raises CommandError."""
    port = parse_port(port_text)
    # Beside the stack's folder, which a start empties.
    lock_path = LOCAL_FOLDER.with_name("local.lock")
    lock_path.parent.mkdir(parents=True, exist_ok=True)
    with lock_path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError("another make local is starting the stack: wait until it is done") from None
        running = running_stack()
        if running is not None and port not in (0, used := urlsplit(running.endpoint).port):
            raise CommandError(
                f"the local stack is already running on port {used}: omit PORT={port}, or run make local-stop first"
            )
        stack = running or start(LOCAL_FOLDER, terminal.shown_progress(terminal.open_console()), port=port)
    print(describe(stack))


def down() -> None:
    """End the stack if it is running."""
    if running_stack() is None:
        print("The local stack is not running.")
    else:
        stop(LOCAL_FOLDER)
        print("The local stack was stopped, and its files were removed.")


if __name__ == "__main__":
    if sys.argv[1:] == ["stop"]:
        terminal.main("make local-stop", down, interrupted=INTERRUPTED, arguments=[])
    terminal.main("make local", up, interrupted=INTERRUPTED)
