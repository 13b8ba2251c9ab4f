"""POST /schedules with a table on moto."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.clock import NOW, utc
from tests.support.delayer import NAMESPACE, SHARDS, Delayer
from tests.support.failures import client_error
from tests.support.http_events import body_text, http_event
from tests.support.printed import Printed

type ReadPrinted = Callable[[], Printed]

IN_AN_HOUR = utc(NOW + 3_600)


def test_valid_request_returns_201_and_stores_a_record(delayer: Delayer) -> None:
    """GIVEN a valid request WHEN posted THEN the answer has id, time and location, and the record the payload."""
    response = delayer.post('{"pointInTime": "2026-11-22T11:00:00+01:00", "payload": {"b": 1.0, "a": "\\u00e9"}}')

    body = json.loads(response["body"])
    assert response["statusCode"] == 201
    assert response["headers"] == {
        "content-type": "application/json",
        "location": f"/schedules/{body['scheduleId']}",
    }
    assert body == {"scheduleId": body["scheduleId"], "pointInTime": "2026-11-22T10:00:00Z"}
    [record] = delayer.records()
    assert record.keys() == {"shard", "due", "payload"}
    assert record["payload"] == {"S": '{"b": 1.0, "a": "\\u00e9"}'}
    assert body["scheduleId"] == f"{int(record['shard']['N']):03d}-{record['due']['S'].replace('#', '-')}"


def test_post_costs_one_conditional_put(delayer: Delayer) -> None:
    """Nothing is read first, and the put replaces no record."""
    delayer.post(body_text(IN_AN_HOUR))
    assert [call.operation for call in delayer.calls.made] == ["PutItem"]
    assert "attribute_not_exists" in delayer.calls.of("PutItem")[0]["ConditionExpression"]


def test_schedules_of_one_second_spread_over_the_shards(delayer: Delayer) -> None:
    """Other schedulers use one partition key for everything, which accepts a thousand writes a second."""
    for _ in range(60):
        delayer.post(body_text(IN_AN_HOUR))
    assert {int(record["shard"]["N"]) for record in delayer.records()} == set(range(SHARDS))


REFUSED = [
    ("malformed JSON", http_event('{"pointInTime": '), 400, "body"),
    ("not an object", http_event('"text"'), 400, "body"),
    ("an empty array", http_event(" [ ]"), 400, "body"),
    ("1,001 schedules", http_event("[" + ",".join(["0"] * 1_001) + "]"), 400, "body"),
    ("a cut-off array", http_event(f"[{body_text(IN_AN_HOUR)},"), 400, "body"),
    ("two arrays", http_event(f"[{body_text(IN_AN_HOUR)}] []"), 400, "body"),
    ("an array nested too deep", http_event("[" * 100_000), 400, "body"),
    ("a huge array", http_event(f"[{','.join([body_text(IN_AN_HOUR, 'x' * 5_000)] * 1_000)}]"), 413, "body"),
    ("no body", http_event(None), 400, "body"),
    ("not UTF-8", http_event(b"\xff"), 400, "body"),
    (
        "not UTF-8, replaced",
        http_event(f'{{"pointInTime": "{IN_AN_HOUR}", "payload": "\ufffd"}}', {"content-length": "1"}),
        400,
        "body",
    ),
    ("unknown field", http_event(json.dumps({"pointInTime": IN_AN_HOUR, "payload": 1, "x": 1})), 400, "x"),
    ("no pointInTime", http_event('{"payload": 1}'), 400, "pointInTime"),
    ("no payload", http_event(json.dumps({"pointInTime": IN_AN_HOUR})), 400, "payload"),
    ("no offset", http_event(body_text("2026-11-22T10:00:00")), 400, "pointInTime"),
    ("a number", http_event(body_text(NOW + 3_600)), 400, "pointInTime"),
    ("past", http_event(body_text(utc(NOW - 61))), 400, "pointInTime"),
    ("beyond the horizon", http_event(body_text("2099-01-01T00:00:00Z")), 400, "pointInTime"),
    ("too large", http_event(body_text(IN_AN_HOUR, "x" * 262_144)), 413, "payload"),
    ("huge", http_event(body_text(IN_AN_HOUR, "x" * 600_000)), 413, "body"),
    ("not JSON by its type", http_event(body_text(IN_AN_HOUR), content_type="text/plain"), 415, "content-type"),
    ("compressed", http_event(body_text(IN_AN_HOUR), {"content-encoding": "br"}), 415, "content-encoding"),
    ("two keys", http_event(body_text(IN_AN_HOUR), {"idempotency-key": "a,a"}), 400, "idempotency-key"),
    ("bad key", http_event(body_text(IN_AN_HOUR), {"idempotency-key": "a b"}), 400, "idempotency-key"),
]


@pytest.mark.parametrize(
    ("event", "status", "field"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_invalid_request_returns_a_problem_and_stores_nothing(
    delayer: Delayer, printed: ReadPrinted, event: dict[str, Any], status: int, field: str
) -> None:
    """GIVEN an invalid request WHEN posted THEN RFC 9457 problem details name the field, without a call of AWS."""
    response = delayer.handle_post(event)

    problem = json.loads(response["body"])
    assert response["statusCode"] == status
    assert response["headers"] == {"content-type": "application/problem+json"}
    assert (problem["status"], problem["field"]) == (status, field)
    assert problem["title"]
    assert problem["detail"]
    assert delayer.calls.made == []
    assert delayer.records() == []
    assert printed().values() == {"SchedulesRejected": [1]}


@pytest.mark.parametrize(
    "error",
    [
        client_error("ProvisionedThroughputExceededException"),
        client_error("ThrottlingException"),
        client_error("InternalServerError", 500),
        ConnectTimeoutError(endpoint_url="https://dynamodb.us-east-1.amazonaws.com"),
    ],
    ids=["throughput", "throttling", "server", "timeout"],
)
def test_transient_table_error_returns_503(delayer: Delayer, printed: ReadPrinted, error: Exception) -> None:
    """GIVEN a throttled or failing table WHEN posted THEN the answer has Retry-After, and no rejection is counted."""
    delayer.calls.fail("PutItem", error)
    response = delayer.post(body_text(IN_AN_HOUR))
    assert response["statusCode"] == 503
    assert response["headers"] == {"content-type": "application/problem+json", "retry-after": "1"}
    assert printed().values() == {"PostsThrottled": [1]}


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
def test_permanent_table_error_is_raised(delayer: Delayer, code: str) -> None:
    """A missing permission or table is not the caller's mistake, and must raise the function's error alarm."""
    delayer.calls.fail("PutItem", client_error(code))
    with pytest.raises(ClientError, match=code):
        delayer.post(body_text(IN_AN_HOUR))


def test_repeated_request_returns_same_schedule(delayer: Delayer, printed: ReadPrinted) -> None:
    """GIVEN a stored schedule with a key WHEN posted again THEN the answer is the same, and the record unchanged."""
    first = delayer.post(body_text(IN_AN_HOUR, "p"), {"Idempotency-Key": "k"})
    before = delayer.records()
    second = delayer.post(body_text(IN_AN_HOUR, "p"), {"Idempotency-Key": "k"})

    assert second == first
    assert delayer.records() == before
    assert [record["eventName"] for record in delayer.read_stream()] == ["INSERT"]
    assert printed().values() == {"SchedulesAccepted": [1], "SchedulesRepeated": [1]}


def test_request_repeated_after_a_lost_answer_stores_one_record(delayer: Delayer) -> None:
    """GIVEN a successful put with a lost answer WHEN posted again with its key THEN there is one record."""

    def lose_the_answer(_parameters: dict[str, Any], go_on: Callable[[], Any]) -> Any:
        go_on()
        raise ConnectTimeoutError(endpoint_url="https://dynamodb.us-east-1.amazonaws.com")

    delayer.calls.behave("PutItem", lose_the_answer)
    assert delayer.post(body_text(IN_AN_HOUR), {"Idempotency-Key": "k"})["statusCode"] == 503
    delayer.calls.heal()
    assert delayer.post(body_text(IN_AN_HOUR), {"Idempotency-Key": "k"})["statusCode"] == 201
    assert len(delayer.records()) == 1


def test_metrics_have_namespace_and_function(delayer: Delayer, printed: ReadPrinted) -> None:
    """The dashboard and the alarms use this namespace and dimension."""
    delayer.post(body_text(IN_AN_HOUR))
    [document] = printed().metrics
    assert document["service"] == "api-schedule-post"
    [directive] = document["_aws"]["CloudWatchMetrics"]
    assert directive == {
        "Namespace": NAMESPACE,
        "Dimensions": [["service"]],
        "Metrics": [{"Name": "SchedulesAccepted", "Unit": "Count"}],
    }


@pytest.mark.parametrize(
    ("body", "name"), [(body_text(IN_AN_HOUR), "schedule_id"), (f"[{body_text(IN_AN_HOUR)}]", "schedule_ids")]
)
def test_post_prints_one_document(delayer: Delayer, printed: ReadPrinted, body: str, name: str) -> None:
    """It is both the metric and the log line, because each byte is paid for."""
    delayer.post(body)
    output = printed()
    [document] = output.metrics
    assert not output.logs
    assert document["message"] == "accepted"
    [stored] = delayer.stored_ids()
    assert document[name] in (stored, [stored])


@pytest.mark.parametrize(
    "body",
    [
        f'{{"pointInTime": "{IN_AN_HOUR}", "payload": {{"secret": 1}}}}',
        f'{{"pointInTime": "{IN_AN_HOUR}", "payload": {{"secret": 1, "secret": 2}}}}',
        f'{{"pointInTime": "{IN_AN_HOUR}", "payload": "secret",}}',
        '{"pointInTime": "secret", "payload": 1}',
    ],
)
def test_no_payload_is_logged(delayer: Delayer, printed: ReadPrinted, body: str) -> None:
    """For accepted and rejected requests, the logs have the id and no part of the body."""
    response = delayer.post(body)
    output = printed()
    assert "secret" not in output.text
    if response["statusCode"] == 201:
        assert json.loads(response["body"])["scheduleId"] in output.text
    else:
        assert [log["status"] for log in output.logs] == [400]


@given(
    body=st.none()
    | st.binary()
    | st.text()
    | st.binary(max_size=30).map(lambda junk: f'{{"pointInTime": "{IN_AN_HOUR}", "payload": '.encode() + junk + b"}")
    | st.integers().map(lambda number: body_text(IN_AN_HOUR, number)),
    headers=st.dictionaries(st.text(max_size=10), st.text(max_size=10), max_size=3),
)
@settings(max_examples=60)
def test_any_request_returns_201_or_4xx(delayer: Delayer, *, body: bytes | str | None, headers: dict[str, str]) -> None:
    """For any body and headers, 201 means one new record, and 4xx none."""
    before = len(delayer.records())
    response = delayer.post(body, headers)
    assert response["statusCode"] == 201 or 400 <= response["statusCode"] < 500
    assert len(delayer.records()) - before == (response["statusCode"] == 201)


# Arrays.


def array(*texts: str) -> str:
    """Return the body of a request for several schedules."""
    return f"[{', '.join(texts)}]"


def results(response: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the results in the answer to an array."""
    assert response["statusCode"] == 200
    assert response["headers"] == {"content-type": "application/json"}
    answer = json.loads(response["body"])
    assert answer.keys() == {"results"}
    return list(answer["results"])


