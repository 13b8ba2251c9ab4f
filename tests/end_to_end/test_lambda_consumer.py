"""examples/lambda-consumer, applied after the stack: each schedule is handled once, and one that fails dies."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import boto3
import pytest
import s3transfer

from tests.end_to_end.conftest import Scenario
from tests.support.waiting import comes_true
from tools.local.stack import Stack
from tools.project import DIST, POST, ROOT
from tools.terraform import LOCAL_STATE, Workspace, process_variables

SCHEDULES = 50
REPEATED = 5
#: The example's visibility timeout is six times the function's; here a failed message must come again sooner.
VISIBILITY_SECONDS = "2"


@pytest.fixture(scope="module")
def log_group(stack: Stack, scenario: Scenario, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Apply the example to the stack, and return its log group. At the end it no longer consumes."""
    assert scenario.messages  # its own consumers are over
    root = shutil.copytree(ROOT / "examples" / "lambda-consumer", tmp_path_factory.mktemp("consumer") / "root")
    shutil.copy(ROOT / "terraform" / ".terraform.lock.hcl", root)
    (root / "local_override.tf").write_text(LOCAL_STATE)
    _package(root)
    sqs, url = stack.client("sqs"), stack.outputs["delayer_queue_url"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": VISIBILITY_SECONDS})
    variables = {**stack.variables, "TF_VAR_delayer_queue_arn": stack.outputs["delayer_queue_arn"]}
    workspace = Workspace("local", root, (), process_variables(variables, is_on_aws=False))
    workspace.init()
    workspace.read("apply", "-input=false", "-auto-approve", "-parallelism=32")
    yield str(workspace.outputs()["log_group_name"])
    workspace.read("destroy", "-input=false", "-auto-approve")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "60"})


def _package(root: Path) -> None:
    """Build the example's zip offline: a package of the delayer has Powertools, and Lambda's runtime has boto3."""
    package = root / "consumer.zip"
    shutil.copyfile(DIST / f"{POST}.zip", package)
    with ZipFile(package, "a") as archive:
        archive.write(root / "handler.py", "handler.py")
        for module in (boto3, s3transfer):
            folder = Path(module.__path__[0])
            for path in folder.rglob("*.py"):
                archive.write(path, path.relative_to(folder.parent))


def test_each_schedule_is_handled_once(stack: Stack, log_group: str) -> None:
    """GIVEN 50 schedules, one of which always fails, and messages sent twice THEN 49 are handled once, one is dead."""
    sqs, queue = stack.client("sqs"), stack.outputs["delayer_queue_url"]
    due = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))
    payloads: list[dict[str, Any]] = [{"order": number} for number in range(SCHEDULES - 1)]
    body = json.dumps([{"pointInTime": due, "payload": payload} for payload in [*payloads, {"no order": "fails"}]])
    results = stack.post(body.encode()).body["results"]
    *good, failing = [result["scheduleId"] for result in results]
    for schedule_id, payload in list(zip(good, payloads, strict=True))[:REPEATED]:
        message = json.dumps({"scheduleId": schedule_id, "pointInTime": due, "payload": payload})
        sqs.send_message(QueueUrl=queue, MessageBody=message, DelaySeconds=4)
    dead: set[str] = set()

    def is_all_handled() -> bool:
        answer = sqs.receive_message(
            QueueUrl=stack.outputs["delayer_dead_letter_queue_url"], MaxNumberOfMessages=10, VisibilityTimeout=0
        )
        dead.update(json.loads(message["Body"])["scheduleId"] for message in answer.get("Messages", []))
        return failing in dead and set(good) <= set(_handled(stack, log_group))

    assert comes_true(is_all_handled), (dead, _handled(stack, log_group))
    counted = _handled(stack, log_group)
    assert {schedule_id: counted[schedule_id] for schedule_id in good} == dict.fromkeys(good, 1)
    assert failing not in counted
    assert not dead & set(good)


def _handled(stack: Stack, log_group: str) -> Counter[str]:
    """Count the lines `reminded` by scheduleId."""
    pages = stack.client("logs").get_paginator("filter_log_events").paginate(logGroupName=log_group)
    lines = [
        event["message"] for page in pages for event in page["events"] if '"message":"reminded"' in event["message"]
    ]
    return Counter(json.loads(line)["schedule_id"] for line in lines)
