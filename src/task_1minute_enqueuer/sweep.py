"""One sweep: find what has entered the delayer period, and delete it."""

from __future__ import annotations

from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING

from delayer.retries import CALL_ERRORS, OutOfTimeError, Remaining
from delayer.schedule_table import DELETES_PER_CALL, Deletion, Key, ScheduleTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["CALLS_IN_FLIGHT", "SHARDS_AT_ONCE", "Sweep", "shards_of_worker", "sweep"]

#: BatchWriteItem calls under way at once. With about 10 ms a call they would be 20,000 deletes a second, five times
#: what a new on-demand table takes (4,000 write units a second; Amazon DynamoDB developer guide, "on-demand capacity
#: mode"). A whole processor computes half of that (docs/benchmarks.md): more calls at once would not help it.
CALLS_IN_FLIGHT = 8

#: Shards that are deleted from in turn. A partition takes about 1,000 KB of writes a second: with so many, the calls in
#: flight wait for each other and not for one partition. Each holds one page of keys, some 5,000 (4 MB) at the most.
SHARDS_AT_ONCE = 16


@dataclass(slots=True)
class Sweep:
    """What a sweep did."""

    #: Records deleted, and so handed over.
    swept: int = 0
    #: Records that were due, read, and are still there.
    left: int = 0
    #: Whether the deadline came before everything due was deleted.
    is_cut_short: bool = False
    #: What kept records from being found or deleted, other than the deadline.
    errors: list[str] = field(default_factory=list)


def shards_of_worker(shard_count: int, worker: int, workers: int, now: float) -> list[int]:
    """The shards that a worker sweeps, in an order that starts one further every minute.

    So that a sweep which is cut short every time still gets to each of them.
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

    `report` is told the keys that each call has deleted.
    """
    result = Sweep()
    calls: dict[Future[Deletion], Sequence[Key]] = {}

    def finish(done: set[Future[Deletion]]) -> None:
        for call in done:
            keys, deletion = calls.pop(call), call.result()
            deleted = [key for key in keys if key not in deletion.left] if deletion.left else keys
            result.swept += len(deleted)
            result.left += len(deletion.left)
            if deletion.error is not None:
                result.errors.append(f"{len(deletion.left)} records could not be deleted: {deletion.error}")
            elif deletion.left:
                result.is_cut_short = True
            if deleted:
                report(deleted)

    with ThreadPoolExecutor(CALLS_IN_FLIGHT) as pool:
        for keys in _batches(table, shards, cutoff, remaining, result):
            if len(calls) == CALLS_IN_FLIGHT:
                finish(wait(calls, return_when=FIRST_COMPLETED).done)
            calls[pool.submit(table.delete, keys, remaining)] = keys
        finish(wait(calls).done)
    return result


def _batches(
    table: ScheduleTable, shards: Sequence[int], cutoff: int, remaining: Remaining, result: Sweep
) -> Iterator[list[Key]]:
    """The due keys in lots of DELETES_PER_CALL, from SHARDS_AT_ONCE in turn. One that fails doesn't stop the others."""
    waiting = iter(shards)
    reading: deque[tuple[int, Iterator[Key]]] = deque()
    batch: list[Key] = []
    while True:
        for shard in islice(waiting, SHARDS_AT_ONCE - len(reading)):
            reading.append((shard, chain.from_iterable(table.due_keys(shard, cutoff, remaining))))
        if not reading:
            break
        shard, keys = reading.popleft()
        try:
            key = next(keys, None)
        except OutOfTimeError:
            result.is_cut_short = True
            break
        except CALL_ERRORS as error:
            result.errors.append(f"shard {shard} could not be read: {error}")
            continue
        if key is None:
            continue
        reading.append((shard, keys))
        batch.append(key)
        if len(batch) == DELETES_PER_CALL:
            yield batch
            batch = []
    if batch:
        yield batch
