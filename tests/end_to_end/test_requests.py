"""Wrong requests through the real HTTP route are refused with the reason, and nothing is stored."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import time
from collections.abc import Iterable

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.support.records import count
from tools.local.stack import ACCESS_KEY, REGION, Answer, Stack, warm_up

GOOD = b'{"pointInTime": "2027-01-31T09:00:00+01:00", "payload": 1}'

WRONG = [
    (b"", {}, 400, "body"),
    (b"{", {}, 400, "body"),
    (b"[]", {}, 400, "body"),
    (b"\xff\xfe", {}, 400, "body"),
    (b'{"pointInTime": "2027-01-31T09:00:00Z", "payload": "\xff"}', {}, 400, "body"),
    ('{"pointInTime": "2027-01-31T09:00:00Z", "payload": "é"}'.encode("latin-1"), {}, 400, "body"),
    (b'{"pointInTime": "2027-01-31T09:00:00Z", "payload": "\xed\xa0\x80"}', {}, 400, "body"),
    (GOOD.decode().encode("utf-8-sig"), {}, 400, "body"),
    (GOOD.decode().encode("utf-16"), {}, 400, "body"),
    (GOOD.decode().encode("utf-16-le"), {}, 400, "body"),
    (b"17", {}, 400, "body"),
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
    (GOOD, {"idempotency-key": ""}, 400, "idempotency-key"),
    (b'{"pointInTime": "2027-01-31T09:00:00Z", "payload": "' + b"x" * 600_000 + b'"}', {}, 413, "body"),
]


@pytest.mark.parametrize(("body", "headers", "status", "field"), WRONG, ids=range(len(WRONG)))
@pytest.mark.usefixtures("scenario")  # which counts what was posted, and is over by then
def test_wrong_request_is_refused_with_its_field(
    stack: Stack, body: bytes, headers: dict[str, str], status: int, field: str
) -> None:
    """The answer is RFC 9457 problem details with the field, and the table has no new record."""
    before = count(stack)
    answer = stack.post(body, headers)
    assert (answer.status, answer.body["status"], answer.body["field"]) == (status, status, field)
    assert {k.lower(): v for k, v in answer.headers.items()}["content-type"] == "application/problem+json"
    assert answer.body["detail"]
    assert count(stack) == before


@pytest.mark.parametrize(
    ("name", "value", "status"), [("idempotency-key", "key-2", 400), ("content-type", "application/json", 415)]
)
@pytest.mark.usefixtures("scenario")
def test_doubled_header_is_refused_by_its_name(stack: Stack, name: str, value: str, status: int) -> None:
    """A header that is sent twice reaches the function as one, with its values joined by a comma."""
    before = count(stack)
    headers = [pair for pair in signed(stack).items() if pair[0] != name]
    answer = send(stack, stack.schedules_url, [*headers, (name, value), (name, value)], GOOD)
    assert (answer.status, answer.body["field"]) == (status, name)
    assert "more than once" in answer.body["detail"]
    assert count(stack) == before


def send(stack: Stack, url: str, headers: Iterable[tuple[str, str]], body: bytes) -> Answer:
    """POST to an address of the stack, with headers that may repeat."""
    connection = http.client.HTTPConnection(stack.endpoint.removeprefix("http://"), timeout=30)
    with contextlib.closing(connection):
        connection.putrequest("POST", url.removeprefix(stack.endpoint))
        for name, value in headers:
            connection.putheader(name, value)
        connection.putheader("content-length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.headers), json.loads(answer.read()))


def signed(
    stack: Stack, service: str = "execute-api", region: str = REGION, secret: str = ACCESS_KEY
) -> dict[str, str]:
    """Return the headers of a request whose signature covers its address and its body."""
    request = AWSRequest("POST", stack.schedules_url, data=GOOD)
    SigV4Auth(Credentials(ACCESS_KEY, secret), service, region).add_auth(request)
    return dict(request.headers) | {"content-type": "application/json"}


REFUSED: dict[str, dict[str, str]] = {
    "another secret": {"secret": "wrong"},
    "no secret": {"secret": ""},
    "another service": {"service": "dynamodb"},
    "another region": {"region": "eu-west-1"},
}


@pytest.mark.parametrize("difference", REFUSED.values(), ids=REFUSED)
@pytest.mark.usefixtures("scenario")
def test_wrong_signature_reaches_no_function(stack: Stack, difference: dict[str, str]) -> None:
    """The gateway answers 403 and gives no reason; the same request with the right signature is accepted."""
    before = count(stack)
    answer = stack.send(signed(stack, **difference), GOOD)
    assert (answer.status, answer.body) == (403, {"message": "Forbidden"})
    assert count(stack) == before
    assert stack.send(signed(stack), GOOD).status == 201


@pytest.mark.usefixtures("scenario")
def test_signature_of_another_body_reaches_no_function(stack: Stack) -> None:
    """The signature covers the body."""
    assert stack.send(signed(stack), GOOD.replace(b"1}", b"2}")).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer token"},
        {"authorization": "AWS4-HMAC-SHA256 Credential=test"},
        {
            "authorization": f"OTHER Credential=test/20260101/{REGION}/execute-api/aws4_request, "
            "SignedHeaders=host, Signature=00",
            "x-amz-date": "20260101T000000Z",
        },
    ],
    ids=["unsigned", "a token", "half a signature", "another algorithm"],
)
def test_unsigned_request_reaches_no_function(stack: Stack, headers: dict[str, str]) -> None:
    """Without a signature the gateway answers 403."""
    assert stack.send({"content-type": "application/json"} | headers, GOOD).status == 403


@pytest.mark.parametrize(
    ("secret", "service", "code"),
    [("wrong", "sqs", "SignatureDoesNotMatch"), (ACCESS_KEY, "execute-api", "SignatureDoesNotMatch")],
    ids=["another secret", "another service"],
)
def test_wrong_signature_is_refused_by_other_services(stack: Stack, secret: str, service: str, code: str) -> None:
    """The embedded AWS checks every service's signatures, not only the API's."""
    body = json.dumps({"QueueUrl": stack.outputs["delayer_queue_url"]}).encode()
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.GetQueueAttributes"}
    request = AWSRequest("POST", f"{stack.endpoint}/", data=body, headers=headers)
    SigV4Auth(Credentials(ACCESS_KEY, secret), service, REGION).add_auth(request)
    answer = send(stack, f"{stack.endpoint}/", request.headers.items(), body)
    assert (answer.status, answer.body["__type"]) == (403, code)


@pytest.mark.usefixtures("scenario")
def test_api_url_needs_no_stage(stack: Stack) -> None:
    """The address that make local prints is signed as it is written: curl encodes nothing in it."""
    url = f"{stack.api_url}/schedules"
    assert url.isascii()
    assert "$" not in url
    request = AWSRequest("POST", url, data=GOOD, headers={"content-type": "application/json"})
    SigV4Auth(Credentials(ACCESS_KEY, ACCESS_KEY), "execute-api", REGION).add_auth(request)
    assert send(stack, url, request.headers.items(), GOOD).status == 201


@pytest.mark.usefixtures("scenario")
def test_waking_functions_stores_nothing(stack: Stack) -> None:
    """GIVEN the applied stack WHEN its functions are woken THEN each has run once more, and nothing is stored."""
    logs = stack.client("logs")

    def runs() -> dict[str, int]:
        pages = {
            name: logs.get_paginator("filter_log_events").paginate(logGroupName=group)
            for name, group in stack.outputs["log_group_names"].items()
        }
        return {name: sum(len(page["events"]) for page in found) for name, found in pages.items()}

    stored, before = count(stack), runs()
    warm_up(stack)
    assert count(stack) == stored
    after = runs()
    assert after.keys() == before.keys()
    assert all(after[name] > before[name] for name in before), (before, after)


@pytest.mark.usefixtures("scenario")
def test_base64_request_is_accepted(stack: Stack) -> None:
    """A body that the gateway encodes as base64 is read like any other."""
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
