"""Read the last hour of an environment's sweeps and hand-overs, from the functions' own metrics."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from tools.operate.environment import Environment
from tools.operate.pending import HOUR_SECONDS
from tools.project import FAST_TRACK, LOCAL, SWEEP

#: Each metric's function, and the statistic that makes one value of a minute.
_METRICS = {
    "SweepsCutShort": (SWEEP, "Sum"),
    "SchedulesSwept": (SWEEP, "Sum"),
    "SchedulesLeft": (SWEEP, "Sum"),
    "SchedulesEnqueued": (FAST_TRACK, "Sum"),
    "SchedulesEnqueuedLate": (FAST_TRACK, "Sum"),
    "Lateness": (FAST_TRACK, "Maximum"),
    "Lead": (FAST_TRACK, "Minimum"),
}


class LastHour(NamedTuple):
    """The last hour's metrics."""

    #: In seconds since 1970; None if there was none.
    last_sweep: float | None
    #: Of each metric, the newest last.
    values: Mapping[str, list[float]]


def read_last_hour(environment: Environment, namespace: str, now: float) -> LastHour:
    """Read the metrics of the hour before `now`. Raises ClientError, BotoCoreError."""
    # The embedded AWS makes no metrics of what functions print.
    is_local = environment.name == LOCAL
    found = sorted(_read_logs(environment, now) if is_local else _read_metrics(environment, namespace, now))
    # Every sweep counts, cut short or not.
    last_sweep = max((at for at, metric, _ in found if metric == "SweepsCutShort"), default=None)
    return LastHour(last_sweep, {name: [value for _, metric, value in found if metric == name] for name in _METRICS})


def _read_metrics(environment: Environment, namespace: str, now: float) -> Iterator[tuple[float, str, float]]:
    """Yield times, metrics and values."""
    cloudwatch = environment.client("cloudwatch")
    for metric, (service, statistic) in _METRICS.items():
        found = cloudwatch.get_metric_statistics(
            Namespace=namespace, MetricName=metric, Dimensions=[{"Name": "service", "Value": service}],
            StartTime=datetime.fromtimestamp(now - HOUR_SECONDS, UTC), EndTime=datetime.fromtimestamp(now, UTC),
            Period=60, Statistics=[statistic],
        )  # fmt: skip
        for point in found["Datapoints"]:
            yield point["Timestamp"].timestamp(), metric, point[statistic]


def _read_logs(environment: Environment, now: float) -> Iterator[tuple[float, str, float]]:
    """Yield times, metrics and values of what the functions printed."""
    start = int((now - HOUR_SECONDS) * 1000)
    paginator = environment.client("logs").get_paginator("filter_log_events")
    for service in (SWEEP, FAST_TRACK):
        pages = paginator.paginate(logGroupName=environment.outputs["log_group_names"][service], startTime=start)
        texts = (event["message"] for page in pages for event in page["events"])
        for line in (json.loads(text) for text in texts if text.startswith('{"_aws"')):
            for metric in _METRICS.keys() & line.keys():
                for value in line[metric]:
                    yield line["_aws"]["Timestamp"] / 1000, metric, value