def test_array_stores_each_schedule_and_answers_in_order(delayer: Delayer, printed: ReadPrinted) -> None:
    """GIVEN an array WHEN posted THEN each result has the id and time of its schedule, and each record its text."""
    first = f'{{"pointInTime": "{utc(NOW + 3_601)}", "payload": {{"n": 1.0}}}}'
    found = results(delayer.post(array(first, body_text(IN_AN_HOUR, "two"))))

    assert [each.keys() for each in found] == [{"status", "scheduleId", "pointInTime"}] * 2
    assert [each["status"] for each in found] == [201, 201]
    assert [each["pointInTime"] for each in found] == [utc(NOW + 3_601), IN_AN_HOUR]
    payloads = {
        f"{int(record['shard']['N']):03d}-{record['due']['S'].replace('#', '-')}": record["payload"]["S"]
        for record in delayer.records()
    }
    assert payloads == {found[0]["scheduleId"]: '{"n": 1.0}', found[1]["scheduleId"]: '"two"'}
    shown = printed()
    assert shown.values() == {"SchedulesAccepted": [2]}


def test_thousand_schedules_are_forty_calls_in_parallel(delayer: Delayer) -> None:
    """GIVEN 1,000 schedules of 3 KB WHEN posted THEN 40 BatchWriteItem calls of 25 store them, eight at once."""
    found = results(delayer.post(array(*[body_text(IN_AN_HOUR, f"{n}" + "x" * 3_000) for n in range(1_000)])))

    assert {each["status"] for each in found} == {201}
    assert len(delayer.stored_ids() & {each["scheduleId"] for each in found}) == 1_000
    sizes = [len(requests) for call in delayer.calls.of("BatchWriteItem") for requests in call["RequestItems"].values()]
    assert sizes == [25] * 40
    assert {call.operation for call in delayer.calls.made} == {"BatchWriteItem"}
    assert 1 < delayer.calls.most_in_flight["BatchWriteItem"] <= 8


