"""The shards, workers and executions that a workload needs, and how much of each limit it uses. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import NamedTuple

from delayer.schedules import MAX_SHARDS
from tools.capacity.book import LIMITS
from tools.capacity.declared import API_RATE_LIMIT, MAX_WORKERS, PARALLELIZATION_FACTOR
from tools.capacity.model import (
    BUDGET_SECONDS,
    MINUTE_SECONDS,
    POST_SECONDS,
    SWEEP_SECONDS,
    Workload,
    handover_seconds,
    item_bytes,
    post_seconds,
    sweep_seconds,
    worker_rate,
    write_units,
)

#: The share of every capacity that a plan uses. The rest is for uneven shards, retries, schedules due beside the peak,
#: and a sweep that failed.
_PLANNED_SHARE = 0.5
PEAK_SECONDS = _PLANNED_SHARE * BUDGET_SECONDS

#: On-demand tables take twice their earlier peak (Amazon DynamoDB developer guide, "on-demand capacity mode").
_ON_DEMAND_FACTOR = 2

#: More environments than the largest accepted workload needs.
_MOST_ENVIRONMENTS = 10**9


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
    *,
    seconds_per_post: float = POST_SECONDS,
) -> Concurrency:
    """Return the most concurrent executions of an environment.

    Args:
        posts_per_second: requests, evenly spread.
        shards: of the table. A stream shard without any of them has nothing to send.
        workers: concurrent sweeps.
        stream_shards: open shards of the table's stream.
        parallelization_factor: lanes of each stream shard.
        seconds_per_post: how long the post function works on a request.
    """
    return Concurrency(
        post=math.ceil(posts_per_second * seconds_per_post),
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
        if minute <= _PLANNED_SHARE * SWEEP_SECONDS and handover <= PEAK_SECONDS and shards <= MAX_SHARDS:
            break
    else:
        return None
    deletes = min(workers * worker_rate(load.size_bytes, shards // workers), max(due_in_minute, peak))
    peak_units = (rate + deletes) * units
    needed_deletes = max(due_in_minute / (_PLANNED_SHARE * SWEEP_SECONDS), peak / PEAK_SECONDS)
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
        concurrency=concurrency(rate / load.batch, shards, workers, partitions, seconds_per_post=post_seconds(load)),
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
    requests = load.rate / load.batch
    all_uses = [
        of_aws("api_requests", requests),
        of_aws("concurrency", planned.concurrency.total * planned.environments),
        of_aws("table_write_units", planned.needed_write_units),
        of_aws("new_table_write_units", planned.needed_write_units),
        aside("delayer: default API throttling", requests / planned.environments, API_RATE_LIMIT, "set throttling"),
        aside(in_flight.what, load.peak / planned.environments, in_flight.value, "delete messages sooner"),
        aside("delayer: shards of a table", planned.shards, MAX_SHARDS, more),
        aside("delayer: sweep workers", planned.workers, MAX_WORKERS, more),
    ]
    return sorted(all_uses, key=lambda use: (use.is_aside, -use.share))
