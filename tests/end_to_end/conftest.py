"""Apply the real Terraform with the real packages to the embedded AWS once, and play one scenario through it.

The schedules for the sweep are posted first, while the stream mapping is disabled. Then all others are posted, and
every message is collected, so that the suite waits only twice. Each test checks one fact. No fact depends on the
duration of a post: every pointInTime counts from its own post.
"""

from __future__ import annotations

import contextlib
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

from tests.support.checkouts import write_program
from tests.support.documents import cancel_command
from tests.support.waiting import comes_true
from tools.local.stack import REGION, Answer, Stack, stack_in

PERIOD_SECONDS = 60

#: The schedules of the scenario that get no message.
NOT_DUE = {"far", "cancelled", "repeated", "repeated again"}

#: A stand-in for the AWS CLI: it runs the call of docs/api.md's command, and exits as the CLI does.
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
    """A message, and the time when it was received."""

    at: float
    body: str
    attributes: dict[str, str]


@dataclass(slots=True)
class Scenario:
    """Every posted schedule, by name, and every received message."""

    answers: dict[str, Answer] = field(default_factory=dict)
    due: dict[str, int] = field(default_factory=dict)
    payloads: dict[str, str] = field(default_factory=dict)
    messages: list[Received] = field(default_factory=list)
    cancellations: dict[str, subprocess.CompletedProcess[str]] = field(default_factory=dict)
    #: The functions that logged the hand-over of each scheduleId: both may have deleted its record.
    handed_over_by: dict[str, set[str]] = field(default_factory=dict)
    counted: dict[str, float] = field(default_factory=dict)

    def schedule_id(self, name: str) -> str:
        """Return the scheduleId in the answer to the post."""
        answer = self.answers[name]
        assert answer.status == 201, answer
        return str(answer.body["scheduleId"])

    def received(self, name: str) -> list[Received]:
        """Return every message of a posted schedule."""
        schedule_id = self.schedule_id(name)
        return [message for message in self.messages if message.attributes["scheduleId"] == schedule_id]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return the applied stack."""
    shown = contextlib.nullcontext(lambda _step, _done, _total: None)
    with stack_in(tmp_path_factory.mktemp("stack") / "stack", shown) as stack:
        yield stack


@pytest.fixture(scope="session")
def scenario(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """Return every posted schedule and every received message."""
    scenario = Scenario()
    is_over = threading.Event()
    consumers = [threading.Thread(target=consume, args=(stack, scenario, is_over)) for _ in range(3)]
    for consumer in consumers:
        consumer.start()
    try:
        programs = tmp_path_factory.mktemp("programs")
        with unread_stream(stack):
            post_for_sweep(stack, scenario, programs)
        post_rest(stack, scenario)
        scenario.cancellations["cancelled"] = cancel(stack, scenario.schedule_id("cancelled"), programs)
        corrupt(stack)
        expected = {scenario.schedule_id(name) for name in scenario.due if name not in NOT_DUE}
        comes_true(lambda: expected <= {message.attributes["scheduleId"] for message in scenario.messages})
        time.sleep(3)  # a second delivery would come now
        comes_true(lambda: is_all_logged(stack, scenario))
    finally:
        is_over.set()
        for consumer in consumers:
            consumer.join()
    return scenario


def consume(stack: Stack, scenario: Scenario, is_over: threading.Event) -> None:
    """Receive and delete messages until the scenario is over."""
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


def receive(stack: Stack, expected: set[str]) -> list[str]:
    """Receive and delete messages until each of these scheduleIds has come. Return those of all messages, sorted."""
    queue, url = stack.client("sqs"), stack.outputs["delayer_queue_url"]
    received: list[str] = []

    def is_complete() -> bool:
        answer = queue.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], WaitTimeSeconds=2
        )
        for message in answer.get("Messages", []):
            received.append(message["MessageAttributes"]["scheduleId"]["StringValue"])
            queue.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return expected <= set(received)

    comes_true(is_complete)
    return sorted(received)


def post(stack: Stack, scenario: Scenario, name: str, due: int, payload: str, **headers: str) -> None:
    """Post a schedule."""
    text = datetime.fromtimestamp(due, UTC).isoformat()
    body = f'{{"pointInTime": "{text}", "payload": {payload}}}'.encode()
    scenario.answers[name] = stack.post(body, {name.replace("_", "-"): value for name, value in headers.items()})
    scenario.due[name] = due
    scenario.payloads[name] = payload


@contextlib.contextmanager
def unread_stream(stack: Stack) -> Iterator[None]:
    """Disable the stream mapping for the block: the fast track deletes and sends nothing."""
    functions = stack.client("lambda")
    (mapping,) = functions.list_event_source_mappings()["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        yield
    finally:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


def post_for_sweep(stack: Stack, scenario: Scenario, programs: Path) -> None:
    """Post schedules beyond the delayer period, and wait until the sweep has deleted them.

    One of them is cancelled, too late.
    """
    names = ["cancelled too late", *(f"swept {number}" for number in range(3))]
    for number, name in enumerate(names):
        post(stack, scenario, name, int(time.time()) + PERIOD_SECONDS + 2, json.dumps({"swept": number}))
    # If the sweep was first, there is nothing to delete, and the answer is the same.
    scenario.cancellations[names[0]] = cancel(stack, scenario.schedule_id(names[0]), programs)
    assert comes_true(lambda: not any(is_stored(stack, scenario, name) for name in names)), "no sweep deleted them"


def post_rest(stack: Stack, scenario: Scenario) -> None:
    """Post a schedule of every other kind."""

    def after(seconds: int) -> int:
        return int(time.time()) + seconds

    post(stack, scenario, "far", after(3600), '"not yet"')
    post(stack, scenario, "cancelled", after(2000), '"never"')
    # An hour ahead, so that the record still exists when the request is repeated.
    due = after(3600)
    for name in ("repeated", "repeated again"):
        post(stack, scenario, name, due, '{"once": true}', idempotency_key="key-1")
    # The API accepts up to a minute in the past, and a post times out after half a minute.
    post(stack, scenario, "overdue", after(-1), '"late by its sender"')
    odd = '{"b": 1, "a": [1.50, 1e400, "\\u00e9", "é 世界 🎉", "\\uFFFF￿"], "b2": null}'
    post(stack, scenario, "soon", after(12), odd)
    large = "é" * ((LARGEST_PAYLOAD_BYTES - 2) // 2) + "x" * (LARGEST_PAYLOAD_BYTES % 2)
    post(stack, scenario, "large", after(16), f'"{large}"')
    post(stack, scenario, "one too large", after(16), '"' + "x" * (LARGEST_PAYLOAD_BYTES - 1) + '"')
    del scenario.due["one too large"]
    # The API refuses a pointInTime a minute in the past, so the burst is due later if posts are slow.
    begun = time.monotonic()
    post(stack, scenario, "before the burst", after(1), "null")
    due = after(25 + round(100 * (time.monotonic() - begun)))
    for number in range(100):
        post(stack, scenario, f"burst {number}", due, json.dumps({"number": number}))


def key_of(scenario: Scenario, name: str) -> dict[str, dict[str, str]]:
    """Return the key of a schedule's record."""
    shard, seconds, unique = scenario.schedule_id(name).split("-", 2)
    return {"shard": {"N": str(int(shard))}, "due": {"S": f"{seconds}#{unique}"}}


