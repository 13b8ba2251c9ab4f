"""Correct ministack in small things: delays that SQS refuses, lines that functions print, and repeated permissions."""

from __future__ import annotations

import fcntl
import json
import struct
import termios
import time
from http import HTTPStatus
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc, sqs

#: Amazon SQS API reference, SendMessage, "DelaySeconds".
_LONGEST_DELAY_SECONDS = 900

#: How long the thread that reads a function's pipe takes to hand over its last lines.
_QUIET_SECONDS = 0.02

# ministack has no interface for any of this.
# ruff: noqa: SLF001


def install() -> None:
    """Install the three corrections."""
    _refuse_delays()
    _keep_printed_lines()
    _repeat_permissions()


def _refuse_delays() -> None:
    """Refuse a negative delay and one of more than 900 seconds, as SQS does."""
    send_message = sqs._act_send_message

    def send(data: dict[str, Any], url: str) -> Any:
        delay = data.get("DelaySeconds")
        if delay is not None and not 0 <= int(delay) <= _LONGEST_DELAY_SECONDS:
            reason = f"DelaySeconds must be >= 0 and <= {_LONGEST_DELAY_SECONDS}."
            raise sqs._Err(
                "InvalidParameterValue", f"Value {delay} for parameter DelaySeconds is invalid. Reason: {reason}"
            )
        return send_message(data, url)

    sqs._act_send_message = sqs._HANDLERS["SendMessage"] = send


def _keep_printed_lines() -> None:
    """Read a function's pipe to its end before its call ends: on a busy machine ministack logs lines with the next."""
    drain = lambda_runtime.Worker._drain_stderr_bounded

    def drain_all(worker: Any) -> str:
        process = worker._proc
        while process is not None and process.poll() is None and _waiting_bytes(process.stderr.fileno()):
            time.sleep(0.001)
        return str(drain(worker, idle_confirm=_QUIET_SECONDS))

    lambda_runtime.Worker._drain_stderr_bounded = drain_all


def _waiting_bytes(pipe: int) -> int:
    size: tuple[int] = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))
    return size[0]


def _repeat_permissions() -> None:
    """Accept an identical AddPermission again: Terraform repeats a call and stops at a conflict."""
    add_permission = lambda_svc._add_permission
    made: set[str] = set()

    def add(function: str, data: dict[str, Any], *arguments: Any) -> Any:
        request = json.dumps([function, data, arguments], sort_keys=True, default=str)
        answer = add_permission(function, data, *arguments)
        if answer[0] == HTTPStatus.CREATED:
            made.add(request)
        elif answer[0] == HTTPStatus.CONFLICT and request in made:
            return lambda_svc.json_response({"Statement": "{}"}, HTTPStatus.CREATED.value)
        return answer

    lambda_svc._add_permission = add
