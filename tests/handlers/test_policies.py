"""The functions' AWS calls are exactly those that their IAM policies allow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from delayer.schedules import format_point_in_time
from tests.support.failures import client_error
from tests.support.permissions import CALLS
from tests.support.stream_records import StreamRecords

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.delayer import Delayer

#: The IAM action of each operation (Service Authorization Reference). SendMessage also allows SendMessageBatch.
ACTIONS = {
    "BatchWriteItem": "dynamodb:BatchWriteItem",
    "DeleteItem": "dynamodb:DeleteItem",
    "DescribeTable": "dynamodb:DescribeTable",
    "GetItem": "dynamodb:GetItem",
    "PutItem": "dynamodb:PutItem",
    "PutObject": "s3:PutObject",
    "Query": "dynamodb:Query",
    "SendMessageBatch": "sqs:SendMessage",
}


def use_post(delayer: Delayer) -> None:
    """Accept, repeat, reject and throttle requests."""
    body = json.dumps({"pointInTime": format_point_in_time(int(delayer.clock()) + 900), "payload": 1})
    for headers in ({}, {"idempotency-key": "key"}, {"idempotency-key": "key"}):
        assert delayer.post(body, headers)["statusCode"] == 201
    assert delayer.post("{")["statusCode"] == 400
    delayer.calls.fail("PutItem", client_error("ThrottlingException"))
    assert delayer.post(body)["statusCode"] == 503
    assert delayer.post(f"[{body}, {body}]")["statusCode"] == 200


def use_get(delayer: Delayer) -> None:
    """Look up a schedule that is pending and one that is not, and list."""
    stored = delayer.schedule(5_000)
    delayer.store(stored)
    assert delayer.get(stored.schedule_id)["statusCode"] == 200
    assert delayer.get(delayer.schedule(5_000).schedule_id)["statusCode"] == 404
    assert delayer.list_page("limit=1")["statusCode"] == 200


def use_delete(delayer: Delayer) -> None:
    """Cancel a schedule, again, and too late."""
    stored = delayer.schedule(5_000)
    delayer.store(stored)
    assert [delayer.cancel(stored.schedule_id)["statusCode"] for _ in range(2)] == [204, 404]
    assert delayer.cancel(delayer.schedule(900).schedule_id)["statusCode"] == 409


def use_sweep(delayer: Delayer) -> None:
    """Sweep with and without due records, and with a throttled call."""
    delayer.store(*[delayer.schedule(ahead) for ahead in (-5, 100, 5_000)])
    delayer.calls.fail("BatchWriteItem", client_error("ThrottlingException"), times=1)
    delayer.sweep()
    delayer.sweep({"worker": 1, "workers": 2})


def use_fast_track(delayer: Delayer) -> None:
    """Hand over, send and cancel schedules, and keep an unreadable record and a refused message."""
    made = StreamRecords()
    schedules = [delayer.schedule(ahead) for ahead in (10, 20, 5_000)]
    records = [made.insert(schedule, delayer.clock()) for schedule in schedules]
    records += [made.remove(schedule, delayer.clock()) for schedule in schedules]
    unreadable = made.remove(delayer.schedule(10), delayer.clock())
    del unreadable["dynamodb"]["OldImage"]
    delayer.fast_track({"Records": [*records, unreadable]})
    delayer.calls.fail("SendMessageBatch", client_error("InvalidMessageContents"))
    delayer.fast_track({"Records": records})


@pytest.mark.parametrize(
    ("package", "use"),
    [
        ("api_schedule_delete", use_delete),
        ("api_schedule_get", use_get),
        ("api_schedule_post", use_post),
        ("task_1minute_enqueuer", use_sweep),
        ("stream_dynamodb_fasttrack_enqueuer", use_fast_track),
    ],
)
def test_function_makes_exactly_the_calls_of_its_policy(
    delayer: Delayer, package: str, use: Callable[[Delayer], None]
) -> None:
    """GIVEN a function WHEN it does everything it can THEN its calls are those allowed, and none is unused."""
    use(delayer)
    called = {ACTIONS[call.operation] for call in delayer.calls.made}
    assert called == {action for action, _, _ in CALLS[package]}


@pytest.mark.parametrize("package", ["task_1minute_enqueuer", "stream_dynamodb_fasttrack_enqueuer"])
def test_batch_writes_delete_by_key_only(delayer: Delayer, package: str) -> None:
    """The policy's condition on dynamodb:Attributes allows only requests with shard and due, so no puts."""
    {"task_1minute_enqueuer": use_sweep, "stream_dynamodb_fasttrack_enqueuer": use_fast_track}[package](delayer)
    requests = [
        request
        for parameters in delayer.calls.of("BatchWriteItem")
        for requests in parameters["RequestItems"].values()
        for request in requests
    ]
    assert requests
    assert all(set(request) == {"DeleteRequest"} for request in requests)
    assert all(set(request["DeleteRequest"]["Key"]) == {"shard", "due"} for request in requests)
