"""Validation of an HTTP API event, and the schedules made from it. Pure: no AWS, and the time is a parameter."""

from __future__ import annotations

import base64
import codecs
import hashlib
import json
import re
import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from api_schedule_post.json_text import JsonTextError, Member, NotAnObjectError, array_texts, object_members
from delayer.api import ProblemError
from delayer.point_in_time import parse_point_in_time
from delayer.schedules import MAX_MESSAGE_BYTES, Schedule, due_key, format_point_in_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from api_schedule_post.settings import Settings

__all__ = [
    "CALLS_IN_FLIGHT",
    "MAX_ARRAY_BYTES",
    "MAX_BODY_BYTES",
    "MAX_PAST_SECONDS",
    "MAX_SCHEDULES",
    "schedules_from_event",
]

#: A pointInTime up to this far in the past is accepted and delivered at once, because clocks differ and requests take
#: time.
MAX_PAST_SECONDS = 60

#: A larger object is refused before it is parsed. A payload that fits the queue is at most half as long; only white
#: space could fill the rest.
MAX_BODY_BYTES = 2 * MAX_MESSAGE_BYTES

#: A larger array is refused before it is parsed. Lambda takes events of 6 MB (AWS Lambda developer guide, "quotas"), in
#: which the body is a JSON string, so that each of its quotes takes two bytes.
MAX_ARRAY_BYTES = 4 * 1024 * 1024

#: The most schedules in one request.
MAX_SCHEDULES = 1000

#: BatchWriteItem calls in flight for the schedules of an array. A thousand schedules are 40 calls, which take 50 ms at
#: about 10 ms a call.
CALLS_IN_FLIGHT = 8

_FIELDS = ("pointInTime", "payload")
#: A comma is not allowed, because an HTTP API joins the values of a repeated header with commas (API Gateway developer
#: guide, "Create AWS Lambda proxy integrations for HTTP APIs", differences of payload format 2.0).
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,255}")

#: Characters that JSON allows in a string but SQS refuses in a message (SendMessage, "MessageBody"). Their escapes mean
#: the same.
_ESCAPES = str.maketrans({"\ufffe": "\\ufffe", "\uffff": "\\uffff"})

_WHITE_SPACE = " \t\r\n"


def schedules_from_event(
    event: dict[str, Any], now: float, settings: Settings
) -> Schedule | Sequence[Schedule | ProblemError]:
    """Return the schedule that an HTTP API event (payload format 2.0) requests at `now`, or those of an array.

    Each of an array is judged alone: in place of one that can't be accepted stands its problem. Keys of records are
    random, or with an Idempotency-Key digests of the caller, the key and the payload. In an array they are digests of
    the place too, so that equal schedules in one request are different schedules.

    Raises:
        ProblemError: the whole request can't be accepted; its status is 4xx.
    """
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    _check_content_type(headers)
    idempotency_key = _idempotency_key(headers)
    text = _body(event, headers)
    digested = None if idempotency_key is None else [_caller(event), idempotency_key]
    if not _is_array(text):
        return _schedule(_members(text, "the body"), digested, now, settings)
    schedules: list[Schedule | ProblemError] = []
    for place, item in enumerate(_items(text)):
        try:
            schedules.append(_schedule(_members(item, "the item"), digested, now, settings, place))
        except ProblemError as problem:
            schedules.append(problem)
    return schedules


def _schedule(
    members: Mapping[str, Member], digested: list[Any] | None, now: float, settings: Settings, *place: int
) -> Schedule:
    """Return the schedule of one object. `digested` begins what its key is a digest of; None asks for a random key."""
    point_in_time = _point_in_time(members["pointInTime"], now, settings.horizon_seconds)
    payload = members["payload"].text.translate(_ESCAPES)

    if digested is None:
        entropy = secrets.token_bytes(32)
    else:
        entropy = hashlib.sha256(json.dumps([*digested, payload, *place]).encode()).digest()
    unique = base64.urlsafe_b64encode(entropy[:16]).rstrip(b"=").decode()
    shard = int.from_bytes(entropy[16:]) % settings.shard_count

    schedule = Schedule(shard, due_key(point_in_time, unique), payload)
    # A character has at most four bytes, and the rest of a message less than a kilobyte: most need no exact count.
    if 4 * len(payload) + 1024 > MAX_MESSAGE_BYTES and (size := schedule.message().size_bytes) > MAX_MESSAGE_BYTES:
        raise ProblemError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "payload",
            f"the message with this payload would be {size} bytes in UTF-8, {size - MAX_MESSAGE_BYTES} more than the "
            f"queue's limit of {MAX_MESSAGE_BYTES}",
        )
    return schedule


def _check_content_type(headers: dict[str, str]) -> None:
    content_type = headers.get("content-type", "")
    if "," in content_type:
        raise _media_type_problem("the header was sent more than once: send application/json once")
    media_type, _, parameters = content_type.partition(";")
    media_type = media_type.strip().lower()
    if media_type != "application/json":
        found = f"not {media_type[:100]!a}" if media_type else "but is missing"
        raise _media_type_problem(f"the content type must be application/json, {found}")
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in ("utf-8", "utf8"):
            raise _media_type_problem("the charset must be utf-8: send UTF-8, or omit the charset")
    encodings = headers.get("content-encoding", "").split(",")
    if any(encoding.strip().lower() not in ("", "identity") for encoding in encodings):
        raise _media_type_problem("content encodings are not supported: send the body uncompressed", "content-encoding")


