"""make local: the delayer on this machine, left running; make local-stop ends it."""

from __future__ import annotations

import fcntl
import json
import shlex
import sys

from rich.console import Console

from tools.stack import ACCESS_KEY, LOCAL_FOLDER, REGION, Stack, running_stack, start, stop
from tools.terminal import apply_progress, run
from tools.terraform import TerraformError

__all__ = ["describe"]


def describe(stack: Stack) -> str:
    """Where the stack is, and what to paste into a shell to post a schedule and to receive its message."""
    user = f"--user {ACCESS_KEY}:{ACCESS_KEY}"
    # GNU's date, or else BSD's.
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

Post a schedule that is due in 10 seconds:

  curl --silent --show-error --aws-sigv4 aws:amz:{REGION}:execute-api {user} \\
    --header 'content-type: application/json' \\
    --data {post} \\
    {shlex.quote(stack.api_url)}

Receive its message (waits up to 20 seconds; run it again for the next one):

  curl --silent --show-error --aws-sigv4 aws:amz:{REGION}:sqs {user} \\
    --header 'content-type: application/x-amz-json-1.0' --header 'x-amz-target: AmazonSQS.ReceiveMessage' \\
    --data {shlex.quote(receive)} \\
    {stack.endpoint}/

For an AWS SDK or Terraform:

  export {" ".join(f"{name}={value}" for name, value in stack.variables.items() if value)}

End it: make local-stop
"""


def up(console: Console) -> bool:
    """Start the stack unless it is running, and describe it. Raises TerraformError."""
    # Beside its folder, which a start empties.
    lock_path = LOCAL_FOLDER.with_name("work") / "local.lock"
    lock_path.parent.mkdir(parents=True, exist_ok=True)
    with lock_path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TerraformError("another make local is starting the stack: wait for it") from None
        stack = running_stack()
        if stack is None:
            with apply_progress(console) as progress:
                stack = start(LOCAL_FOLDER, progress)
    print(describe(stack))
    return True


def down(console: Console) -> bool:
    """End the stack if it is running."""
    stack = running_stack()
    if stack is None:
        console.print("The local stack is not running.")
    else:
        stop(stack)
        console.print("The local stack was ended, and what it kept was removed.")
    return True


if __name__ == "__main__":
    if sys.argv[1:] == ["stop"]:
        run("make local-stop", down)
    run("make local", up)
