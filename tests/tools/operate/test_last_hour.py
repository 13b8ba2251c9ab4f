"""The last hour's figures come from CloudWatch's metrics, or from the logs of the embedded AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from tests.support.moto_environment import NAMESPACE, NOW, moto_environment
from tools.operate.environment import Environment
from tools.operate.last_hour import read_last_hour
from tools.project import FAST_TRACK, SWEEP


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    """Return an environment on moto."""
    with moto_environment(monkeypatch) as environment:
        yield environment


def count(metric: str, service: str, minutes_ago: int, *values: float) -> None:
    """Give CloudWatch values of a metric."""
    boto3.client("cloudwatch").put_metric_data(
        Namespace=NAMESPACE,
        MetricData=[
            {
                "MetricName": metric,
                "Dimensions": [{"Name": "service", "Value": service}],
                "Timestamp": datetime.fromtimestamp(NOW - 60 * minutes_ago, UTC),
                "Value": value,
            }
            for value in values
        ],
    )


def test_metrics_of_cloudwatch_are_combined(environment: Environment) -> None:
    """Each minute has a sum, its worst lateness or its least lead; older values don't count."""
    count("SweepsCutShort", SWEEP, 50, 1, 0)
    count("SweepsCutShort", SWEEP, 2, 0)
    count("SchedulesSwept", SWEEP, 50, 7)
    count("SchedulesSwept", SWEEP, 2, 5)
    count("SchedulesLeft", SWEEP, 50, 9)
    count("SchedulesLeft", SWEEP, 2, 3)
    count("SchedulesEnqueued", FAST_TRACK, 2, 10, 2)
    count("SchedulesEnqueuedLate", FAST_TRACK, 2, 2)
    count("Lateness", FAST_TRACK, 2, 1.5, 80)
    count("Lead", FAST_TRACK, 2, 700, 12.5)
    count("Lateness", FAST_TRACK, 70, 9_999)
    found = read_last_hour(environment, NAMESPACE, NOW)
    assert found.last_sweep == NOW - 120
    assert found.values == {
        "SweepsCutShort": [1, 0],
        "SchedulesSwept": [7, 5],
        "SchedulesLeft": [9, 3],
        "SchedulesEnqueued": [12],
        "SchedulesEnqueuedLate": [2],
        "Lateness": [80],
        "Lead": [12.5],
    }


def test_logs_of_the_embedded_aws_are_read(environment: Environment) -> None:
    """The embedded AWS makes no metrics of them; other lines don't matter."""

    def directive(*metrics: str) -> dict[str, Any]:
        named = [{"Name": name, "Unit": "Count"} for name in metrics]
        return {
            "Timestamp": (NOW - 30) * 1000,
            "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [["service"]], "Metrics": named}],
        }

    lines = {
        SWEEP: {
            "_aws": directive("SweepsCutShort", "SchedulesSwept"),
            "SweepsCutShort": [0],
            "SchedulesSwept": [4],
        },
        FAST_TRACK: {"_aws": directive("Lateness", "Lead"), "Lateness": [2.5, 1.0], "Lead": [8.0]},
    }
    logs = boto3.client("logs")
    for group, document in lines.items():
        logs.create_log_stream(logGroupName=group, logStreamName="one")
        events = [{"timestamp": (NOW - 30) * 1000, "message": text} for text in ("START", "[]", json.dumps(document))]
        logs.put_log_events(logGroupName=group, logStreamName="one", logEvents=events)
    local = Environment("local", environment.outputs, environment.client)
    found = read_last_hour(local, NAMESPACE, NOW)
    assert found.last_sweep == NOW - 30
    measured = {metric: values for metric, values in found.values.items() if values}
    assert measured == {"SweepsCutShort": [0], "SchedulesSwept": [4], "Lateness": [1.0, 2.5], "Lead": [8.0]}