def _media_type_problem(detail: str, field: str = "content-type") -> ProblemError:
    return ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, field, detail)


def _idempotency_key(headers: dict[str, str]) -> str | None:
    key = headers.get("idempotency-key")
    if key is None or _IDEMPOTENCY_KEY.fullmatch(key):
        return key
    if not key.strip():
        detail = "the key is empty: send 1 to 255 characters, or omit the header"
    elif "," in key:
        detail = "the header was sent more than once, or the key contains a comma: send one key without a comma"
    else:
        detail = "the key must be 1 to 255 visible ASCII characters without spaces"
    raise ProblemError(HTTPStatus.BAD_REQUEST, "idempotency-key", detail)


def _caller(event: dict[str, Any]) -> list[str]:
    """Return the caller, who has idempotency keys of their own: account and role, or a token's issuer and subject."""
    authorizer = event.get("requestContext", {}).get("authorizer") or {}
    if "jwt" in authorizer:
        claims = authorizer["jwt"].get("claims") or {}
        return ["jwt", str(claims.get("iss", "")), str(claims.get("sub", ""))]
    # arn:aws:sts::<account>:assumed-role/<role>/<session>: the session differs between runs of the same caller.
    arn = str((authorizer.get("iam") or {}).get("userArn") or "")
    if ":assumed-role/" in arn:
        arn = arn.rpartition("/")[0]
    return ["iam", arn]


def _body(event: dict[str, Any], headers: dict[str, str]) -> str:
    """Return the body's text.

    An HTTP API passes JSON as text and binary content types as base64 (API Gateway developer guide, "Create AWS Lambda
    proxy integrations for HTTP APIs"; https://github.com/ministackorg/ministack/pull/766 measured which types are
    text). How it turns invalid UTF-8 into text is not documented.
    """
    body = event.get("body") or ""
    is_base64 = bool(event.get("isBase64Encoded"))
    try:
        raw = base64.b64decode(body, validate=True) if is_base64 else body.encode()
        most = MAX_ARRAY_BYTES if raw.lstrip(_WHITE_SPACE.encode()).startswith(b"[") else MAX_BODY_BYTES
        if len(raw) > most:
            raise ProblemError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body", f"the body is {len(raw)} bytes; the limit is {most}"
            )
        if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in raw[:4]:
            raise _body_problem("the body looks like UTF-16 or UTF-32: send JSON in UTF-8")
        text = raw.decode()
    except UnicodeError:
        raise _body_problem("the body is not valid UTF-8") from None
    except ValueError:  # binascii.Error, or the text is not ASCII
        raise _body_problem("the body is not valid base64") from None
    # A gateway may replace invalid bytes with U+FFFD, which is three bytes long, so that the text is longer than the
    # body that was sent. Only three bytes that became one U+FFFD, like a cut-off emoji, can't be detected.
    if not is_base64 and "\ufffd" in text and headers.get("content-length", str(len(raw))) != str(len(raw)):
        raise _body_problem("the body is not valid UTF-8")
    if text.startswith("\ufeff"):
        raise _body_problem("the body starts with a byte order mark: send JSON without it")
    return text


def _body_problem(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, "body", detail)


def _is_array(text: str) -> bool:
    return text.lstrip(_WHITE_SPACE).startswith("[")


def _items(text: str) -> list[str]:
    try:
        items = array_texts(text)
    except JsonTextError as error:
        raise _body_problem(f"the body can't be parsed as JSON: {error}") from None
    if not items:
        raise _body_problem("the array is empty: send at least one schedule")
    if len(items) > MAX_SCHEDULES:
        raise _body_problem(f"the array has {len(items)} schedules, and the limit is {MAX_SCHEDULES}: send it in parts")
    return items


def _members(text: str, name_of_text: str) -> dict[str, Member]:
    if not text.strip(_WHITE_SPACE):
        raise _body_problem("the body is empty: send a JSON object with pointInTime and payload")
    try:
        members = object_members(text)
    except NotAnObjectError as error:
        raise _body_problem(f"{name_of_text} is {error}: send a JSON object with pointInTime and payload") from None
    except JsonTextError as error:
        raise _body_problem(f"{name_of_text} can't be parsed as JSON: {error}") from None
    for name in members:
        if name not in _FIELDS:
            detail = f"unknown field {json.dumps(name[:100])}: the fields are pointInTime and payload"
            raise ProblemError(HTTPStatus.BAD_REQUEST, name[:100], detail)
    for name in _FIELDS:
        if name not in members:
            raise ProblemError(HTTPStatus.BAD_REQUEST, name, f"{name} is missing")
    return members


def _point_in_time(member: Member, now: float, horizon_seconds: int) -> int:
    if type(member.value) is not str:  # not isinstance: a Number is a str, too
        raise _point_in_time_problem("must be a string, like 2030-01-31T09:00:00+01:00")
    try:
        point_in_time = parse_point_in_time(member.value)
    except ValueError as error:
        raise _point_in_time_problem(str(error)) from None
    if point_in_time < now - MAX_PAST_SECONDS:
        time_now = format_point_in_time(int(now))
        raise _point_in_time_problem(f"is more than {MAX_PAST_SECONDS} s in the past: the time is now {time_now}")
    if point_in_time > now + horizon_seconds:
        days = horizon_seconds // 86_400
        raise _point_in_time_problem(f"is more than {days} days ahead, the limit of this environment")
    return point_in_time


def _point_in_time_problem(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, "pointInTime", f"pointInTime {detail}")
