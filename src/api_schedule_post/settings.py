"""The settings of api-schedule-post."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from delayer.schedules import MAX_SHARDS
from delayer.settings import Environment

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The function's settings. Terraform sets a variable for each."""

    #: The furthest that a pointInTime may be ahead.
    horizon_seconds: int
    metrics_namespace: str
    #: The number of shards that new schedules are spread over.
    shard_count: int
    table_name: str

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Self:
        """Read the settings. Raises a SettingsError that names every wrong variable."""
        environment = Environment(variables)
        settings = cls(
            horizon_seconds=environment.whole_number("HORIZON_SECONDS", 3_600, 100 * 366 * 86_400),
            metrics_namespace=environment.text("METRICS_NAMESPACE"),
            shard_count=environment.whole_number("SHARD_COUNT", 1, MAX_SHARDS),
            table_name=environment.text("TABLE_NAME"),
        )
        environment.check()
        return settings
