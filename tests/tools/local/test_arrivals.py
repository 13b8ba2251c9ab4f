"""Messages that arrive are kept by schedule, and the wait for them ends."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tools.local.arrivals import Arrivals, Posted, arriving

NOW = 1_790_000_000


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[float], None]]:
    """Let sleeping move the clock, and call these with the new time."""
    now = float(NOW)
    hooks: list[Callable[[float], None]] = []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        for hook in hooks:
            hook(now)

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "time", lambda: now)
    return hooks


def message(schedule_id: str, message_id: str) -> dict[str, object]:
    """Return a message as SQS hands it out."""
    return {"MessageAttributes": {"scheduleId": {"StringValue": schedule_id}}, "MessageId": message_id}


def test_arrivals_keep_times_and_message_ids() -> None:
    """The lateness is that of the first arrival, in milliseconds."""
    arrivals = Arrivals()
    for at in (NOW + 0.25, NOW + 2):
        arrivals.hear(message("a", "m"), at)
    assert arrivals.times == {"a": [NOW + 0.25, NOW + 2]}
    assert arrivals.message_ids == {"a": {"m"}}
    assert arrivals.lateness_ms(Posted("a", "a", NOW)) == 250
    assert arrivals.lateness_ms(Posted("b", "b", NOW)) is None


def test_wait_ends_after_the_aftermath(pass_time: list[Callable[[float], None]]) -> None:
    """All have arrived at second 5, and second messages get 3 more seconds; messages of others don't count."""
    arrivals = Arrivals()
    arrivals.add("of another run", NOW)

    def arrive(now: float) -> None:
        if now == NOW + 5:
            arrivals.add("a", now)
            arrivals.add("b", now)

    pass_time.append(arrive)
    counts = list(arriving(arrivals, {"a": NOW, "b": NOW + 1}, patience=30, aftermath=3))
    assert counts == [0] * 19 + [2] * 13


def test_wait_ends_with_the_patience(pass_time: list[Callable[[float], None]]) -> None:
    """One never arrives: the wait ends 30 s after the last pointInTime."""
    assert pass_time == []
    arrivals = Arrivals()
    arrivals.add("a", NOW)
    assert list(arriving(arrivals, {"a": NOW, "b": NOW + 1}, patience=30, aftermath=3)) == [1] * (31 * 4)
