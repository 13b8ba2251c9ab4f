"""The wait for messages ends."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tools.local.arrivals import Arrival, Arrivals, arriving

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


def test_wait_ends_after_the_aftermath(pass_time: list[Callable[[float], None]]) -> None:
    """All have arrived at second 5, and second messages get 3 more seconds; messages of others don't count."""
    arrivals: Arrivals = {"of another run": [Arrival(NOW, "m")]}

    def arrive(now: float) -> None:
        if now == NOW + 5:
            arrivals.update(a=[Arrival(now, "m")], b=[Arrival(now, "n")])

    pass_time.append(arrive)
    counts = list(arriving(arrivals, {"a": NOW, "b": NOW + 1}, patience=30, aftermath=3))
    assert counts == [0] * 19 + [2] * 13


def test_wait_ends_with_the_patience(pass_time: list[Callable[[float], None]]) -> None:
    """One never arrives: the wait ends 30 s after the last pointInTime."""
    assert pass_time == []
    arrivals: Arrivals = {"a": [Arrival(NOW, "m")]}
    assert list(arriving(arrivals, {"a": NOW, "b": NOW + 1}, patience=30, aftermath=3)) == [1] * (31 * 4)
