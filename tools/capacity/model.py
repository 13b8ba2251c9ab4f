"""The model: the shards, workers and executions that a workload needs, and how long a burst takes to the queue. Pure.

Times are seconds, sizes bytes, rates per second. The model calculates with averages; nothing in it is random.
docs/scaling.md lists what it leaves out.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import NamedTuple

from delayer.delayer_queue import BYTES_PER_CALL, MESSAGES_PER_CALL
from delayer.schedule_table import DELETES_PER_CALL
from delayer.schedules import MAX_MESSAGE_BYTES, MAX_SHARDS, Schedule, due_key
from task_1minute_enqueuer.sweep import CALLS_IN_FLIGHT, SHARDS_AT_ONCE
from tools.capacity.book import LIMITS
from tools.capacity.declared import (
    API_RATE_LIMIT,
    BATCH_RECORDS,
    DELAYER_PERIOD_SECONDS,
    FAST_TRACK_MEMORY_MB,
    HORIZON_DAYS,
    MAX_WORKERS,
    PARALLELIZATION_FACTOR,
    SWEEP_MEMORY_MB,
    SWEEP_TIMEOUT_SECONDS,
)
from tools.project import CommandError

__all__ = [
    "BUDGET_SECONDS",
    "CALL_SECONDS",
    "ITEM_OVERHEAD_BYTES",
    "MINUTE_SECONDS",
    "PAGE_BYTES",
    "PEAK_SECONDS",
    "POLL_SECONDS",
    "POST_SECONDS",
    "SEND_COMPUTING_SECONDS",
    "CapacityError",
    "Concurrency",
    "Plan",
    "Use",
    "Workload",
    "concurrency",
    "handover_seconds",
    "item_bytes",
    "message_bytes",
    "messages_per_call",
    "plan",
    "processors",
    "sweep_seconds",
    "uses",
    "workload",
    "write_units",
]

MINUTE_SECONDS = 60
_DAY_SECONDS = 86_400
_KB = 1_024

#: task_1minute_enqueuer.handler.RESERVE_SECONDS. Its module can't be imported here: it needs Powertools.
SWEEP_RESERVE_SECONDS = 12
#: How long one sweep deletes before it leaves the rest to the next.
_SWEEP_SECONDS = SWEEP_TIMEOUT_SECONDS - SWEEP_RESERVE_SECONDS

#: One page of a Query reads 1 MB of records (Amazon DynamoDB API reference, Query).
PAGE_BYTES = 1_024 * _KB

#: The time a burst has to reach the queue. Two ticks of the minute's rule can be almost two minutes apart, so a sweep
#: may find the burst that much later than the delayer period before its pointInTime.
BUDGET_SECONDS = DELAYER_PERIOD_SECONDS - 2 * MINUTE_SECONDS

#: The share of every capacity that a plan uses. The rest is for uneven shards, retries, schedules due beside the peak,
#: and a sweep that failed.
_PLANNED_SHARE = 0.5
PEAK_SECONDS = _PLANNED_SHARE * BUDGET_SECONDS

#: On-demand tables take twice their earlier peak (Amazon DynamoDB developer guide, "on-demand capacity mode").
_ON_DEMAND_FACTOR = 2

#: Storage is charged for each item beyond its own bytes (Amazon DynamoDB developer guide, "Item sizes and formats").
ITEM_OVERHEAD_BYTES = 100

#: This much memory buys a whole processor, and less memory that part of one (AWS Lambda developer guide, "Configure
#: Lambda function memory").
_PROCESSOR_MB = 1_769

#: Assumed, for small requests within one region: how long one call of DynamoDB or SQS takes.
CALL_SECONDS = 0.010
#: Lambda polls each stream shard four times a second (AWS Lambda developer guide, "Using Lambda with DynamoDB").
POLL_SECONDS = 0.25
#: Assumed: how long the post function works on one request. Correct it by measuring first.
POST_SECONDS = 0.020
#: What the sweep computes to delete a record (its share of queries and throttled calls included), and the fast track to
#: send one, on a whole processor. `make bench` measured the first by its bursts and the second by its cpu item, with
#: payloads of 300 bytes and without TLS (docs/benchmarks.md). Runs differ by a tenth.
SWEEP_COMPUTING_SECONDS, SEND_COMPUTING_SECONDS = 100e-6, 145e-6

_NUMBER_BYTES = 3  # of a number up to 999: one byte, and one for every two digits
_EMPTY_SCHEDULE = Schedule(MAX_SHARDS - 1, due_key(0, "u" * 22), "")

#: More environments than the largest accepted workload needs.
_MOST_ENVIRONMENTS = 10**9


class CapacityError(CommandError):
    """The workload can't be calculated. The message is one sentence for the user."""


