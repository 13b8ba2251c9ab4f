"""The handler of api-schedule-post: answer POST /schedules."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from api_schedule_post.problems import ProblemError
from api_schedule_post.request import schedule_from_event
from delayer.retries import CALL_ERRORS, error_code, is_transient
from delayer.schedules import Schedule, format_point_in_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools import Logger, Metrics

    from api_schedule_post.settings import Settings
    from delayer.schedule_table import ScheduleTable

__all__ = ["Handler"]

type Response = dict[str, Any]


class Handler:
    """Handles HTTP API events (payload format 2.0)."""

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

    def __call__(self, event: dict[str, Any], _context: object) -> Response:
        """Store the schedule of a request and return 201, or a problem with 4xx or 503.

        Raises botocore's errors if the deployment is at fault (no permission, no table). The gateway then answers 500,
        and the function's error metric counts it.
        """
        try:
            schedule = schedule_from_event(event, self._clock(), self._settings)
            is_new = self._store(schedule)
        except ProblemError as problem:
            # A 503 does not reject the request, so it has another metric.
            is_rejected = problem.status < HTTPStatus.INTERNAL_SERVER_ERROR
            self._metrics.add_metric("SchedulesRejected" if is_rejected else "PostsThrottled", MetricUnit.Count, 1)
            # Without the detail: it may quote a key of the payload, and payloads are never logged.
            self._logger.info("rejected", status=problem.status.value, field=problem.field)
            response = _problem_response(problem)
        else:
            # A new schedule counts as repeated if botocore's first attempt stored it and only the answer was lost.
            self._metrics.add_metric("SchedulesAccepted" if is_new else "SchedulesRepeated", MetricUnit.Count, 1)
            self._logger.info("accepted" if is_new else "repeated", schedule_id=schedule.schedule_id)
            response = _created_response(schedule)
        self._metrics.flush_metrics()
        return response

    def _store(self, schedule: Schedule) -> bool:
        """Store the schedule, and return whether it is new. Raises ProblemError with 503 for a transient error."""
        try:
            return self._table.put(schedule)
        except CALL_ERRORS as error:
            if not is_transient(error):
                raise
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "body",
                f"the table did not confirm that the schedule is stored ({error_code(error)}): send the request again",
                retry_after_seconds=1,
            ) from error


def _created_response(schedule: Schedule) -> Response:
    body = {"scheduleId": schedule.schedule_id, "pointInTime": format_point_in_time(schedule.point_in_time)}
    return {
        "statusCode": HTTPStatus.CREATED.value,
        "headers": {"content-type": "application/json", "location": f"/schedules/{schedule.schedule_id}"},
        "body": json.dumps(body),
    }


def _problem_response(problem: ProblemError) -> Response:
    headers = {"content-type": "application/problem+json"}
    if problem.retry_after_seconds is not None:
        headers["retry-after"] = str(problem.retry_after_seconds)
    return {"statusCode": problem.status.value, "headers": headers, "body": json.dumps(problem.document())}
