"""What Lambda imports: `main` of each function, with its environment."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.clock import Clock, lambda_context

if TYPE_CHECKING:
    from types import ModuleType

    from tests.support.delayer import Delayer

MODULES = ["api_schedule_post.main", "task_1minute_enqueuer.main", "stream_dynamodb_fasttrack_enqueuer.main"]


@pytest.fixture
def environment(delayer: Delayer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every variable that Terraform sets."""
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
    """Import it as a new process would."""
    monkeypatch.delitem(sys.modules, module, raising=False)
    return importlib.import_module(module)


@pytest.mark.usefixtures("environment")
def test_the_three_functions_work_together(delayer: Delayer, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN the environment that Terraform sets WHEN each is started THEN a schedule goes from one to the next."""
    post, sweep, fast_track = (start(module, monkeypatch) for module in MODULES)
    monkeypatch.setattr("time.time", clock)
    for module in (post, sweep, fast_track):
        assert callable(module.handler)
    answer = post.handler(
        {"headers": {"content-type": "application/json"}, "body": '{"pointInTime":"2026-11-22T09:00:00Z","payload":1}'},
        None,
    )
    assert answer["statusCode"] == 201
    sweep.handler({}, lambda_context(clock, 60))
    events = {"Records": delayer.read_stream()}
    assert fast_track.handler(events, lambda_context(clock, 60)) == {"batchItemFailures": []}
    assert len(delayer.receive()) == 1


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("module", MODULES)
def test_a_function_without_its_table_does_not_start(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN a missing variable WHEN the function starts THEN it ends with one line that names it."""
    monkeypatch.delenv("TABLE_NAME")
    with pytest.raises(SystemExit, match=r"^wrong settings: TABLE_NAME is not set$"):
        start(module, monkeypatch)
