"""From schedules to shards, workers, stream shards and executions, and how long a burst takes to reach the queue. Pure.

Times are seconds, sizes bytes, rates per second. It is a model of averages: nothing in it is random, and what it leaves
out is listed in docs/scaling.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from delayer.delayer_queue import BYTES_PER_CALL, MESSAGES_PER_CALL
from delayer.schedule_table import DELETES_PER_CALL
from delayer.schedules import MAX_MESSAGE_BYTES, MAX_SHARDS, Schedule, due_key
from task_1minute_enqueuer.sweep import CALLS_IN_FLIGHT, SHARDS_AT_ONCE
from tools.capacity.book import limits

__all__ = [
    "BATCH_RECORDS",
    "DELAYER_PERIOD_SECONDS",
    "MAX_WORKERS",
    "MINUTE_SECONDS",
    "PARALLELIZATION_FACTOR",
    "PEAK_SECONDS",
    "TIMING",
    "CapacityError",
    "Concurrency",
    "Plan",
    "Timing",
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

# These values repeat those of terraform/modules/delayer; a test compares them.

#: variables.tf, delayer_period_seconds.
DELAYER_PERIOD_SECONDS = 840

#: task_1minute_enqueuer.tf, timeout_seconds, less task_1minute_enqueuer.handler.RESERVE_SECONDS (whose module
#: needs what only the functions' packages hold).
SWEEP_TIMEOUT_SECONDS, SWEEP_RESERVE_SECONDS = 55, 12
SWEEP_SECONDS = SWEEP_TIMEOUT_SECONDS - SWEEP_RESERVE_SECONDS

#: variables.tf, sweep_workers.
MAX_WORKERS = 100

#: task_1minute_enqueuer.tf and stream_dynamodb_fasttrack_enqueuer.tf, memory_mb.
SWEEP_MEMORY_MB, FAST_TRACK_MEMORY_MB = 1_769, 512

#: stream_dynamodb_fasttrack_enqueuer.tf, batch_size.
BATCH_RECORDS = 1_000

#: variables.tf, parallelization_factor: how many executions of the fast track read one stream shard at once,
#: its lanes.
PARALLELIZATION_FACTOR = 2

#: variables.tf, throttling.rate_limit: what the API takes unless the environment says otherwise.
API_RATE_LIMIT = 500

MINUTE_SECONDS = 60
DAY_SECONDS = 86_400
_KB = 1_024

#: One page of a Query holds records of 1 MB (Amazon DynamoDB API reference, Query).
PAGE_BYTES = 1_024 * _KB

#: Two ticks of the minute's rule can be almost two minutes apart, so a burst may be found that much later than the
#: delayer period before its pointInTime.
BUDGET_SECONDS = DELAYER_PERIOD_SECONDS - 2 * MINUTE_SECONDS

#: The share of every capacity that a plan uses, so that the rest is there for a bad draw of shards, for retries, for
#: what is due beside the peak, and for a sweep that failed.
PLANNED_SHARE = 0.5
PEAK_SECONDS = PLANNED_SHARE * BUDGET_SECONDS

#: On-demand tables take twice their earlier peak (Amazon DynamoDB developer guide, "on-demand capacity mode").
_ON_DEMAND_FACTOR = 2

#: Charged for an item's storage beside its own bytes (Amazon DynamoDB developer guide, "Item sizes and formats").
ITEM_OVERHEAD_BYTES = 100

#: So much memory comes with a whole processor, and less with that part of one (AWS Lambda developer guide, "Configure
#: Lambda function memory"). A function computes on one: its threads take turns.
_PROCESSOR_MB = 1_769

#: Assumed, and the first thing to correct by measuring: how long the post function works on one request.
POST_SECONDS = 0.020

_UNIQUE_CHARACTERS = 22
_NUMBER_BYTES = 3  # up to 999: a byte, and one for each two digits


class CapacityError(Exception):
    """What was asked for can't be calculated. The message is one sentence for the user."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long AWS takes. Assumed: in one region, for small requests."""

    #: One call of DynamoDB or SQS.
    call_seconds: float = 0.010
    #: Lambda asks each stream shard four times a second (AWS Lambda developer guide, "Using Lambda with DynamoDB").
    poll_seconds: float = 0.25
    #: What the sweep computes to delete a record, with its part of the queries and of the throttled calls, and the fast
    #: track to send one, on a whole processor. Measured by `make bench`, the first by its bursts, the second by its CPU
    #: item, with payloads of 300 bytes and without TLS (docs/benchmarks.md); from run to run they differ by a tenth.
    sweep_computing_seconds: float = 100e-6
    send_computing_seconds: float = 145e-6


