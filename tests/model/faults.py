"""What AWS and Lambda do to a handler's calls."""

from __future__ import annotations

import random
from enum import Enum, auto

__all__ = ["CALL_SECONDS", "FAST_TRACK_PLANS", "POST_PLANS", "SWEEP_PLANS", "Fault", "Plan", "fault_of"]

#: How long a call takes that nothing happens to.
CALL_SECONDS = 0.01


class Fault(Enum):
    """What happens to one call."""

    #: It is throttled.
    THROTTLED = auto()
    #: The service answers 500.
    FAILED = auto()
    #: It takes effect, and the answer never comes.
    CUT_OFF = auto()
    #: Every second part of it is taken.
    PARTIAL = auto()
    #: It is answered, and nothing of it is taken.
    NONE_TAKEN = auto()
    #: It takes as long as a call may.
    SLOW = auto()
    #: The function is killed before it.
    KILLED_BEFORE = auto()
    #: The function is killed after it.
    KILLED_AFTER = auto()
    #: A whole sweep runs between the call before and this one.
    OVERLAPPED = auto()
    #: A query reads what was there a moment ago.
    STALE = auto()
    #: The service says that this must not be asked.
    DENIED = auto()
    #: The queue refuses a message's content.
    CONTENT_REFUSED = auto()


#: Stands for every operation that the fault can happen to.
_EVERY = "*"

#: What happens to which call of an operation, from 0; None stands for every call.
type Plan = tuple[tuple[str, int | None, Fault], ...]

_ANY = (Fault.THROTTLED, Fault.FAILED, Fault.CUT_OFF, Fault.SLOW, Fault.KILLED_BEFORE, Fault.KILLED_AFTER, Fault.DENIED)
_OVERLAPPED = (*_ANY, Fault.OVERLAPPED)
_PARTIAL = (*_OVERLAPPED, Fault.PARTIAL, Fault.NONE_TAKEN)


def fault_of(plan: Plan, operation: str, call: int) -> Fault | None:
    """What happens to that call."""
    for faulty, nth, fault in plan:
        if faulty in (operation, _EVERY) and nth in (None, call) and fault in _POSSIBLE[operation]:
            return fault
    return None


#: What can happen to an operation.
_POSSIBLE = {
    "put_item": _ANY,
    "describe_table": _ANY,
    "query": (*_OVERLAPPED, Fault.STALE),
    "batch_write_item": _PARTIAL,
    "send_message_batch": (*_PARTIAL, Fault.CONTENT_REFUSED),
    "put_object": _ANY,
}


def _plans(*operations: str) -> list[Plan]:
    """The simplest first: none, a fault of every operation, of one operation, and two or three of these."""
    possible = [fault for fault in Fault if any(fault in _POSSIBLE[operation] for operation in operations)]
    everywhere = [(_EVERY, nth, fault) for fault in possible for nth in (None, 0)]
    parts = [(operation, nth, fault) for operation in operations for fault in _POSSIBLE[operation] for nth in (0, None)]
    chance = random.Random(1)
    several = [tuple(chance.sample(parts, size)) for size in (2, 3) for _ in range(10)]
    return [(), *((part,) for part in 2 * everywhere + parts), *several]


POST_PLANS = _plans("put_item")
SWEEP_PLANS = _plans("describe_table", "query", "batch_write_item")
FAST_TRACK_PLANS = _plans("send_message_batch", "batch_write_item", "put_object")
