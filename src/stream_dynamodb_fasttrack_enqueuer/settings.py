"""The settings of stream-dynamodb-fasttrack_enqueuer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from delayer.schedules import MAX_DELAY_SECONDS
from delayer.settings import Environment

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Settings"]

#: The API accepts a pointInTime up to this many seconds in the past.
_MIN_MAX_LATENESS_SECONDS = 60
_MAX_MAX_LATENESS_SECONDS = 365 * 86_400


@dataclass(frozen=True, slots=True)
class Settings:
    """The function's settings. Terraform sets a variable for each; the one for a default may be absent."""

    delayer_period_seconds: int
    failure_bucket_name: str
    metrics_namespace: str
    queue_url: str
    table_name: str
    #: Later schedules go to the failure bucket instead of the queue. None: every schedule is sent.
    max_lateness_seconds: int | None = None

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Self:
        """Read the settings. Raises a SettingsError that names every wrong variable."""
        environment = Environment(variables)
        settings = cls(
            delayer_period_seconds=environment.whole_number("DELAYER_PERIOD_SECONDS", 60, MAX_DELAY_SECONDS - 60),
            failure_bucket_name=environment.text("FAILURE_BUCKET_NAME"),
            metrics_namespace=environment.text("METRICS_NAMESPACE"),
            queue_url=environment.text("QUEUE_URL"),
            table_name=environment.text("TABLE_NAME"),
            max_lateness_seconds=(
                environment.whole_number("MAX_LATENESS_SECONDS", _MIN_MAX_LATENESS_SECONDS, _MAX_MAX_LATENESS_SECONDS)
                if "MAX_LATENESS_SECONDS" in variables
                else None
            ),
        )
        environment.check()
        return settings
