"""Keys, ids, messages and delays of schedules."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delayer.schedules import (
    MAX_DELAY_SECONDS,
    MAX_MESSAGE_BYTES,
    MAX_SHARDS,
    Schedule,
    delay_seconds,
    due_key,
    end_of_due,
    format_point_in_time,
    handover_cutoff,
    is_cancelled,
    point_in_time_of,
    schedule_id,
)

#: 2026-11-22T09:00:00Z
NOW = 1_795_338_000

POINTS_IN_TIME = st.integers(0, 253_402_300_799)
UNIQUE_PARTS = st.text("ABCXYZabcxyz0189_-", min_size=1, max_size=60)
SHARDS = st.integers(0, MAX_SHARDS - 1)
CLOCKS = st.floats(NOW - 86_400, NOW + 86_400)


@given(SHARDS, POINTS_IN_TIME, UNIQUE_PARTS)
def test_schedule_id_is_url_safe_and_short(shard: int, point_in_time: int, unique: str) -> None:
    """It has at most 80 letters, digits, `_` and `-`."""
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,80}", schedule_id(shard, due_key(point_in_time, unique)))


@given(SHARDS, POINTS_IN_TIME, UNIQUE_PARTS)
def test_schedule_id_contains_the_records_key(shard: int, point_in_time: int, unique: str) -> None:
    """It has three digits of the shard, twelve of the seconds, and the unique part."""
    match = re.fullmatch(r"(\d{3})-(\d{12})-(.+)", schedule_id(shard, due_key(point_in_time, unique)))
    assert match is not None
    assert (int(match[1]), int(match[2]), match[3]) == (shard, point_in_time, unique)


@given(POINTS_IN_TIME, UNIQUE_PARTS, POINTS_IN_TIME, UNIQUE_PARTS)
def test_keys_sort_by_time(first: int, first_unique: str, second: int, second_unique: str) -> None:
    """An earlier schedule has a smaller sort key, whatever the unique parts."""
    if first != second:
        assert (due_key(first, first_unique) < due_key(second, second_unique)) == (first < second)


@given(POINTS_IN_TIME, UNIQUE_PARTS, POINTS_IN_TIME)
def test_end_of_due_separates_due_from_pending(point_in_time: int, unique: str, cutoff: int) -> None:
    """`due < end` holds for every schedule at or before the cutoff and for none after it."""
    assert (due_key(point_in_time, unique) < end_of_due(cutoff)) == (point_in_time <= cutoff)


@given(POINTS_IN_TIME, UNIQUE_PARTS)
def test_key_contains_the_point_in_time(point_in_time: int, unique: str) -> None:
    """The keys of an INSERT show when it is due, so the stream needs no new image."""
    assert point_in_time_of(due_key(point_in_time, unique)) == point_in_time


@pytest.mark.parametrize(
    "due",
    [
        "",
        "#",
        "001795338000",
        "001795338000#",
        "1795338000#x",
        "0001795338000#x",
        "+01795338000#x",
        "00179533800a#x",
        "٠٠١٧٩٥٣٣٨٠٠٠#x",
        "tomorrow",
    ],
)
def test_key_of_another_form_raises_value_error(due: str) -> None:
    """A sort key that `due_key` did not make gives no wrong time."""
    with pytest.raises(ValueError, match="the sort key due must be"):
        point_in_time_of(due)


@given(POINTS_IN_TIME, CLOCKS)
def test_message_is_never_early(point_in_time: int, now: float) -> None:
    """By the sender's clock, a message is visible within the second after its pointInTime, or at once if it is late.

    Other schedulers round the delay down, so that messages are up to a second early.
    """
    delay = delay_seconds(point_in_time, now)
    assert delay >= 0
    assert now + delay >= point_in_time
    if delay > 0:
        assert now + delay < point_in_time + 1


@pytest.mark.parametrize(
    ("ahead", "delay"),
    [(0, 0), (0.000_001, 1), (0.5, 1), (1, 1), (1.5, 2), (899.5, 900), (900, 900), (900.5, 901), (-0.5, 0), (-1e9, 0)],
)
def test_delay_is_rounded_up(ahead: float, delay: int) -> None:
    """A delay is never negative, and never cut to the longest that SQS accepts."""
    assert delay_seconds(NOW, NOW - ahead) == delay


@given(CLOCKS, st.integers(60, 840))
def test_handed_over_schedule_can_be_sent(now: float, delayer_period: int) -> None:
    """The last schedule within the delayer period fits SQS's delay, and its removal is not a cancellation.

    DynamoDB rounds the time of the removal down, so the lead looks up to a second longer than it is.
    """
    latest = handover_cutoff(now, delayer_period)
    assert latest >= now + delayer_period
    assert delay_seconds(latest, now) <= MAX_DELAY_SECONDS
    assert not is_cancelled(latest, float(int(now)))


def test_removal_more_than_900_s_ahead_is_a_cancellation() -> None:
    """A removal 900 s before the pointInTime is a hand-over, and one 901 s before it a cancellation."""
    assert not is_cancelled(NOW, NOW - 900)
    assert is_cancelled(NOW, NOW - 901)
    assert not is_cancelled(NOW, NOW + 86_400)


def test_message_has_id_time_and_payload() -> None:
    """The body has the id, the time and the unchanged payload. The attributes repeat the first two."""
    message = Schedule(7, due_key(NOW, "abc"), '{"b": 1.0, "a": "é"}').message()
    assert message.body == (
        '{"scheduleId":"007-001795338000-abc","pointInTime":"2026-11-22T09:00:00Z","payload":{"b": 1.0, "a": "é"}}'
    )
    assert message.attributes == {"scheduleId": "007-001795338000-abc", "pointInTime": "2026-11-22T09:00:00Z"}


def test_size_of_message_counts_body_and_attributes() -> None:
    """SQS counts the body and each attribute's name, type and value, in bytes of UTF-8."""
    message = Schedule(7, due_key(NOW, "abc"), '"é😀"').message()
    assert message.size_bytes == (
        len('{"scheduleId":"007-001795338000-abc","pointInTime":"2026-11-22T09:00:00Z","payload":"...6.."}')
        + len("scheduleId" + "String" + "007-001795338000-abc")
        + len("pointInTime" + "String" + "2026-11-22T09:00:00Z")
    )
    assert Schedule(7, due_key(NOW, "abc"), '"é"').message().size_bytes == message.size_bytes - 4


@given(SHARDS, st.integers(0, 253_402_300_799), UNIQUE_PARTS)
def test_body_is_json(shard: int, point_in_time: int, unique: str) -> None:
    """For any key, a JSON parser reads the body, and the message is far below the queue's limit."""
    message = Schedule(shard, due_key(point_in_time, unique), "[1]").message()
    assert json.loads(message.body) == message.attributes | {"payload": [1]}
    assert message.size_bytes < MAX_MESSAGE_BYTES // 500


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "1970-01-01T00:00:00Z"), (NOW, "2026-11-22T09:00:00Z"), (253_402_300_799, "9999-12-31T23:59:59Z")],
)
def test_times_are_formatted_in_utc(seconds: int, text: str) -> None:
    """Times are RFC 3339 with whole seconds, whatever the local time zone."""
    assert format_point_in_time(seconds) == text
