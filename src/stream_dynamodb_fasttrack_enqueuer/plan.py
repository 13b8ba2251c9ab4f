"""Decide what to do with a batch of stream records: send, keep, hand over or count as cancelled. Pure functions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from delayer.schedule_table import Key, schedule_from
from delayer.schedules import MAX_MESSAGE_BYTES, Message, handover_cutoff, is_cancelled, point_in_time_of

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Cancelled", "Plan", "Record", "Sendable", "Unsendable", "plan"]

#: A stream record (Amazon DynamoDB Streams API reference, "Record") in the JSON of a Lambda event.
type Record = dict[str, Any]


class Sendable(NamedTuple):
    """A removal whose message is to be sent."""

    #: The record's index in the batch.
    position: int
    record: Record
    message: Message


class Unsendable(NamedTuple):
    """A removal that can never be sent, or comes too late: its record belongs in the failure bucket."""

    #: The record's index in the batch.
    position: int
    record: Record
    reason: str


class Cancelled(NamedTuple):
    """A removal that was a cancellation: nothing is sent."""

    #: The record's index in the batch.
    position: int
    schedule_id: str


class Plan(NamedTuple):
    """What to do with a batch."""

    #: The removals in the order of the stream: lists of consecutive ones to send, and single ones to keep.
    steps: Sequence[list[Sendable] | Unsendable]
    cancelled: Sequence[Cancelled]
    #: Distinct keys of records inserted within the delayer period. Deleting them causes the removals that are sent.
    handovers: Sequence[Key]


def plan(
    records: Sequence[Record], now: float, delayer_period_seconds: int, max_lateness_seconds: int | None = None
) -> Plan:
    """Return what to do at `now` with the stream records of an event.

    A schedule more than `max_lateness_seconds` after its pointInTime is kept, not sent. None means no limit.
    """
    cutoff = handover_cutoff(now, delayer_period_seconds)
    steps: list[list[Sendable] | Unsendable] = []
    run: list[Sendable] = []
    cancelled: list[Cancelled] = []
    handovers: dict[tuple[str, str], Key] = {}
    for position, record in enumerate(records):
        if record["eventName"] == "REMOVE":
            removal = _removal(position, record, now, max_lateness_seconds)
            if isinstance(removal, Sendable):
                if not run:
                    steps.append(run)
                run.append(removal)
            elif isinstance(removal, Unsendable):
                steps.append(removal)
                run = []
            else:
                cancelled.append(removal)
        elif record["eventName"] == "INSERT":
            key = record["dynamodb"]["Keys"]
            if _is_due(key, cutoff):
                handovers[key["shard"]["N"], key["due"]["S"]] = key
    return Plan(steps, cancelled, list(handovers.values()))


def _removal(
    position: int, record: Record, now: float, max_lateness_seconds: int | None
) -> Sendable | Unsendable | Cancelled:
    try:
        change = record["dynamodb"]
        schedule = schedule_from(change["OldImage"])
        message = schedule.message()
        # Seconds since 1970, rounded down by DynamoDB: never later than the removal, and less than a second earlier.
        removed_at = float(change["ApproximateCreationDateTime"])
    except (KeyError, TypeError, ValueError) as error:
        return Unsendable(position, record, f"the stream record can't be read: {error!r}")
    if is_cancelled(message.point_in_time, removed_at):
        return Cancelled(position, message.schedule_id)
    if message.size_bytes > MAX_MESSAGE_BYTES:
        reason = f"the message is {message.size_bytes} bytes; the queue's limit is {MAX_MESSAGE_BYTES}"
        return Unsendable(position, record, reason)
    if max_lateness_seconds is not None and (lateness := now - message.point_in_time) > max_lateness_seconds:
        reason = f"the schedule is {math.ceil(lateness)} s late; max_lateness_seconds is {max_lateness_seconds}"
        return Unsendable(position, record, reason)
    return Sendable(position, record, message)


def _is_due(key: Key, cutoff: int) -> bool:
    try:
        return point_in_time_of(key["due"]["S"]) <= cutoff
    except (KeyError, ValueError):
        # The post function did not insert this record. It stays in the table unless its key sorts before the keys that
        # are due. In that case a sweep removes it, and its removal, which can't be read either, is kept.
        return False
