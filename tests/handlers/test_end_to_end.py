"""From the POST to the message, through all three functions and the table's own stream."""

from __future__ import annotations

import json

import pytest

from tests.support.clock import NOW, utc
from tests.support.delayer import DELAYER_PERIOD, Delayer
from tests.support.http_events import body_text
from tests.support.stream_records import StreamRecords


def post(delayer: Delayer, due_in: float, payload: str = "1", headers: dict[str, str] | None = None) -> str:
    """Post a schedule that is due so many seconds from now; its id."""
    body = f'{{"pointInTime": "{utc(delayer.clock() + due_in)}", "payload": {payload}}}'
    response = delayer.post(body, headers)
    assert response["statusCode"] == 201
    schedule_id: str = json.loads(response["body"])["scheduleId"]
    return schedule_id


def visible(delayer: Delayer, at: float) -> list[str]:
    """The bodies of the messages that are visible at that time."""
    delayer.clock.move_to(at)
    return [message["Body"] for message in delayer.receive()]


def test_the_fast_track(delayer: Delayer) -> None:
    """GIVEN a schedule within the delayer period WHEN posted THEN its message is visible at its second, without a
    tick.
    """
    schedule_id = post(delayer, 90, '{"order": 7}')
    delayer.run_stream()
    assert delayer.records() == []
    assert visible(delayer, NOW + 89.9) == []
    assert visible(delayer, NOW + 90) == [
        f'{{"scheduleId":"{schedule_id}","pointInTime":"2026-11-22T09:01:30Z","payload":{{"order": 7}}}}'
    ]


def test_the_sweep(delayer: Delayer) -> None:
    """GIVEN a schedule far ahead WHEN minute after minute is swept THEN it waits in the table, and is visible at its
    second.
    """
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


def test_the_same_text_on_both_paths(delayer: Delayer) -> None:
    """A message doesn't tell which path its schedule took: digits, key order, escapes and characters are as posted."""
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


def test_a_fraction_is_never_early(delayer: Delayer) -> None:
    """GIVEN a pointInTime with a fraction WHEN its whole second comes THEN nothing is visible until the next one."""
    delayer.post(body_text("2026-11-22T09:01:00.000001Z"))
    delayer.run_stream()
    assert visible(delayer, NOW + 60) == []
    assert len(visible(delayer, NOW + 61)) == 1


def test_a_schedule_in_the_past_comes_at_once(delayer: Delayer) -> None:
    """GIVEN a pointInTime up to a minute ago WHEN posted THEN its message is visible at once."""
    post(delayer, -60)
    delayer.run_stream()
    assert len(visible(delayer, NOW)) == 1


def test_sweep_and_fast_track_do_not_send_twice(delayer: Delayer) -> None:
    """GIVEN a sweep that is faster than the stream, and a second one WHEN all is done THEN there is one message."""
    post(delayer, 60)
    delayer.sweep()
    delayer.sweep()
    delayer.run_stream()
    assert len(visible(delayer, NOW + 60)) == 1


def test_an_outage_of_the_sweep_is_made_up_for(delayer: Delayer) -> None:
    """GIVEN ticks that were missed for hours WHEN one comes THEN what became overdue is visible at once."""
    post(delayer, 3_600)
    delayer.run_stream()
    delayer.clock.move_to(NOW + 20_000)
    delayer.sweep()
    delayer.run_stream()
    assert len(visible(delayer, NOW + 20_000)) == 1


def test_a_deleted_record_is_a_cancelled_schedule(delayer: Delayer) -> None:
    """GIVEN a schedule whose record somebody deletes in time WHEN its time comes THEN there is no message."""
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
def test_a_repeated_request_keeps_its_id(delayer: Delayer, *, is_handed_over: bool) -> None:
    """GIVEN a request with a key WHEN it is repeated THEN it is one schedule; after the hand-over it comes again."""
    first = post(delayer, 60, headers={"Idempotency-Key": "k"})
    if is_handed_over:
        delayer.run_stream()
    assert post(delayer, 60, headers={"Idempotency-Key": "k"}) == first
    delayer.run_stream()
    bodies = visible(delayer, NOW + 60)
    assert len(bodies) == (2 if is_handed_over else 1)
    assert {json.loads(body)["scheduleId"] for body in bodies} == {first}


def test_a_burst_comes_within_its_second(delayer: Delayer) -> None:
    """GIVEN 120 schedules of one second WHEN it comes THEN all are visible in it, each once."""
    scheduled = {post(delayer, 1_000) for _ in range(120)}
    delayer.run_stream()
    delayer.clock.move_to(NOW + 160)
    delayer.sweep()
    delayer.run_stream()
    assert visible(delayer, NOW + 999) == []
    bodies = visible(delayer, NOW + 1_000)
    assert len(bodies) == 120
    assert {json.loads(body)["scheduleId"] for body in bodies} == scheduled


def test_the_factory_makes_what_the_stream_has(delayer: Delayer) -> None:
    """The records that other tests make have the members of those of the table's own stream."""
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
