"""HTTP API events (payload format 2.0), as the gateway sends them to the functions."""

from __future__ import annotations

import base64
import json
from typing import Any

ROLE_ARN = "arn:aws:sts::123456789012:assumed-role/orders/session-1"


#: Texts in a path that are no scheduleIds.
NO_IDS = [
    "",
    "../",
    "..%2F..%2Fetc",
    "%30",
    "x" * 10_240,
    "007-001795338000",
    "007-001795338000-",
    "07-001795338000-abc",
    "007-01795338000-abc",
    "007-001795338000-" + "a" * 61,
    "007-001795338000-a b",
    "007-001795338000-é",
    "007-999999999999-abc",
    "\N{ARABIC-INDIC DIGIT ZERO}07-001795338000-abc",
    "007-001795338000-abc\n",
]


def iam_caller(user_arn: str) -> dict[str, Any]:
    """Return the authorizer of a caller with a valid signature."""
    return {"iam": {"accountId": "123456789012", "userArn": user_arn, "cognitoIdentity": None}}


def jwt_caller(issuer: str, subject: str, **claims: str) -> dict[str, Any]:
    """Return the authorizer of a caller with a valid token."""
    return {"jwt": {"claims": {"iss": issuer, "sub": subject, **claims}, "scopes": None}}


def body_text(point_in_time: object = "2026-11-22T10:00:00Z", payload: object = None) -> str:
    """Return the body of a request."""
    return json.dumps({"pointInTime": point_in_time, "payload": payload})


def schedule_event(method: str, schedule_id: str) -> dict[str, Any]:
    """Return an event of `/schedules/{scheduleId}`."""
    event = http_event(None, content_type=None, route=f"{method} /schedules/{{scheduleId}}")
    return event | {"rawPath": f"/schedules/{schedule_id}", "pathParameters": {"scheduleId": schedule_id}}


def list_event(query: str = "") -> dict[str, Any]:
    """Return an event of `GET /schedules`."""
    return http_event(None, content_type=None, route="GET /schedules") | {"rawQueryString": query}


def http_event(
    body: str | bytes | None,
    headers: dict[str, str] | None = None,
    *,
    content_type: str | None = "application/json",
    caller: dict[str, Any] | None = None,
    route: str = "POST /schedules",
) -> dict[str, Any]:
    """Return an event of a route, without parameters. A body of bytes becomes base64, as for binary content types."""
    sent = {} if content_type is None else {"content-type": content_type}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": "/schedules",
        "rawQueryString": "",
        "headers": sent | (headers or {}),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "authorizer": caller or iam_caller(ROLE_ARN),
            "http": {
                "method": route.partition(" ")[0],
                "path": "/schedules",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": route,
            "stage": "$default",
        },
        "isBase64Encoded": isinstance(body, bytes),
    }
    if body is not None:  # without a body, the gateway omits the member
        event["body"] = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    return event


def problem(response: dict[str, Any]) -> dict[str, Any]:
    """Return the problem details of a response."""
    assert response["headers"]["content-type"] == "application/problem+json"
    found: dict[str, Any] = json.loads(response["body"])
    assert found["status"] == response["statusCode"]
    return found
