"""The fake event source mapping behaves as AWS documents. The fast track's tests rely on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from delayer.schedules import Schedule, due_key
from tests.support.clock import NOW, Clock
from tests.support.stream_driver import StreamMapping
from tests.support.stream_records import Record, StreamRecords, sequence_numbers


def removals(number: int, at: float = NOW) -> list[Record]:
    """Return records of one shard, in order."""
    made = StreamRecords()
    return [made.remove(Schedule(0, due_key(NOW + 60, f"n{position}"), "1"), at) for position in range(number)]


def answer_with(*identifiers: Any) -> dict[str, Any]:
    """Return an answer that reports these records as failed."""
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}


class Script:
    """A function that gives one of `answers` to each call, and then succeeds."""

    def __init__(self, *answers: Callable[[list[str]], Any]) -> None:
        self.answers = list(answers)
        self.batches: list[list[str]] = []

    def __call__(self, event: dict[str, Any]) -> Any:
        """Give the next answer."""
        batch = sequence_numbers(event["Records"])
        self.batches.append(batch)
        return self.answers.pop(0)(batch) if self.answers else None


def fail(_batch: list[str]) -> Any:
    """Raise an exception."""
    raise ZeroDivisionError


def run(records: list[Record], script: Script, clock: Clock, **options: Any) -> list[list[int]]:
    """Return the positions of the records in each invocation."""
    StreamMapping(script, clock, **options).deliver(records)
    order = sequence_numbers(records)
    return [[order.index(number) for number in batch] for batch in script.batches]


def test_batches_are_in_order(clock: Clock) -> None:
    """Each has the mapping's batch size, and the last one the rest."""
    assert run(removals(5), Script(), clock, batch_size=2) == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize(
    "answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}], ids=["null", "empty", "list", "none"]
)
def test_answer_without_failures_is_success(clock: Clock, answer: Any) -> None:
    """Nothing is retried."""
    assert run(removals(2), Script(lambda _: answer), clock) == [[0, 1]]


def test_lowest_reported_number_is_the_checkpoint(clock: Clock) -> None:
    """Numbers are compared as integers. The batch is retried from the checkpoint on."""
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
def test_invalid_answer_fails_the_whole_batch(clock: Clock, answer: Callable[[list[str]], Any]) -> None:
    """The batch is halved, and its halves are retried in order."""
    assert run(removals(4), Script(answer), clock) == [[0, 1, 2, 3], [0, 1], [2, 3]]


def test_halving_isolates_a_record(clock: Clock) -> None:
    """A half that fails is halved again before the next half is retried."""
    assert run(removals(4), Script(fail, fail, fail), clock) == [[0, 1, 2, 3], [0, 1], [0], [0], [1], [2, 3]]


def test_old_record_is_discarded_whole(clock: Clock) -> None:
    """A record that fails until it is too old goes to the destination, with its image, and the next one follows."""
    records = removals(2)
    script = Script(*[fail] * 4)
    mapping = StreamMapping(script, clock, batch_size=1, maximum_record_age_seconds=90, retry_wait_seconds=30)
    mapping.deliver(records)
    assert mapping.discarded == [records[0], records[1]]
    assert len(mapping.invocations) == 4


def test_modify_events_are_filtered(clock: Clock) -> None:
    """The function never gets a MODIFY."""
    records = removals(3)
    records[1]["eventName"] = "MODIFY"
    assert run(records, Script(), clock) == [[0, 2]]


def test_blocked_shard_fails_the_test(clock: Clock) -> None:
    """A record that always fails does not hang the tests."""
    with pytest.raises(AssertionError, match="the shard is blocked"):
        run(removals(1), Script(*[fail] * 300), clock)
