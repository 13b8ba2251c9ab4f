"""Answers POST /schedules."""

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

__all__ = ["create_handler"]

type Response = dict[str, Any]


def create_handler(
    settings: Settings, table: ScheduleTable, clock: Callable[[], float], logger: Logger, metrics: Metrics
) -> Callable[[dict[str, Any], object], Response]:
    """The function for Lambda to call with an HTTP API event (payload format 2.0).

    What it raises is a fault of the deployment (no permission, no table), never of a request: the gateway answers 500
    and the function's error metric counts it.
    """

    def handler(event: dict[str, Any], _context: object) -> Response:
        try:
            schedule = schedule_from_event(event, clock(), settings)
            is_new = _store(table, schedule)
        except ProblemError as problem:
            # A 503 is no verdict on the request, so it is not counted among the rejected.
            is_verdict = problem.status < HTTPStatus.INTERNAL_SERVER_ERROR
            metrics.add_metric("SchedulesRejected" if is_verdict else "PostsThrottled", MetricUnit.Count, 1)
            # The detail is the caller's alone: it may quote a key of the payload, and no log holds any of a payload.
            logger.info("rejected", status=problem.status.value, field=problem.field)
            response = _problem_response(problem)
        else:
            # Where botocore's own retry met what its first try had stored, a new schedule is counted as repeated.
            metrics.add_metric("SchedulesAccepted" if is_new else "SchedulesRepeated", MetricUnit.Count, 1)
            logger.info("accepted" if is_new else "repeated", schedule_id=schedule.schedule_id)
            response = _created_response(schedule)
        metrics.flush_metrics()
        return response

    return handler


def _store(table: ScheduleTable, schedule: Schedule) -> bool:
    try:
        return table.put(schedule)
    except CALL_ERRORS as error:
        if not is_transient(error):
            raise
        raise ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "body",
            f"the schedule could not be stored now ({error_code(error)}); post it again",
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
