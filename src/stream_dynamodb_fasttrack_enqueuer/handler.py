"""Handles a batch of the schedule table's stream records."""

from __future__ import annotations

from itertools import batched
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from delayer.delayer_queue import DelayerQueue, batches
from delayer.retries import CALL_ERRORS, CALL_TIMEOUT_SECONDS, OutOfTimeError, Remaining
from delayer.schedule_table import DELETES_PER_CALL, Key, ScheduleTable, schedule_ids
from stream_dynamodb_fasttrack_enqueuer.fasttrack import Plan, Record, plan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aws_lambda_powertools import Logger, Metrics
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from delayer.schedules import Message
    from stream_dynamodb_fasttrack_enqueuer.failure_bucket import FailureBucket
    from stream_dynamodb_fasttrack_enqueuer.settings import Settings

__all__ = ["HANDOVER_SECONDS", "RESERVE_SECONDS", "FastTrack"]

#: Kept in hand before the function's own timeout, after which Lambda would send the whole batch again: the last call
#: may have just begun, and the metrics are to be written.
RESERVE_SECONDS = 2 * CALL_TIMEOUT_SECONDS + 2

#: Metrics are printed after so many calls. Powertools writes out all values that it keeps with each one that is added:
#: with the hundred of a full document, adding them took as long as all else that is done here besides the calls.
CALLS_PER_METRICS = 2

#: The longest that a batch's deletes are tried. The sweep is behind them, and the stream's next removals are waiting.
HANDOVER_SECONDS = 3.0

type Response = dict[str, list[dict[str, str]]]


class FastTrack:
    """The function for Lambda to call with an event of a DynamoDB stream mapping that reports batch item failures."""

    def __init__(
        self,
        settings: Settings,
        table: ScheduleTable,
        queue: DelayerQueue,
        failures: FailureBucket,
        clock: Callable[[], float],
        *,
        logger: Logger,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._table = table
        self._queue = queue
        self._failures = failures
        self._clock = clock
        self._logger = logger
        self._metrics = metrics

    def __call__(self, event: dict[str, Any], context: LambdaContext) -> Response:
        """Send what was removed, delete what is due soon; name the first removal that has to come again, if any.

        Lambda then sends the batch again from that record on: what stands before it is done, and what stands after it
        may have been sent already and is sent once more.

        An event with `"redriven": true` is what make redrive gives back: what is in it is sent however late it is.
        """

        def remaining() -> float:
            return context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS

        records: Sequence[Record] = event["Records"]
        # The stream mapping never says so: whoever gives a record back has decided that it is still wanted.
        max_lateness = None if event.get("redriven") is True else self._settings.max_lateness_seconds
        todo = plan(records, self._clock(), self._settings.delayer_period_seconds, max_lateness)

        # Removals are sent before anything is deleted: nothing else holds them.
        failed_at = self._handle_removals(records, todo, remaining)
        self._hand_over(todo.handovers, remaining)

        # What stands after the failure comes again, and is counted then.
        cancelled = [identity for position, identity in todo.cancelled if failed_at is None or position < failed_at]
        if cancelled:
            self._logger.info("cancelled", schedule_ids=cancelled)
        self._count("SchedulesCancelled", len(cancelled))
        self._metrics.flush_metrics()
        if failed_at is None:
            return {"batchItemFailures": []}
        return {"batchItemFailures": [{"itemIdentifier": records[failed_at]["dynamodb"]["SequenceNumber"]}]}

    def _handle_removals(self, records: Sequence[Record], todo: Plan, remaining: Remaining) -> int | None:
        """Send or keep every removal, in the order of the stream up to the first failure; answer its position."""
        start = 0
        for end, reason in [*todo.unreadable, (len(records), None)]:
            run = [(position, message) for position, message in todo.messages if start <= position < end]
            failed_at = self._send(records, run, remaining)
            if failed_at is not None:
                return failed_at
            if reason is not None and not self._keep(records[end], reason, remaining):
                return end
            start = end
        return None

    def _send(self, records: Sequence[Record], run: Sequence[tuple[int, Message]], remaining: Remaining) -> int | None:
        """Send a run of messages up to the first failure; answer its position."""
        positions = [position for position, _ in run]
        start = 0
        for number, batch in enumerate(batches([message for _, message in run]), 1):
            unsent = {failure.position: failure for failure in self._queue.send(batch, remaining)}
            self._report_sent([message for index, message in enumerate(batch) if index not in unsent])
            if number % CALLS_PER_METRICS == 0:
                self._metrics.flush_metrics()
            for index in sorted(unsent):
                position, failure = positions[start + index], unsent[index]
                if not (failure.permanent and self._keep(records[position], failure.reason, remaining)):
                    self._logger.warning(
                        "not sent, to come again", schedule_id=batch[index].schedule_id, reason=failure.reason
                    )
                    return position
            start += len(batch)
        return None

    def _hand_over(self, keys: Sequence[Key], remaining: Remaining) -> None:
        """Delete as many of the keys as can be. Nothing is raised: the sweep finds what is left."""
        spare = max(0.0, remaining() - HANDOVER_SECONDS)
        for batch in batched(keys, DELETES_PER_CALL, strict=False):
            deletion = self._table.delete(batch, lambda: remaining() - spare)
            if deletion.error is not None:
                self._logger.warning("not handed over, left to the sweep", reason=str(deletion.error))
            deleted = [key for key in batch if key not in deletion.left] if deletion.left else batch
            if deleted:
                self._logger.info("handed over", schedule_ids=schedule_ids(deleted))
            self._count("HandoversLeftToSweep", len(deletion.left))

    def _keep(self, record: Record, reason: str, remaining: Remaining) -> bool:
        """Put a record that can never be sent into the failure bucket; False if that failed, so that it comes again."""
        try:
            key = self._failures.put(record, reason, remaining)
        except (OutOfTimeError, *CALL_ERRORS) as error:
            self._logger.error("not kept in the failure bucket, to come again", reason=reason, error=repr(error))
            return False
        self._logger.error("kept in the failure bucket", key=key, reason=reason)
        self._count("SchedulesFailed", 1)
        return True

    def _report_sent(self, messages: Sequence[Message]) -> None:
        if not messages:
            return
        now = self._clock()
        late = 0
        for message in messages:
            lead = message.point_in_time - now
            if lead < 0:
                late += 1
            # Apart, for CloudWatch gives no percentiles of a metric that is ever negative. To the millisecond,
            # for digits that mean nothing are written out and paid for as well.
            self._metrics.add_metric("Lead" if lead >= 0 else "Lateness", MetricUnit.Seconds, round(abs(lead), 3))
        self._count("SchedulesEnqueued", len(messages))
        self._count("SchedulesEnqueuedLate", late)
        self._logger.info("enqueued", schedule_ids=[message.schedule_id for message in messages])

    def _count(self, name: str, count: int) -> None:
        self._metrics.add_metric(name, MetricUnit.Count, count)