TIMING = Timing()


@dataclass(frozen=True, slots=True)
class Workload:
    """What is to be scheduled. Made by `workload`, which checks it."""

    schedules_per_day: float
    #: So many of them are due at one instant.
    peak: float
    #: The payload alone, in UTF-8.
    size_bytes: int
    #: How far ahead a pointInTime lies on average: what waits in the table follows from it, and nothing else.
    days_ahead: float

    @property
    def rate(self) -> float:
        """Schedules a second, spread evenly over the day."""
        return self.schedules_per_day / DAY_SECONDS

    @property
    def pending(self) -> float:
        """Schedules that wait."""
        return self.schedules_per_day * self.days_ahead


def workload(schedules_per_day: float, peak: float, size_bytes: int, days_ahead: float = 7) -> Workload:
    """The workload, if there is one like that. Raises CapacityError."""
    if schedules_per_day < 1:
        raise CapacityError("RATE has to be at least 1 schedule a day")
    if not 1 <= peak <= schedules_per_day:
        raise CapacityError("PEAK has to be at least 1, and no more than the schedules of a day (RATE)")
    largest = MAX_MESSAGE_BYTES - message_bytes(0)
    if not 1 <= size_bytes <= largest:
        raise CapacityError(
            f"SIZE has to be from 1 to {largest:,} bytes: with the rest of its message a payload may have "
            f"{MAX_MESSAGE_BYTES:,}"
        )
    if not 0 < days_ahead <= 3_653:  # noqa: PLR2004 -- horizon_days
        raise CapacityError("AHEAD has to be more than 0 and at most 3,653 days, the horizon")
    return Workload(schedules_per_day, peak, size_bytes, days_ahead)


def _schedule() -> Schedule:
    return Schedule(MAX_SHARDS - 1, due_key(0, "u" * _UNIQUE_CHARACTERS), "")


def item_bytes(size_bytes: int) -> int:
    """A record in the table: the attributes' names and values (Amazon DynamoDB developer guide, "Item sizes")."""
    return len("shard") + _NUMBER_BYTES + len("due") + len(_schedule().due) + len("payload") + size_bytes


def message_bytes(size_bytes: int) -> int:
    """A message in the queue, as SQS counts it."""
    return _schedule().message().size_bytes + size_bytes


def write_units(size_bytes: int) -> int:
    """What one put costs, and one delete: each begun KB of the record is a unit."""
    return math.ceil(item_bytes(size_bytes) / _KB)


