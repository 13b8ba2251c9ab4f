"""The handler of stream-dynamodb-fasttrack_enqueuer: handle a batch of the schedule table's stream records."""

from __future__ import annotations

from itertools import batched
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from delayer.delayer_queue import DelayerQueue, batches
from delayer.retries import CALL_ERRORS, OutOfTimeError, Remaining, at_most, time_for_calls
from delayer.schedule_table import WRITES_PER_CALL, Key, ScheduleTable, schedule_ids
from stream_dynamodb_fasttrack_enqueuer.plan import Plan, Sendable, Unsendable, plan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aws_lambda_powertools import Logger, Metrics
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from delayer.schedules import Message
    from stream_dynamodb_fasttrack_enqueuer.failure_bucket import FailureBucket
    from stream_dynamodb_fasttrack_enqueuer.settings import Settings

__all__ = ["HANDOVER_SECONDS", "Handler"]

#: Calls between two prints of the metrics. With each value that is added, Powertools serializes all values it holds:
#: with the hundred of a full document, that took as long as everything else in this function besides the AWS calls.
CALLS_PER_METRICS = 2

#: The longest time for a batch's deletes: the sweep deletes the rest, and the stream's next removals wait meanwhile.
HANDOVER_SECONDS = 3.0

type Response = dict[str, list[dict[str, str]]]


class Handler:
    """Handles events of a DynamoDB stream mapping with ReportBatchItemFailures."""

    def __init__(
        self,
        *,
        settings: Settings,
        table: ScheduleTable,
        queue: DelayerQueue,
        failures: FailureBucket,
        clock: Callable[[], float],
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
        """Send removed schedules, delete inserted ones that are due soon, and report the first removal that failed.

        Lambda retries the batch from the reported record on: records before it are done, and records after it may be
        sent twice.

        An event with `"redriven": true` comes from `make redrive`. Its schedules are sent however late they are,
        because a person has decided that they are still wanted.
        """
        remaining = time_for_calls(context)
        max_lateness = None if event.get("redriven") is True else self._settings.max_lateness_seconds
        todo = plan(event["Records"], self._clock(), self._settings.delayer_period_seconds, max_lateness)

        # Removals come first: the stream holds the only copy of their schedules.
        failed = self._send_or_keep(todo, remaining)
        self._hand_over(todo.handovers, remaining)
        self._report_cancelled(todo, failed)
        # Most batches of insertions count nothing.
        if self._metrics.metric_set:
            self._metrics.flush_metrics()
        if failed is None:
            return {"batchItemFailures": []}
        return {"batchItemFailures": [{"itemIdentifier": failed.record["dynamodb"]["SequenceNumber"]}]}

    def _send_or_keep(self, todo: Plan, remaining: Remaining) -> Sendable | Unsendable | None:
        """Send or keep removals in the order of the stream up to the first failure, and return that one."""
        for step in todo.steps:
            if isinstance(step, Unsendable):
                if not self._keep(step, remaining):
                    return step
            elif (failed := self._send(step, remaining)) is not None:
                return failed
        return None

    def _send(self, removals: Sequence[Sendable], remaining: Remaining) -> Sendable | None:
        """Send messages up to the first failure, and return that one."""
        for number, batch in enumerate(batches(removals, lambda removal: removal.message), 1):
            messages = [removal.message for removal in batch]
            unsent = self._queue.send(messages, remaining)
            self._report_sent([message for index, message in enumerate(messages) if index not in unsent])
            if number % CALLS_PER_METRICS == 0:
                self._metrics.flush_metrics()
            for index in sorted(unsent):
                removal, (reason, is_permanent) = batch[index], unsent[index]
                if not (is_permanent and self._keep(Unsendable(removal.position, removal.record, reason), remaining)):
                    self._logger.warning(
                        "not sent, will be retried", schedule_id=removal.message.schedule_id, reason=reason
                    )
                    return removal
        return None

    def _keep(self, removal: Unsendable, remaining: Remaining) -> bool:
        """Put the removal's record into the failure bucket, and return whether that succeeded."""
        try:
            key = self._failures.put(removal.record, removal.reason, remaining)
        except (OutOfTimeError, *CALL_ERRORS) as error:
            self._logger.error("not kept in the failure bucket, will be retried", reason=removal.reason,
                               error=repr(error))  # fmt: skip
            return False
        self._logger.error("kept in the failure bucket", key=key, reason=removal.reason)
        self._count("SchedulesFailed", 1)
        return True

    def _hand_over(self, keys: Sequence[Key], remaining: Remaining) -> None:
        """Delete as many of the keys as possible in HANDOVER_SECONDS. Errors are logged: the sweep tries again."""
        remaining = at_most(HANDOVER_SECONDS, remaining)
        for batch in batched(keys, WRITES_PER_CALL, strict=False):
            deletion = self._table.delete(batch, remaining)
            if deletion.error is not None:
                self._logger.warning("not handed over, left to the sweep", reason=str(deletion.error))
            if deletion.deleted:
                self._logger.info("handed over", schedule_ids=schedule_ids(deletion.deleted))
            self._count("HandoversLeftToSweep", len(deletion.left))

    def _report_sent(self, messages: Sequence[Message]) -> None:
        if not messages:
            return
        now = self._clock()
        late = 0
        for message in messages:
            lead = message.point_in_time - now
            if lead < 0:
                late += 1
            # Two metrics, because CloudWatch has no percentiles for a metric with negative values. In milliseconds,
            # because each further digit is serialized and paid for.
            self._metrics.add_metric("Lead" if lead >= 0 else "Lateness", MetricUnit.Seconds, round(abs(lead), 3))
        self._count("SchedulesEnqueued", len(messages))
        self._count("SchedulesEnqueuedLate", late)
        self._logger.info("enqueued", schedule_ids=[message.schedule_id for message in messages])

    def _report_cancelled(self, todo: Plan, failed: Sendable | Unsendable | None) -> None:
        """Count cancellations, except those after the failed removal: they are counted when the batch is retried."""
        ids = [each.schedule_id for each in todo.cancelled if failed is None or each.position < failed.position]
        if ids:
            self._logger.info("cancelled", schedule_ids=ids)
        self._count("SchedulesCancelled", len(ids))

    def _count(self, name: str, count: int) -> None:
        if count:
            self._metrics.add_metric(name, MetricUnit.Count, count)
