"""The prices and limits of prices.toml and limits.toml, each with its source."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Price(NamedTuple):
    """What a unit costs in a month."""

    unit: str
    #: Up to how many units a month, and the dollars of each. The first tier begins after the `free` units.
    tiers: Sequence[tuple[float, float]]
    #: The page to check the price against, and the text it was read in.
    page: str
    read_in: str
    free: float = 0

    def dollars(self, units: float) -> float:
        """Return the dollars that so many units cost in one month."""
        dollars, below = 0.0, self.free
        for up_to, each in self.tiers:
            dollars += max(0.0, min(units, up_to) - below) * each
            below = max(below, up_to)
        return dollars


class Limit(NamedTuple):
    """What AWS allows. `adjustable`: AWS raises it on request."""

    value: int
    what: str
    adjustable: bool
    source: str


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / name).read_text(encoding="utf-8"))


_PRICE_BOOK = _read("prices.toml")
REGION, LOOKED_UP = _PRICE_BOOK["region"], _PRICE_BOOK["looked_up"]
PRICES = {name: Price(**entry) for name, entry in _PRICE_BOOK["price"].items()}
LIMITS = {name: Limit(**entry) for name, entry in _read("limits.toml")["limit"].items()}
