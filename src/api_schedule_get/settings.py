"""The settings of api-schedule-get."""

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
    #: The number of shards that are listed.
    shard_count: int
    table_name: str

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Self:
        """Read the settings. Raises a SettingsError that names every wrong variable."""
        environment = Environment(variables)
        settings = cls(
            delayer_period_seconds=environment.whole_number("DELAYER_PERIOD_SECONDS", 60, MAX_DELAY_SECONDS - 60),
            shard_count=environment.whole_number("SHARD_COUNT", 1, MAX_SHARDS),
            table_name=environment.text("TABLE_NAME"),
        )
        environment.check()
        return settings
