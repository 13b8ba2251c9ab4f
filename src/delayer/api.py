"""Requests and responses of the HTTP API, for the functions that answer its routes."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from delayer.retries import CALL_ERRORS, OutOfTimeError, error_code, is_transient
from delayer.schedules import parse_schedule_id

__all__ = ["ProblemError", "Response", "json_response", "problem_response", "schedule_key", "unavailable"]

#: A response of an HTTP API's integration (payload format 2.0).
type Response = dict[str, Any]


class ProblemError(Exception):
    """A request that can't be answered, as RFC 9457 problem details.

    `status` is the HTTP status, `field` names the wrong part of the request: a member of the body, a header, a
    parameter, or `body` for the whole body. `detail` is a sentence for the caller. `retry_after_seconds` becomes the
    Retry-After header.
    """

    def __init__(self, status: HTTPStatus, field: str, detail: str, retry_after_seconds: int | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.field = field
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds

    def document(self) -> dict[str, object]:
        """Return the members of `application/problem+json`. `field` is our extension."""
        return {
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            "field": self.field,
        }


def json_response(status: HTTPStatus, body: str, **headers: str) -> Response:
    """Return a response with a JSON text."""
    return {"statusCode": status.value, "headers": {"content-type": "application/json"} | headers, "body": body}


def problem_response(problem: ProblemError) -> Response:
    """Return the response that describes a problem."""
    headers = {"content-type": "application/problem+json"}
    if problem.retry_after_seconds is not None:
        headers["retry-after"] = str(problem.retry_after_seconds)
    return {"statusCode": problem.status.value, "headers": headers, "body": json.dumps(problem.document())}


def unavailable(error: Exception, field: str, detail: str) -> ProblemError:
    """Return a 503 for an error of the table that may pass, with its code. Raise any other error again.

    The deployment is at fault if an error is permanent (no permission, no table). The gateway then answers 500, and the
    function's error metric counts it.
    """
    if not isinstance(error, OutOfTimeError) and not (isinstance(error, CALL_ERRORS) and is_transient(error)):
        raise error
    code = "no time was left" if isinstance(error, OutOfTimeError) else error_code(error)
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, field, f"{detail} ({code}): send the request again", 1)


def schedule_key(event: dict[str, Any]) -> tuple[int, str]:
    """Return the shard and the `due` key in the path of an event of `/schedules/{scheduleId}`.

    Raises:
        ProblemError: the path has no scheduleId, so that nothing can be pending under it. Its status is 404.
    """
    text = event.get("pathParameters", {}).get("scheduleId", "")
    try:
        return parse_schedule_id(text)
    except ValueError as error:
        raise ProblemError(HTTPStatus.NOT_FOUND, "scheduleId", str(error)) from None
