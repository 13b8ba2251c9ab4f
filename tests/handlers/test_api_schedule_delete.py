"""DELETE /schedules/{scheduleId} with a table on moto."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

from tests.support.delayer import Delayer
from tests.support.failures import client_error
from tests.support.http_events import NO_IDS, problem

LOST = ReadTimeoutError(endpoint_url="https://dynamodb.us-east-1.amazonaws.com")


def test_cancelled_schedule_gets_no_message(delayer: Delayer) -> None:
    """GIVEN a pending schedule WHEN cancelled THEN 204, no record, and the fast track sends nothing."""
    schedule = delayer.schedule(961)
    delayer.store(schedule)
    delayer.read_stream()
    assert delayer.cancel(schedule.schedule_id) == {"statusCode": 204}
    assert delayer.records() == []
    delayer.run_stream()
    assert delayer.sent() == []


def test_cancel_costs_one_conditional_delete(delayer: Delayer) -> None:
    """Nothing is read or written besides."""
    schedule = delayer.schedule(5_000)
    delayer.store(schedule)
    delayer.cancel(schedule.schedule_id)
    [call] = delayer.calls.made
    assert (call.operation, call.parameters["ConditionExpression"]) == ("DeleteItem", "attribute_exists(due)")


@pytest.mark.parametrize(
    ("due_in", "status"), [(961, 204), (960, 409), (900, 409), (899, 409), (0, 409), (-5_000, 409)]
)
def test_limit_is_960_seconds_before_the_point_in_time(delayer: Delayer, due_in: int, status: int) -> None:
    """GIVEN a schedule due in so many seconds WHEN cancelled THEN up to 960 s it is too late, and the record stays."""
    schedule = delayer.schedule(due_in)
    delayer.store(schedule)
    response = delayer.cancel(schedule.schedule_id)
    assert response["statusCode"] == status
    if status == 409:
        assert "it is too late to cancel" in problem(response)["detail"]
        assert len(delayer.records()) == 1
        assert delayer.calls.made == []


def test_slow_answer_is_no_cancellation(delayer: Delayer) -> None:
    """GIVEN a call that ends 900 s before the pointInTime WHEN it has deleted THEN 409: the removal is a hand-over."""
    schedule = delayer.schedule(961)
    delayer.store(schedule)

    def slow(_parameters: dict[str, Any], go_on: Callable[[], Any]) -> Any:
        delayer.clock.wait(61)
        return go_on()

    delayer.calls.behave("DeleteItem", slow)
    found = problem(delayer.cancel(schedule.schedule_id))
    assert (found["status"], found["field"]) == (409, "scheduleId")
    assert "its message may be delivered" in found["detail"]


@pytest.mark.parametrize("text", NO_IDS)
def test_no_schedule_id_returns_404_without_a_call(delayer: Delayer, text: str) -> None:
    """GIVEN a path that is no scheduleId WHEN deleted THEN the answer says so."""
    found = problem(delayer.cancel(text))
    assert (found["status"], found["field"]) == (404, "scheduleId")
    assert delayer.calls.made == []


def test_second_cancel_returns_404(delayer: Delayer) -> None:
    """GIVEN a cancelled schedule WHEN cancelled again THEN nothing is pending under its id."""
    schedule = delayer.schedule(5_000)
    delayer.store(schedule)
    assert [delayer.cancel(schedule.schedule_id)["statusCode"] for _ in range(2)] == [204, 404]


@pytest.mark.parametrize("error", [LOST, client_error("InternalServerError", 500)], ids=["timeout", "server"])
def test_lost_answer_is_a_cancellation(delayer: Delayer, error: Exception) -> None:
    """GIVEN a delete whose answer is lost WHEN its repetition finds nothing THEN 204, not 404."""
    schedule = delayer.schedule(5_000)
    delayer.store(schedule)
    tries = iter([True])

    def lose_first_answer(_parameters: dict[str, Any], go_on: Callable[[], Any]) -> Any:
        answer = go_on()
        if next(tries, False):
            raise error
        return answer

    delayer.calls.behave("DeleteItem", lose_first_answer)
    assert delayer.cancel(schedule.schedule_id) == {"statusCode": 204}
    assert len(delayer.calls.made) == 2


def test_throttled_try_is_no_lost_answer(delayer: Delayer) -> None:
    """GIVEN no record WHEN the first try is throttled THEN 404: a throttled call has deleted nothing."""
    delayer.calls.fail("DeleteItem", client_error("ThrottlingException"), times=1)
    assert delayer.cancel(delayer.schedule(5_000).schedule_id)["statusCode"] == 404


@pytest.mark.parametrize(
    "error",
    [client_error("ThrottlingException"), client_error("InternalServerError", 500), LOST,
     ConnectTimeoutError(endpoint_url="https://dynamodb.us-east-1.amazonaws.com")],
    ids=["throttling", "server", "lost", "timeout"],
)  # fmt: skip
def test_transient_table_error_returns_503(delayer: Delayer, error: Exception) -> None:
    """GIVEN a table that does not confirm WHEN cancelled THEN 503 with Retry-After, before the timeout."""
    delayer.calls.fail("DeleteItem", error)
    begun = delayer.clock()
    response = delayer.cancel(delayer.schedule(5_000).schedule_id)
    assert problem(response)["status"] == 503
    assert response["headers"]["retry-after"] == "1"
    assert delayer.clock() - begun < 25


def test_permanent_table_error_is_raised(delayer: Delayer) -> None:
    """A missing permission must raise the function's error alarm."""
    delayer.calls.fail("DeleteItem", client_error("AccessDeniedException"))
    with pytest.raises(ClientError, match="AccessDeniedException"):
        delayer.cancel(delayer.schedule(5_000).schedule_id)