@dataclass(frozen=True, slots=True)
class Workload:
    """The schedules to carry. `workload` makes and checks it."""

    schedules_per_day: float
    #: How many are due at one instant.
    peak: float
    #: The payload alone, in UTF-8.
    size_bytes: int
    #: How far ahead a pointInTime lies on average. Only the number of pending schedules depends on it.
    days_ahead: float

    @property
    def rate(self) -> float:
        """Return the schedules per second, spread evenly over the day."""
        return self.schedules_per_day / _DAY_SECONDS

    @property
    def pending(self) -> float:
        """Return how many schedules wait in the table."""
        return self.schedules_per_day * self.days_ahead


def workload(schedules_per_day: float, peak: float, size_bytes: int, days_ahead: float = 7) -> Workload:
    """Return the workload of these figures. Raises CapacityError if a figure is out of range."""
    if schedules_per_day < 1:
        raise CapacityError("RATE must be at least 1 schedule a day")
    if not 1 <= peak <= schedules_per_day:
        raise CapacityError("PEAK must be at least 1 and at most the schedules of a day (RATE)")
    largest = MAX_MESSAGE_BYTES - message_bytes(0)
    if not 1 <= size_bytes <= largest:
        raise CapacityError(
            f"SIZE must be 1 to {largest:,} bytes: the payload and the rest of its message share {MAX_MESSAGE_BYTES:,}"
        )
    if not 0 < days_ahead <= HORIZON_DAYS:
        raise CapacityError(f"AHEAD must be more than 0 and at most {HORIZON_DAYS:,} days, the horizon")
    return Workload(schedules_per_day, peak, size_bytes, days_ahead)


def item_bytes(size_bytes: int) -> int:
    """Return the size of a record: attribute names and values (Amazon DynamoDB developer guide, "Item sizes")."""
    return len("shard") + _NUMBER_BYTES + len("due") + len(_EMPTY_SCHEDULE.due) + len("payload") + size_bytes


def message_bytes(size_bytes: int) -> int:
    """Return the size of a message as SQS counts it."""
    return _EMPTY_SCHEDULE.message().size_bytes + size_bytes


def write_units(size_bytes: int) -> int:
    """Return the write units of one put, and of one delete: one for each started KB of the record."""
    return math.ceil(item_bytes(size_bytes) / _KB)


