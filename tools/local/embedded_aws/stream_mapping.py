"""The event source mapping of a DynamoDB stream, for a mapping like ours. Pure: no AWS, no clock.

As in the AWS Lambda developer guide, "Using AWS Lambda with Amazon DynamoDB" and its pages on batch item failures and
on retained discarded records (ReportBatchItemFailures, bisecting, retries that only the records' age ends):

- A shard's records come in order, in batches; the next batch waits until the current one is done with.
- An answer with no failures (an empty or null list, an empty or null answer) is success.
- The lowest sequence number reported is the checkpoint: all records from it on are retried. An identifier that is
  empty, null or not in the batch, an answer of another shape, or an exception fails the whole batch.
- A failed batch is halved, and the halves are retried in order; a checkpoint bisects the batch there.
- A record older than MaximumRecordAgeInSeconds is discarded, to the on-failure destination.
- The mapping's filter takes INSERT and REMOVE.
"""

from collections.abc import Iterator
from itertools import chain, filterfalse, takewhile
from typing import Any

#: As in terraform/modules/delayer/stream_dynamodb_fasttrack_enqueuer.tf.
MAXIMUM_RECORD_AGE_SECONDS = 82_800

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
        self, stream: list[Record], batch_size: int, maximum_record_age_seconds: int = MAXIMUM_RECORD_AGE_SECONDS
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
        """Return every record that is not done with."""
        return chain(*self._waiting, self._stream[self._position :])

    def next_batch(self, now: float) -> list[Record]:
        """Return the next invocation's records, which stay until `finish`; an empty list if there are none."""
        self.discard_old(now)
        while not self._waiting and self._position < len(self._stream):
            batch = self._stream[self._position : self._position + self._batch_size]
            self._position += len(batch)
            taken = [record for record in batch if record["eventName"] in ("INSERT", "REMOVE")]
            self._waiting = [taken] if taken else []
        return self._waiting[0] if self._waiting else []

    def finish(self, retry_from: int | None) -> list[Record]:
        """Move on after an invocation, and return the records that are done with."""
        batch = self._waiting.pop(0)
        done = len(batch) if retry_from is None else retry_from
        # A checkpoint bisects the batch; a whole one is halved.
        middle = done or len(batch) // 2
        self._waiting[:0] = filter(None, (batch[done:middle], batch[middle:]))
        return batch[:done]

    def discard_old(self, now: float) -> None:
        """Move records older than the mapping's record age to the on-failure destination."""
        oldest = now - self._maximum_record_age_seconds

        def is_old(record: Record) -> bool:
            return int(record["dynamodb"]["ApproximateCreationDateTime"]) < oldest

        if self._waiting and is_old(self._waiting[0][0]):
            self.discarded += filter(is_old, chain(*self._waiting))
            young = [list(filterfalse(is_old, batch)) for batch in self._waiting]
            self._waiting = list(filter(None, young))
        expired = list(takewhile(is_old, self._stream[self._position :]))
        self.discarded += expired
        self._position += len(expired)
