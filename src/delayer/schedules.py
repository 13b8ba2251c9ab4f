"""A schedule: when it is due, the key of its record, and the message sent for it. Pure functions.

Times are seconds since 1970-01-01T00:00:00Z: a pointInTime is an int, a clock reading a float.
"""

from __future__ import annotations

import math
import re
import time
from typing import NamedTuple

__all__ = [
    "CANCELLABLE_SECONDS",
    "LAST_POINT_IN_TIME",
    "MAX_DELAY_SECONDS",
    "MAX_HANDOVER_LEAD_SECONDS",
    "MAX_MESSAGE_BYTES",
    "MAX_SHARDS",
    "Message",
    "Schedule",
    "after_due",
    "delay_seconds",
    "due_key",
    "end_of_due",
    "format_point_in_time",
    "handover_cutoff",
    "is_cancelled",
    "parse_schedule_id",
    "point_in_time_of",
    "schedule_id",
    "start_of_due",
]

#: The longest DelaySeconds that SQS accepts (Amazon SQS developer guide, "Message quotas").
MAX_DELAY_SECONDS = 900

#: A record removed more than this before its pointInTime was cancelled. This is the longest possible lead of a
#: hand-over and not the current delayer period, because the function that removed the record may have used another
#: period than the one that reads the removal: functions are deployed one by one, and a stream's backlog is up to a day
#: old.
MAX_HANDOVER_LEAD_SECONDS = MAX_DELAY_SECONDS

#: Nearer to its pointInTime, a schedule can't be cancelled. A minute more than MAX_HANDOVER_LEAD_SECONDS, so that the
#: removal counts as a cancellation although it takes time, and although the clock of the function that cancels and that
#: of DynamoDB differ.
CANCELLABLE_SECONDS = MAX_HANDOVER_LEAD_SECONDS + 60

#: The largest message of the delayer queue in bytes of UTF-8, body and attributes together. It is the largest
#: max_message_size that AWS provider 5.x accepts for a queue.
MAX_MESSAGE_BYTES = 262_144

#: The scheduleId has three digits for the shard.
MAX_SHARDS = 1000

#: Seconds are padded to this many digits, so that keys sort by time up to the end of the year 9999 (253402300799).
_DUE_DIGITS = 12

#: The end of the year 9999, the last that RFC 3339 can write.
LAST_POINT_IN_TIME = 253_402_300_799

_SCHEDULE_ID = re.compile(rf"([0-9]{{3}})-([0-9]{{{_DUE_DIGITS}}})-([A-Za-z0-9_-]{{1,60}})")


class Message(NamedTuple):
    """The message sent for a schedule. It is the same for the sweep and the fast track."""

    schedule_id: str
    point_in_time: int
    body: str
    #: Names and values of the String attributes. Consumers can drop a redelivery without parsing the body.
    attributes: dict[str, str]
    #: The size as SQS counts it: the body, and the name, type and value of each attribute, in bytes of UTF-8.
    size_bytes: int


class Schedule(NamedTuple):
    """An accepted schedule, with the attributes of its record."""

    #: Partition key, from 0 to MAX_SHARDS - 1.
    shard: int
    #: Sort key; see `due_key`.
    due: str
    #: JSON text, sent unchanged.
    payload: str

    @property
    def point_in_time(self) -> int:
        """Return when it is due, in seconds since 1970. Raises ValueError as `point_in_time_of` does."""
        return point_in_time_of(self.due)

    @property
    def schedule_id(self) -> str:
        """Return the id for clients and consumers: the record's key in at most 80 characters of `[A-Za-z0-9_-]`."""
        return schedule_id(self.shard, self.due)

    def message(self) -> Message:
        """Return the message to send. Raises ValueError as `point_in_time` does."""
        identity, point_in_time = self.schedule_id, self.point_in_time
        attributes = {"scheduleId": identity, "pointInTime": format_point_in_time(point_in_time)}
        body = f'{{"scheduleId":"{identity}","pointInTime":"{attributes["pointInTime"]}","payload":{self.payload}}}'
        size = len(body.encode())
        for name, value in attributes.items():
            size += len(name) + len("String") + len(value)
        return Message(identity, point_in_time, body, attributes, size)


def schedule_id(shard: int, due: str) -> str:
    """Return the scheduleId of the record with this key: `007-001795338000-abc` for 7 and `001795338000#abc`."""
    return f"{shard:03d}-{due.replace('#', '-', 1)}"


def parse_schedule_id(text: str) -> tuple[int, str]:
    """Return the shard and the `due` key of a scheduleId. Raises ValueError with a sentence if it is none."""
    match = _SCHEDULE_ID.fullmatch(text)
    if match is None or int(match[2]) > LAST_POINT_IN_TIME:
        raise ValueError(f"{text[:100]!a} is not a scheduleId: send it as the answer to POST /schedules has it")
    return int(match[1]), f"{match[2]}#{match[3]}"


def due_key(point_in_time: int, unique: str) -> str:
    """Return the sort key: 12 digits of seconds, `#`, and the unique part, at most 60 characters of `[A-Za-z0-9_-]`."""
    return f"{point_in_time:0{_DUE_DIGITS}d}#{unique}"


def start_of_due(point_in_time: int) -> str:
    """Return the text that sorts before every `due` of a schedule at or after this time, and after all others."""
    return f"{point_in_time:0{_DUE_DIGITS}d}"


def end_of_due(cutoff: int) -> str:
    """Return the smallest text that sorts after every `due` of a schedule at or before `cutoff`."""
    return start_of_due(cutoff + 1)


def after_due(due: str) -> str:
    """Return a text that sorts after this key and before every later one: `!` sorts before the characters of a key."""
    return f"{due}!"


def point_in_time_of(due: str) -> int:
    """Return the pointInTime in a `due` key. Raises ValueError if the key has another form than `due_key`'s."""
    seconds, separator, unique = due.partition("#")
    if len(seconds) != _DUE_DIGITS or not (seconds.isascii() and seconds.isdecimal() and separator and unique):
        raise ValueError(f"the sort key due must be {_DUE_DIGITS} digits, '#' and a unique part, not {due[:80]!r}")
    return int(seconds)


def format_point_in_time(point_in_time: int) -> str:
    """Return the time as RFC 3339 in UTC with whole seconds: `2026-11-22T09:00:00Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(point_in_time))


def handover_cutoff(now: float, delayer_period_seconds: int) -> int:
    """Return the last pointInTime within the delayer period, which starts at the next whole second."""
    return math.ceil(now) + delayer_period_seconds


def is_cancelled(point_in_time: int, removed_at: float) -> bool:
    """Return whether a removal was a cancellation: longer before the pointInTime than any hand-over.

    `removed_at` is the time of the removal, not of its processing: a late stream must not turn a cancellation into a
    delivery.
    """
    return point_in_time - removed_at > MAX_HANDOVER_LEAD_SECONDS


def delay_seconds(point_in_time: int, now: float) -> int:
    """Return the DelaySeconds of a message sent at `now`: rounded up, so that it never arrives early, and at least 0.

    A delay over MAX_DELAY_SECONDS is possible, because clocks differ. The message can't be sent yet: with a smaller
    delay it would arrive early.
    """
    return max(0, math.ceil(point_in_time - now))
