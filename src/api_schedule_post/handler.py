"""The handler of api-schedule-post: answer POST /schedules."""

from __future__ import annotations

import json
from collections import Counter
from http import HTTPStatus
from itertools import batched
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit

from api_schedule_post.request import CALLS_IN_FLIGHT, schedules_from_event
from delayer.api import ProblemError, json_response, problem_response, unavailable
from delayer.parallel import in_parallel
from delayer.retries import CALL_ERRORS, OutOfTimeError, time_for_calls
from delayer.schedule_table import WRITES_PER_CALL
from delayer.schedules import Schedule, format_point_in_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from aws_lambda_powertools import Logger, Metrics
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from api_schedule_post.settings import Settings
    from delayer.api import Response
    from delayer.retries import Remaining
    from delayer.schedule_table import ScheduleTable

__all__ = ["Handler"]

#: The log of a request has the most frequent kinds of rejections.
_LOGGED_KINDS = 10

_UNCONFIRMED = "the table did not confirm that the schedule is stored"


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

    def __call__(self, event: dict[str, Any], context: LambdaContext) -> Response:
        """Store the schedule of a request and return 201, or those of an array and return 200 with a result for each.

        A request that can't be accepted gets a problem with 4xx or 503.

        Raises botocore's errors if the deployment is at fault (no permission, no table). The gateway then answers 500,
        and the function's error metric counts it.
        """
        try:
            requested = schedules_from_event(event, self._clock(), self._settings)
            if isinstance(requested, Schedule):
                response = self._store(requested)
            else:
                response = self._store_many(requested, time_for_calls(context))
        except ProblemError as problem:
            self._count_refused([problem])
            response = problem_response(problem)
        self._metrics.flush_metrics()
        return response

    def _store(self, schedule: Schedule) -> Response:
        """Store a schedule. Raises ProblemError with 503 for a transient error."""
        try:
            is_new = self._table.put(schedule)
        except CALL_ERRORS as error:
            raise unavailable(error, "body", _UNCONFIRMED) from error
        # A new schedule counts as repeated if botocore's first attempt stored it and only the answer was lost.
        if is_new:
            self._report("accepted", "SchedulesAccepted", 1, schedule_id=schedule.schedule_id)
        else:
            self._report("repeated", "SchedulesRepeated", 1, schedule_id=schedule.schedule_id)
        return json_response(
            HTTPStatus.CREATED, json.dumps(_created(schedule)), location=f"/schedules/{schedule.schedule_id}"
        )

    def _store_many(self, requested: Sequence[Schedule | ProblemError], remaining: Remaining) -> Response:
        """Store the schedules among these. One that the table does not confirm in time gets a 503."""
        schedules = [each for each in requested if isinstance(each, Schedule)]
        batches = batched(schedules, WRITES_PER_CALL, strict=False)
        unconfirmed: dict[Schedule, ProblemError] = {}
        for storing in in_parallel(lambda batch: self._table.put_many(batch, remaining), batches, CALLS_IN_FLIGHT):
            if storing.left:
                problem = unavailable(storing.error or OutOfTimeError(), "body", _UNCONFIRMED)
                unconfirmed |= dict.fromkeys(storing.left, problem)
        results = [unconfirmed.get(each, each) if isinstance(each, Schedule) else each for each in requested]

        accepted = [each.schedule_id for each in results if isinstance(each, Schedule)]
        if accepted:
            self._report("accepted", "SchedulesAccepted", len(accepted), schedule_ids=accepted)
        self._count_refused([each for each in results if isinstance(each, ProblemError)])
        return json_response(HTTPStatus.OK, json.dumps({"results": [_result(each) for each in results]}))

    def _report(self, message: str, metric: str, count: int, **ids: object) -> None:
        """Add a log line to the request's metrics: one document has both."""
        self._metrics.add_metric(metric, MetricUnit.Count, count)
        self._metrics.add_metadata("message", message)
        for name, value in ids.items():
            self._metrics.add_metadata(name, value)

    def _count_refused(self, problems: Iterable[ProblemError]) -> None:
        # Without the details: they may quote keys of payloads, and payloads are never logged.
        kinds = Counter((problem.status, problem.field) for problem in problems)
        for (status, field), count in kinds.most_common(_LOGGED_KINDS):
            self._logger.info("rejected", status=status.value, field=field, count=count)
        # A 503 does not reject the schedule, so it has another metric.
        throttled = sum(count for (status, _), count in kinds.items() if status >= HTTPStatus.INTERNAL_SERVER_ERROR)
        if throttled:
            self._metrics.add_metric("PostsThrottled", MetricUnit.Count, throttled)
        if rejected := kinds.total() - throttled:
            self._metrics.add_metric("SchedulesRejected", MetricUnit.Count, rejected)


def _created(schedule: Schedule) -> dict[str, object]:
    return {"scheduleId": schedule.schedule_id, "pointInTime": format_point_in_time(schedule.point_in_time)}


def _result(outcome: Schedule | ProblemError) -> dict[str, object]:
    if isinstance(outcome, Schedule):
        return {"status": HTTPStatus.CREATED.value} | _created(outcome)
    return {"status": outcome.status.value, "field": outcome.field, "detail": outcome.detail}
