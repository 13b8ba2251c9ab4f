"""Retries of AWS calls: which failures are transient, how long to wait, and when to stop."""

from __future__ import annotations

import random
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.parsers import ResponseParserError

from delayer.clients import CALL_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

__all__ = [
    "CALL_ERRORS",
    "MAX_ATTEMPTS",
    "RESERVE_SECONDS",
    "OutOfTimeError",
    "Pause",
    "Remaining",
    "at_most",
    "call_with_retries",
    "error_code",
    "is_throttle",
    "is_transient",
    "time_for_calls",
    "wait_before_retry",
]

#: Waits for a number of seconds: time.sleep, or a test's substitute.
Pause = Callable[[float], None]

#: Returns the seconds in which a call may still be started; at 0 or less the work stops.
Remaining = Callable[[], float]

#: Everything that an AWS call raises: the service answers with an error, not at all, or not to the end.
CALL_ERRORS = (ClientError, BotoCoreError, ResponseParserError)

#: No answer, or an incomplete one. Botocore's other errors (no credentials, no region) are permanent.
_TRANSIENT_ERRORS = (NoConnectionError, HTTPClientError, IncompleteReadError, ResponseParserError)

#: Attempts of a call, throttled ones not counted: throttled calls are retried until time is up.
MAX_ATTEMPTS = 5

#: No call starts later than this before the function's own timeout: the last call may have just begun, can take longer
#: than its timeout, and the metrics must still be written.
RESERVE_SECONDS = 2 * CALL_TIMEOUT_SECONDS + 2

#: The first wait is at most this long. The limit doubles with each wait, up to the longest.
_FIRST_WAIT_SECONDS = 0.05
_LONGEST_WAIT_SECONDS = 2.0


class OutOfTimeError(Exception):
    """The deadline came before the call succeeded."""


def error_code(error: Exception) -> str:
    """Return the service's error code without its prefix, or the exception's name if the service gave no answer."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "")).rpartition(".")[2]
    return type(error).__name__


def is_throttle(error: Exception) -> bool:
    """Return whether the service asks to slow down (codes: "Common errors" of DynamoDB's and SQS's API references)."""
    code = error_code(error)
    return "Throttl" in code or code in ("ProvisionedThroughputExceededException", "RequestLimitExceeded")


def is_transient(error: Exception) -> bool:
    """Return whether the same call may succeed later: after a throttle, a 5xx, or no readable answer."""
    if not isinstance(error, ClientError):
        return isinstance(error, _TRANSIENT_ERRORS)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", HTTPStatus.INTERNAL_SERVER_ERROR)
    return is_throttle(error) or int(status) >= HTTPStatus.INTERNAL_SERVER_ERROR


def time_for_calls(context: LambdaContext) -> Remaining:
    """Return how long this invocation may start calls: until RESERVE_SECONDS before its timeout."""
    return lambda: context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS


def at_most(seconds: float, remaining: Remaining) -> Remaining:
    """Return a `remaining` that reaches 0 when the given one does, and after `seconds` at the latest."""
    not_used = max(0.0, remaining() - seconds)
    return lambda: remaining() - not_used


def wait_before_retry(attempt: int, remaining: Remaining, pause: Pause) -> None:
    """Wait after failed attempt number `attempt` (from 0): exponentially, with full jitter to spread retries out.

    Raises:
        OutOfTimeError: the wait would last until the deadline or longer; nothing was waited.
    """
    seconds = random.uniform(0, min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2.0 ** min(attempt, 16)))
    if seconds >= remaining():
        raise OutOfTimeError
    pause(seconds)


def call_with_retries[Answer](call: Callable[[], Answer], remaining: Remaining, pause: Pause) -> Answer:
    """Return the answer of `call`, retrying throttled calls until time is up, and other failures MAX_ATTEMPTS times.

    Raises:
        OutOfTimeError: time was up before the call succeeded.
        botocore.exceptions.ClientError, BotoCoreError, botocore.parsers.ResponseParserError: the call failed
            permanently, or MAX_ATTEMPTS times.
    """
    attempt = failures = 0
    while remaining() > 0:
        try:
            return call()
        except CALL_ERRORS as error:
            failures += not is_throttle(error)
            if not is_transient(error) or failures == MAX_ATTEMPTS:
                raise
        wait_before_retry(attempt, remaining, pause)
        attempt += 1
    raise OutOfTimeError
