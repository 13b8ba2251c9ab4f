"""The handler of api-schedule-get: answer GET /schedules and GET /schedules/{scheduleId}."""

from __future__ import annotations

import json
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Any

from api_schedule_get.request import cursor_of, page_from_event
from delayer.api import ProblemError, json_response, problem_response, schedule_key, unavailable
from delayer.listing import pending
from delayer.retries import CALL_ERRORS, OutOfTimeError, Remaining, time_for_calls
from delayer.schedules import format_point_in_time, point_in_time_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools import Logger
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from api_schedule_get.settings import Settings
    from delayer.api import Response
    from delayer.schedule_table import ScheduleTable

__all__ = ["Handler"]


class Handler:
    """Handles HTTP API events (payload format 2.0)."""

    def __init__(
        self,
        *,
        settings: Settings,
        table: ScheduleTable,
        clock: Callable[[], float],
        logger: Logger,
    ) -> None:
        self._settings = settings
        self._table = table
        self._clock = clock
        self._logger = logger

    def __call__(self, event: dict[str, Any], context: LambdaContext) -> Response:
        """Return 200 with a schedule or a page of them, or a problem with 4xx or 503.

        Raises botocore's errors if the deployment is at fault (no permission, no table).
        """
        try:
            return self._answer(event, time_for_calls(context))
        except ProblemError as problem:
            self._logger.info("refused", status=problem.status.value, field=problem.field)
            return problem_response(problem)

    def _answer(self, event: dict[str, Any], remaining: Remaining) -> Response:
        try:
            return (
                self._list(event, remaining) if event["routeKey"] == "GET /schedules" else self._get(event, remaining)
            )
        except (OutOfTimeError, *CALL_ERRORS) as error:
            raise unavailable(error, "body", "the table did not answer") from error

    def _get(self, event: dict[str, Any], remaining: Remaining) -> Response:
        shard, due = schedule_key(event)
        schedule = self._table.get(shard, due, remaining)
        if schedule is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, "scheduleId", self._why_not_pending(point_in_time_of(due)))
        self._logger.info("looked up", schedule_id=schedule.schedule_id)
        # The message has the same members, and the payload as the very text that was posted.
        return json_response(HTTPStatus.OK, schedule.message().body)

    def _why_not_pending(self, point_in_time: int) -> str:
        """Return the reason that the time in a scheduleId gives. Records leave nothing behind that would prove it."""
        handover = point_in_time - self._settings.delayer_period_seconds
        if self._clock() < handover:
            return "no schedule is pending under this scheduleId: it was cancelled, or never posted here"
        return (
            "no schedule is pending under this scheduleId: if it was not cancelled, it was handed over to the delayer"
            f" queue at about {format_point_in_time(handover)}, or at once if it was posted later"
        )

    def _list(self, event: dict[str, Any], remaining: Remaining) -> Response:
        page = page_from_event(event)
        found = pending(self._table, self._settings.shard_count, page.range, page.limit + 1, remaining)
        listed = list(islice(found, page.limit))
        # A page that ends with the last schedule has no cursor.
        cursor = cursor_of(listed[-1]) if next(found, None) else None
        self._logger.info("listed", count=len(listed))
        schedules = [
            {"scheduleId": each.schedule_id, "pointInTime": format_point_in_time(point_in_time_of(each.due))}
            for each in listed
        ]
        return json_response(HTTPStatus.OK, json.dumps({"schedules": schedules, "cursor": cursor}))
