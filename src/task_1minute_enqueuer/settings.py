"""The settings of task-1minute-enqueuer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from delayer.schedules import MAX_DELAY_SECONDS, MAX_SHARDS
from delayer.settings import Environment

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The function's settings. Terraform sets a variable for each."""

    delayer_period_seconds: int
    metrics_namespace: str
    shard_count: int
    #: The stream that the fast track reads. The sweep deletes nothing from a table with another stream or none.
    stream_arn: str
    table_name: str

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Self:
        """Read the settings. Raises a SettingsError that names every wrong variable."""
        environment = Environment(variables)
        settings = cls(
            delayer_period_seconds=environment.whole_number("DELAYER_PERIOD_SECONDS", 60, MAX_DELAY_SECONDS - 60),
            metrics_namespace=environment.text("METRICS_NAMESPACE"),
            shard_count=environment.whole_number("SHARD_COUNT", 1, MAX_SHARDS),
            stream_arn=environment.text("STREAM_ARN"),
            table_name=environment.text("TABLE_NAME"),
        )
        environment.check()
        return settings
