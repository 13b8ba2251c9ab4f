"""What a batch of stream records asks for: which messages to send and which records to hand over. Pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from delayer.schedule_table import Key, schedule_from
from delayer.schedules import MAX_MESSAGE_BYTES, Message, handover_cutoff, is_cancelled, point_in_time_of

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Plan", "plan"]

type Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do for a batch. Positions are the records' in the batch."""

    #: Removed within the longest lead of a hand-over: to be sent. In the order of the stream.
    messages: list[tuple[int, Message]] = field(default_factory=list)
    #: Removals that can never be sent, or too late to be sent, and why: to be kept in the failure bucket.
    unreadable: list[tuple[int, str]] = field(default_factory=list)
    #: Inserted inside the delayer period: to be deleted, which raises the removal that is sent. Distinct.
    handovers: list[Key] = field(default_factory=list)
    #: Removals that were cancellations, with their scheduleIds: nothing is sent.
    cancelled: list[tuple[int, str]] = field(default_factory=list)


def plan(
    records: Sequence[Record], now: float, delayer_period_seconds: int, max_lateness_seconds: int | None = None
) -> Plan:
    """What the stream records of an event (Amazon DynamoDB Streams API reference, "Record") ask for at `now`.

    What is more than `max_lateness_seconds` after its pointInTime is not sent; with None, everything due is.
    """
    result = Plan()
    cutoff = handover_cutoff(now, delayer_period_seconds)
    handovers: dict[tuple[str, str], Key] = {}
    for position, record in enumerate(records):
        if record["eventName"] == "REMOVE":
            _plan_removal(result, position, record, now, max_lateness_seconds)
        elif record["eventName"] == "INSERT":
            key = record["dynamodb"]["Keys"]
            if _is_due(key, cutoff):
                handovers[key["shard"]["N"], key["due"]["S"]] = key
    result.handovers.extend(handovers.values())
    return result


def _plan_removal(result: Plan, position: int, record: Record, now: float, max_lateness_seconds: int | None) -> None:
    try:
        change = record["dynamodb"]
        schedule = schedule_from(change["OldImage"])
        message = schedule.message()
        # Seconds since 1970, rounded down by DynamoDB: up to a second earlier than the removal was, never later.
        removed_at = float(change["ApproximateCreationDateTime"])
    except (KeyError, TypeError, ValueError) as error:
        result.unreadable.append((position, f"the stream record can't be read: {error!r}"))
        return
    if is_cancelled(message.point_in_time, removed_at):
        result.cancelled.append((position, message.schedule_id))
    elif message.size_bytes > MAX_MESSAGE_BYTES:
        reason = f"its message has {message.size_bytes} bytes, and the queue takes {MAX_MESSAGE_BYTES}"
        result.unreadable.append((position, reason))
    elif max_lateness_seconds is not None and (lateness := now - message.point_in_time) > max_lateness_seconds:
        reason = f"it is {math.ceil(lateness)} s late, and max_lateness_seconds is {max_lateness_seconds}"
        result.unreadable.append((position, reason))
    else:
        result.messages.append((position, message))


def _is_due(key: Key, cutoff: int) -> bool:
    try:
        return point_in_time_of(key["due"]["S"]) <= cutoff
    except (KeyError, ValueError):
        # Nothing that the post function inserted. It stays in the table, unless its key sorts before those that are
        # due: then a sweep removes it, and the removal, which can't be read either, is kept.
        return False
