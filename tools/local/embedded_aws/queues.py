"""Lets ministack refuse a delay that SQS refuses: it takes a negative one, and one of more than 900 seconds."""

from __future__ import annotations

from typing import Any

__all__ = ["install"]

#: Amazon SQS API reference, SendMessage, "DelaySeconds".
_LONGEST_DELAY_SECONDS = 900


def install() -> None:
    """Check the delay of every message that is sent."""
    # Imported here, for ministack reads the environment when it is imported.
    from ministack.services import sqs  # noqa: PLC0415

    send_message = sqs._act_send_message  # noqa: SLF001 -- it has no other way in

    def send(data: dict[str, Any], url: str) -> Any:
        delay = data.get("DelaySeconds")
        if delay is not None and not 0 <= int(delay) <= _LONGEST_DELAY_SECONDS:
            reason = f"DelaySeconds must be >= 0 and <= {_LONGEST_DELAY_SECONDS}."
            raise sqs._Err(  # noqa: SLF001
                "InvalidParameterValue", f"Value {delay} for parameter DelaySeconds is invalid. Reason: {reason}"
            )
        return send_message(data, url)

    sqs._act_send_message = send  # noqa: SLF001
    sqs._HANDLERS["SendMessage"] = send  # noqa: SLF001
