"""The clock of a test."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from freezegun.api import FrozenDateTimeFactory

#: The time at the start of a test: 2026-11-22T09:00:00Z.
NOW = 1_795_338_000


def utc(seconds: float) -> str:
    """Return the time as RFC 3339 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


class Clock:
    """The clock of the functions, and through freezegun also that of moto, botocore and the metrics.

    It moves only by `move_to` and `wait`, so that tests with waits take no time.
    """

    def __init__(self, frozen: FrozenDateTimeFactory) -> None:
        self._frozen = frozen
        self._lock = Lock()
        self._now = 0.0
        self.move_to(NOW)

    def __call__(self) -> float:
        """Return the seconds since 1970."""
        return self._now

    def move_to(self, seconds: float) -> None:
        """Set the time, in seconds since 1970."""
        with self._lock:
            self._set(seconds)

    def wait(self, seconds: float) -> None:
        """Move the clock forward. Usable in place of time.sleep."""
        with self._lock:
            self._set(self._now + seconds)

    def _set(self, seconds: float) -> None:
        self._now = seconds
        self._frozen.move_to(datetime.fromtimestamp(seconds, UTC))


def lambda_context(clock: Clock, seconds: float) -> LambdaContext:
    """Return the context of an invocation with a timeout in this many seconds by `clock`."""
    deadline = clock() + seconds

    class Context:
        def get_remaining_time_in_millis(self) -> int:
            """Return the milliseconds until the timeout."""
            return round((deadline - clock()) * 1000)

    return cast("LambdaContext", Context())
