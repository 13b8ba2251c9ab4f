"""How far a sweep reads ahead of its deletes, and from how many shards it deletes at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING, cast

from delayer.schedule_table import DELETES_PER_CALL, Deletion, Key
from task_1minute_enqueuer.sweep import CALLS_IN_FLIGHT, SHARDS_AT_ONCE, sweep

if TYPE_CHECKING:
    from delayer.schedule_table import ScheduleTable


class Table:
    """One shard with so many pages of a call's keys each; it knows how many were read and not yet deleted."""

    def __init__(self, pages: int) -> None:
        self.pages = pages
        self.most_waiting = 0
        self._waiting = 0
        self._lock = Lock()

    def due_keys(self, *_: object) -> Iterator[Sequence[Key]]:
        """Page after page."""
        for page in range(self.pages):
            with self._lock:
                self._waiting += 1
                self.most_waiting = max(self.most_waiting, self._waiting)
            yield [{"shard": {"N": "0"}, "due": {"S": f"{page}#{key}"}} for key in range(DELETES_PER_CALL)]

    def delete(self, keys: Sequence[Key], *_: object) -> Deletion:
        """Delete a page."""
        with self._lock:
            self._waiting -= 1
        return Deletion(keys, [])


def test_a_sweep_reads_no_more_than_it_can_delete() -> None:
    """GIVEN 50,000 due keys WHEN swept THEN memory holds those of the calls in flight and of the next one only."""
    table = Table(pages=2_000)
    result = sweep(cast("ScheduleTable", table), [0], 0, lambda: 60.0, lambda _keys: None)
    assert result.swept == 2_000 * DELETES_PER_CALL
    assert table.most_waiting <= CALLS_IN_FLIGHT + 1


class ManyShards:
    """Shards with so many due keys each, in one page; it knows what was deleted in which call, and what was open."""

    def __init__(self, keys_of_each: int) -> None:
        self.calls: list[list[int]] = []
        self.most_open = 0
        self._keys_of_each = keys_of_each
        self._open: set[int] = set()
        self._lock = Lock()

    def due_keys(self, shard: int, *_: object) -> Iterator[Sequence[Key]]:
        """One page."""
        self._open.add(shard)
        self.most_open = max(self.most_open, len(self._open))
        yield [{"shard": {"N": str(shard)}, "due": {"S": str(number)}} for number in range(self._keys_of_each)]
        self._open.remove(shard)

    def delete(self, keys: Sequence[Key], *_: object) -> Deletion:
        """Delete a call's keys."""
        with self._lock:
            self.calls.append([int(key["shard"]["N"]) for key in keys])
        return Deletion(keys, [])


def test_a_burst_is_deleted_from_many_shards_in_turn() -> None:
    """GIVEN a burst in 40 shards WHEN swept THEN each call deletes from 16, and no more than 16 pages are held.

    One shard after the other would be held to what one partition takes, whatever the calls in flight.
    """
    table = ManyShards(keys_of_each=1_000)
    result = sweep(cast("ScheduleTable", table), range(40), 0, lambda: 60.0, lambda _keys: None)
    assert result.swept == 40_000
    assert table.most_open == SHARDS_AT_ONCE
    # The last shards end one by one, when no other is left to be opened. Threads note their calls in any order.
    assert sum(len(set(call)) == SHARDS_AT_ONCE for call in table.calls) >= 32 * 1_000 // DELETES_PER_CALL
    assert all(len(call) == DELETES_PER_CALL for call in table.calls)