def messages_per_call(size_bytes: int) -> int:
    """The messages of one full SendMessageBatch (`delayer.delayer_queue.batches`)."""
    return max(1, min(MESSAGES_PER_CALL, BYTES_PER_CALL // message_bytes(size_bytes)))


def processors(memory_mb: int) -> float:
    """The part of a processor that a function of one thread has."""
    return min(1.0, memory_mb / _PROCESSOR_MB)


def _worker_rate(size_bytes: int, shards: int, timing: Timing) -> float:
    """Records a second that one worker deletes of its shards: what its calls in flight can, and the partitions take."""
    by_calls = CALLS_IN_FLIGHT * DELETES_PER_CALL / timing.call_seconds
    by_computing = processors(SWEEP_MEMORY_MB) / timing.sweep_computing_seconds
    return min(by_calls, by_computing, _partitions_rate(size_bytes, min(shards, SHARDS_AT_ONCE)))


def _partitions_rate(size_bytes: int, partitions: int) -> float:
    return partitions * limits()["partition_write_units"].value / write_units(size_bytes)


def sweep_seconds(
    due: float,
    size_bytes: int,
    shards: int,
    workers: int,
    *,
    partitions: int | None = None,
    timing: Timing = TIMING,
) -> float:
    """How long the busiest of the workers works to delete so many due records, if it had all the time it needs.

    `partitions`: over so many of DynamoDB's partitions the shards lie; one each unless it is given.
    """
    partitions = min(shards, partitions or shards)
    shards_of_busiest = math.ceil(shards / workers)
    share = shards_of_busiest / shards
    # One DescribeTable; then Queries one after the other, while the records that they find are deleted.
    pages = max(1, math.ceil(due / shards * item_bytes(size_bytes) / PAGE_BYTES))
    reading = shards_of_busiest * pages * timing.call_seconds
    deleting = max(
        due * share / _worker_rate(size_bytes, shards_of_busiest, timing),
        due / _partitions_rate(size_bytes, partitions),
    )
    return timing.call_seconds + max(reading, timing.call_seconds + deleting)


def handover_seconds(
    peak: float,
    size_bytes: int,
    shards: int,
    workers: int,
    *,
    partitions: int | None = None,
    parallelization_factor: int = PARALLELIZATION_FACTOR,
    timing: Timing = TIMING,
) -> float:
    """When the last of a burst enters the queue, counted from the start of the sweep that finds it.

    Args:
        peak: how many records are due at one instant, spread evenly over the shards.
        size_bytes: each payload.
        shards: of the table, each a partition key.
        workers: sweeps at the same time; those that would have no shard are left out.
        partitions: over so many of DynamoDB's partitions the shards lie, each 1,000 write units a second and one shard
            of the stream. One for each shard unless it is given; a new on-demand table has 4.
        parallelization_factor: lanes of each stream shard; Terraform's default unless it is given.
        timing: how long AWS takes.

    Not in it: cold starts, TLS, and the backoff after a throttle, which may leave a partition idle.
    """
    workers = min(workers, shards)
    partitions = min(shards, partitions or shards)
    working = sweep_seconds(peak, size_bytes, shards, workers, partitions=partitions, timing=timing)
    # A sweep that is cut short goes on at the next tick.
    cut_short = math.ceil(working / SWEEP_SECONDS) - 1
    deleted = working + cut_short * (MINUTE_SECONDS - SWEEP_SECONDS)
    # The fast track sends while the sweep deletes: so many lanes, each one call after the other.
    lanes = partitions * parallelization_factor
    computing = timing.send_computing_seconds / processors(FAST_TRACK_MEMORY_MB)
    sent = peak / lanes * (timing.call_seconds / messages_per_call(size_bytes) + computing)
    # The last records wait for the next poll, and stand at the end of their lane's batch.
    at_once = _partitions_rate(size_bytes, 1) * timing.poll_seconds / parallelization_factor
    batch = min(BATCH_RECORDS, math.ceil(peak / lanes), math.ceil(at_once))
    calls = math.ceil(batch / messages_per_call(size_bytes))
    last = timing.poll_seconds + calls * timing.call_seconds + batch * computing
    return max(deleted, sent) + last


@dataclass(frozen=True, slots=True)
class Concurrency:
    """The most executions of each function that an environment takes at once."""

    post: int
    sweep: int
    fast_track: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.post + self.sweep + self.fast_track


def concurrency(
    posts_per_second: float,
    shards: int,
    workers: int,
    stream_shards: int,
    parallelization_factor: int = PARALLELIZATION_FACTOR,
) -> Concurrency:
    """Return the most executions that an environment takes at once.

    Args:
        posts_per_second: how many requests come in a second, evenly.
        shards: of the table. A stream shard that holds none of them has nothing to send.
        workers: sweeps at the same time.
        stream_shards: open shards of the table's stream.
        parallelization_factor: lanes of each stream shard; Terraform's default unless it is given.
    """
    return Concurrency(
        post=math.ceil(posts_per_second * POST_SECONDS),
        sweep=workers,
        fast_track=min(stream_shards, shards) * parallelization_factor,
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """What a workload needs. Of several environments, each has these figures and an equal part of the workload."""

    environments: int
    shards: int
    workers: int
    #: DynamoDB's partitions once the table has grown to the load, and so the shards of its stream.
    partitions: int
    #: Write units a second: of a day's even rate; what the table has to take while sweeps delete, for them to be done
    #: in the planned time; and what they reach if it takes it.
    even_write_units: float
    needed_write_units: float
    peak_write_units: float
    concurrency: Concurrency
    #: How long the sweep of an ordinary minute works.
    minute_seconds: float
    #: The peak: from the sweep's start to the queue, and the same on a new on-demand table.
    handover_seconds: float
    new_table_handover_seconds: float

    @property
    def spare_seconds(self) -> float:
        """How long before its pointInTime the last of a peak is in the queue, if the rule ticks at the worst time."""
        return BUDGET_SECONDS - self.handover_seconds


def plan(load: Workload) -> Plan:
    """The least that carries a workload with `PLANNED_SHARE` of every capacity."""
    environments = _least(lambda count: _plan_one(load, count) is not None)
    result = _plan_one(load, environments)
    assert result is not None  # that is what was searched for
    return result


def _plan_one(load: Workload, environments: int) -> Plan | None:
    """The plan for so many environments; None if they are too few."""
    units = write_units(load.size_bytes)
    rate, peak = load.rate / environments, load.peak / environments
    even = 2 * rate * units  # a put and a delete
    by_writes = math.ceil(
        (even + peak * units / PEAK_SECONDS) / (PLANNED_SHARE * limits()["partition_write_units"].value)
    )

    def swept(workers: int) -> tuple[float, float]:
        shards = _shards(by_writes, workers)
        return (
            sweep_seconds(MINUTE_SECONDS * rate, load.size_bytes, shards, workers),
            handover_seconds(peak, load.size_bytes, shards, workers),
        )

    for workers in range(1, MAX_WORKERS + 1):
        minute, handover = swept(workers)
        if (
            minute <= PLANNED_SHARE * SWEEP_SECONDS
            and handover <= PEAK_SECONDS
            and _shards(by_writes, workers) <= MAX_SHARDS
        ):
            break
    else:
        return None
    shards = _shards(by_writes, workers)
    deletes = min(
        workers * _worker_rate(load.size_bytes, math.ceil(shards / workers), TIMING), max(MINUTE_SECONDS * rate, peak)
    )
    peak_units = (rate + deletes) * units
    new_partitions = limits()["new_table_write_units"].value // limits()["partition_write_units"].value
    by_storage = math.ceil(
        load.pending / environments * item_bytes(load.size_bytes) / limits()["partition_bytes"].value
    )
    partitions = max(
        new_partitions,
        math.ceil(_ON_DEMAND_FACTOR * peak_units / limits()["partition_write_units"].value),
        by_storage,
    )
    return Plan(
        environments=environments,
        shards=shards,
        workers=workers,
        partitions=partitions,
        even_write_units=even,
        needed_write_units=(
            rate + max(MINUTE_SECONDS * rate / (PLANNED_SHARE * SWEEP_SECONDS), peak / PEAK_SECONDS)
        ) * units,
        peak_write_units=peak_units,
        concurrency=concurrency(rate, shards, workers, partitions),
        minute_seconds=minute,
        handover_seconds=handover,
        new_table_handover_seconds=handover_seconds(
            peak, load.size_bytes, shards, workers, partitions=new_partitions
        ),
    )  # fmt: skip


def _shards(at_least: int, workers: int) -> int:
    """As many for each worker, for the one with the most decides."""
    return workers * math.ceil(at_least / workers)


def _least(is_enough: Callable[[int], bool]) -> int:
    """The least count that is enough, where every greater one is enough as well."""
    too_few, enough = 0, 1
    while not is_enough(enough):
        too_few, enough = enough, 2 * enough
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if is_enough(middle):
            enough = middle
        else:
            too_few = middle
    return enough


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a limit a workload takes."""

    what: str
    needed: float
    limit: float
    #: What can be done about it.
    remedy: str
    #: Not an AWS limit that the delayer meets: a setting or a limit of the delayer itself, or a limit that its
    #: consumers meet.
    is_aside: bool = False

    @property
    def share(self) -> float:
        """Of the limit; over 1 it stands in the way."""
        return self.needed / self.limit


def uses(load: Workload, planned: Plan) -> list[Use]:
    """Return how much the workload takes of every limit: AWS's first, those aside after them, each nearest first.

    So the first is the limit that the workload hits first.
    """
    book = limits()

    def of(name: str, needed: float) -> Use:
        return Use(book[name].what, needed, book[name].value, "ask AWS" if book[name].adjustable else "none")

    all_use = [
        of("api_requests", load.rate),
        of("concurrency", planned.concurrency.total * planned.environments),
        of("table_write_units", planned.needed_write_units),
        of("new_table_write_units", planned.needed_write_units),
        Use("the API's own throttling, by default", load.rate / planned.environments, API_RATE_LIMIT,
            "set throttling", is_aside=True),
        Use(book["in_flight"].what, load.peak / planned.environments, book["in_flight"].value, "delete sooner",
            is_aside=True),
        Use("the delayer: shards of a table", planned.shards, MAX_SHARDS, "more environments", is_aside=True),
        Use("the delayer: sweep workers", planned.workers, MAX_WORKERS, "more environments", is_aside=True),
    ]  # fmt: skip
    return sorted(all_use, key=lambda use: (use.is_aside, -use.share))
