"""Runs one sweep for each tick of the minute's rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from delayer.retries import CALL_TIMEOUT_SECONDS
from delayer.schedule_table import ScheduleTable, schedule_ids
from delayer.schedules import handover_cutoff
from task_1minute_enqueuer.sweep import shards_of_worker, sweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools import Logger, Metrics
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from task_1minute_enqueuer.settings import Settings

__all__ = ["RESERVE_SECONDS", "SweepError", "create_handler"]

#: Kept in hand before the function's own timeout: the last call may have just begun, and the metrics are to be written.
RESERVE_SECONDS = 2 * CALL_TIMEOUT_SECONDS + 2


class SweepError(Exception):
    """Records stayed for another reason than want of time. The next minute's sweep tries them again."""


def create_handler(
    settings: Settings, table: ScheduleTable, clock: Callable[[], float], logger: Logger, metrics: Metrics
) -> Callable[[dict[str, Any], LambdaContext], None]:
    """The function for Lambda to call with `{"worker": i, "workers": n}`; without them, one worker sweeps all shards.

    It raises SweepError, so that an alarm on its errors means that records were not handed over.
    """

    def handler(event: dict[str, Any], context: LambdaContext) -> None:
        worker, workers = _worker(event)

        def remaining() -> float:
            return context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS

        stream_arn = table.stream_arn(remaining)
        if stream_arn != settings.stream_arn:
            raise SweepError(
                f"nothing was deleted: the stream of table {settings.table_name} is {stream_arn}, and the fast track "
                f"reads {settings.stream_arn}; what is deleted while nobody reads the stream is lost"
            )
        now = clock()
        shards = shards_of_worker(settings.shard_count, worker, workers, now)
        cutoff = handover_cutoff(now, settings.delayer_period_seconds)
        result = sweep(
            table, shards, cutoff, remaining, lambda keys: logger.info("handed over", schedule_ids=schedule_ids(keys))
        )
        metrics.add_metric("SchedulesSwept", MetricUnit.Count, result.swept)
        metrics.add_metric("SchedulesLeft", MetricUnit.Count, result.left)
        metrics.add_metric("SweepsCutShort", MetricUnit.Count, int(result.is_cut_short))
        metrics.flush_metrics()
        logger.info("swept", worker=worker, workers=workers, swept=result.swept, left=result.left,
                    cut_short=result.is_cut_short)  # fmt: skip
        if result.errors:
            raise SweepError("; ".join(result.errors[:5]) + _more(len(result.errors) - 5))

    return handler


def _worker(event: dict[str, Any]) -> tuple[int, int]:
    worker, workers = event.get("worker", 0), event.get("workers", 1)
    if type(worker) is int and type(workers) is int and 0 <= worker < workers:
        return worker, workers
    raise SweepError(f"the event's worker is {worker!r} of {workers!r}: it has to be from 0 to workers - 1")


def _more(count: int) -> str:
    return f"; and {count} more" if count > 0 else ""
