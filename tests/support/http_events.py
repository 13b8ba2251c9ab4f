"""HTTP API events (payload format 2.0), as the gateway sends them to the post function."""

from __future__ import annotations

import base64
import json
from typing import Any

__all__ = ["ROLE_ARN", "body_text", "http_event", "iam_caller", "jwt_caller"]

ROLE_ARN = "arn:aws:sts::123456789012:assumed-role/orders/session-1"


def iam_caller(user_arn: str) -> dict[str, Any]:
    """Return the authorizer of a caller with a valid signature."""
    return {"iam": {"accountId": "123456789012", "userArn": user_arn, "cognitoIdentity": None}}


def jwt_caller(issuer: str, subject: str, **claims: str) -> dict[str, Any]:
    """Return the authorizer of a caller with a valid token."""
    return {"jwt": {"claims": {"iss": issuer, "sub": subject, **claims}, "scopes": None}}


def body_text(point_in_time: object = "2026-11-22T10:00:00Z", payload: object = None) -> str:
    """Return the body of a request."""
    return json.dumps({"pointInTime": point_in_time, "payload": payload})


def http_event(
    body: str | bytes | None,
    headers: dict[str, str] | None = None,
    *,
    content_type: str | None = "application/json",
    caller: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return an event of `POST /schedules`. A body of bytes becomes base64, as for binary content types."""
    sent = {} if content_type is None else {"content-type": content_type}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "POST /schedules",
        "rawPath": "/schedules",
        "rawQueryString": "",
        "headers": sent | (headers or {}),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "authorizer": caller or iam_caller(ROLE_ARN),
            "http": {"method": "POST", "path": "/schedules", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "POST /schedules",
            "stage": "$default",
        },
        "isBase64Encoded": isinstance(body, bytes),
    }
    if body is not None:  # without a body, the gateway omits the member
        event["body"] = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    return event
