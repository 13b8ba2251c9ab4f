"""The sizes and times that follow from a workload: records, messages, sweeps, and how long a burst takes. Pure.

Times are seconds, sizes bytes, rates per second. The model calculates with averages; nothing in it is random.
docs/scaling.md lists what it leaves out.
"""

import math
from dataclasses import dataclass

from api_schedule_post.request import CALLS_IN_FLIGHT as POST_CALLS_IN_FLIGHT
from api_schedule_post.request import MAX_ARRAY_BYTES, MAX_SCHEDULES
from delayer.delayer_queue import BYTES_PER_CALL, MESSAGES_PER_CALL
from delayer.retries import RESERVE_SECONDS
from delayer.schedule_table import WRITES_PER_CALL
from delayer.schedules import MAX_MESSAGE_BYTES, MAX_SHARDS, Schedule, due_key
from task_1minute_enqueuer.sweep import CALLS_IN_FLIGHT, SHARDS_AT_ONCE
from tools.capacity import declared
from tools.capacity.book import LIMITS
from tools.capacity.declared import PARALLELIZATION_FACTOR
from tools.project import CommandError

MINUTE_SECONDS = 60
KB = 1_024

#: How long one sweep deletes before it leaves the rest to the next.
SWEEP_SECONDS = declared.SWEEP_TIMEOUT_SECONDS - RESERVE_SECONDS

#: One page of a Query reads 1 MB of records (Amazon DynamoDB API reference, Query).
_PAGE_BYTES = 1_024 * KB

#: The time a burst has to reach the queue. Two ticks of the minute's rule can be almost two minutes apart, so a sweep
#: may find the burst that much later than the delayer period before its pointInTime.
BUDGET_SECONDS = declared.DELAYER_PERIOD_SECONDS - 2 * MINUTE_SECONDS

#: This much memory buys a whole processor, and less memory that part of one (AWS Lambda developer guide, "Configure
#: Lambda function memory").
_PROCESSOR_MB = 1_769

#: Assumed, for small requests within one region: how long one call of DynamoDB or SQS takes.
CALL_SECONDS = 0.010
#: Lambda polls each stream shard four times a second (AWS Lambda developer guide, "Using Lambda with DynamoDB").
POLL_SECONDS = 0.25
#: Assumed: how long the post function works on one request. Correct it by measuring first.
POST_SECONDS = 0.020
#: What it computes for each schedule of an array, on a whole processor (`make bench`, cpu).
ITEM_COMPUTING_SECONDS = 100e-6
#: What the sweep computes to delete a record (its share of queries and throttled calls included), and the fast track to
#: send one, on a whole processor. `make bench` measured the first by its bursts and the second by its cpu item, with
#: payloads of 300 bytes and without TLS (docs/benchmarks.md). Runs differ by a tenth.
SWEEP_COMPUTING_SECONDS, SEND_COMPUTING_SECONDS = 100e-6, 145e-6

#: The rest of a schedule in a request: the names, the pointInTime and the punctuation.
_REQUEST_ITEM_BYTES = 70
_NUMBER_BYTES = 3  # of a number up to 999: one byte, and one for every two digits
_EMPTY_SCHEDULE = Schedule(MAX_SHARDS - 1, due_key(0, "u" * 22), "")


