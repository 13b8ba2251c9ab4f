"""One sweep: find the records that have entered the delayer period, and delete them."""

from __future__ import annotations

from collections import deque
from itertools import batched, chain, islice
from typing import TYPE_CHECKING, NamedTuple

from delayer.parallel import in_parallel
from delayer.retries import CALL_ERRORS, OutOfTimeError, Remaining
from delayer.schedule_table import WRITES_PER_CALL, Key, ScheduleTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["CALLS_IN_FLIGHT", "SHARDS_AT_ONCE", "Sweep", "shards_of_worker", "sweep"]

#: BatchWriteItem calls in flight. At about 10 ms a call, this many make 20,000 deletes a second: five times the limit
#: of a new on-demand table (4,000 write units a second; Amazon DynamoDB developer guide, "on-demand capacity mode"). A
#: full vCPU computes half of that (docs/benchmarks.md), so more calls in flight would not help.
CALLS_IN_FLIGHT = 8

#: Shards whose keys are deleted in turn. A partition accepts about 1,000 KB of writes a second: with this many, no
#: single partition holds up the calls in flight. Each holds one page of keys, at most about 5,000 (4 MB).
SHARDS_AT_ONCE = 16


class Sweep(NamedTuple):
    """The result of a sweep."""

    #: The number of records deleted, and so handed over.
    swept: int
    #: The number of due records that were read but not deleted.
    left: int
    #: Whether the deadline came before every due record was deleted.
    is_cut_short: bool
    #: Why records could not be found or deleted, other than the deadline.
    errors: Sequence[str]


def shards_of_worker(shard_count: int, worker: int, workers: int, now: float) -> list[int]:
    """Return the shards of a worker, those with shard % workers == worker.

    The first shard is another one every minute, so that sweeps that are always cut short still reach each shard.
    """
    shards = list(range(worker, shard_count, workers))
    start = int(now // 60) % max(1, len(shards))
    return shards[start:] + shards[:start]


def sweep(
    table: ScheduleTable,
    shards: Sequence[int],
    cutoff: int,
    remaining: Remaining,
    report: Callable[[Sequence[Key]], None],
) -> Sweep:
    """Delete every record of `shards` due at or before `cutoff`, or as many as there is time for.

    `report` is called with the deleted keys of each call.
    """
    due = _DueKeys(table, shards, cutoff, remaining)
    swept = left = 0
    is_cut_short = False
    errors = []
    batches = batched(due, WRITES_PER_CALL, strict=False)
    for deletion in in_parallel(lambda keys: table.delete(keys, remaining), batches, CALLS_IN_FLIGHT):
        swept += len(deletion.deleted)
        left += len(deletion.left)
        if deletion.error is not None:
            errors.append(f"{len(deletion.left)} records could not be deleted: {deletion.error}")
        elif deletion.left:
            is_cut_short = True
        if deletion.deleted:
            report(deletion.deleted)
    return Sweep(swept, left, is_cut_short or due.is_cut_short, due.errors + errors)


class _DueKeys:
    """The keys of `shards` due at or before `cutoff`. A shard that can't be read does not stop the others."""

    def __init__(self, table: ScheduleTable, shards: Sequence[int], cutoff: int, remaining: Remaining) -> None:
        self._table = table
        self._shards = shards
        self._cutoff = cutoff
        self._remaining = remaining
        #: Whether the deadline came before every key was read.
        self.is_cut_short = False
        #: Why shards could not be read.
        self.errors: list[str] = []

    def __iter__(self) -> Iterator[Key]:
        """Yield one key of each of SHARDS_AT_ONCE shards in turn, and of the next shard when one has no more."""
        waiting = iter(self._shards)
        reading: deque[tuple[int, Iterator[Key]]] = deque()
        while True:
            for shard in islice(waiting, SHARDS_AT_ONCE - len(reading)):
                pages = self._table.due_keys(shard, self._cutoff, self._remaining)
                reading.append((shard, chain.from_iterable(pages)))
            if not reading:
                return
            shard, keys = reading.popleft()
            try:
                key = next(keys, None)
            except OutOfTimeError:
                self.is_cut_short = True
                return
            except CALL_ERRORS as error:
                self.errors.append(f"shard {shard} could not be read: {error}")
                continue
            if key is not None:
                reading.append((shard, keys))
                yield key
