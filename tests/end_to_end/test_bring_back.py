"""Failures are listed, and redriven to the function that sends."""

from __future__ import annotations

import io
import json
import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from rich.console import Console

from delayer.schedules import Schedule, due_key
from tests.end_to_end.conftest import Scenario
from tests.support.stream_records import StreamRecords
from tests.support.waiting import comes_true
from tools.local.stack import Stack
from tools.operate.environment import Environment
from tools.operate.failures import show
from tools.operate.redrive import redrive

MAPPING_KEY = "aws/lambda/5e2f/shardId-1/2026/11/22/2026-11-22T09.00.00-1c2d"


@dataclass(slots=True)
class Redriven:
    """The list of failures before a redrive, and its result."""

    schedule: Schedule
    listed: str
    printed: str
    is_all_done: bool
    versions: list[dict[str, Any]]
    messages: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture(scope="module")
def redriven(scenario: Scenario, stack: Stack) -> Redriven:
    """Redrive two objects: the corrupt record of the scenario, and a record that the mapping gave up an hour ago."""
    assert scenario.messages
    s3, queue = stack.client("s3"), stack.client("sqs")
    bucket, url = stack.outputs["failure_bucket_name"], stack.outputs["delayer_queue_url"]
    due = int(time.time()) - 3_600
    schedule = Schedule(2, due_key(due, "given-up"), '{"late": true}')
    document = {
        "requestContext": {"condition": "RecordAgeExceeded", "approximateInvokeCount": 61},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": None},
        "version": "1.0",
        "DDBStreamBatchInfo": {"shardId": "shardId-1", "batchSize": 1},
        "payload": json.dumps({"Records": [StreamRecords().remove(schedule, due - 60)]}),
    }
    s3.put_object(Bucket=bucket, Key=MAPPING_KEY, Body=json.dumps(document).encode())
    environment = Environment("local", stack.outputs, stack.client)
    listed, printed = io.StringIO(), io.StringIO()
    show(environment, Console(file=listed, width=220))
    is_all_done = redrive(environment, Console(file=printed, width=220), since=None, is_dry_run=False)
    result = Redriven(
        schedule,
        listed.getvalue(),
        printed.getvalue(),
        is_all_done,
        s3.list_object_versions(Bucket=bucket).get("Versions", []),
    )

    def is_received() -> bool:
        answer = queue.receive_message(QueueUrl=url, MessageAttributeNames=["All"], WaitTimeSeconds=2)
        for message in answer.get("Messages", []):
            result.messages.append(message)
            queue.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bool(result.messages)

    comes_true(is_received)
    return result


def test_failure_bucket_is_listed_with_reasons(redriven: Redriven) -> None:
    """The function's own object and the mapping's, by scheduleId and reason; nothing is in the dead-letter queue."""
    assert "-corrupt" in redriven.listed
    assert "KeyError('payload')" in redriven.listed
    assert redriven.schedule.schedule_id in redriven.listed
    assert "RecordAgeExceeded" in redriven.listed
    assert "2 objects are in the failure bucket." in redriven.listed
    assert "No messages are in the dead-letter queue" in redriven.listed


def test_record_of_the_mapping_is_delivered_by_redrive(redriven: Redriven) -> None:
    """The function sends the same message as in time, an hour late."""
    (message,) = redriven.messages
    assert message["Body"] == redriven.schedule.message().body
    assert message["MessageAttributes"]["scheduleId"]["StringValue"] == redriven.schedule.schedule_id


def test_redrive_deletes_handled_records_and_keeps_the_rest(redriven: Redriven) -> None:
    """The mapping's object is gone. The corrupt record is there once, as the function kept it again."""
    (version,) = redriven.versions
    assert version["Key"].startswith("fasttrack/")
    assert version["IsLatest"]
    assert not redriven.is_all_done
    assert "2 records were handled, and 2 of 2 objects deleted" in redriven.printed
    assert f"left: {version['Key']}: the stream record can't be read: KeyError('payload')" in redriven.printed
