"""The handler of task-1minute-enqueuer: sweep the schedule table once for each tick of the minute's rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from delayer.retries import Remaining, time_for_calls
from delayer.schedule_table import Key, ScheduleTable, schedule_ids
from delayer.schedules import handover_cutoff
from task_1minute_enqueuer.sweep import shards_of_worker, sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aws_lambda_powertools import Logger, Metrics
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from task_1minute_enqueuer.settings import Settings

__all__ = ["Handler", "SweepError"]

#: An error message quotes this many errors of a sweep, and counts the others.
_ERRORS_IN_MESSAGE = 5


class SweepError(Exception):
    """Records could not be deleted, and not for lack of time. The next minute's sweep tries again."""


class Handler:
    """Handles `{"worker": i, "workers": n}`. An event without them is that of a single worker, for all shards."""

    def __init__(
        self,
        *,
        settings: Settings,
        table: ScheduleTable,
        clock: Callable[[], float],
        logger: Logger,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._table = table
        self._clock = clock
        self._logger = logger
        self._metrics = metrics

    def __call__(self, event: dict[str, Any], context: LambdaContext) -> None:
        """Delete the worker's records that have entered the delayer period.

        Raises:
            SweepError: records stay in the table that could not be found or deleted, so that an alarm on the function's
                errors means that schedules are not handed over.
            OutOfTimeError, botocore.exceptions.ClientError, BotoCoreError: the table could not be described.
        """
        worker, workers = _worker(event)
        remaining = time_for_calls(context)
        self._check_stream(remaining)
        now = self._clock()
        shards = shards_of_worker(self._settings.shard_count, worker, workers, now)
        cutoff = handover_cutoff(now, self._settings.delayer_period_seconds)
        result = sweep(self._table, shards, cutoff, remaining, self._log_deleted)
        self._metrics.add_metric("SchedulesSwept", MetricUnit.Count, result.swept)
        self._metrics.add_metric("SchedulesLeft", MetricUnit.Count, result.left)
        self._metrics.add_metric("SweepsCutShort", MetricUnit.Count, int(result.is_cut_short))
        self._metrics.flush_metrics()
        self._logger.info("swept", worker=worker, workers=workers, swept=result.swept, left=result.left,
                          cut_short=result.is_cut_short)  # fmt: skip
        if result.errors:
            more = len(result.errors) - _ERRORS_IN_MESSAGE
            shown = "; ".join(result.errors[:_ERRORS_IN_MESSAGE])
            raise SweepError(f"{shown}; and {more} more" if more > 0 else shown)

    def _check_stream(self, remaining: Remaining) -> None:
        """Raise SweepError if the fast track does not read the table's stream: deleted schedules would be lost."""
        stream_arn = self._table.stream_arn(remaining)
        if stream_arn != self._settings.stream_arn:
            raise SweepError(
                f"nothing was deleted: table {self._settings.table_name} has the stream {stream_arn}, but the fast "
                f"track reads {self._settings.stream_arn}; schedules deleted now would be lost"
            )

    def _log_deleted(self, keys: Sequence[Key]) -> None:
        self._logger.info("handed over", schedule_ids=schedule_ids(keys))


def _worker(event: dict[str, Any]) -> tuple[int, int]:
    worker, workers = event.get("worker", 0), event.get("workers", 1)
    if type(worker) is int and type(workers) is int and 0 <= worker < workers:
        return worker, workers
    raise SweepError(f"the event's worker must be from 0 to workers - 1, not {worker!r} of {workers!r}")
