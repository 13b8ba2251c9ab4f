"""The settings of api-schedule-delete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from delayer.settings import Environment

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The function's settings. Terraform sets a variable for each."""

    table_name: str

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Self:
        """Read the settings. Raises a SettingsError that names every wrong variable."""
        environment = Environment(variables)
        settings = cls(table_name=environment.text("TABLE_NAME"))
        environment.check()
        return settings
