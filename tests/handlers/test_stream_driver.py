"""The stand-in for the event source mapping does what AWS documents, or the fast track's tests would prove nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from delayer.schedules import Schedule, due_key
from tests.support.clock import NOW, Clock
from tests.support.stream_driver import StreamMapping
from tests.support.stream_records import Record, StreamRecords, sequence_numbers


def removals(number: int, at: float = NOW) -> list[Record]:
    """Records of one shard, in order."""
    made = StreamRecords()
    return [made.remove(Schedule(0, due_key(NOW + 60, f"n{position}"), "1"), at) for position in range(number)]


def answer_with(*identifiers: Any) -> dict[str, Any]:
    """A partial answer."""
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}


class Script:
    """A function that answers its calls one after the other as it is told, and then with success."""

    def __init__(self, *answers: Callable[[list[str]], Any]) -> None:
        self.answers = list(answers)
        self.batches: list[list[str]] = []

    def __call__(self, event: dict[str, Any]) -> Any:
        """The next answer."""
        batch = sequence_numbers(event["Records"])
        self.batches.append(batch)
        return self.answers.pop(0)(batch) if self.answers else None


def fail(_batch: list[str]) -> Any:
    """Raise."""
    raise ZeroDivisionError


def run(records: list[Record], script: Script, clock: Clock, **options: Any) -> list[list[int]]:
    """The positions of the records in each invocation."""
    StreamMapping(script, clock, **options).deliver(records)
    order = sequence_numbers(records)
    return [[order.index(number) for number in batch] for batch in script.batches]


def test_batches_come_in_order(clock: Clock) -> None:
    """Each as large as the mapping says, the rest at the end."""
    assert run(removals(5), Script(), clock, batch_size=2) == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize(
    "answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}], ids=["null", "empty", "list", "none"]
)
def test_an_answer_without_failures_is_success(clock: Clock, answer: Any) -> None:
    """Nothing comes again."""
    assert run(removals(2), Script(lambda _: answer), clock) == [[0, 1]]


def test_the_lowest_number_reported_is_the_checkpoint(clock: Clock) -> None:
    """Lowest by its number, though text sorts it last; everything from it on comes again, nothing before it."""
    assert run(removals(5), Script(lambda batch: answer_with(batch[3], batch[1])), clock) == [
        [0, 1, 2, 3, 4],
        [1, 2, 3, 4],
    ]


@pytest.mark.parametrize(
    "answer",
    [
        lambda batch: answer_with("unknown", batch[3]),
        lambda _: answer_with(None),
        lambda _: answer_with(""),
        lambda _: {"batchItemFailures": [{"identifier": "x"}]},
        lambda _: {"failures": []},
        lambda _: "done",
        fail,
    ],
    ids=["unknown", "null", "empty", "key", "shape", "text", "raised"],
)
def test_an_unusable_answer_fails_the_whole_batch(clock: Clock, answer: Callable[[list[str]], Any]) -> None:
    """The batch is halved, and its halves come again in order."""
    assert run(removals(4), Script(answer), clock) == [[0, 1, 2, 3], [0, 1], [2, 3]]


def test_halving_isolates_a_record(clock: Clock) -> None:
    """A half that fails is halved again before the next half has its turn."""
    assert run(removals(4), Script(fail, fail, fail), clock) == [[0, 1, 2, 3], [0, 1], [0], [0], [1], [2, 3]]


def test_what_is_too_old_is_discarded_whole(clock: Clock) -> None:
    """A record that fails until it is too old goes to the destination, with its image, and the next has its turn."""
    records = removals(2)
    script = Script(*[fail] * 4)
    mapping = StreamMapping(script, clock, batch_size=1, maximum_record_age_seconds=90, retry_wait_seconds=30)
    mapping.deliver(records)
    assert mapping.discarded == [records[0], records[1]]
    assert len(mapping.invocations) == 4


def test_other_events_are_filtered(clock: Clock) -> None:
    """A MODIFY never reaches the function."""
    records = removals(3)
    records[1]["eventName"] = "MODIFY"
    assert run(records, Script(), clock) == [[0, 2]]


def test_a_blocked_shard_fails_the_test(clock: Clock) -> None:
    """A record that fails for ever doesn't hang the tests."""
    with pytest.raises(AssertionError, match="the shard is blocked"):
        run(removals(1), Script(*[fail] * 300), clock)
