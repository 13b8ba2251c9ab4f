"""Plays the event source mapping of a DynamoDB stream as AWS documents it.

From the AWS Lambda developer guide, "Using AWS Lambda with Amazon DynamoDB" and its pages on batch item failures and on
retained discarded records:

- A shard's records come in order, in batches; the next batch waits until this one is done with.
- An answer with no failures (an empty or null list, an empty or null answer) is success.
- With ReportBatchItemFailures the lowest sequence number reported is the checkpoint: everything from it on is retried.
  An identifier that is empty, null or none of the batch's, an answer of another shape, or an exception fails the
  whole batch.
- With BisectBatchOnFunctionError a failed batch is halved and the halves are retried in order; an answer with a
  checkpoint is bisected there, so that only what begins with it is retried. Bisecting doesn't use up retries.
- Retries go on until a record is older than MaximumRecordAgeInSeconds. Then it is discarded; an S3 destination gets the
  whole event as text in `payload`.
- The mapping's filter takes INSERT and REMOVE.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import batched
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.clock import Clock
    from tests.support.stream_records import Record

__all__ = ["StreamMapping"]

_TAKEN_EVENTS = ("INSERT", "REMOVE")


class StreamMapping:
    """One mapping, reading one shard. `function` is called with an event and answers as a Lambda function does."""

    def __init__(
        self,
        function: Callable[[dict[str, Any]], Any],
        clock: Clock,
        *,
        batch_size: int = 100,
        maximum_record_age_seconds: int = 82_800,
        retry_wait_seconds: float = 1,
        most_invocations: int = 200,
    ) -> None:
        self._function = function
        self._clock = clock
        self._batch_size = batch_size
        self._maximum_record_age_seconds = maximum_record_age_seconds
        self._retry_wait_seconds = retry_wait_seconds
        self._most_invocations = most_invocations
        #: The records of each invocation.
        self.invocations: list[list[Record]] = []
        #: What the on-failure destination got.
        self.discarded: list[dict[str, Any]] = []

    def deliver(self, records: Sequence[Record]) -> None:
        """Go on until every record is done with or discarded; fails if that takes an absurd number of invocations."""
        taken = [record for record in records if record["eventName"] in _TAKEN_EVENTS]
        for batch in batched(taken, self._batch_size, strict=False):
            waiting = [list(batch)]
            while waiting:
                current = self._young(waiting.pop(0))
                if not current:
                    continue
                checkpoint = self._invoke(current)
                if checkpoint is None:
                    continue
                self._clock.wait(self._retry_wait_seconds)
                if checkpoint > 0:
                    waiting.insert(0, current[checkpoint:])
                elif len(current) > 1:
                    middle = len(current) // 2
                    waiting[:0] = [current[:middle], current[middle:]]
                else:
                    waiting.insert(0, current)

    def discarded_records(self) -> list[Record]:
        """The records in what the on-failure destination got."""
        return [record for document in self.discarded for record in json.loads(document["payload"])["Records"]]

    def _young(self, batch: list[Record]) -> list[Record]:
        oldest = self._clock() - self._maximum_record_age_seconds
        old = [record for record in batch if record["dynamodb"]["ApproximateCreationDateTime"] < oldest]
        if old:
            self.discarded.append({"payload": json.dumps({"Records": old})})
        return [record for record in batch if record not in old]

    def _invoke(self, batch: list[Record]) -> int | None:
        """Where in the batch the retry starts, or None if there is none."""
        assert len(self.invocations) < self._most_invocations, "the shard is blocked"
        self.invocations.append(batch)
        # What a function is handed and what it answers travel as JSON.
        event = json.loads(json.dumps({"Records": batch}))
        try:
            answer = json.loads(json.dumps(self._function(event)))
        except Exception:  # noqa: BLE001  (whatever it raises, its batch failed)
            return 0
        if not answer:
            return None
        try:
            reported = {failure["itemIdentifier"] for failure in answer["batchItemFailures"] or []}
        except (KeyError, TypeError):
            return 0
        if not reported:
            return None
        positions = {record["dynamodb"]["SequenceNumber"]: position for position, record in enumerate(batch)}
        if not reported <= positions.keys():
            return 0
        return min(positions[identifier] for identifier in reported)
