"""What AWS calls raise."""

from __future__ import annotations

from botocore.exceptions import ClientError


def client_error(code: str, status: int = 400, operation: str = "Operation") -> ClientError:
    """An answer of the service that says no."""
    return ClientError(
        {"Error": {"Code": code, "Message": f"{code} by the test"}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        operation,
    )