def test_each_of_an_array_is_judged_alone(delayer: Delayer, printed: ReadPrinted) -> None:
    """GIVEN wrong items among good ones WHEN posted THEN each wrong one gets its field and reason, the others 201."""
    good = body_text(IN_AN_HOUR)
    wrong = [
        ("[1]", 400, "body"),
        ("null", 400, "body"),
        ('{"pointInTime": 1, "payload": 1}', 400, "pointInTime"),
        ('{"payload": 1}', 400, "pointInTime"),
        (f'{{"pointInTime": "{IN_AN_HOUR}", "payload": NaN}}', 400, "body"),
        (f'{{"pointInTime": "{IN_AN_HOUR}", "payload": {{"a": 1, "a": 2}}}}', 400, "body"),
        (f'{{"pointInTime": "{IN_AN_HOUR}", "payload": "\\ud800"}}', 400, "body"),
        (json.dumps({"pointInTime": IN_AN_HOUR, "payload": 1, "more": 1}), 400, "more"),
        (body_text(utc(NOW - 61)), 400, "pointInTime"),
        (body_text(IN_AN_HOUR, "x" * 262_144), 413, "payload"),
    ]
    found = results(delayer.post(array(good, *[text for text, _, _ in wrong], good)))

    assert [(each["status"], each.get("field")) for each in found] == [
        (201, None),
        *[(status, field) for _, status, field in wrong],
        (201, None),
    ]
    assert all(each.keys() == {"status", "field", "detail"} for each in found[1:-1])
    assert len(delayer.records()) == 2
    assert printed().values() == {"SchedulesAccepted": [2], "SchedulesRejected": [len(wrong)]}


