"""The entry points of the functions: `main`, with environment variables."""

from __future__ import annotations

import importlib
import json
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.clock import Clock, lambda_context
from tests.support.http_events import schedule_event

if TYPE_CHECKING:
    from types import ModuleType

    from tests.support.delayer import Delayer

MODULES = [
    "api_schedule_post.main",
    "task_1minute_enqueuer.main",
    "stream_dynamodb_fasttrack_enqueuer.main",
    "api_schedule_get.main",
    "api_schedule_delete.main",
]


@pytest.fixture
def environment(delayer: Delayer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set every variable that Terraform sets."""
    for name, value in {
        "DELAYER_PERIOD_SECONDS": "840",
        "FAILURE_BUCKET_NAME": "failures",
        "HORIZON_SECONDS": "315360000",
        "METRICS_NAMESPACE": "Delayer",
        "QUEUE_URL": delayer.queue_url,
        "SHARD_COUNT": "4",
        "STREAM_ARN": delayer.stream_arn,
        "TABLE_NAME": "schedules",
    }.items():
        monkeypatch.setenv(name, value)


def start(module: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import a module as a new process does."""
    monkeypatch.delitem(sys.modules, module, raising=False)
    return importlib.import_module(module)


@pytest.mark.usefixtures("environment")
def test_functions_work_together(delayer: Delayer, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN Terraform's variables WHEN the functions start THEN a schedule passes through all of them."""
    post, sweep, fast_track, get, delete = (start(module, monkeypatch) for module in MODULES)
    monkeypatch.setattr("time.time", clock)
    for module in (post, sweep, fast_track, get, delete):
        assert callable(module.handler)
    answer = post.handler(
        {"headers": {"content-type": "application/json"}, "body": '{"pointInTime":"2026-11-22T09:00:00Z","payload":1}'},
        None,
    )
    assert answer["statusCode"] == 201
    schedule_id = json.loads(answer["body"])["scheduleId"]
    assert get.handler(schedule_event("GET", schedule_id), lambda_context(clock, 25))["statusCode"] == 200
    assert delete.handler(schedule_event("DELETE", schedule_id), lambda_context(clock, 25))["statusCode"] == 409
    sweep.handler({}, lambda_context(clock, 60))
    events = {"Records": delayer.read_stream()}
    assert fast_track.handler(events, lambda_context(clock, 60)) == {"batchItemFailures": []}
    assert len(delayer.receive()) == 1


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("module", MODULES)
def test_function_without_a_setting_does_not_start(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN a missing variable WHEN the function starts THEN it exits with one line that names the variable."""
    monkeypatch.delenv("TABLE_NAME")
    with pytest.raises(SystemExit, match=r"^wrong settings: TABLE_NAME is not set$"):
        start(module, monkeypatch)
