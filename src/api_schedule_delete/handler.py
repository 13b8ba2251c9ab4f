"""The handler of api-schedule-delete: answer DELETE /schedules/{scheduleId}."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from delayer.api import ProblemError, problem_response, schedule_key, unavailable
from delayer.retries import CALL_ERRORS, OutOfTimeError, time_for_calls
from delayer.schedules import CANCELLABLE_SECONDS, format_point_in_time, is_cancelled, point_in_time_of, schedule_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools import Logger
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from delayer.api import Response
    from delayer.retries import Remaining
    from delayer.schedule_table import ScheduleTable

__all__ = ["Handler"]


class Handler:
    """Handles HTTP API events (payload format 2.0)."""

    def __init__(self, *, table: ScheduleTable, clock: Callable[[], float], logger: Logger) -> None:
        self._table = table
        self._clock = clock
        self._logger = logger

    def __call__(self, event: dict[str, Any], context: LambdaContext) -> Response:
        """Cancel a schedule and return 204: no message will be sent for it. Otherwise return a problem with 4xx or 503.

        Raises botocore's errors if the deployment is at fault (no permission, no table).
        """
        try:
            shard, due = schedule_key(event)
            self._cancel(shard, due, time_for_calls(context))
        except ProblemError as problem:
            self._logger.info("refused", status=problem.status.value, field=problem.field)
            return problem_response(problem)
        self._logger.info("cancelled", schedule_id=schedule_id(shard, due))
        return {"statusCode": HTTPStatus.NO_CONTENT.value}

    def _cancel(self, shard: int, due: str, remaining: Remaining) -> None:
        """Delete the record. Raises ProblemError unless its removal is a cancellation."""
        point_in_time = point_in_time_of(due)
        if point_in_time - self._clock() <= CANCELLABLE_SECONDS:
            last = format_point_in_time(point_in_time - CANCELLABLE_SECONDS)
            raise ProblemError(
                HTTPStatus.CONFLICT,
                "scheduleId",
                f"it is too late to cancel this schedule: that was possible before {last}, {CANCELLABLE_SECONDS} s"
                " before its pointInTime",
            )
        try:
            was_pending = self._table.cancel(shard, due, remaining)
        except (OutOfTimeError, *CALL_ERRORS) as error:
            detail = "the table did not confirm that the schedule is cancelled"
            raise unavailable(error, "scheduleId", detail) from error
        if not was_pending:
            raise ProblemError(
                HTTPStatus.NOT_FOUND,
                "scheduleId",
                "no schedule is pending under this scheduleId: it was cancelled already, or never posted here",
            )
        # The call may have taken longer than the margin between the two limits: a removal this late is a hand-over.
        if not is_cancelled(point_in_time, self._clock()):
            raise ProblemError(
                HTTPStatus.CONFLICT,
                "scheduleId",
                "the table answered too late: the schedule is no longer pending, but its message may be delivered",
            )