def test_repeated_array_returns_same_schedules(delayer: Delayer) -> None:
    """GIVEN an array with a key and two equal items WHEN posted again THEN the ids are the same, and the items two."""
    body = array(body_text(IN_AN_HOUR, "p"), body_text(IN_AN_HOUR, "p"), body_text(IN_AN_HOUR, "q"))
    first = results(delayer.post(body, {"idempotency-key": "k"}))
    before = delayer.records()
    assert results(delayer.post(body, {"idempotency-key": "k"})) == first
    assert len({each["scheduleId"] for each in first}) == 3
    assert delayer.records() == before


def test_item_of_an_array_is_another_schedule_than_the_same_object(delayer: Delayer) -> None:
    """The digest of a single schedule has no place in it, so that it stays what it was."""
    one = json.loads(delayer.post(body_text(IN_AN_HOUR, "p"), {"idempotency-key": "k"})["body"])
    [item] = results(delayer.post(array(body_text(IN_AN_HOUR, "p")), {"idempotency-key": "k"}))
    assert one["scheduleId"] != item["scheduleId"]


def test_unprocessed_puts_are_repeated(delayer: Delayer) -> None:
    """GIVEN a table that processes half of each call WHEN an array is posted THEN all are stored in the end."""

    def take_half(parameters: dict[str, Any], go_on: Callable[[], Any]) -> Any:
        [(table, requests)] = parameters["RequestItems"].items()
        if len(requests) == 1:
            return go_on()
        parameters["RequestItems"] = {table: requests[::2]}
        return go_on() | {"UnprocessedItems": {table: requests[1::2]}}

    delayer.calls.behave("BatchWriteItem", take_half)
    found = results(delayer.post(array(*[body_text(IN_AN_HOUR, n) for n in range(60)])))
    assert {each["status"] for each in found} == {201}
    assert delayer.stored_ids() == {each["scheduleId"] for each in found}


def test_schedules_that_stay_unprocessed_get_503_each(delayer: Delayer, printed: ReadPrinted) -> None:
    """GIVEN a table that never processes one item WHEN an array is posted THEN it alone gets a 503, in time."""

    def leave_last(parameters: dict[str, Any], go_on: Callable[[], Any]) -> Any:
        [(table, requests)] = parameters["RequestItems"].items()
        left = [each for each in requests if each["PutRequest"]["Item"]["payload"]["S"] == "1"]
        parameters["RequestItems"] = {table: [each for each in requests if each not in left]}
        answer = go_on() if parameters["RequestItems"][table] else {}
        return answer | {"UnprocessedItems": {table: left} if left else {}}

    delayer.calls.behave("BatchWriteItem", leave_last)
    begun = delayer.clock()
    found = results(delayer.post(array(*[body_text(IN_AN_HOUR, n) for n in range(3)])))
    assert [each["status"] for each in found] == [201, 503, 201]
    assert "send the request again" in found[1]["detail"]
    assert delayer.clock() - begun < 25
    assert len(delayer.records()) == 2
    assert printed().values() == {"SchedulesAccepted": [2], "PostsThrottled": [1]}


def test_permanent_error_for_an_array_is_raised(delayer: Delayer) -> None:
    """A missing permission is not the caller's mistake."""
    delayer.calls.fail("BatchWriteItem", client_error("AccessDeniedException"))
    with pytest.raises(ClientError, match="AccessDeniedException"):
        delayer.post(array(body_text(IN_AN_HOUR)))
