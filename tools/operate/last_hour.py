"""Read the last hour of an environment's sweeps and hand-overs, from the functions' own metrics."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tools.operate.environment import Environment
from tools.operate.pending import HOUR_SECONDS
from tools.project import FAST_TRACK, LOCAL, SWEEP

#: Each figure's function, metric, and the statistic that makes one value of a minute.
_METRICS = {
    "cut_short": (SWEEP, "SweepsCutShort", "Sum"),
    "swept": (SWEEP, "SchedulesSwept", "Sum"),
    "left": (SWEEP, "SchedulesLeft", "Sum"),
    "enqueued": (FAST_TRACK, "SchedulesEnqueued", "Sum"),
    "late": (FAST_TRACK, "SchedulesEnqueuedLate", "Sum"),
    "worst_lateness": (FAST_TRACK, "Lateness", "Maximum"),
    "least_lead": (FAST_TRACK, "Lead", "Minimum"),
}

_STATISTICS: Mapping[str, Callable[[list[float]], float]] = {"Sum": sum, "Maximum": max, "Minimum": min}

#: Times in seconds since 1970, and values, by figure.
type _Measured = Mapping[str, list[tuple[float, float]]]


@dataclass(frozen=True, slots=True)
class LastHour:
    """The last hour's figures. Times are seconds since 1970, lateness and lead seconds; None: nothing was measured."""

    last_sweep: float | None = None
    last_swept: float | None = None
    swept: float = 0
    left: float | None = None
    cut_short: float = 0
    enqueued: float = 0
    late: float = 0
    worst_lateness: float | None = None
    least_lead: float | None = None


def read_last_hour(environment: Environment, namespace: str, now: float) -> LastHour:
    """Read the figures of the hour before `now`. Raises ClientError, BotoCoreError."""
    # The embedded AWS makes no metrics of what functions print.
    read = _read_logs if environment.name == LOCAL else _read_metrics
    measured = read(environment, namespace, now)

    def values(key: str) -> list[float]:
        return [value for _, value in measured[key]]

    def newest(key: str) -> tuple[float | None, float | None]:
        return max(measured[key], default=(None, None))

    return LastHour(
        # Every sweep counts, cut short or not.
        last_sweep=newest("cut_short")[0],
        last_swept=newest("swept")[1],
        swept=sum(values("swept")),
        left=newest("left")[1],
        cut_short=sum(values("cut_short")),
        enqueued=sum(values("enqueued")),
        late=sum(values("late")),
        worst_lateness=max(values("worst_lateness"), default=None),
        least_lead=min(values("least_lead"), default=None),
    )


def _read_metrics(environment: Environment, namespace: str, now: float) -> _Measured:
    queries = [
        {
            "Id": key,
            "MetricStat": {
                "Metric": {
                    "Namespace": namespace,
                    "MetricName": metric,
                    "Dimensions": [{"Name": "service", "Value": service}],
                },
                "Period": 60,
                "Stat": statistic,
            },
        }
        for key, (service, metric, statistic) in _METRICS.items()
    ]
    pages = environment.client("cloudwatch").get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries,
        StartTime=datetime.fromtimestamp(now - HOUR_SECONDS, UTC),
        EndTime=datetime.fromtimestamp(now, UTC),
    )  # fmt: skip
    measured: dict[str, list[tuple[float, float]]] = {key: [] for key in _METRICS}
    for result in (result for page in pages for result in page["MetricDataResults"]):
        times = (at.timestamp() for at in result["Timestamps"])
        measured[result["Id"]] += zip(times, result["Values"], strict=True)
    return measured


def _read_logs(environment: Environment, namespace: str, now: float) -> _Measured:
    printed: dict[tuple[str, str], list[tuple[float, list[float]]]] = defaultdict(list)
    logs, start = environment.client("logs"), int((now - HOUR_SECONDS) * 1000)
    for service, group in environment.outputs["log_group_names"].items():
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=start)
        for line in (_parse(event["message"]) for page in pages for event in page["events"]):
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
                if directive["Namespace"] == namespace:
                    for metric in directive["Metrics"]:
                        value = (line["_aws"]["Timestamp"] / 1000, line[metric["Name"]])
                        printed[service, metric["Name"]].append(value)
    return {
        key: [(at, float(_STATISTICS[statistic](values))) for at, values in printed[service, metric]]
        for key, (service, metric, statistic) in _METRICS.items()
    }


def _parse(text: str) -> dict[str, Any]:
    """Return the JSON object in a line, or an empty one."""
    try:
        line = json.loads(text)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}