def is_stored(stack: Stack, scenario: Scenario, name: str) -> bool:
    """Return whether a schedule's record is in the table."""
    found = stack.client("dynamodb").get_item(TableName=stack.outputs["table_name"], Key=key_of(scenario, name))
    return "Item" in found


def cancel(stack: Stack, schedule_id: str, programs: Path) -> subprocess.CompletedProcess[str]:
    """Run docs/api.md's command that cancels a schedule, with a stand-in for the AWS CLI in a folder."""
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
    """Put a record without a payload and delete it: a removal that can never be sent."""
    table = stack.client("dynamodb")
    key = {"shard": {"N": "3"}, "due": {"S": f"{int(time.time()) + 300:012d}#corrupt"}}
    table.put_item(TableName=stack.outputs["table_name"], Item=key)
    table.delete_item(TableName=stack.outputs["table_name"], Key=key)


def is_all_logged(stack: Stack, scenario: Scenario) -> bool:
    """Read the logs; return whether they account for every message that was received, cancelled or kept as failed."""
    read_logs(stack, scenario)
    counts = [scenario.counted.get(f"Schedules{what}", 0) for what in ("Enqueued", "Cancelled", "Failed")]
    return all(count >= expected for count, expected in zip(counts, (len(scenario.messages), 1, 1), strict=True))


def read_logs(stack: Stack, scenario: Scenario) -> None:
    """Read from the functions' logs who handed over each schedule, and the sum of every metric."""
    scenario.handed_over_by.clear()
    scenario.counted.clear()
    logs = stack.client("logs")
    for function, group in stack.outputs["log_group_names"].items():
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group):
            for event in page["events"]:
                line = parse(event["message"])
                if line.get("message") == "handed over":
                    for schedule_id in line["schedule_ids"]:
                        scenario.handed_over_by.setdefault(schedule_id, set()).add(function)
                for metric in line.get("_aws", {}).get("CloudWatchMetrics", [{"Metrics": []}])[0]["Metrics"]:
                    name = metric["Name"]
                    scenario.counted[name] = scenario.counted.get(name, 0) + sum(line[name])


def parse(text: str) -> dict[str, Any]:
    """Return the object in a line of JSON; an empty one for any other line."""
    try:
        line = json.loads(text)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}


@pytest.fixture(scope="session")
def configuration() -> Path:
    """Return the folder of the Terraform configuration."""
    return Path(__file__).parents[2] / "terraform"
