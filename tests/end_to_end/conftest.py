"""The real Terraform with the real packages, applied once to the embedded AWS, and one scenario played through it.

Everything is posted at once and everything that arrives is collected, so that the suite waits only once; each test
looks at one fact of what happened.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.readme import cancel_command
from tests.tools.checkouts import write_program
from tools.stack import REGION, Answer, Stack, stack_in

PERIOD_SECONDS = 60

#: Stands in for the AWS CLI: does what README.md's command asks for, and ends as the CLI does.
AWS_CLI = """
import boto3, json, sys
assert sys.argv[1:3] == ["dynamodb", "delete-item"]
options = dict(zip(sys.argv[3::2], sys.argv[4::2], strict=True))
client = boto3.client("dynamodb")
try:
    answer = client.delete_item(
        TableName=options.pop("--table-name"),
        Key=json.loads(options.pop("--key")),
        ReturnValues=options.pop("--return-values"),
        ConditionExpression=options.pop("--condition-expression"),
        ExpressionAttributeValues=json.loads(options.pop("--expression-attribute-values")),
    )
except client.exceptions.ClientError as error:
    sys.exit(str(error))
assert not options
print(json.dumps(answer.get("Attributes")))
"""

#: The largest payload whose message fits the queue, in bytes: the limit less the message's other parts, for these
#: scheduleIds and times (all of one length).
ENVELOPE = '{"scheduleId":"%s","pointInTime":"2026-11-22T09:00:00Z","payload":}'
ATTRIBUTES = len("scheduleIdString") + 39 + len("pointInTimeString2026-11-22T09:00:00Z")
LARGEST_PAYLOAD_BYTES = 262_144 - len(ENVELOPE % ("x" * 39)) - ATTRIBUTES


@dataclass(slots=True)
class Received:
    """A message, and when it was received."""

    at: float
    body: str
    attributes: dict[str, str]


@dataclass(slots=True)
class Scenario:
    """What was posted, by name, and all that was received."""

    answers: dict[str, Answer] = field(default_factory=dict)
    due: dict[str, int] = field(default_factory=dict)
    payloads: dict[str, str] = field(default_factory=dict)
    messages: list[Received] = field(default_factory=list)
    cancellations: dict[str, subprocess.CompletedProcess[str]] = field(default_factory=dict)
    handed_over_by: dict[str, str] = field(default_factory=dict)
    counted: dict[str, float] = field(default_factory=dict)

    def schedule_id(self, name: str) -> str:
        """The scheduleId that the post was answered with."""
        answer = self.answers[name]
        assert answer.status == 201, answer
        return str(answer.body["scheduleId"])

    def received(self, name: str) -> list[Received]:
        """Every message of a posted schedule."""
        schedule_id = self.schedule_id(name)
        return [message for message in self.messages if message.attributes["scheduleId"] == schedule_id]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The applied stack."""
    with stack_in(tmp_path_factory.mktemp("stack") / "stack", lambda _step, _done, _total: None) as stack:
        yield stack


