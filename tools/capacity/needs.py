"""The shards, workers and executions that a workload needs, and how much of each limit it uses. Pure."""

import math
from bisect import bisect_left
from typing import NamedTuple

from delayer.schedules import MAX_SHARDS
from tools.capacity import model
from tools.capacity.book import LIMITS
from tools.capacity.declared import API_RATE_LIMIT, MAX_WORKERS, PARALLELIZATION_FACTOR
from tools.capacity.model import BUDGET_SECONDS, MINUTE_SECONDS, SWEEP_SECONDS, Workload
from tools.project import FAST_TRACK, POST, SWEEP

#: The share of every capacity that a plan uses. The rest is for uneven shards, retries, schedules due beside the peak,
#: and a sweep that failed.
_PLANNED_SHARE = 0.5
PEAK_SECONDS = _PLANNED_SHARE * BUDGET_SECONDS


class Plan(NamedTuple):
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
    #: The most concurrent executions, by function.
    concurrency: dict[str, int]
    #: How long the sweep of an ordinary minute takes.
    minute_seconds: float
    #: How long the peak takes from the start of the sweep to the queue, also on a new on-demand table.
    handover_seconds: float
    new_table_handover_seconds: float


def concurrency(
    posts_per_second: float,
    shards: int,
    workers: int,
    stream_shards: int,
    parallelization_factor: int = PARALLELIZATION_FACTOR,
    *,
    seconds_per_post: float = model.POST_SECONDS,
) -> dict[str, int]:
    """Return the most concurrent executions of an environment, by function.

    Posts are requests, evenly spread. An open shard of the table's stream (`stream_shards`) that holds none of the
    table's `shards` has nothing to send; each other one has `parallelization_factor` lanes.
    """
    return {
        POST: math.ceil(posts_per_second * seconds_per_post),
        SWEEP: workers,
        FAST_TRACK: min(stream_shards, shards) * parallelization_factor,
    }


def plan(load: Workload) -> Plan:
    """Return the smallest plan that carries a workload with half of every capacity."""
    # More environments than the largest accepted workload needs.
    counts = range(10**9)
    result = _plan(load, bisect_left(counts, x=True, lo=1, key=lambda count: _plan(load, count) is not None))
    assert result is not None  # bisect_left looked for it
    return result


def _plan(load: Workload, environments: int) -> Plan | None:
    """Return the plan for so many environments, or None if they are too few."""
    size_bytes, units = load.size_bytes, model.write_units(load.size_bytes)
    rate, peak, pending = (total / environments for total in (load.rate, load.peak, load.pending))
    due_in_minute = MINUTE_SECONDS * rate
    even = 2 * rate * units  # a put and a delete
    partition_units = LIMITS["partition_write_units"].value
    by_writes = math.ceil((even + peak * units / PEAK_SECONDS) / (_PLANNED_SHARE * partition_units))
    for workers in range(1, MAX_WORKERS + 1):
        # The worker with the most shards decides, so all get as many.
        shards = workers * math.ceil(by_writes / workers)
        minute = model.sweep_seconds(due_in_minute, size_bytes, shards, workers)
        handover = model.handover_seconds(peak, size_bytes, shards, workers)
        if minute <= _PLANNED_SHARE * SWEEP_SECONDS and handover <= PEAK_SECONDS and shards <= MAX_SHARDS:
            break
    else:
        return None
    deletes = min(workers * model.worker_rate(size_bytes, shards // workers), max(due_in_minute, peak))
    needed_deletes = max(due_in_minute / (_PLANNED_SHARE * SWEEP_SECONDS), peak / PEAK_SECONDS)
    peak_units = (rate + deletes) * units
    new_partitions = LIMITS["new_table_write_units"].value // partition_units
    partitions = max(
        new_partitions,
        # On-demand tables take twice their earlier peak (Amazon DynamoDB developer guide, "on-demand capacity mode").
        math.ceil(2 * peak_units / partition_units),
        math.ceil(pending * model.item_bytes(size_bytes) / LIMITS["partition_bytes"].value),
    )
    return Plan(
        environments=environments,
        shards=shards,
        workers=workers,
        partitions=partitions,
        even_write_units=even,
        needed_write_units=(rate + needed_deletes) * units,
        peak_write_units=peak_units,
        concurrency=concurrency(rate / load.batch, shards, workers, partitions, seconds_per_post=load.post_seconds),
        minute_seconds=minute,
        handover_seconds=handover,
        new_table_handover_seconds=model.handover_seconds(peak, size_bytes, shards, workers, partitions=new_partitions),
    )


class Use(NamedTuple):
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
    environments, in_flight, requests = planned.environments, LIMITS["in_flight"], load.rate / load.batch
    of_aws = {
        "api_requests": requests,
        "concurrency": sum(planned.concurrency.values()) * environments,
        "table_write_units": planned.needed_write_units,
        "new_table_write_units": planned.needed_write_units,
    }
    aside = (
        ("delayer: default API throttling", requests / environments, API_RATE_LIMIT, "set throttling"),
        (in_flight.what, load.peak / environments, in_flight.value, "delete messages sooner"),
        ("delayer: shards of a table", planned.shards, MAX_SHARDS, "more environments"),
        ("delayer: sweep workers", planned.workers, MAX_WORKERS, "more environments"),
    )
    found = [Use(what, need, allowed, remedy, is_aside=True) for what, need, allowed, remedy in aside]
    for name, needed in of_aws.items():
        limit = LIMITS[name]
        found.append(Use(limit.what, needed, limit.value, "ask AWS to raise it" if limit.adjustable else "none"))
    return sorted(found, key=lambda use: (use.is_aside, -use.share))
