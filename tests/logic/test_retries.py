"""Retries of AWS calls."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from botocore.exceptions import (
    ConnectionClosedError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError
from hypothesis import given
from hypothesis import strategies as st

from delayer.retries import (
    MAX_ATTEMPTS,
    RESERVE_SECONDS,
    OutOfTimeError,
    at_most,
    call_with_retries,
    error_code,
    is_throttle,
    is_transient,
    time_for_calls,
    wait_before_retry,
)
from tests.support.failures import client_error

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

URL = "https://dynamodb.us-east-1.amazonaws.com"


class Service:
    """Fails with one of `failures` a call, with the last one forever, and adds up the time of waits."""

    def __init__(self, *failures: Exception | None) -> None:
        self.failures = list(failures)
        self.calls = 0
        self.now = 0.0

    def __call__(self) -> str:
        """Make the call."""
        failure = self.failures[min(self.calls, len(self.failures) - 1)]
        self.calls += 1
        if failure is not None:
            raise failure
        return "answer"

    def wait(self, seconds: float) -> None:
        """Take this long."""
        self.now += seconds

    def call(self, time_limit: float) -> str:
        """Call with retries until the time limit, in seconds."""
        return call_with_retries(self, lambda: time_limit - self.now, self.wait)


THROTTLES = [
    client_error("ProvisionedThroughputExceededException"),
    client_error("ThrottlingException"),
    client_error("RequestLimitExceeded"),
    client_error("RequestThrottled"),
    client_error("AWS.SimpleQueueService.RequestThrottled", 403),
    client_error("KmsThrottled"),
    client_error("SlowDown", 503),
]
TRANSIENT = [
    client_error("InternalServerError", 500),
    client_error("ServiceUnavailable", 503),
    ReadTimeoutError(endpoint_url=URL),
    EndpointConnectionError(endpoint_url=URL),
    ConnectionClosedError(endpoint_url=URL),
    ResponseParserError("not JSON"),
]
PERMANENT = [
    client_error("AccessDeniedException"),
    client_error("ResourceNotFoundException"),
    client_error("ValidationException"),
    client_error("ConditionalCheckFailedException"),
    client_error("AWS.SimpleQueueService.NonExistentQueue"),
    ParamValidationError(report="a wrong type"),
    NoCredentialsError(),
]


@pytest.mark.parametrize("error", THROTTLES[:-1], ids=error_code)
def test_throttled_call_is_retried_until_it_succeeds(error: Exception) -> None:
    """The number of retries has no limit while there is time."""
    service = Service(*[error] * 50, None)
    assert service.call(time_limit=1_000) == "answer"
    assert service.calls == 51


@pytest.mark.parametrize("error", THROTTLES[:-1], ids=error_code)
def test_throttled_call_raises_out_of_time_at_the_deadline(error: Exception) -> None:
    """No wait lasts beyond the deadline."""
    service = Service(error)
    with pytest.raises(OutOfTimeError):
        service.call(time_limit=30)
    assert service.calls > MAX_ATTEMPTS
    assert service.now < 30


@pytest.mark.parametrize("error", [*TRANSIENT, THROTTLES[-1]], ids=error_code)
def test_other_transient_errors_are_raised_after_five_attempts(error: Exception) -> None:
    """A 5xx, and no readable answer, are retried. The fifth error is raised."""
    assert Service(*[error] * 4, None).call(time_limit=1_000) == "answer"
    service = Service(error)
    with pytest.raises(type(error)):
        service.call(time_limit=1_000)
    assert service.calls == 5


@pytest.mark.parametrize("error", PERMANENT, ids=error_code)
def test_permanent_errors_are_raised_at_once(error: Exception) -> None:
    """No retry would help."""
    service = Service(error)
    with pytest.raises(type(error)):
        service.call(time_limit=1_000)
    assert (service.calls, service.now) == (1, 0)


def test_throttles_do_not_count_as_attempts() -> None:
    """Only other errors count towards the five."""
    service = Service(*[THROTTLES[0], TRANSIENT[0]] * 4, None)
    assert service.call(time_limit=1_000) == "answer"


def test_no_call_starts_after_the_deadline() -> None:
    """Without time left, the first call isn't made either."""
    service = Service(None)
    with pytest.raises(OutOfTimeError):
        service.call(time_limit=0)
    assert service.calls == 0


def test_other_exceptions_are_raised() -> None:
    """A bug in the code is not retried."""
    with pytest.raises(ZeroDivisionError):
        Service(ZeroDivisionError()).call(time_limit=1_000)


@pytest.mark.parametrize("error", PERMANENT, ids=error_code)
def test_permanent_error_is_neither_throttle_nor_transient(error: Exception) -> None:
    """The post function answers 503 for transient errors, and raises the others."""
    assert not is_throttle(error)
    assert not is_transient(error)


@pytest.mark.parametrize("error", [*THROTTLES, *TRANSIENT], ids=error_code)
def test_throttles_5xx_and_lost_answers_are_transient(error: Exception) -> None:
    """The same call may succeed later."""
    assert is_transient(error)


def test_error_code_has_no_prefix() -> None:
    """Without an answer of the service, it is the exception's name."""
    assert error_code(client_error("AWS.SimpleQueueService.NonExistentQueue")) == "NonExistentQueue"
    assert error_code(ReadTimeoutError(endpoint_url=URL)) == "ReadTimeoutError"


def test_time_for_calls_ends_before_the_timeout() -> None:
    """A function stops RESERVE_SECONDS before Lambda ends it."""
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 30_500)
    assert time_for_calls(cast("LambdaContext", context))() == 30.5 - RESERVE_SECONDS


@pytest.mark.parametrize(("seconds", "end"), [(3, 3), (100, 60)])
def test_at_most_ends_after_the_shorter_time(seconds: float, end: float) -> None:
    """The shorter of the given seconds and the function's own time counts."""
    now = 1_000.0
    limited = at_most(seconds, lambda: 1_060 - now)
    assert limited() == end
    now += end - 1
    assert limited() == 1
    now += 1
    assert limited() == 0


@given(st.integers(0, 10_000), st.floats(0, 10))
def test_wait_is_short_and_ends_before_the_deadline(attempt: int, remaining: float) -> None:
    """After any number of attempts, a wait takes at most two seconds and ends before the deadline."""
    waits: list[float] = []
    try:
        wait_before_retry(attempt, lambda: remaining, waits.append)
    except OutOfTimeError:
        assert waits == []
    else:
        assert 0 <= waits[0] < min(2.000_001, remaining)


def test_waits_have_jitter() -> None:
    """Callers that failed at the same time don't retry at the same time."""
    waits: list[float] = []
    for _ in range(20):
        wait_before_retry(10, lambda: 1_000.0, waits.append)
    assert len(set(waits)) == 20