@pytest.fixture(scope="session")
def scenario(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """Everything posted and everything received."""
    scenario = Scenario()
    is_over = threading.Event()
    consumers = [threading.Thread(target=consume, args=(stack, scenario, is_over)) for _ in range(3)]
    for consumer in consumers:
        consumer.start()
    try:
        post_all(stack, scenario)
        programs = tmp_path_factory.mktemp("programs")
        for name in ("cancelled", "cancelled too late"):
            scenario.cancellations[name] = cancel(stack, scenario.schedule_id(name), programs)
        corrupt(stack)
        last = max(due for name, due in scenario.due.items() if name not in ("far", "cancelled"))
        deadline = last + 30
        expected = {scenario.schedule_id(name) for name in scenario.due if name not in ("far", "cancelled")}
        while time.time() < deadline and not expected <= {m.attributes["scheduleId"] for m in scenario.messages}:
            time.sleep(0.2)
        time.sleep(3)  # what comes twice would come now
    finally:
        is_over.set()
        for consumer in consumers:
            consumer.join()
    read_logs(stack, scenario)
    return scenario


def consume(stack: Stack, scenario: Scenario, is_over: threading.Event) -> None:
    """Receive and delete until it is over."""
    queue, url = stack.client("sqs"), stack.outputs["delayer_queue_url"]
    while not is_over.is_set():
        answer = queue.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], WaitTimeSeconds=1
        )
        at = time.time()
        for message in answer.get("Messages", []):
            attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
            scenario.messages.append(Received(at, message["Body"], attributes))
            queue.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def post_all(stack: Stack, scenario: Scenario) -> None:
    """Post a schedule of every kind."""
    now = int(time.time())

    def post(name: str, due: int, payload: str, **headers: str) -> None:
        text = datetime.fromtimestamp(due, UTC).isoformat()
        body = f'{{"pointInTime": "{text}", "payload": {payload}}}'.encode()
        scenario.answers[name] = stack.post(body, {name.replace("_", "-"): value for name, value in headers.items()})
        scenario.due[name] = due
        scenario.payloads[name] = payload

    post("far", now + 3600, '"not yet"')
    post("cancelled", now + 2000, '"never"')
    # First of those that are due, for they have to be posted while they are beyond the delayer period.
    for number in range(3):
        post(f"swept {number}", now + PERIOD_SECONDS + 20, json.dumps({"swept": number}))
    # And so that the record is still there when the request comes again.
    post("repeated", now + PERIOD_SECONDS + 20, '{"once": true}', idempotency_key="key-1")
    post("cancelled too late", now + PERIOD_SECONDS + 20, '"all the same"')
    post("repeated again", now + PERIOD_SECONDS + 20, '{"once": true}', idempotency_key="key-1")
    post("overdue", now - 30, '"late by its sender"')
    post("soon", now + 12, '{"b": 1, "a": [1.50, 1e400, "\\u00e9", "é 世界 🎉", "\\uFFFF￿"], "b2": null}')
    post("large", now + 16, '"' + "é" * ((LARGEST_PAYLOAD_BYTES - 2) // 2) + "x" * (LARGEST_PAYLOAD_BYTES % 2) + '"')
    post("one too large", now + 16, '"' + "x" * (LARGEST_PAYLOAD_BYTES - 1) + '"')
    for number in range(100):
        post(f"burst {number}", now + 25, json.dumps({"number": number}))
    del scenario.due["one too large"]


def cancel(stack: Stack, schedule_id: str, programs: Path) -> subprocess.CompletedProcess[str]:
    """Run README.md's command that cancels a schedule, with a stand-in for the AWS CLI in a folder."""
    write_program(programs / "aws", AWS_CLI)
    added = {
        "AWS_DEFAULT_REGION": REGION,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "TABLE_NAME": stack.outputs["table_name"],
    }
    return subprocess.run(  # noqa: S603 -- our own command
        ["bash", "-euc", cancel_command(schedule_id)],  # noqa: S607 -- the user's bash
        env=os.environ | stack.variables | added, check=False, capture_output=True, text=True,
    )  # fmt: skip


def corrupt(stack: Stack) -> None:
    """Put a record without a payload, and remove it: a removal that can never be sent."""
    table = stack.client("dynamodb")
    key = {"shard": {"N": "3"}, "due": {"S": f"{int(time.time()) + 300:012d}#corrupt"}}
    table.put_item(TableName=stack.outputs["table_name"], Item=key)
    table.delete_item(TableName=stack.outputs["table_name"], Key=key)


def read_logs(stack: Stack, scenario: Scenario) -> None:
    """Who handed each schedule over, and the sum of every metric, from what the functions printed."""
    logs = stack.client("logs")
    for function, group in stack.outputs["log_group_names"].items():
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group):
            for event in page["events"]:
                line = parse(event["message"])
                if line.get("message") == "handed over":
                    scenario.handed_over_by |= dict.fromkeys(line["schedule_ids"], function)
                for metric in line.get("_aws", {}).get("CloudWatchMetrics", [{"Metrics": []}])[0]["Metrics"]:
                    name = metric["Name"]
                    scenario.counted[name] = scenario.counted.get(name, 0) + sum(line[name])


def parse(text: str) -> dict[str, Any]:
    """A line of JSON, or nothing where it is none."""
    try:
        line = json.loads(text)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}


@pytest.fixture(scope="session")
def configuration() -> Path:
    """The Terraform configuration's folder."""
    return Path(__file__).parents[2] / "terraform"
