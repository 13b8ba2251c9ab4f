"""GET /schedules and GET /schedules/{scheduleId} with a table on moto."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delayer.schedules import Schedule, due_key
from tests.support.clock import NOW, utc
from tests.support.delayer import SHARDS, Delayer
from tests.support.failures import client_error
from tests.support.http_events import NO_IDS, body_text, problem

DAY = 86_400


def listed(delayer: Delayer, **parameters: object) -> dict[str, Any]:
    """Return a page of the list."""
    response = delayer.list_page(urlencode(parameters))
    assert response["statusCode"] == 200, response
    page: dict[str, Any] = json.loads(response["body"])
    assert page.keys() == {"schedules", "cursor"}
    return page


def ids_of(page: dict[str, Any]) -> list[str]:
    """Return the scheduleIds on a page."""
    return [each["scheduleId"] for each in page["schedules"]]


# One schedule.


def test_pending_schedule_is_returned_with_the_text_of_its_payload(delayer: Delayer) -> None:
    """GIVEN a posted schedule WHEN its Location is read THEN the payload is the very text that was posted."""
    posted = delayer.post(f'{{"pointInTime": "{utc(NOW + DAY)}", "payload": {{"b": 1.0, "a": "\\u00e9"}}}}')
    schedule_id = posted["headers"]["location"].removeprefix("/schedules/")
    response = delayer.get(schedule_id)
    assert response["statusCode"] == 200
    assert response["headers"] == {"content-type": "application/json"}
    assert response["body"] == (
        f'{{"scheduleId":"{schedule_id}","pointInTime":"{utc(NOW + DAY)}","payload":{{"b": 1.0, "a": "\\u00e9"}}}}'
    )


def test_lookup_costs_one_consistent_read(delayer: Delayer) -> None:
    """A schedule is found as soon as its post is answered."""
    schedule = delayer.schedule(DAY)
    delayer.store(schedule)
    delayer.get(schedule.schedule_id)
    [call] = delayer.calls.made
    assert (call.operation, call.parameters["ConsistentRead"]) == ("GetItem", True)


@pytest.mark.parametrize(
    ("due_in", "words"),
    [
        (840.5, "it was cancelled, or never posted here"),
        (840, f"it was handed over to the delayer queue at about {utc(NOW)}"),
        (-DAY, f"it was handed over to the delayer queue at about {utc(NOW - DAY - 840)}"),
    ],
)
def test_missing_schedule_returns_404_with_the_reason(delayer: Delayer, due_in: float, words: str) -> None:
    """The time in the id says whether the schedule was handed over."""
    found = problem(delayer.get(Schedule(0, due_key(math.ceil(NOW + due_in), "none"), "").schedule_id))
    assert (found["status"], found["field"]) == (404, "scheduleId")
    assert words in found["detail"]


@pytest.mark.parametrize("text", NO_IDS)
def test_no_schedule_id_returns_404_without_a_call(delayer: Delayer, text: str) -> None:
    """GIVEN a path that is no scheduleId WHEN read THEN the answer says so, in a short sentence."""
    found = problem(delayer.get(text))
    assert (found["status"], found["field"]) == (404, "scheduleId")
    assert "is not a scheduleId" in found["detail"]
    assert len(found["detail"]) < 1_000
    assert delayer.calls.made == []


def test_schedule_id_of_a_shard_that_does_not_exist_returns_404(delayer: Delayer) -> None:
    """Another environment may have more shards."""
    assert problem(delayer.get(Schedule(999, due_key(NOW + DAY, "n"), "").schedule_id))["status"] == 404


# The list.


def test_all_pending_schedules_are_listed_in_order(delayer: Delayer) -> None:
    """GIVEN schedules in all shards, some overdue WHEN listed THEN they come in the order of pointInTime."""
    schedules = [delayer.schedule(due_in) for due_in in (50, -70, 7_000, 20, DAY, 20, 60)]
    delayer.store(*schedules)
    page = listed(delayer)
    assert page["cursor"] is None
    expected = sorted(schedules, key=lambda each: (each.due, each.shard))
    assert page["schedules"] == [
        {"scheduleId": each.schedule_id, "pointInTime": utc(each.point_in_time)} for each in expected
    ]


def test_range_is_half_open(delayer: Delayer) -> None:
    """GIVEN a range WHEN listed THEN a schedule due at its start is in it, and one due at its end is not."""
    schedules = [delayer.schedule(due_in) for due_in in (99, 100, 199, 200)]
    delayer.store(*schedules)
    page = listed(delayer, **{"from": utc(NOW + 100), "to": utc(NOW + 200)})
    assert ids_of(page) == [each.schedule_id for each in schedules[1:3]]
    assert ids_of(listed(delayer, **{"from": utc(NOW + 99.5), "to": utc(NOW + 199.5)})) == ids_of(page)
    assert listed(delayer, **{"from": utc(NOW + 100), "to": utc(NOW + 100)}) == {"schedules": [], "cursor": None}


def test_offset_needs_no_encoding_of_its_plus(delayer: Delayer) -> None:
    """In a query string a plus sign means a space, which most clients forget."""
    delayer.store(delayer.schedule(100))
    assert len(ids_of(listed(delayer, to=utc(NOW + 101).replace("Z", "+00:00")))) == 1
    assert delayer.list_page(f"to={utc(NOW + 101).replace('Z', '+00:00')}")["statusCode"] == 200


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(due=st.lists(st.integers(1_000, 1_006), max_size=24), limit=st.integers(1, 9), skewed=st.booleans())
def test_pages_together_list_every_schedule_once(delayer: Delayer, due: list[int], limit: int, skewed: bool) -> None:  # noqa: FBT001
    """GIVEN schedules in all shards or in one WHEN paged through THEN each is listed once, in order."""
    for record in delayer.records():
        delayer.dynamodb.delete_item(TableName="schedules", Key={name: record[name] for name in ("shard", "due")})
    delayer.store(*[delayer.schedule(due_in, shard=2 if skewed else None) for due_in in due])
    # The same key in two shards, as when a request is repeated after the number of shards grew.
    delayer.store(*[Schedule(shard, due_key(NOW + 1_003, "same"), "1") for shard in range(SHARDS)])
    found: list[str] = []
    page = listed(delayer, limit=limit)
    while page["cursor"] is not None:
        assert len(page["schedules"]) == limit
        found += ids_of(page)
        page = listed(delayer, limit=limit, cursor=page["cursor"])
    found += ids_of(page)
    assert [each[4:16] for each in found] == sorted(each[4:16] for each in found)
    assert sorted(found) == sorted(delayer.stored_ids())


def test_cursor_stays_valid_when_schedules_come_and_go(delayer: Delayer) -> None:
    """GIVEN a page WHEN its last schedule is cancelled and others are posted THEN the next page goes on behind it."""
    schedules = [delayer.schedule(due_in) for due_in in (1_100, 1_200, 1_300, 1_400)]
    delayer.store(*schedules)
    page = listed(delayer, limit=2)
    delayer.cancel(schedules[1].schedule_id)
    delayer.store(delayer.schedule(1_150))
    new = delayer.schedule(1_250)
    delayer.store(new)
    rest = listed(delayer, limit=9, cursor=page["cursor"])
    assert ids_of(rest) == [new.schedule_id, schedules[2].schedule_id, schedules[3].schedule_id]


def test_page_reads_little_more_than_it_shows(delayer: Delayer) -> None:
    """GIVEN many pending schedules WHEN a page is read THEN each shard is asked for its part and little more."""
    delayer.store(*[delayer.schedule(1_000 + n) for n in range(200)])
    assert len(ids_of(listed(delayer, limit=20))) == 20
    queries = delayer.calls.of("Query")
    assert len(queries) == SHARDS
    assert sum(query["Limit"] for query in queries) <= 3 * 20
    assert not any(query.get("ConsistentRead") for query in queries)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=1e9", "limit"),
        ("limit=1001", "limit"),
        ("limit=", "limit"),
        ("limit=%D9%A1", "limit"),
        ("limit=1&limit=2", "limit"),
        ("from=yesterday", "from"),
        ("from=", "from"),
        ("from=2026-11-22T10:00:00", "from"),
        ("to=2026-02-30T10:00:00Z", "to"),
        ("from=2026-11-23T00:00:00Z&to=2026-11-22T00:00:00Z", "from"),
        ("form=2026-11-23T00:00:00Z", "form"),
        ("From=2026-11-23T00:00:00Z", "From"),
        ("cursor=", "cursor"),
        ("cursor=abc", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=" + "a" * 10_240, "cursor"),
        ("cursor=MDA3LTAwMTc5NTMzODAwMC1hYmM&from=2027-01-01T00:00:00Z", "cursor"),
        ("x" * 200 + "=1", "x" * 100),
    ],
)
def test_wrong_parameter_returns_400_without_a_call(delayer: Delayer, query: str, field: str) -> None:
    """GIVEN a wrong parameter WHEN listed THEN the problem names it."""
    found = problem(delayer.list_page(query))
    assert (found["status"], found["field"]) == (400, field)
    assert len(found["detail"]) < 1_000
    assert delayer.calls.made == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(query=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=60))
def test_any_query_string_is_answered(delayer: Delayer, query: str) -> None:
    """GIVEN any query string WHEN listed THEN the answer is a page or a problem."""
    assert delayer.list_page(query)["statusCode"] in (200, 400)


# Faults.

ASK: dict[str, Callable[[Delayer], dict[str, Any]]] = {
    "GetItem": lambda delayer: delayer.get(delayer.schedule(DAY).schedule_id),
    "Query": lambda delayer: delayer.list_page(),
}


@pytest.mark.parametrize("operation", ASK)
@pytest.mark.parametrize(
    "error",
    [
        client_error("ThrottlingException"),
        client_error("InternalServerError", 500),
        ConnectTimeoutError(endpoint_url="https://dynamodb.us-east-1.amazonaws.com"),
    ],
    ids=["throttling", "server", "timeout"],
)
def test_transient_table_error_returns_503(delayer: Delayer, operation: str, error: Exception) -> None:
    """GIVEN a throttled or failing table WHEN asked THEN the answer has Retry-After, before the timeout."""
    delayer.calls.fail(operation, error)
    begun = delayer.clock()
    response = ASK[operation](delayer)
    assert problem(response)["status"] == 503
    assert response["headers"]["retry-after"] == "1"
    assert delayer.clock() - begun < 25


@pytest.mark.parametrize("operation", ASK)
def test_permanent_table_error_is_raised(delayer: Delayer, operation: str) -> None:
    """A missing permission must raise the function's error alarm."""
    delayer.calls.fail(operation, client_error("AccessDeniedException"))
    with pytest.raises(ClientError, match="AccessDeniedException"):
        ASK[operation](delayer)


def test_payloads_are_not_logged(delayer: Delayer, capsys: pytest.CaptureFixture[str]) -> None:
    """GIVEN a schedule WHEN looked up and listed THEN the log has its id and not its payload."""
    delayer.post(body_text(utc(NOW + DAY), "secret"))
    [schedule_id] = delayer.stored_ids()
    delayer.get(schedule_id)
    delayer.list_page()
    output = capsys.readouterr().out
    assert schedule_id in output
    assert "secret" not in output
