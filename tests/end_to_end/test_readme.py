"""The README's examples in Python, run as they are pasted, against the applied stack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.support.documents import example
from tools.local.stack import Stack

pytestmark = pytest.mark.usefixtures("scenario")


@pytest.fixture
def variables(stack: Stack) -> dict[str, str]:
    """The variables that make local and make outputs set, in a shell that has the examples' packages."""
    return os.environ | stack.variables | {
        "API_URL": stack.api_url, "DELAYER_QUEUE_URL": stack.outputs["delayer_queue_url"], "PYTHONUNBUFFERED": "1",
    }  # fmt: skip


@pytest.fixture
def consumer(variables: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The README's consumer, which prints each message once."""
    code = example("README.md", "Consume the queue", "python")
    process = subprocess.Popen([sys.executable, "-c", code], env=variables, stdout=subprocess.PIPE, text=True)  # noqa: S603
    yield process
    process.kill()
    process.wait()


def test_posted_schedule_is_consumed(variables: dict[str, str], consumer: subprocess.Popen[str]) -> None:
    """The example's request is accepted; posted for now, its payload comes to the example's consumer."""
    code = example("README.md", "Post a schedule", "python")
    due = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds")
    code = code.replace("2027-01-31T09:00:00+01:00", due)
    assert due in code
    done = subprocess.run([sys.executable, "-c", code], env=variables, check=False, capture_output=True, text=True)  # noqa: S603
    assert done.returncode == 0, done.stderr
    schedule_id = json.loads(done.stdout)["scheduleId"]
    assert consumer.stdout is not None
    message = next(found for found in map(json.loads, consumer.stdout) if found["scheduleId"] == schedule_id)
    assert message["payload"] == {"order": 4711}
