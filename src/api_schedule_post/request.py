"""From an HTTP API event to the schedule that it asks for. Pure: no AWS, and the time is passed in."""

from __future__ import annotations

import base64
import codecs
import hashlib
import json
import re
import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from api_schedule_post.json_text import JsonTextError, Member, NotAnObjectError, object_members
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
#: Without a comma: an HTTP API hands on a header that was sent twice as one, its values joined by a comma (API Gateway
#: developer guide, "Create AWS Lambda proxy integrations for HTTP APIs", differences of payload format 2.0).
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,255}")

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
    members = _members(_body(event, headers))
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
    def problem(detail: str, field: str = "content-type") -> ProblemError:
        return ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, field, detail)

    content_type = headers.get("content-type", "")
    if "," in content_type:
        raise problem("the content type stands more than once: send application/json once")
    media_type, _, parameters = content_type.partition(";")
    media_type = media_type.strip().lower()
    if media_type != "application/json":
        said = f"not {media_type[:100]!a}" if media_type else "and there is none"
        raise problem(f"the content type has to be application/json, {said}")
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in ("utf-8", "utf8"):
            raise problem("JSON is UTF-8: leave the charset away")
    encodings = headers.get("content-encoding", "").split(",")
    if any(encoding.strip().lower() not in ("", "identity") for encoding in encodings):
        raise problem("the body has to be sent without a content encoding", "content-encoding")


def _idempotency_key(headers: dict[str, str]) -> str | None:
    key = headers.get("idempotency-key")
    if key is None or _IDEMPOTENCY_KEY.fullmatch(key):
        return key
    if not key.strip():
        detail = "the key is empty: send 1 to 255 characters, or leave the header away"
    elif "," in key:
        detail = "the header stands more than once, or its key has a comma: send one key without a comma"
    else:
        detail = "the key has to be 1 to 255 visible ASCII characters without spaces"
    raise ProblemError(HTTPStatus.BAD_REQUEST, "idempotency-key", detail)


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


def _body(event: dict[str, Any], headers: dict[str, str]) -> str:
    """Return the body's text, whichever way the gateway sent it.

    An HTTP API decides by the content type: JSON comes as text, and a type that it takes for binary comes as base64
    (API Gateway developer guide, "Create AWS Lambda proxy integrations for HTTP APIs"; which types are text was
    measured in https://github.com/ministackorg/ministack/pull/766). How invalid UTF-8 becomes text is not documented.
    """
    body = event.get("body") or ""
    is_base64 = bool(event.get("isBase64Encoded"))
    try:
        raw = base64.b64decode(body, validate=True) if is_base64 else body.encode()
        if len(raw) > MAX_BODY_BYTES:
            raise ProblemError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "body",
                f"the body has {len(raw)} bytes, more than the {MAX_BODY_BYTES} that are read",
            )
        if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in raw[:4]:
            raise _body_problem("the body looks like UTF-16 or UTF-32: send JSON in UTF-8")
        text = raw.decode()
    except UnicodeError:
        raise _body_problem("the body is not UTF-8") from None
    except ValueError:  # binascii.Error, or what is not even ASCII
        raise _body_problem("the body is invalid base64") from None
    # Where invalid bytes were replaced on the way, the text is longer than what was sent: U+FFFD has three bytes. Only
    # three bytes that became one U+FFFD, like a cut-off emoji, look the same as a U+FFFD that was sent.
    if not is_base64 and "\ufffd" in text and headers.get("content-length", str(len(raw))) != str(len(raw)):
        raise _body_problem("the body is not UTF-8")
    if text.startswith("\ufeff"):
        raise _body_problem("the body begins with a byte order mark: send JSON without it")
    return text


def _body_problem(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, "body", detail)


def _members(body: str) -> dict[str, Member]:
    if not body.strip(" \t\r\n"):
        raise _body_problem("the body is empty: send a JSON object")
    try:
        members = object_members(body)
    except NotAnObjectError as error:
        raise _body_problem(f"the body is {error}: send a JSON object with pointInTime and payload") from None
    except JsonTextError as error:
        raise _body_problem(f"the body can't be read as JSON: {error}") from None
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