def messages_per_call(size_bytes: int) -> int:
    """Return how many messages a full SendMessageBatch carries (`delayer.delayer_queue.batches`)."""
    return max(1, min(MESSAGES_PER_CALL, BYTES_PER_CALL // message_bytes(size_bytes)))


def processors(memory_mb: int) -> float:
    """Return the part of a processor that a function computes on. Its threads take turns, so it uses one at most."""
    return min(1.0, memory_mb / _PROCESSOR_MB)


def _worker_rate(size_bytes: int, shards: int) -> float:
    """Return the records per second that one worker deletes from its shards."""
    by_calls = CALLS_IN_FLIGHT * DELETES_PER_CALL / CALL_SECONDS
    by_computing = processors(SWEEP_MEMORY_MB) / SWEEP_COMPUTING_SECONDS
    return min(by_calls, by_computing, _partitions_rate(size_bytes, min(shards, SHARDS_AT_ONCE)))


def _partitions_rate(size_bytes: int, partitions: int) -> float:
    return partitions * LIMITS["partition_write_units"].value / write_units(size_bytes)


def sweep_seconds(due: float, size_bytes: int, shards: int, workers: int, *, partitions: int | None = None) -> float:
    """Return how long the busiest worker takes to delete its part of the due records, if nothing cuts it short.

    `partitions`: how many of DynamoDB's partitions hold the shards; one each unless it is given.
    """
    partitions = min(shards, partitions or shards)
    shards_of_busiest = math.ceil(shards / workers)
    # One DescribeTable; then one Query after the other, while the records found are deleted.
    pages = max(1, math.ceil(due / shards * item_bytes(size_bytes) / PAGE_BYTES))
    reading = shards_of_busiest * pages * CALL_SECONDS
    deleting = max(
        due * shards_of_busiest / shards / _worker_rate(size_bytes, shards_of_busiest),
        due / _partitions_rate(size_bytes, partitions),
    )
    return CALL_SECONDS + max(reading, CALL_SECONDS + deleting)


def handover_seconds(
    peak: float,
    size_bytes: int,
    shards: int,
    workers: int,
    *,
    partitions: int | None = None,
    parallelization_factor: int = PARALLELIZATION_FACTOR,
) -> float:
    """Return when the last record of a burst enters the queue, counted from the start of the sweep that finds it.

    Cold starts, TLS, and partitions left idle by the backoff after a throttle are not included.

    Args:
        peak: how many records are due at one instant, spread evenly over the shards.
        size_bytes: of each payload.
        shards: of the table, each a partition key.
        workers: concurrent sweeps. Workers without a shard don't count.
        partitions: how many of DynamoDB's partitions hold the shards, each with 1,000 write units per second and one
            stream shard. One for each shard unless it is given; a new on-demand table has 4.
        parallelization_factor: lanes of each stream shard.
    """
    workers = min(workers, shards)
    partitions = min(shards, partitions or shards)
    working = sweep_seconds(peak, size_bytes, shards, workers, partitions=partitions)
    # A sweep that is cut short goes on at the next tick.
    times_cut_short = math.ceil(working / _SWEEP_SECONDS) - 1
    deleted = working + times_cut_short * (MINUTE_SECONDS - _SWEEP_SECONDS)
    # The fast track sends while the sweep deletes. Each lane makes one call after the other.
    lanes = partitions * parallelization_factor
    computing = SEND_COMPUTING_SECONDS / processors(FAST_TRACK_MEMORY_MB)
    sent = peak / lanes * (CALL_SECONDS / messages_per_call(size_bytes) + computing)
    # The last records wait for the next poll, at the end of their lane's batch.
    found_by_poll = _partitions_rate(size_bytes, 1) * POLL_SECONDS / parallelization_factor
    batch = min(BATCH_RECORDS, math.ceil(peak / lanes), math.ceil(found_by_poll))
    calls = math.ceil(batch / messages_per_call(size_bytes))
    return max(deleted, sent) + POLL_SECONDS + calls * CALL_SECONDS + batch * computing


class Concurrency(NamedTuple):
    """The most concurrent executions of each function."""

    post: int
    sweep: int
    fast_track: int

    @property
    def total(self) -> int:
        """Return the sum of the three functions."""
        return self.post + self.sweep + self.fast_track


def concurrency(
    posts_per_second: float,
    shards: int,
    workers: int,
    stream_shards: int,
    parallelization_factor: int = PARALLELIZATION_FACTOR,
) -> Concurrency:
    """Return the most concurrent executions of an environment.

    Args:
        posts_per_second: requests, evenly spread.
        shards: of the table. A stream shard without any of them has nothing to send.
        workers: concurrent sweeps.
        stream_shards: open shards of the table's stream.
        parallelization_factor: lanes of each stream shard.
    """
    return Concurrency(
        post=math.ceil(posts_per_second * POST_SECONDS),
        sweep=workers,
        fast_track=min(stream_shards, shards) * parallelization_factor,
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """What a workload needs. With several environments, each has these figures and an equal part of the workload."""

    environments: int
    shards: int
    workers: int
    #: DynamoDB's partitions, and so the stream's shards, once the table has grown to the load.
    partitions: int
    #: Write units per second: of the day's even rate, ...
    even_write_units: float
    #: ... those the table must take for the sweeps to finish in the planned time, ...
    needed_write_units: float
    #: ... and those that a sweep reaches if the table takes them.
    peak_write_units: float
    concurrency: Concurrency
    #: How long the sweep of an ordinary minute takes.
    minute_seconds: float
    #: How long the peak takes from the start of the sweep to the queue, also on a new on-demand table.
    handover_seconds: float
    new_table_handover_seconds: float


def plan(load: Workload) -> Plan:
    """Return the smallest plan that carries a workload with half of every capacity."""
    is_enough = bisect_left(range(_MOST_ENVIRONMENTS), x=True, lo=1, key=lambda count: _plan(load, count) is not None)
    result = _plan(load, is_enough)
    assert result is not None  # bisect_left looked for it
    return result


def _plan(load: Workload, environments: int) -> Plan | None:
    """Return the plan for so many environments, or None if they are too few."""
    units = write_units(load.size_bytes)
    rate, peak, pending = (total / environments for total in (load.rate, load.peak, load.pending))
    due_in_minute = MINUTE_SECONDS * rate
    even = 2 * rate * units  # a put and a delete
    partition_units = LIMITS["partition_write_units"].value
    by_writes = math.ceil((even + peak * units / PEAK_SECONDS) / (_PLANNED_SHARE * partition_units))
    for workers in range(1, MAX_WORKERS + 1):
        # The worker with the most shards decides, so all get as many.
        shards = workers * math.ceil(by_writes / workers)
        minute = sweep_seconds(due_in_minute, load.size_bytes, shards, workers)
        handover = handover_seconds(peak, load.size_bytes, shards, workers)
        if minute <= _PLANNED_SHARE * _SWEEP_SECONDS and handover <= PEAK_SECONDS and shards <= MAX_SHARDS:
            break
    else:
        return None
    deletes = min(workers * _worker_rate(load.size_bytes, shards // workers), max(due_in_minute, peak))
    peak_units = (rate + deletes) * units
    needed_deletes = max(due_in_minute / (_PLANNED_SHARE * _SWEEP_SECONDS), peak / PEAK_SECONDS)
    new_partitions = LIMITS["new_table_write_units"].value // partition_units
    by_storage = math.ceil(pending * item_bytes(load.size_bytes) / LIMITS["partition_bytes"].value)
    partitions = max(new_partitions, math.ceil(_ON_DEMAND_FACTOR * peak_units / partition_units), by_storage)
    return Plan(
        environments=environments,
        shards=shards,
        workers=workers,
        partitions=partitions,
        even_write_units=even,
        needed_write_units=(rate + needed_deletes) * units,
        peak_write_units=peak_units,
        concurrency=concurrency(rate, shards, workers, partitions),
        minute_seconds=minute,
        handover_seconds=handover,
        new_table_handover_seconds=handover_seconds(peak, load.size_bytes, shards, workers, partitions=new_partitions),
    )


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a limit a workload uses."""

    what: str
    needed: float
    limit: float
    remedy: str
    #: True for a limit that is not AWS's on the delayer: a setting of the delayer, or a limit that its consumers meet.
    is_aside: bool = False

    @property
    def share(self) -> float:
        """Return the part of the limit that is used; above 1 the workload exceeds it."""
        return self.needed / self.limit


def uses(load: Workload, planned: Plan) -> list[Use]:
    """Return the use of every limit: AWS's first, then those aside, each group with the highest share first."""

    def of_aws(name: str, needed: float) -> Use:
        limit = LIMITS[name]
        return Use(limit.what, needed, limit.value, "ask AWS to raise it" if limit.adjustable else "none")

    def aside(what: str, needed: float, limit: float, remedy: str) -> Use:
        return Use(what, needed, limit, remedy, is_aside=True)

    in_flight, more = LIMITS["in_flight"], "more environments"
    all_uses = [
        of_aws("api_requests", load.rate),
        of_aws("concurrency", planned.concurrency.total * planned.environments),
        of_aws("table_write_units", planned.needed_write_units),
        of_aws("new_table_write_units", planned.needed_write_units),
        aside("delayer: default API throttling", load.rate / planned.environments, API_RATE_LIMIT, "set throttling"),
        aside(in_flight.what, load.peak / planned.environments, in_flight.value, "delete messages sooner"),
        aside("delayer: shards of a table", planned.shards, MAX_SHARDS, more),
        aside("delayer: sweep workers", planned.workers, MAX_WORKERS, more),
    ]
    return sorted(all_uses, key=lambda use: (use.is_aside, -use.share))
