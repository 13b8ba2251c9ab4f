"""Make ministack ask for the permissions that AWS asks for, where it asks for others."""

from __future__ import annotations

import json
from typing import Any


def install() -> None:
    """Correct the judgement of callers. ministack judges at all because the stack starts it with AUTH=true."""
    # Imported here because tests use batch_attributes where ministack is not installed.
    from ministack import app  # noqa: PLC0415
    from ministack.core import iam_actions  # noqa: PLC0415

    pin_request_origin = app.pin_request_origin
    extract_iam_action = iam_actions.extract_iam_action
    dynamodb_service_context = iam_actions.dynamodb_service_context

    def pin_secure_origin(source_ip: str, _is_secure: bool) -> None:  # noqa: FBT001 -- called so
        # Policies refuse requests without TLS. Here all come over the loopback, which stands for it.
        pin_request_origin(source_ip, True)  # noqa: FBT003

    def action(*arguments: Any) -> str | None:
        # A batch needs the permission of a single one (Service Authorization Reference, "Amazon SQS").
        named: str | None = extract_iam_action(*arguments)
        return named.removesuffix("Batch") if named is not None and named.startswith("sqs:") else named

    def context(body: bytes) -> dict[str, Any]:
        found: dict[str, Any] = dynamodb_service_context(body)
        names = batch_attributes(body)
        return found | ({"dynamodb:Attributes": names} if names else {})

    app.pin_request_origin = pin_secure_origin
    iam_actions.extract_iam_action = action
    iam_actions.dynamodb_service_context = context


def batch_attributes(body: bytes) -> list[str]:
    """Return a BatchWriteItem's `dynamodb:Attributes`: those of the items it puts and of the keys it deletes.

    Any other body has none.
    """
    try:
        tables = json.loads(body)["RequestItems"]
        requests = [request for table in tables.values() for request in table]
        parts = [
            request["PutRequest"]["Item"] if "PutRequest" in request else request["DeleteRequest"]["Key"]
            for request in requests
        ]
    except (ValueError, TypeError, KeyError, AttributeError):
        return []
    return sorted({name for part in parts for name in part})
