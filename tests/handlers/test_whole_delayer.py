"""Schedules from the POST to the message, through all three functions and the table's own stream."""

from __future__ import annotations

import json

import pytest

from tests.support.clock import NOW, utc
from tests.support.delayer import DELAYER_PERIOD, Delayer
from tests.support.http_events import body_text
from tests.support.stream_records import StreamRecords


def post(delayer: Delayer, due_in: float, payload: str = "1", headers: dict[str, str] | None = None) -> str:
    """Post a schedule that is due in this many seconds, and return its id."""
    body = f'{{"pointInTime": "{utc(delayer.clock() + due_in)}", "payload": {payload}}}'
    response = delayer.post(body, headers)
    assert response["statusCode"] == 201
    schedule_id: str = json.loads(response["body"])["scheduleId"]
    return schedule_id


def visible(delayer: Delayer, at: float) -> list[str]:
    """Return the bodies of the messages that are visible at this time."""
    delayer.clock.move_to(at)
    return [message["Body"] for message in delayer.receive()]


def test_schedule_due_soon_arrives_without_a_sweep(delayer: Delayer) -> None:
    """GIVEN a schedule within the delayer period WHEN posted THEN its message is visible at its pointInTime."""
    schedule_id = post(delayer, 90, '{"order": 7}')
    delayer.run_stream()
    assert delayer.records() == []
    assert visible(delayer, NOW + 89.9) == []
    assert visible(delayer, NOW + 90) == [
        f'{{"scheduleId":"{schedule_id}","pointInTime":"2026-11-22T09:01:30Z","payload":{{"order": 7}}}}'
    ]


def test_schedule_due_later_arrives_by_a_sweep(delayer: Delayer) -> None:
    """GIVEN a schedule far ahead WHEN swept every minute THEN it stays in the table until it enters the period."""
    schedule_id = post(delayer, 1_230)
    delayer.run_stream()
    for minute in range(20):
        delayer.clock.move_to(NOW + 60 * minute)
        is_due = 1_230 - 60 * minute <= DELAYER_PERIOD
        delayer.sweep()
        delayer.run_stream()
        assert delayer.stored_ids() == (set() if is_due else {schedule_id})
    assert visible(delayer, NOW + 1_229) == []
    [body] = visible(delayer, NOW + 1_230)
    assert json.loads(body)["scheduleId"] == schedule_id


def test_message_is_the_same_on_both_paths(delayer: Delayer) -> None:
    """Digits, key order, escapes and characters of the payload are as posted."""
    payload = (
        '{"z": 1.10, "a": "\\u00e9 é 😀 \\/ \uffff", "big": 123456789012345678901234567890, "e": 1e400, "n": null}'
    )
    point_in_time = 3_600
    swept = post(delayer, point_in_time, payload)
    delayer.run_stream()
    delayer.clock.move_to(NOW + point_in_time - 600)
    delayer.sweep()
    delayer.run_stream()
    fast = post(delayer, 600, payload)
    delayer.run_stream()
    bodies = visible(delayer, NOW + point_in_time)
    kept = payload.replace("\uffff", "\\uffff")
    assert sorted(bodies) == sorted(
        f'{{"scheduleId":"{schedule_id}","pointInTime":"2026-11-22T10:00:00Z","payload":{kept}}}'
        for schedule_id in (swept, fast)
    )


def test_fraction_of_a_second_arrives_at_the_next_second(delayer: Delayer) -> None:
    """GIVEN a pointInTime with a fraction WHEN its second begins THEN no message is visible before the next one."""
    delayer.post(body_text("2026-11-22T09:01:00.000001Z"))
    delayer.run_stream()
    assert visible(delayer, NOW + 60) == []
    assert len(visible(delayer, NOW + 61)) == 1


def test_schedule_in_the_past_arrives_at_once(delayer: Delayer) -> None:
    """GIVEN a pointInTime up to a minute ago WHEN posted THEN its message is visible at once."""
    post(delayer, -60)
    delayer.run_stream()
    assert len(visible(delayer, NOW)) == 1


def test_overlapping_sweeps_and_fast_track_send_once(delayer: Delayer) -> None:
    """GIVEN two sweeps before the stream is read WHEN the stream is read THEN there is one message."""
    post(delayer, 60)
    delayer.sweep()
    delayer.sweep()
    delayer.run_stream()
    assert len(visible(delayer, NOW + 60)) == 1


def test_overdue_schedule_arrives_after_an_outage_of_the_sweep(delayer: Delayer) -> None:
    """GIVEN no sweep for hours WHEN the next one runs THEN overdue schedules are visible at once."""
    post(delayer, 3_600)
    delayer.run_stream()
    delayer.clock.move_to(NOW + 20_000)
    delayer.sweep()
    delayer.run_stream()
    assert len(visible(delayer, NOW + 20_000)) == 1


def test_deleted_record_is_a_cancelled_schedule(delayer: Delayer) -> None:
    """GIVEN a schedule whose record is deleted early WHEN it is due THEN there is no message."""
    post(delayer, 3_600)
    delayer.run_stream()
    [record] = delayer.records()
    delayer.dynamodb.delete_item(TableName="schedules", Key={name: record[name] for name in ("shard", "due")})
    delayer.run_stream()
    delayer.clock.move_to(NOW + 3_600 - 60)
    delayer.sweep()
    delayer.run_stream()
    assert visible(delayer, NOW + 3_600) == []


@pytest.mark.parametrize("is_handed_over", [False, True])
def test_repeated_request_keeps_its_id(delayer: Delayer, *, is_handed_over: bool) -> None:
    """GIVEN a request with a key WHEN repeated THEN it is one schedule; after the hand-over it is sent again."""
    first = post(delayer, 60, headers={"Idempotency-Key": "k"})
    if is_handed_over:
        delayer.run_stream()
    assert post(delayer, 60, headers={"Idempotency-Key": "k"}) == first
    delayer.run_stream()
    bodies = visible(delayer, NOW + 60)
    assert len(bodies) == (2 if is_handed_over else 1)
    assert {json.loads(body)["scheduleId"] for body in bodies} == {first}


def test_burst_arrives_within_its_second(delayer: Delayer) -> None:
    """GIVEN 120 schedules for one second WHEN it begins THEN each is visible once."""
    scheduled = {post(delayer, 1_000) for _ in range(120)}
    delayer.run_stream()
    delayer.clock.move_to(NOW + 160)
    delayer.sweep()
    delayer.run_stream()
    assert visible(delayer, NOW + 999) == []
    bodies = visible(delayer, NOW + 1_000)
    assert len(bodies) == 120
    assert {json.loads(body)["scheduleId"] for body in bodies} == scheduled


def test_made_stream_records_equal_real_ones(delayer: Delayer) -> None:
    """The records of `StreamRecords`, used by other tests, have the members of the table's own stream records."""
    schedule = delayer.schedule(60)
    delayer.store(schedule)
    delayer.sweep()
    inserted, removed = delayer.read_stream()
    made = StreamRecords()
    for real, built in (
        (inserted, made.insert(schedule, delayer.clock())),
        (removed, made.remove(schedule, delayer.clock())),
    ):
        assert built.keys() == real.keys()
        assert built["dynamodb"].keys() == real["dynamodb"].keys()
        for part in ("Keys", "OldImage", "ApproximateCreationDateTime"):
            assert built["dynamodb"].get(part) == real["dynamodb"].get(part)
