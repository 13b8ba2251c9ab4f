"""Which shards a worker sweeps, and in which order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from task_1minute_enqueuer.sweep import shards_of_worker

#: 2026-11-22T09:00:00Z
NOW = 1_795_338_000


@given(st.integers(1, 1_000), st.integers(1, 40), st.floats(0, 4_000_000_000))
def test_the_workers_share_the_shards(shard_count: int, workers: int, now: float) -> None:
    """Over the workers every shard is swept exactly once, whatever the minute, and even by more workers than shards."""
    shards = [shard for worker in range(workers) for shard in shards_of_worker(shard_count, worker, workers, now)]
    assert sorted(shards) == list(range(shard_count))


@given(st.integers(1, 1_000), st.integers(1, 40))
def test_a_worker_sweeps_the_shards_of_its_rest(shard_count: int, workers: int) -> None:
    """Worker i of n has the shards with shard % n == i."""
    for worker in range(workers):
        assert {shard % workers for shard in shards_of_worker(shard_count, worker, workers, NOW)} <= {worker}


def test_every_shard_comes_first_in_its_turn() -> None:
    """The start moves on by one shard a minute, so that being cut short every time starves none."""
    firsts = [shards_of_worker(16, 1, 2, NOW + 60 * minute)[0] for minute in range(8)]
    assert sorted(firsts) == [1, 3, 5, 7, 9, 11, 13, 15]


def test_the_order_goes_round() -> None:
    """From the first shard on to the last and around, within one minute always the same."""
    assert shards_of_worker(4, 0, 1, 60 * 1_000_002) == [2, 3, 0, 1]
    assert shards_of_worker(4, 0, 1, 60 * 1_000_002 + 59.9) == [2, 3, 0, 1]