@dataclass(frozen=True, slots=True)
class Workload:
    """The schedules to carry. Raises CommandError if a figure is out of range."""

    schedules_per_day: float
    #: How many are due at one instant.
    peak: float
    #: The payload alone, in UTF-8.
    size_bytes: int
    #: How far ahead a pointInTime lies on average. Only the number of pending schedules depends on it.
    days_ahead: float = 7
    #: How many schedules a request posts.
    batch: int = 1

    def __post_init__(self) -> None:
        if self.schedules_per_day < 1:
            raise CommandError("RATE must be at least 1 schedule a day")
        if not 1 <= self.peak <= self.schedules_per_day:
            raise CommandError("PEAK must be at least 1 and at most the schedules of a day (RATE)")
        most = MAX_MESSAGE_BYTES - message_bytes(0)
        if not 1 <= self.size_bytes <= most:
            shared = f"the payload and the rest of its message share {MAX_MESSAGE_BYTES:,}"
            raise CommandError(f"SIZE must be 1 to {most:,} bytes: {shared}")
        if not 0 < self.days_ahead <= declared.HORIZON_DAYS:
            raise CommandError(f"AHEAD must be more than 0 and at most {declared.HORIZON_DAYS:,} days, the horizon")
        most = min(MAX_SCHEDULES, MAX_ARRAY_BYTES // (self.size_bytes + _REQUEST_ITEM_BYTES))
        if not 1 <= self.batch <= most:
            raise CommandError(f"BATCH must be 1 to {most:,} schedules of that size in one request")

    @property
    def rate(self) -> float:
        """Return the schedules per second, spread evenly over the day."""
        return self.schedules_per_day / 86_400

    @property
    def pending(self) -> float:
        """Return how many schedules wait in the table."""
        return self.schedules_per_day * self.days_ahead

    @property
    def request_bytes(self) -> int:
        """Return the size of a request's body."""
        return self.batch * (self.size_bytes + _REQUEST_ITEM_BYTES)

    @property
    def post_seconds(self) -> float:
        """Return how long the post function works on a request."""
        if self.batch == 1:
            return POST_SECONDS
        calls = math.ceil(self.batch / WRITES_PER_CALL / POST_CALLS_IN_FLIGHT)
        computing = self.batch * ITEM_COMPUTING_SECONDS / processors(declared.POST_MEMORY_MB)
        return POST_SECONDS + calls * CALL_SECONDS + computing


def item_bytes(size_bytes: int) -> int:
    """Return the size of a record: attribute names and values (Amazon DynamoDB developer guide, "Item sizes")."""
    return len("shard") + _NUMBER_BYTES + len("due") + len(_EMPTY_SCHEDULE.due) + len("payload") + size_bytes


def message_bytes(size_bytes: int) -> int:
    """Return the size of a message as SQS counts it."""
    return _EMPTY_SCHEDULE.message().size_bytes + size_bytes


def write_units(size_bytes: int) -> int:
    """Return the write units of one put, and of one delete: one for each started KB of the record."""
    return math.ceil(item_bytes(size_bytes) / KB)


def messages_per_call(size_bytes: int) -> int:
    """Return how many messages a full SendMessageBatch carries (`delayer.delayer_queue.batches`)."""
    return max(1, min(MESSAGES_PER_CALL, BYTES_PER_CALL // message_bytes(size_bytes)))


def processors(memory_mb: int) -> float:
    """Return the part of a processor that a function computes on. Its threads take turns, so it uses one at most."""
    return min(1.0, memory_mb / _PROCESSOR_MB)


def worker_rate(size_bytes: int, shards: int) -> float:
    """Return the records per second that one worker deletes from its shards."""
    return min(
        CALLS_IN_FLIGHT * WRITES_PER_CALL / CALL_SECONDS,
        processors(declared.SWEEP_MEMORY_MB) / SWEEP_COMPUTING_SECONDS,
        _partitions_rate(size_bytes, min(shards, SHARDS_AT_ONCE)),
    )


def _partitions_rate(size_bytes: int, partitions: int) -> float:
    return partitions * LIMITS["partition_write_units"].value / write_units(size_bytes)


def sweep_seconds(due: float, size_bytes: int, shards: int, workers: int, *, partitions: int | None = None) -> float:
    """Return how long the busiest worker takes to delete its part of the due records, if nothing cuts it short.

    `partitions`: how many of DynamoDB's partitions hold the shards; one each unless it is given.
    """
    shards_of_busiest = math.ceil(shards / workers)
    # One DescribeTable; then one Query after the other, while the records found are deleted.
    pages = max(1, math.ceil(due / shards * item_bytes(size_bytes) / _PAGE_BYTES))
    reading = shards_of_busiest * pages * CALL_SECONDS
    deleting = max(
        due * shards_of_busiest / shards / worker_rate(size_bytes, shards_of_busiest),
        due / _partitions_rate(size_bytes, min(shards, partitions or shards)),
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

    The `peak` records are due at one instant, and spread evenly over the shards. Workers without a shard don't count.
    DynamoDB's partitions have 1,000 write units per second and one stream shard each. There is one for each shard
    unless `partitions` is given: a new on-demand table has 4. Cold starts, TLS, and partitions left idle by the backoff
    after a throttle are not included.
    """
    partitions = min(shards, partitions or shards)
    working = sweep_seconds(peak, size_bytes, shards, min(workers, shards), partitions=partitions)
    # A sweep that is cut short goes on at the next tick.
    times_cut_short = math.ceil(working / SWEEP_SECONDS) - 1
    deleted = working + times_cut_short * (MINUTE_SECONDS - SWEEP_SECONDS)
    # The fast track sends while the sweep deletes. Each lane makes one call after the other.
    lanes = partitions * parallelization_factor
    computing = SEND_COMPUTING_SECONDS / processors(declared.FAST_TRACK_MEMORY_MB)
    sent = peak / lanes * (CALL_SECONDS / messages_per_call(size_bytes) + computing)
    # The last records wait for the next poll, at the end of their lane's batch.
    found_by_poll = _partitions_rate(size_bytes, 1) * POLL_SECONDS / parallelization_factor
    batch = min(declared.BATCH_RECORDS, math.ceil(peak / lanes), math.ceil(found_by_poll))
    calls = math.ceil(batch / messages_per_call(size_bytes))
    return max(deleted, sent) + POLL_SECONDS + calls * CALL_SECONDS + batch * computing
