"""Calling AWS again after a failure: which failures pass, how long to wait, and when to stop."""

from __future__ import annotations

import random
from collections.abc import Callable
from http import HTTPStatus

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.parsers import ResponseParserError

__all__ = [
    "CALL_ERRORS",
    "CALL_TIMEOUT_SECONDS",
    "MAX_ATTEMPTS",
    "OutOfTimeError",
    "Pause",
    "Remaining",
    "call_with_retries",
    "client_config",
    "error_code",
    "is_throttle",
    "is_transient",
    "wait_before_retry",
]

#: Waits that many seconds: time.sleep, or a test's.
Pause = Callable[[float], None]

#: Seconds in which a call may still be started; at 0 or less the work stops.
Remaining = Callable[[], float]

#: Everything that an AWS call raises: the service's answer, no answer, or one that was cut off.
CALL_ERRORS = (ClientError, BotoCoreError, ResponseParserError)

#: No answer, or one that was cut off. What else botocore raises (a wrong parameter, no credentials) never mends itself.
_PASSING_ERRORS = (NoConnectionError, HTTPClientError, IncompleteReadError, ResponseParserError)

#: Tries of a call that fails for another reason than a throttle. Throttles are waited out until time is up.
MAX_ATTEMPTS = 5

#: What one call may take where nothing answers: 1 s to connect and 4 s to read (`client_config`). It can take longer,
#: for both count anew for each address of a name and for each part of an answer. So what a function keeps in hand
#: before its own timeout has to be longer by a good deal.
CALL_TIMEOUT_SECONDS = 5

#: The first wait is at most this long, each further one at most twice the one before, up to the longest.
_FIRST_WAIT_SECONDS = 0.05
_LONGEST_WAIT_SECONDS = 2.0


class OutOfTimeError(Exception):
    """The deadline came before the call succeeded."""


def client_config(connections: int) -> Config:
    """One try a call, in bounded time: the caller retries, for it knows its deadline and what is left to do."""
    return Config(
        connect_timeout=1, read_timeout=4, retries={"total_max_attempts": 1}, max_pool_connections=connections
    )


def error_code(error: Exception) -> str:
    """The service's name for the error, or the exception's own where the service gave no answer."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "")).rpartition(".")[2]
    return type(error).__name__


def is_throttle(error: Exception) -> bool:
    """Whether the service asks to slow down (codes: "Common errors" of DynamoDB's and SQS's API references)."""
    code = error_code(error)
    return "Throttl" in code or code in ("ProvisionedThroughputExceededException", "RequestLimitExceeded")


def is_transient(error: Exception) -> bool:
    """Whether the same call may succeed later: a throttle, the service's own fault (5xx), or no readable answer."""
    if not isinstance(error, ClientError):
        return isinstance(error, _PASSING_ERRORS)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", HTTPStatus.INTERNAL_SERVER_ERROR)
    return is_throttle(error) or int(status) >= HTTPStatus.INTERNAL_SERVER_ERROR


def wait_before_retry(attempt: int, remaining: Remaining, pause: Pause) -> None:
    """Wait after failed try number `attempt` (from 0): exponential with full jitter, so that retries spread out.

    Raises:
        OutOfTimeError: the wait would end after the deadline.
    """
    seconds = random.uniform(0, min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2.0 ** min(attempt, 16)))
    if seconds >= remaining():
        raise OutOfTimeError
    pause(seconds)


def call_with_retries[Answer](call: Callable[[], Answer], remaining: Remaining, pause: Pause) -> Answer:
    """Call until it succeeds: throttles are waited out until time is up, other failures get MAX_ATTEMPTS tries.

    Raises:
        OutOfTimeError: time was up before it succeeded.
        botocore.exceptions.ClientError, BotoCoreError: it failed in a way that no wait mends, or too often.
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
