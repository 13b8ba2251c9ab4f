"""The parameters of GET /schedules. Pure: no AWS."""

from __future__ import annotations

import base64
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

from delayer.api import ProblemError
from delayer.listing import Listed, Range
from delayer.point_in_time import parse_point_in_time
from delayer.schedules import LAST_POINT_IN_TIME, parse_schedule_id, point_in_time_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DEFAULT_LIMIT", "MAX_LIMIT", "Page", "cursor_of", "page_from_event"]

#: The schedules on a page.
DEFAULT_LIMIT = 100
MAX_LIMIT = 1000

_PARAMETERS = ("from", "to", "limit", "cursor")
_LIMIT = re.compile(r"[0-9]{1,4}")


class Page(NamedTuple):
    """A page that is asked for: up to `limit` schedules of a range."""

    range: Range
    limit: int


def page_from_event(event: dict[str, Any]) -> Page:
    """Return the page that an HTTP API event (payload format 2.0) asks for.

    Without `from` it starts with the schedule that is due first, without `to` it ends with the last.

    Raises:
        ProblemError: a parameter is wrong; the status is 400.
    """
    parameters = _parameters(event.get("rawQueryString", ""))
    start = _time(parameters, "from", 0)
    end = _time(parameters, "to", LAST_POINT_IN_TIME + 1)
    if start > end:
        raise _problem("from", "from is after to: a range goes from the earlier time to the later one")
    limit = parameters.get("limit", str(DEFAULT_LIMIT))
    if not _LIMIT.fullmatch(limit) or not 1 <= int(limit) <= MAX_LIMIT:
        raise _problem("limit", f"limit must be a whole number from 1 to {MAX_LIMIT}, not {limit[:40]!a}")
    after = None
    if "cursor" in parameters:
        after = _listed(parameters["cursor"])
        if not start <= point_in_time_of(after.due) < end:
            raise _problem("cursor", "the cursor belongs to another range: send it with the from and to of its page")
    return Page(Range(start, end, after), int(limit))


def cursor_of(listed: Listed) -> str:
    """Return the cursor of a page that ends with this schedule. It stays valid when the schedule is gone."""
    return base64.urlsafe_b64encode(listed.schedule_id.encode()).decode().rstrip("=")


def _listed(cursor: str) -> Listed:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        shard, due = parse_schedule_id(text)
    except ValueError:  # not base64, not UTF-8, or no scheduleId
        raise _problem("cursor", "the cursor is none of ours: send it as the answer to GET /schedules has it") from None
    return Listed(due, shard)


def _parameters(query: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in _PARAMETERS:
            raise _problem(name[:100], f"unknown parameter {name[:100]!a}: the parameters are {', '.join(_PARAMETERS)}")
        if name in parameters:
            raise _problem(name, f"the parameter {name} was sent more than once")
        parameters[name] = value
    return parameters


def _time(parameters: Mapping[str, str], name: str, default: int) -> int:
    if name not in parameters:
        return default
    # A plus sign in a query string means a space.
    text = re.sub(r" (?=\d{2}:\d{2}$)", "+", parameters[name])
    try:
        return min(max(0, parse_point_in_time(text)), LAST_POINT_IN_TIME + 1)
    except ValueError as error:
        raise _problem(name, f"{name} {error}") from None


def _problem(field: str, detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, field, detail)
