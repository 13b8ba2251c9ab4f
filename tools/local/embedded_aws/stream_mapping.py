"""The event source mapping of a DynamoDB stream as AWS documents it, an invocation at a time. Pure: no AWS, no clock.

From the AWS Lambda developer guide, "Using AWS Lambda with Amazon DynamoDB" and its pages on batch item failures and on
retained discarded records, for a mapping like ours (ReportBatchItemFailures, bisecting, retries that only the records'
age ends):

- A shard's records come in order, in batches; the next batch waits until the current one is done with.
- An answer with no failures (an empty or null list, an empty or null answer) is success.
- The lowest sequence number reported is the checkpoint: all records from it on are retried. An identifier that is
  empty, null or not in the batch, an answer of another shape, or an exception fails the whole batch.
- A failed batch is halved, and the halves are retried in order; an answer with a checkpoint bisects the batch there, so
  that only the records from it on are retried.
- A record older than MaximumRecordAgeInSeconds is discarded, to the on-failure destination.
- The mapping's filter takes INSERT and REMOVE.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

#: As in terraform/modules/delayer/stream_dynamodb_fasttrack_enqueuer.tf.
MAXIMUM_RECORD_AGE_SECONDS = 82_800

_TAKEN_EVENTS = ("INSERT", "REMOVE")

#: A stream record (Amazon DynamoDB Streams API reference, "Record").
type Record = dict[str, Any]

#: The checkpoint of a failed batch.
WHOLE_BATCH = 0


def checkpoint(batch: list[Record], answer: Any) -> int | None:
    """Return the position in the batch from which an answer asks for a retry, or None if it asks for none."""
    if not answer:
        return None
    try:
        reported = {failure["itemIdentifier"] for failure in answer["batchItemFailures"] or []}
    except (KeyError, TypeError):
        return WHOLE_BATCH
    if not reported:
        return None
    positions = {record["dynamodb"]["SequenceNumber"]: position for position, record in enumerate(batch)}
    return min(positions[each] for each in reported) if reported <= positions.keys() else WHOLE_BATCH


class ShardMapping:
    """Reads one shard of a stream: a list that may grow."""

    def __init__(
        self,
        stream: list[Record],
        batch_size: int,
        maximum_record_age_seconds: int = MAXIMUM_RECORD_AGE_SECONDS,
    ) -> None:
        self._stream = stream
        self._batch_size = batch_size
        self._maximum_record_age_seconds = maximum_record_age_seconds
        self._position = 0
        #: Batches, or the rest of them, that were read and are not done with.
        self._waiting: list[list[Record]] = []
        #: The records in the on-failure destination.
        self.discarded: list[Record] = []

    def unread(self) -> Iterator[Record]:
        """Yield every record that is not done with."""
        for batch in self._waiting:
            yield from batch
        yield from self._stream[self._position :]

    def next_batch(self, now: float) -> list[Record]:
        """Return the next invocation's records, which stay until `finish`; an empty list if there are none."""
        self.discard_old(now)
        while not self._waiting and self._position < len(self._stream):
            batch = self._stream[self._position : self._position + self._batch_size]
            self._position += len(batch)
            taken = [record for record in batch if record["eventName"] in _TAKEN_EVENTS]
            self._waiting = [taken] if taken else []
        return self._waiting[0] if self._waiting else []

    def finish(self, retry_from: int | None) -> list[Record]:
        """Move on after an invocation, and return the records that are done with."""
        batch = self._waiting.pop(0)
        if retry_from is None:
            return batch
        if retry_from > 0:
            self._waiting.insert(0, batch[retry_from:])
        elif len(batch) > 1:
            self._waiting[:0] = [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
        else:
            self._waiting.insert(0, batch)
        return batch[:retry_from]

    def discard_old(self, now: float) -> None:
        """Move records older than the mapping's record age to the on-failure destination."""
        oldest = now - self._maximum_record_age_seconds

        def is_old(record: Record) -> bool:
            return int(record["dynamodb"]["ApproximateCreationDateTime"]) < oldest

        if self._waiting and is_old(self._waiting[0][0]):
            self.discarded += [record for batch in self._waiting for record in batch if is_old(record)]
            young = [[record for record in batch if not is_old(record)] for batch in self._waiting]
            self._waiting = [batch for batch in young if batch]
        while self._position < len(self._stream) and is_old(self._stream[self._position]):
            self.discarded.append(self._stream[self._position])
            self._position += 1
