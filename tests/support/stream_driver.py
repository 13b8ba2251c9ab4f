"""A fake event source mapping of a DynamoDB stream, with the rules of tools/local/embedded_aws/stream_mapping.py."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tools.local.embedded_aws.stream_mapping import MAXIMUM_RECORD_AGE_SECONDS, WHOLE_BATCH, ShardMapping, checkpoint

if TYPE_CHECKING:
    from tests.support.clock import Clock
    from tests.support.stream_records import Record


class StreamMapping:
    """A mapping that reads one shard. `function` is called with an event, and returns a Lambda function's answer."""

    def __init__(
        self,
        function: Callable[[dict[str, Any]], Any],
        clock: Clock,
        *,
        batch_size: int = 100,
        maximum_record_age_seconds: int = MAXIMUM_RECORD_AGE_SECONDS,
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
        #: The records sent to the on-failure destination.
        self.discarded: list[Record] = []

    def deliver(self, records: Sequence[Record]) -> None:
        """Invoke the function until every record is handled or discarded. Fails after `most_invocations`."""
        shard = ShardMapping(list(records), self._batch_size, self._maximum_record_age_seconds)
        while batch := shard.next_batch(self._clock()):
            retry_from = self._invoke(batch)
            shard.finish(retry_from)
            if retry_from is not None:
                self._clock.wait(self._retry_wait_seconds)
        self.discarded += shard.discarded

    def _invoke(self, batch: list[Record]) -> int | None:
        """Invoke the function, and return the position in the batch from which to retry, or None."""
        assert len(self.invocations) < self._most_invocations, "the shard is blocked"
        self.invocations.append(batch)
        # Events and answers are sent as JSON.
        event = json.loads(json.dumps({"Records": batch}))
        try:
            return checkpoint(batch, json.loads(json.dumps(self._function(event))))
        except Exception:  # noqa: BLE001  (any exception fails the batch)
            return WHOLE_BATCH
