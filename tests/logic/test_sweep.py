"""A worker's shards, and the order in which a sweep reads and deletes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING, cast

from hypothesis import given
from hypothesis import strategies as st

from delayer.schedule_table import WRITES_PER_CALL, Deletion, Key
from task_1minute_enqueuer.sweep import CALLS_IN_FLIGHT, SHARDS_AT_ONCE, shards_of_worker, sweep

if TYPE_CHECKING:
    from delayer.schedule_table import ScheduleTable

#: 2026-11-22T09:00:00Z
NOW = 1_795_338_000


class Table:
    """One shard of `pages` pages with a call's keys each. It counts the pages that were read and not yet deleted."""

    def __init__(self, pages: int) -> None:
        self.pages = pages
        self.most_waiting = 0
        self._waiting = 0
        self._lock = Lock()

    def due_keys(self, *_: object) -> Iterator[Sequence[Key]]:
        """Yield the pages."""
        for page in range(self.pages):
            with self._lock:
                self._waiting += 1
                self.most_waiting = max(self.most_waiting, self._waiting)
            yield [{"shard": {"N": "0"}, "due": {"S": f"{page}#{key}"}} for key in range(WRITES_PER_CALL)]

    def delete(self, keys: Sequence[Key], *_: object) -> Deletion:
        """Delete a page."""
        with self._lock:
            self._waiting -= 1
        return Deletion(keys, [])


def test_sweep_reads_one_call_ahead_of_its_deletes() -> None:
    """GIVEN 50,000 due keys WHEN swept THEN memory holds only those of the calls in flight and of the next call."""
    table = Table(pages=2_000)
    result = sweep(cast("ScheduleTable", table), [0], 0, lambda: 60.0, lambda _keys: None)
    assert result.swept == 2_000 * WRITES_PER_CALL
    assert table.most_waiting <= CALLS_IN_FLIGHT + 1


class ManyShards:
    """Shards with `keys_of_each` due keys, in one page. It records the shards of each call, and those being read."""

    def __init__(self, keys_of_each: int) -> None:
        self.calls: list[list[int]] = []
        self.most_open = 0
        self._keys_of_each = keys_of_each
        self._open: set[int] = set()
        self._lock = Lock()

    def due_keys(self, shard: int, *_: object) -> Iterator[Sequence[Key]]:
        """Yield the only page."""
        self._open.add(shard)
        self.most_open = max(self.most_open, len(self._open))
        yield [{"shard": {"N": str(shard)}, "due": {"S": str(number)}} for number in range(self._keys_of_each)]
        self._open.remove(shard)

    def delete(self, keys: Sequence[Key], *_: object) -> Deletion:
        """Delete a call's keys."""
        with self._lock:
            self.calls.append([int(key["shard"]["N"]) for key in keys])
        return Deletion(keys, [])


def test_burst_is_deleted_from_16_shards_in_turn() -> None:
    """GIVEN a burst in 40 shards WHEN swept THEN each call deletes from 16, and at most 16 pages are in memory.

    One shard after another would be limited by a single partition's throughput, whatever the calls in flight.
    """
    table = ManyShards(keys_of_each=1_000)
    result = sweep(cast("ScheduleTable", table), range(40), 0, lambda: 60.0, lambda _keys: None)
    assert result.swept == 40_000
    assert table.most_open == SHARDS_AT_ONCE
    # The last shards end one by one, when no other is left to start. Threads record their calls in any order.
    assert sum(len(set(call)) == SHARDS_AT_ONCE for call in table.calls) >= 32 * 1_000 // WRITES_PER_CALL
    assert all(len(call) == WRITES_PER_CALL for call in table.calls)


@given(st.integers(1, 1_000), st.integers(1, 40), st.floats(0, 4_000_000_000))
def test_workers_share_the_shards(shard_count: int, workers: int, now: float) -> None:
    """In any minute, each shard has exactly one worker, even if there are more workers than shards."""
    shards = [shard for worker in range(workers) for shard in shards_of_worker(shard_count, worker, workers, now)]
    assert sorted(shards) == list(range(shard_count))


@given(st.integers(1, 1_000), st.integers(1, 40))
def test_worker_i_of_n_has_the_shards_with_rest_i(shard_count: int, workers: int) -> None:
    """Worker i of n has the shards with shard % n == i."""
    for worker in range(workers):
        assert {shard % workers for shard in shards_of_worker(shard_count, worker, workers, NOW)} <= {worker}


def test_first_shard_is_another_one_every_minute() -> None:
    """The start moves by one shard a minute, so that sweeps that are always cut short reach each shard."""
    firsts = [shards_of_worker(16, 1, 2, NOW + 60 * minute)[0] for minute in range(8)]
    assert sorted(firsts) == [1, 3, 5, 7, 9, 11, 13, 15]


def test_shards_follow_the_first_in_a_circle() -> None:
    """The order is the same throughout a minute."""
    assert shards_of_worker(4, 0, 1, 60 * 1_000_002) == [2, 3, 0, 1]
    assert shards_of_worker(4, 0, 1, 60 * 1_000_002 + 59.9) == [2, 3, 0, 1]
