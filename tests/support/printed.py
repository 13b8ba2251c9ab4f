"""Read what functions print: metrics in CloudWatch's embedded metric format, and logs."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Printed:
    """Every line that was printed, metrics and logs apart."""

    text: str
    metrics: list[dict[str, Any]]
    logs: list[dict[str, Any]]

    def values(self) -> dict[str, list[float]]:
        """Return every value of every metric, by its name."""
        values: dict[str, list[float]] = defaultdict(list)
        for document in self.metrics:
            for directive in document["_aws"]["CloudWatchMetrics"]:
                for metric in directive["Metrics"]:
                    values[metric["Name"]] += document[metric["Name"]]
        return values

    def total(self, name: str) -> float:
        """Return the sum of a metric. Raises AssertionError if it was never counted."""
        values = self.values()
        assert name in values, f"{name} was never counted"
        return sum(values[name])


def read_printed(text: str) -> Printed:
    """Read lines of JSON. Any other line is a mistake, because nothing could use it."""
    documents = [json.loads(line) for line in text.splitlines()]
    return Printed(
        text, [document for document in documents if "_aws" in document], [d for d in documents if "_aws" not in d]
    )
