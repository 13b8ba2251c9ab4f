"""The schedules in the table are counted by shard and by hour."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.moto_environment import HOUR, NOW, THIS_HOUR, moto_environment, store
from tools.operate.environment import Environment
from tools.operate.pending import LATER, OVERDUE, count_pending


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    """Return an environment on moto."""
    with moto_environment(monkeypatch) as environment:
        yield environment


def test_every_schedule_is_counted_in_its_shard_and_hour(environment: Environment) -> None:
    """Each is in one shard, and is overdue, in an hour of the next day, or later."""
    store(0, NOW - 86_400, NOW - 1, NOW, NOW + HOUR)
    store(2, THIS_HOUR + 24 * HOUR - 1, THIS_HOUR + 24 * HOUR, NOW + 365 * 86_400)
    pending = count_pending(environment, 3, NOW)
    assert pending.by_shard == [4, 0, 3]
    assert pending.by_hour == {OVERDUE: 2, THIS_HOUR: 1, THIS_HOUR + HOUR: 1, THIS_HOUR + 23 * HOUR: 1, LATER: 2}


def test_every_page_is_counted(environment: Environment) -> None:
    """A page is 1 MB; the shard has more on both sides of the day."""
    store(1, *[NOW + 60] * 400, *[NOW + 90 * HOUR] * 400)
    pending = count_pending(environment, 3, NOW)
    assert pending.by_hour == {THIS_HOUR: 400, LATER: 400}
