"""Pending schedules of all shards, in the order in which they are due."""

from __future__ import annotations

import heapq
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from delayer.schedules import after_due, schedule_id, start_of_due

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from delayer.retries import Remaining
    from delayer.schedule_table import Key, ScheduleTable

__all__ = ["READS_IN_FLIGHT", "Listed", "Range", "pending"]

#: Queries in flight. At about 5 ms a query, 64 shards are read in 20 ms.
READS_IN_FLIGHT = 16

#: The most keys that one query reads. A query ends after 1 MB of records anyway.
_MOST_KEYS = 1000


class Listed(NamedTuple):
    """The key of a pending schedule. Listed keys sort by it: the shard decides only where `due` is the same.

    Two schedules have the same `due` when one request with an Idempotency-Key was repeated after the number of shards
    grew.
    """

    due: str
    shard: int

    @property
    def schedule_id(self) -> str:
        """Return the scheduleId."""
        return schedule_id(self.shard, self.due)


class Range(NamedTuple):
    """The schedules due from `start` to before `end`, in seconds since 1970; with `after`, those behind this key."""

    start: int
    end: int
    after: Listed | None = None

    def first_due(self, shard: int) -> str:
        """Return the text from which the keys of a shard are in the range."""
        if self.after is None:
            return start_of_due(self.start)
        return after_due(self.after.due) if shard <= self.after.shard else self.after.due


def pending(
    table: ScheduleTable, shard_count: int, wanted: Range, expected: int, remaining: Remaining
) -> Iterator[Listed]:
    """Yield the pending schedules of a range in order.

    A shard is read as far as it is needed, first so many keys of each that `expected` are probably found. Reads are
    eventually consistent, so that a schedule posted within the last second may be missing.

    Raises the errors of `retries.call_with_retries`.
    """
    if wanted.start >= wanted.end:
        return
    end = start_of_due(wanted.end)
    # The mean and half of it, and two more: few shards have more than that.
    most = min(_MOST_KEYS, -(-3 * expected // (2 * shard_count)) + 2)

    def read(shard: int, first: str, most: int) -> tuple[Sequence[Key], bool]:
        return table.keys_between(shard, first, end, most, remaining)

    def of_shard(shard: int, part: tuple[Sequence[Key], bool]) -> Iterator[Listed]:
        keys, has_more = part
        keys_read = most
        while True:
            yield from (Listed(key["due"]["S"], shard) for key in keys)
            if not (keys and has_more):
                return
            keys_read = min(_MOST_KEYS, 2 * keys_read)
            keys, has_more = read(shard, after_due(keys[-1]["due"]["S"]), keys_read)

    shards = range(shard_count)
    with ThreadPoolExecutor(min(READS_IN_FLIGHT, shard_count)) as pool:
        parts = pool.map(read, shards, map(wanted.first_due, shards), [most] * shard_count)
        lists = [of_shard(shard, part) for shard, part in zip(shards, parts, strict=True)]
    yield from heapq.merge(*lists)
