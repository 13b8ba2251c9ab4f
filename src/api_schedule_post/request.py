"""From an HTTP API event to the schedule that it asks for. Pure: no AWS, and the time is passed in."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from api_schedule_post.json_text import JsonTextError, Member, object_members
from api_schedule_post.point_in_time import parse_point_in_time
from api_schedule_post.problems import ProblemError
from delayer.schedules import MAX_MESSAGE_BYTES, Schedule, due_key, format_point_in_time

if TYPE_CHECKING:
    from api_schedule_post.settings import Settings

__all__ = ["MAX_BODY_BYTES", "MAX_PAST_SECONDS", "schedule_from_event"]

#: A pointInTime this far in the past is still accepted, and delivered at once: clocks differ and requests take time.
MAX_PAST_SECONDS = 60

#: A body over this is not even parsed. A payload that fits the queue is at most half as long, and nothing else in a
#: request needs the rest, unless it were white space around the members.
MAX_BODY_BYTES = 2 * MAX_MESSAGE_BYTES

_FIELDS = ("pointInTime", "payload")
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")

#: Characters that SQS refuses in a message but JSON allows in a string (SendMessage, "MessageBody"): as escapes they
#: mean the same.
_ESCAPES = str.maketrans({"\ufffe": "\\ufffe", "\uffff": "\\uffff"})


def schedule_from_event(event: dict[str, Any], now: float, settings: Settings) -> Schedule:
    """The schedule that an HTTP API event (payload format 2.0) asks for.

    Raises:
        ProblemError: the request can't be accepted.
    """
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    _check_content_type(headers)
    idempotency_key = _idempotency_key(headers)
    members = _members(_body(event))
    point_in_time = _point_in_time(members["pointInTime"], now, settings.horizon_seconds)
    payload = members["payload"].text.translate(_ESCAPES)

    if idempotency_key is None:
        entropy = secrets.token_bytes(32)
    else:
        request = json.dumps([_caller(event), idempotency_key, payload])
        entropy = hashlib.sha256(request.encode()).digest()
    unique = base64.urlsafe_b64encode(entropy[:16]).rstrip(b"=").decode()
    shard = int.from_bytes(entropy[16:]) % settings.shard_count

    schedule = Schedule(shard, due_key(point_in_time, unique), payload)
    size = schedule.message().size_bytes
    if size > MAX_MESSAGE_BYTES:
        raise ProblemError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "payload",
            f"the message with this payload has {size} bytes in UTF-8, {size - MAX_MESSAGE_BYTES} more than the "
            f"{MAX_MESSAGE_BYTES} that fit the queue",
        )
    return schedule


def _check_content_type(headers: dict[str, str]) -> None:
    media_type, _, parameters = headers.get("content-type", "").partition(";")
    media_type = media_type.strip().lower()
    if media_type != "application/json":
        said = f"not {media_type[:100]!a}" if media_type else "and there is none"
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "content-type", f"the content type has to be application/json, {said}"
        )
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in ("utf-8", "utf8"):
            raise ProblemError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "content-type", "JSON is UTF-8: leave the charset away"
            )
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "content-encoding", "the body has to be sent without a content encoding"
        )


def _idempotency_key(headers: dict[str, str]) -> str | None:
    key = headers.get("idempotency-key")
    if key is not None and _IDEMPOTENCY_KEY.fullmatch(key) is None:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, "idempotency-key", "it has to be 1 to 255 visible ASCII characters without spaces"
        )
    return key


def _caller(event: dict[str, Any]) -> list[str]:
    """Who asks: account and role, or a token's issuer and subject. One caller's keys never meet another's."""
    authorizer = event.get("requestContext", {}).get("authorizer") or {}
    if "jwt" in authorizer:
        claims = authorizer["jwt"].get("claims") or {}
        return ["jwt", str(claims.get("iss", "")), str(claims.get("sub", ""))]
    # arn:aws:sts::<account>:assumed-role/<role>/<session>: the session changes from one run of a caller to the next.
    arn = str((authorizer.get("iam") or {}).get("userArn") or "")
    if ":assumed-role/" in arn:
        arn = arn.rpartition("/")[0]
    return ["iam", arn]


def _body(event: dict[str, Any]) -> str:
    body = event.get("body") or ""
    try:
        raw = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
        if len(raw) > MAX_BODY_BYTES:
            raise ProblemError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "body",
                f"the body has {len(raw)} bytes, more than the {MAX_BODY_BYTES} that are read",
            )
        return raw.decode()
    except UnicodeError:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "body", "the body is not UTF-8") from None
    except ValueError:  # binascii.Error, or what is not even ASCII
        raise ProblemError(HTTPStatus.BAD_REQUEST, "body", "the body is not the base64 that it is said to be") from None


def _members(body: str) -> dict[str, Member]:
    if not body.strip(" \t\r\n"):
        raise ProblemError(HTTPStatus.BAD_REQUEST, "body", "the body is empty: send a JSON object")
    try:
        members = object_members(body)
    except JsonTextError as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "body", f"the body can't be read as JSON: {error}") from None
    for name in members:
        if name not in _FIELDS:
            shown = json.dumps(name[:100])
            raise ProblemError(
                HTTPStatus.BAD_REQUEST, name[:100], f"{shown} is not a field: there are pointInTime and payload"
            )
    for name in _FIELDS:
        if name not in members:
            raise ProblemError(HTTPStatus.BAD_REQUEST, name, f"{name} is missing")
    return members


def _point_in_time(member: Member, now: float, horizon_seconds: int) -> int:
    def problem(detail: str) -> ProblemError:
        return ProblemError(HTTPStatus.BAD_REQUEST, "pointInTime", f"pointInTime can't be taken: {detail}")

    if type(member.value) is not str:  # a Number is a str, and not what is asked for
        raise problem("it has to be a string, like 2030-01-31T09:00:00+01:00")
    try:
        point_in_time = parse_point_in_time(member.value)
    except ValueError as error:
        raise problem(str(error)) from None
    if point_in_time < now - MAX_PAST_SECONDS:
        raise problem(f"it is more than {MAX_PAST_SECONDS} s in the past; it is now {format_point_in_time(int(now))}")
    if point_in_time > now + horizon_seconds:
        raise problem(f"it is more than {horizon_seconds // 86_400} days ahead, the horizon of this environment")
    return point_in_time
