"""Faults of AWS and Lambda during a handler's calls."""

from __future__ import annotations

import random
from enum import Enum, auto

#: The duration of a call without a fault.
CALL_SECONDS = 0.01


class Fault(Enum):
    """A fault of one call."""

    #: The call is throttled.
    THROTTLED = auto()
    #: The service answers 500.
    FAILED = auto()
    #: The call takes effect, but its answer is lost.
    CUT_OFF = auto()
    #: The service processes every second entry.
    PARTIAL = auto()
    #: The service answers, but processes no entry.
    NONE_TAKEN = auto()
    #: The call takes almost until its timeout.
    SLOW = auto()
    #: The function stands still for longer than a minute before the call.
    STALLED = auto()
    #: The function is killed before the call.
    KILLED_BEFORE = auto()
    #: The function is killed after the call.
    KILLED_AFTER = auto()
    #: A whole sweep runs before the call.
    OVERLAPPED = auto()
    #: A query reads an earlier state.
    STALE = auto()
    #: The service denies access.
    DENIED = auto()
    #: The queue refuses the content of a message.
    CONTENT_REFUSED = auto()


#: Means every operation that can have the fault.
_EVERY = "*"

#: The faults of an invocation: operation, number of the call from 0 (None: every call), and fault.
type Plan = tuple[tuple[str, int | None, Fault], ...]

_ANY = (Fault.THROTTLED, Fault.FAILED, Fault.CUT_OFF, Fault.SLOW, Fault.KILLED_BEFORE, Fault.KILLED_AFTER, Fault.DENIED)
_OVERLAPPED = (*_ANY, Fault.OVERLAPPED)
_PARTIAL = (*_OVERLAPPED, Fault.PARTIAL, Fault.NONE_TAKEN)


def fault_of(plan: Plan, operation: str, call: int) -> Fault | None:
    """Return the fault of this call."""
    for faulty, nth, fault in plan:
        if faulty in (operation, _EVERY) and nth in (None, call) and fault in _POSSIBLE[operation]:
            return fault
    return None


#: The possible faults of each operation.
_POSSIBLE = {
    "put_item": _ANY,
    "get_item": _OVERLAPPED,
    "delete_item": (*_OVERLAPPED, Fault.STALLED),
    "describe_table": _ANY,
    "query": (*_OVERLAPPED, Fault.STALE),
    "batch_write_item": _PARTIAL,
    "send_message_batch": (*_PARTIAL, Fault.CONTENT_REFUSED),
    "put_object": _ANY,
}


def _plans(*operations: str) -> list[Plan]:
    """Return plans, the simplest first: without faults, with one of all operations or of one, or with two or three."""
    possible = [fault for fault in Fault if any(fault in _POSSIBLE[operation] for operation in operations)]
    everywhere = [(_EVERY, nth, fault) for fault in possible for nth in (None, 0)]
    parts = [(operation, nth, fault) for operation in operations for fault in _POSSIBLE[operation] for nth in (0, None)]
    chance = random.Random(1)
    several = [tuple(chance.sample(parts, size)) for size in (2, 3) for _ in range(10)]
    return [(), *((part,) for part in 2 * everywhere + parts), *several]


POST_PLANS = _plans("put_item")
ARRAY_PLANS = _plans("batch_write_item")
CANCEL_PLANS = _plans("delete_item")
GET_PLANS = _plans("get_item")
SWEEP_PLANS = _plans("describe_table", "query", "batch_write_item")
FAST_TRACK_PLANS = _plans("send_message_batch", "batch_write_item", "put_object")
