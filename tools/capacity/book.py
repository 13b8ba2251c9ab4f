"""The prices and limits, each with where it was read: prices.toml and limits.toml beside this file."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

__all__ = ["Limit", "Price", "Prices", "limits", "prices"]

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Price:
    """What a unit costs in a month: nothing up to `free`, then by `tiers` of units up to which, and dollars each."""

    unit: str
    tiers: tuple[tuple[float, float], ...]
    #: The page to check it against, and where it was read.
    page: str
    read_in: str
    free: float = 0

    def dollars(self, units: float) -> float:
        """What so many units of one month cost."""
        dollars, below = 0.0, self.free
        for up_to, each in self.tiers:
            dollars += max(0.0, min(units, up_to) - below) * each
            below = max(below, up_to)
        return dollars


@dataclass(frozen=True, slots=True)
class Prices:
    """All prices, by their names in prices.toml."""

    region: str
    looked_up: date
    by_name: Mapping[str, Price]


@dataclass(frozen=True, slots=True)
class Limit:
    """What AWS allows."""

    value: int
    what: str
    #: Whether AWS raises it when asked.
    adjustable: bool
    source: str


@functools.cache
def prices() -> Prices:
    """What prices.toml says."""
    book = tomllib.loads((_HERE / "prices.toml").read_text(encoding="utf-8"))
    by_name = {
        name: Price(**entry | {"tiers": tuple((float(up_to), float(each)) for up_to, each in entry["tiers"])})
        for name, entry in book["price"].items()
    }
    return Prices(book["region"], book["looked_up"], by_name)


@functools.cache
def limits() -> Mapping[str, Limit]:
    """What limits.toml says."""
    book = tomllib.loads((_HERE / "limits.toml").read_text(encoding="utf-8"))
    return {name: Limit(**entry) for name, entry in book["limit"].items()}
