"""What functions print: metrics in CloudWatch's embedded metric format, and logs."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

__all__ = ["Printed", "read_printed"]


@dataclass(frozen=True)
class Printed:
    """Every line that was printed: metrics apart from the rest."""

    text: str
    metrics: list[dict[str, Any]]
    logs: list[dict[str, Any]]

    def values(self) -> dict[str, list[float]]:
        """Every value of every metric, by its name."""
        values: dict[str, list[float]] = defaultdict(list)
        for document in self.metrics:
            for directive in document["_aws"]["CloudWatchMetrics"]:
                for metric in directive["Metrics"]:
                    values[metric["Name"]] += document[metric["Name"]]
        return values

    def total(self, name: str) -> float:
        """The sum of a metric; it fails if the metric was never counted."""
        return sum(self.values()[name]) if name in self.values() else _never_counted(name)


def _never_counted(name: str) -> float:
    raise AssertionError(f"{name} was never counted")


def read_printed(text: str) -> Printed:
    """Read lines of JSON; any other line is a mistake, for nothing could make use of it."""
    documents = [json.loads(line) for line in text.splitlines()]
    return Printed(
        text, [document for document in documents if "_aws" in document], [d for d in documents if "_aws" not in d]
    )
