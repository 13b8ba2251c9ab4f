"""Wrong requests through the real HTTP route: each is refused with its reason, and nothing is stored."""

from __future__ import annotations

import base64
import json
import time

import pytest

from tools.stack import Stack

GOOD = b'{"pointInTime": "2027-01-31T09:00:00+01:00", "payload": 1}'

WRONG = [
    (b"", {}, 400, "body"),
    (b"{", {}, 400, "body"),
    (b"[]", {}, 400, "body"),
    (b"\xff\xfe", {}, 400, "body"),
    (b'{"pointInTime": "2027-02-30T10:00:00Z", "payload": 1}', {}, 400, "pointInTime"),
    (b'{"pointInTime": "2027-01-31T09:00:00", "payload": 1}', {}, 400, "pointInTime"),
    (b'{"pointInTime": "2016-12-31T23:59:60Z", "payload": 1}', {}, 400, "pointInTime"),
    (b'{"pointInTime": "9999-12-31T23:59:59Z", "payload": 1}', {}, 400, "pointInTime"),
    (b'{"pointInTime": "2020-01-01T00:00:00Z", "payload": 1}', {}, 400, "pointInTime"),
    (b'{"pointInTime": 1801386000, "payload": 1}', {}, 400, "pointInTime"),
    (b'{"pointInTime": "2027-01-31T09:00:00Z"}', {}, 400, "payload"),
    (b'{"pointInTime": "2027-01-31T09:00:00Z", "payload": NaN}', {}, 400, "body"),
    (b'{"pointInTime": "2027-01-31T09:00:00Z", "payload": "\\ud800"}', {}, 400, "body"),
    (b'{"pointInTime": "2027-01-31T09:00:00Z", "payload": 1, "payload": 2}', {}, 400, "body"),
    (b'{"pointInTime": "2027-01-31T09:00:00Z", "payload": 1, "extra": 2}', {}, 400, "extra"),
    (b'{"pointInTime": "2027-01-31T09:00:00Z", "payload": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", {}, 400, "body"),
    (GOOD, {"content-type": "text/plain"}, 415, "content-type"),
    (GOOD, {"content-encoding": "gzip"}, 415, "content-encoding"),
    (GOOD, {"idempotency-key": "two words"}, 400, "idempotency-key"),
    (b'{"pointInTime": "2027-01-31T09:00:00Z", "payload": "' + b"x" * 600_000 + b'"}', {}, 413, "body"),
]


@pytest.mark.parametrize(("body", "headers", "status", "field"), WRONG, ids=range(len(WRONG)))
@pytest.mark.usefixtures("scenario")  # which counts what was posted, and is over by then
def test_a_wrong_request_is_refused_with_the_field_at_fault(
    stack: Stack, body: bytes, headers: dict[str, str], status: int, field: str
) -> None:
    """The answer is RFC 9457 problem details that name the field, and the table holds what it held."""
    before = count(stack)
    answer = stack.post(body, headers)
    assert (answer.status, answer.body["status"], answer.body["field"]) == (status, status, field)
    assert {k.lower(): v for k, v in answer.headers.items()}["content-type"] == "application/problem+json"
    assert answer.body["detail"]
    assert count(stack) == before


def test_an_unsigned_request_reaches_no_function(stack: Stack) -> None:
    """Without a signature the gateway answers 403."""
    assert stack.send({"content-type": "application/json"}, GOOD).status == 403


@pytest.mark.usefixtures("scenario")
def test_a_request_is_accepted_as_base64_too(stack: Stack) -> None:
    """A body that the gateway hands on as base64 is read like any other."""
    due = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86_400))
    event = {
        "version": "2.0",
        "headers": {"content-type": "application/json"},
        "body": base64.b64encode(f'{{"pointInTime": "{due}", "payload": "64"}}'.encode()).decode(),
        "isBase64Encoded": True,
    }
    answer = stack.client("lambda").invoke(
        FunctionName=stack.outputs["function_names"]["api-schedule-post"], Payload=json.dumps(event)
    )
    assert json.loads(answer["Payload"].read())["statusCode"] == 201


def count(stack: Stack) -> int:
    """How many records the table holds."""
    return int(stack.client("dynamodb").scan(TableName=stack.outputs["table_name"], Select="COUNT")["Count"])
