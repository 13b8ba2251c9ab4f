"""Decisions about a batch of stream records."""

from __future__ import annotations

from delayer.schedules import Schedule, due_key
from stream_dynamodb_fasttrack_enqueuer.plan import Cancelled, Plan, Unsendable, plan
from tests.support.clock import NOW
from tests.support.stream_records import Record, StreamRecords


def schedule(due_in: int) -> Schedule:
    """Return a schedule that is due this many seconds after NOW."""
    return Schedule(0, due_key(NOW + due_in, f"n{due_in}"), "1")


def removals(*due_in: int) -> list[Record]:
    """Return records of removals at NOW."""
    made = StreamRecords()
    return [made.remove(schedule(each), NOW) for each in due_in]


def positions(found: Plan) -> list[list[int] | int]:
    """Return the positions of removals: a list for each run to send, a number for one to keep."""
    return [
        step.position if isinstance(step, Unsendable) else [removal.position for removal in step]
        for step in found.steps
    ]


def test_cancellation_does_not_split_a_run() -> None:
    """Removals around a cancellation are sent together: a shorter run would cost another call."""
    found = plan(removals(10, 5_000, 20), NOW, 840)
    assert positions(found) == [[0, 2]]
    assert found.cancelled == [Cancelled(1, schedule(5_000).schedule_id)]


def test_unsendable_removal_splits_a_run() -> None:
    """Removals keep the order of the stream: those after the unsendable one are sent when it is kept."""
    records = removals(10, 20, 30, 40, 50)
    for position in (1, 2):
        del records[position]["dynamodb"]["OldImage"]
    assert positions(plan(records, NOW, 840)) == [[0], 1, 2, [3, 4]]


def test_insert_does_not_split_a_run() -> None:
    """INSERTs are handed over after all removals."""
    inserted = StreamRecords().insert(schedule(30), NOW)
    first, second = removals(10, 20)
    found = plan([first, inserted, inserted, second], NOW, 840)
    assert positions(found) == [[0, 3]]
    assert found.handovers == [inserted["dynamodb"]["Keys"]]


def test_empty_batch_asks_for_nothing() -> None:
    """Without records, there is nothing to do."""
    assert plan([], NOW, 840) == Plan([], [], [])
