"""Which failures of an AWS call are tried again, how often, and until when."""

from __future__ import annotations

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
    OutOfTimeError,
    call_with_retries,
    error_code,
    is_throttle,
    is_transient,
    wait_before_retry,
)
from tests.support.failures import client_error

URL = "https://dynamodb.us-east-1.amazonaws.com"


class Service:
    """Fails as it is told, one failure a call and the last one for ever, and tells the time that waits have taken."""

    def __init__(self, *failures: Exception | None) -> None:
        self.failures = list(failures)
        self.calls = 0
        self.now = 0.0

    def __call__(self) -> str:
        """The call that is tried."""
        failure = self.failures[min(self.calls, len(self.failures) - 1)]
        self.calls += 1
        if failure is not None:
            raise failure
        return "answer"

    def wait(self, seconds: float) -> None:
        """Take that long."""
        self.now += seconds

    def call(self, time_limit: float) -> str:
        """Call it with retries, in so many seconds."""
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
def test_throttles_are_waited_out(error: Exception) -> None:
    """However many there are, as long as there is time."""
    service = Service(*[error] * 50, None)
    assert service.call(time_limit=1_000) == "answer"
    assert service.calls == 51


@pytest.mark.parametrize("error", THROTTLES[:-1], ids=error_code)
def test_throttles_end_with_the_time(error: Exception) -> None:
    """When time is up, that is what is said: nothing else was wrong. No wait goes beyond it."""
    service = Service(error)
    with pytest.raises(OutOfTimeError):
        service.call(time_limit=30)
    assert service.calls > MAX_ATTEMPTS
    assert service.now < 30


@pytest.mark.parametrize("error", [*TRANSIENT, THROTTLES[-1]], ids=error_code)
def test_other_transient_failures_are_tried_five_times(error: Exception) -> None:
    """A service's own fault, or no readable answer, is tried again; the fifth failure is the answer."""
    assert Service(*[error] * 4, None).call(time_limit=1_000) == "answer"
    service = Service(error)
    with pytest.raises(type(error)):
        service.call(time_limit=1_000)
    assert service.calls == 5


@pytest.mark.parametrize("error", PERMANENT, ids=error_code)
def test_permanent_failures_are_raised_at_once(error: Exception) -> None:
    """No wait mends them."""
    service = Service(error)
    with pytest.raises(type(error)):
        service.call(time_limit=1_000)
    assert (service.calls, service.now) == (1, 0)


def test_throttles_are_no_failures_of_the_five() -> None:
    """Only what isn't a throttle uses up a try."""
    service = Service(*[THROTTLES[0], TRANSIENT[0]] * 4, None)
    assert service.call(time_limit=1_000) == "answer"


def test_without_time_nothing_is_called() -> None:
    """A call that may not be started any more isn't."""
    service = Service(None)
    with pytest.raises(OutOfTimeError):
        service.call(time_limit=0)
    assert service.calls == 0


def test_what_is_no_aws_failure_is_not_swallowed() -> None:
    """A mistake in the code is raised as it is."""
    with pytest.raises(ZeroDivisionError):
        Service(ZeroDivisionError()).call(time_limit=1_000)


@pytest.mark.parametrize("error", PERMANENT, ids=error_code)
def test_a_permanent_failure_is_neither_throttle_nor_transient(error: Exception) -> None:
    """What decides between an answer of 503 and an alarm."""
    assert not is_throttle(error)
    assert not is_transient(error)


@pytest.mark.parametrize("error", [*THROTTLES, *TRANSIENT], ids=error_code)
def test_what_may_pass_is_transient(error: Exception) -> None:
    """Throttles, the service's own faults and lost answers."""
    assert is_transient(error)


def test_an_error_code_is_the_services_name_for_it() -> None:
    """Without SQS's prefix; where there was no answer, the exception's name."""
    assert error_code(client_error("AWS.SimpleQueueService.NonExistentQueue")) == "NonExistentQueue"
    assert error_code(ReadTimeoutError(endpoint_url=URL)) == "ReadTimeoutError"


@given(st.integers(0, 10_000), st.floats(0, 10))
def test_a_wait_is_short_and_ends_before_the_deadline(attempt: int, remaining: float) -> None:
    """At most two seconds after any number of tries, and never into the deadline."""
    waits: list[float] = []
    try:
        wait_before_retry(attempt, lambda: remaining, waits.append)
    except OutOfTimeError:
        assert waits == []
    else:
        assert 0 <= waits[0] < min(2.000_001, remaining)


def test_waits_spread_out() -> None:
    """Jitter: callers that failed together don't come back together."""
    waits: list[float] = []
    for _ in range(20):
        wait_before_retry(10, lambda: 1_000.0, waits.append)
    assert len(set(waits)) == 20
