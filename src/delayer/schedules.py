"""A schedule: when it is due, the key that names its record, and the message that it becomes. Pure functions.

Times are seconds since 1970-01-01T00:00:00Z: a pointInTime is a whole number of them (int), a clock's reading a float.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

__all__ = [
    "MAX_DELAY_SECONDS",
    "MAX_HANDOVER_LEAD_SECONDS",
    "MAX_MESSAGE_BYTES",
    "MAX_SHARDS",
    "Message",
    "Schedule",
    "delay_seconds",
    "due_key",
    "end_of_due",
    "format_point_in_time",
    "handover_cutoff",
    "is_cancelled",
    "point_in_time_of",
    "schedule_id",
]

#: The longest DelaySeconds that SQS takes (Amazon SQS developer guide, "Message quotas").
MAX_DELAY_SECONDS = 900

#: A record removed longer than this before its pointInTime was cancelled. It is the longest that a hand-over can lead,
#: not the delayer period in force: the functions are deployed one after the other and a stream's backlog is up to a
#: day old, so whoever removed the record may have worked with another period than whoever reads of it.
MAX_HANDOVER_LEAD_SECONDS = MAX_DELAY_SECONDS

#: The largest message of the delayer queue in bytes of UTF-8, body and attributes together. AWS provider 5.x allows a
#: queue's max_message_size no more.
MAX_MESSAGE_BYTES = 262_144

#: The scheduleId names the shard with three digits.
MAX_SHARDS = 1000

#: Seconds are padded to this many digits, so that text sorts as time does, up to the year 9999 (253402300799).
_DUE_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent for a schedule: the same text whatever path it took."""

    schedule_id: str
    point_in_time: int
    body: str
    #: Name and value of the String attributes, for consumers that drop a redelivery without parsing the body.
    attributes: dict[str, str]
    #: What SQS counts: the body, and name, type and value of every attribute, in UTF-8.
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """One accepted schedule, as its record holds it."""

    #: Partition key, from 0 to MAX_SHARDS - 1.
    shard: int
    #: Sort key, made by `due_key`.
    due: str
    #: JSON text, handed on as it is.
    payload: str

    @property
    def point_in_time(self) -> int:
        """When it is due. Raises ValueError if `due` is not a key that `due_key` makes."""
        return point_in_time_of(self.due)

    @property
    def schedule_id(self) -> str:
        """The id that clients and consumers see: the record's key in at most 80 of `[A-Za-z0-9_-]`."""
        return schedule_id(self.shard, self.due)

    def message(self) -> Message:
        """The message that it becomes. Raises ValueError as `point_in_time` does."""
        identity, point_in_time = self.schedule_id, self.point_in_time
        attributes = {"scheduleId": identity, "pointInTime": format_point_in_time(point_in_time)}
        body = f'{{"scheduleId":"{identity}","pointInTime":"{attributes["pointInTime"]}","payload":{self.payload}}}'
        size = len(body.encode())
        for name, value in attributes.items():
            size += len(name) + len("String") + len(value)
        return Message(identity, point_in_time, body, attributes, size)


def schedule_id(shard: int, due: str) -> str:
    """The scheduleId of the record in `shard` under `due`."""
    return f"{shard:03d}-{due.replace('#', '-', 1)}"


def due_key(point_in_time: int, unique: str) -> str:
    """The sort key `due`: zero-padded seconds, `#`, and a unique part of `[A-Za-z0-9_-]`, at most 60 of them."""
    return f"{point_in_time:0{_DUE_DIGITS}d}#{unique}"


def end_of_due(cutoff: int) -> str:
    """The smallest text that sorts after every `due` of a schedule at or before `cutoff`."""
    return f"{cutoff + 1:0{_DUE_DIGITS}d}"


def point_in_time_of(due: str) -> int:
    """The pointInTime in a `due` key. Raises ValueError if it is not a key that `due_key` makes."""
    seconds, separator, unique = due.partition("#")
    if len(seconds) != _DUE_DIGITS or not (seconds.isascii() and seconds.isdecimal() and separator and unique):
        raise ValueError(f"the key due is {due[:80]!r}, which is not {_DUE_DIGITS} digits, '#' and a unique part")
    return int(seconds)


def format_point_in_time(point_in_time: int) -> str:
    """RFC 3339 in UTC with whole seconds: `2026-11-22T09:00:00Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(point_in_time))


def handover_cutoff(now: float, delayer_period_seconds: int) -> int:
    """The last pointInTime that is within the delayer period, counted from the next whole second."""
    return math.ceil(now) + delayer_period_seconds


def is_cancelled(point_in_time: int, removed_at: float) -> bool:
    """Whether a removal was a cancellation: longer before the pointInTime than any hand-over.

    `removed_at` is when the record was removed, not when the removal is read: a late stream must not turn a
    cancellation into a delivery.
    """
    return point_in_time - removed_at > MAX_HANDOVER_LEAD_SECONDS


def delay_seconds(point_in_time: int, now: float) -> int:
    """The DelaySeconds of a message sent at `now`: rounded up, so that it is never visible early, and at least 0.

    Over MAX_DELAY_SECONDS (clocks differ) it can't be sent yet; a smaller delay would be early.
    """
    return max(0, math.ceil(point_in_time - now))
