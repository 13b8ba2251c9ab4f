"""Dollars a month, line by line, for the delayer and for EventBridge Scheduler. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from delayer.schedule_table import DELETES_PER_CALL
from tools.capacity.book import limits, prices
from tools.capacity.model import (
    BATCH_RECORDS,
    FAST_TRACK_MEMORY_MB,
    ITEM_OVERHEAD_BYTES,
    MINUTE_SECONDS,
    PAGE_BYTES,
    PARALLELIZATION_FACTOR,
    PEAK_SECONDS,
    POST_SECONDS,
    SWEEP_MEMORY_MB,
    TIMING,
    Plan,
    Workload,
    item_bytes,
    message_bytes,
    messages_per_call,
    processors,
    sweep_seconds,
    write_units,
)

__all__ = ["Bill", "Line", "SchedulerBill", "bill", "scheduler_bill"]

#: A month as AWS's own calculator counts it.
HOURS_PER_MONTH = 730
SECONDS_PER_MONTH = HOURS_PER_MONTH * 3_600
MINUTES_PER_MONTH = HOURS_PER_MONTH * 60
DAYS_PER_MONTH = HOURS_PER_MONTH / 24

_GB = 2**30
_KB = 1_024

#: An eventually consistent read is half a unit for 4 KB (Amazon DynamoDB developer guide, "Read consistency").
_READ_BYTES = 4 * _KB
_READ_UNITS = 0.5

#: SQS counts each begun 64 KB of a request as one (Amazon SQS pricing).
_REQUEST_BYTES = 64 * _KB

#: A consumer's long poll of an empty queue (README, "Consume the queue").
_LONG_POLL_SECONDS = 20

#: Provisioned capacity is planned to be used by so much, auto scaling's default target.
_PROVISIONED_SHARE = 0.7

#: terraform/modules/delayer/api_schedule_post.tf, memory_mb.
POST_MEMORY_MB = 512
_MB = 1_024  # in a GB

#: Assumed: what the fast track computes for one batch, beside its calls and its records.
_BATCH_SECONDS = 0.005

#: Bytes that the functions print, measured with prod's names: for a schedule accepted; for a batch of the stream, each
#: of its send calls and each schedule in them; for a sweep, each of its delete calls and each schedule in them.
_POST_LOG = 420
_BATCH_LOG, _SEND_LOG, _SENT_LOG = 250, 360, 49
_SWEEP_LOG, _DELETE_LOG, _DELETED_LOG = 550, 160, 42

#: Assumed: Lambda's own two lines for each execution, and a line of the API's access log.
_PLATFORM_LOG = 600
_ACCESS_LOG = 400

#: The functions' metrics (README, "What it promises"), and the metrics that alarms watch
#: (terraform/modules/monitoring/alarms.tf).
METRICS = 14
ALARM_METRICS = 22


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a bill."""

    what: str
    quantity: float
    unit: str
    dollars: float


@dataclass(frozen=True, slots=True)
class Bill:
    """The delayer's month. The table's reads and writes are paid in one of two ways, the rest in either."""

    common: tuple[Line, ...]
    on_demand: tuple[Line, ...]
    provisioned: tuple[Line, ...]

    @property
    def on_demand_dollars(self) -> float:
        """All of it, as Terraform declares the table."""
        return _sum([*self.common, *self.on_demand])

    @property
    def provisioned_dollars(self) -> float:
        """All of it, if the table were provisioned for its peak all day."""
        return _sum([*self.common, *self.provisioned])


@dataclass(frozen=True, slots=True)
class SchedulerBill:
    """EventBridge Scheduler's month, with a queue as its target and the same consumer."""

    lines: tuple[Line, ...]

    @property
    def dollars(self) -> float:
        """All of it."""
        return _sum(self.lines)


def _sum(lines: Iterable[Line]) -> float:
    return sum(line.dollars for line in lines)


def _line(what: str, quantity: float, price: str) -> Line:
    entry = prices().by_name[price]
    return Line(what, quantity, entry.unit, entry.dollars(quantity))


@dataclass(frozen=True, slots=True)
class _FastTrack:
    """What the fast track does in a month."""

    inserting: float
    removing: float
    sends: float
    #: Messages of one send.
    entries: float


def _batches(records: float, polls: float, stream_shards: int) -> float:
    """Batches with a record in them, where so many records come in so many polls of each stream shard.

    Each poll's records are spread over the lanes by chance; a lane that has got none is not called.
    """
    in_poll = records / (polls * stream_shards)
    filled = PARALLELIZATION_FACTOR * -math.expm1(-in_poll / PARALLELIZATION_FACTOR)
    return max(polls * stream_shards * filled, records / BATCH_RECORDS)


def _fast_track(load: Workload, planned: Plan) -> _FastTrack:
    stream_shards = min(planned.partitions, planned.shards)
    due = MINUTE_SECONDS * load.rate / planned.environments
    minutes = MINUTES_PER_MONTH * planned.environments
    # Inserts come all the time, removals for as long as a minute's sweep works.
    inserting = _batches(due, MINUTE_SECONDS / TIMING.poll_seconds, stream_shards) * minutes
    polls = max(1, math.ceil(planned.minute_seconds / TIMING.poll_seconds))
    removing = _batches(due, polls, stream_shards) * minutes
    full = messages_per_call(load.size_bytes)
    in_batch = due * minutes / removing
    # Over full calls, the last call of a batch is on average half full.
    sends = removing * max(1.0, in_batch / full + (full - 1) / (2 * full))
    return _FastTrack(inserting, removing, sends, due * minutes / sends)


def _requests(payload_bytes: float) -> int:
    return max(1, math.ceil(payload_bytes / _REQUEST_BYTES))


def _consuming(load: Workload, schedules: float) -> float:
    """The consumer's requests: messages in full tens or what a long poll waits for, deleted one by one."""
    full = messages_per_call(load.size_bytes)
    received = schedules / full * _requests(full * message_bytes(load.size_bytes))
    return received + schedules + SECONDS_PER_MONTH / _LONG_POLL_SECONDS


def _read_units(load: Workload, planned: Plan) -> float:
    """Of a minute's queries in one environment."""
    in_shard = MINUTE_SECONDS * load.rate / planned.environments / planned.shards * item_bytes(load.size_bytes)
    pages = max(1, math.ceil(in_shard / PAGE_BYTES))
    return planned.shards * max(pages, math.ceil(in_shard / _READ_BYTES)) * _READ_UNITS


def bill(load: Workload, planned: Plan) -> Bill:
    """What a month of the delayer costs, with what AWS gives for nothing taken off."""
    schedules = load.schedules_per_day * DAYS_PER_MONTH
    units = write_units(load.size_bytes)
    environments = planned.environments
    fast = _fast_track(load, planned)
    sweeps = MINUTES_PER_MONTH * planned.workers * environments
    deletes = max(schedules / DELETES_PER_CALL, min(schedules, sweeps))
    executions = schedules + fast.inserting + fast.removing + sweeps
    sweeping = sweep_seconds(
        MINUTE_SECONDS * load.rate / environments, load.size_bytes, planned.shards, planned.workers
    )  # fmt: skip
    fast_seconds = (
        (fast.inserting + fast.removing) * _BATCH_SECONDS
        + fast.sends * TIMING.call_seconds
        + schedules * TIMING.send_computing_seconds / processors(FAST_TRACK_MEMORY_MB)
    )
    gb_seconds = (
        schedules * POST_SECONDS * POST_MEMORY_MB + sweeps * sweeping * SWEEP_MEMORY_MB
        + fast_seconds * FAST_TRACK_MEMORY_MB
    ) / _MB  # fmt: skip
    logged = (
        schedules * (_POST_LOG + _SENT_LOG + _DELETED_LOG)
        + (fast.inserting + fast.removing) * _BATCH_LOG
        + fast.sends * _SEND_LOG
        + sweeps * _SWEEP_LOG
        + deletes * _DELETE_LOG
        + executions * _PLATFORM_LOG
    )
    waiting = load.pending * (item_bytes(load.size_bytes) + ITEM_OVERHEAD_BYTES) / _GB
    read_units = _read_units(load, planned) * environments
    sends = fast.sends * _requests(fast.entries * message_bytes(load.size_bytes))
    # What has to be there all day: the even rate, and the peak handed over in its planned time.
    written = planned.even_write_units * environments + load.peak * units / PEAK_SECONDS
    return Bill(
        common=(
            _line("HTTP API", schedules, "api_request"),
            _line("access log", schedules * _ACCESS_LOG / _GB, "api_logs"),
            _line("functions: invocations", executions, "lambda_request"),
            _line("functions: time", gb_seconds, "lambda_duration"),
            _line("functions: logs", logged / _GB, "lambda_logs"),
            _line("queue: sends", sends, "sqs_request"),
            _consumer_line(sends, _consuming(load, schedules)),
            _line("table: storage", waiting, "dynamodb_storage"),
            _line("table: recovery", waiting, "dynamodb_recovery"),
            _line("stream", SECONDS_PER_MONTH / TIMING.poll_seconds * planned.partitions * environments,
                  "dynamodb_stream_read"),
            _line("minute's rule", sweeps, "rule_tick"),
            _line("metrics", METRICS * environments, "metric"),
            _line("alarms", ALARM_METRICS * environments, "alarm_metric"),
        ),
        on_demand=(
            _line("table: a put and a delete each", 2 * schedules * units, "dynamodb_write_request"),
            _line("table: the sweeps' queries", read_units * MINUTES_PER_MONTH, "dynamodb_read_request"),
        ),
        provisioned=(
            _line("table: write capacity", math.ceil(written / _PROVISIONED_SHARE) * HOURS_PER_MONTH,
                  "dynamodb_write_capacity"),
            _line("table: read capacity", math.ceil(read_units / MINUTE_SECONDS / _PROVISIONED_SHARE)
                  * HOURS_PER_MONTH, "dynamodb_read_capacity"),
        ),
    )  # fmt: skip


def _consumer_line(sends: float, consuming: float) -> Line:
    """The consumer's part of the queue's requests, whose free million and tiers are those of all of them."""
    price = prices().by_name["sqs_request"]
    dollars = price.dollars(sends + consuming) - price.dollars(sends)
    return Line("queue: the consumer's receives and deletes", consuming, price.unit, dollars)


def scheduler_bill(load: Workload) -> SchedulerBill:
    """What a month of EventBridge Scheduler costs, if it sends to a queue, one message a request."""
    schedules = load.schedules_per_day * DAYS_PER_MONTH
    sends = schedules * _requests(message_bytes(load.size_bytes))
    return SchedulerBill(
        (
            _line("invocations", schedules, "scheduler_invocation"),
            _line("queue: sends", sends, "sqs_request"),
            _consumer_line(sends, _consuming(load, schedules)),
        )
    )


def scheduler_peak_seconds(load: Workload) -> float:
    """How long Scheduler takes over a peak, by its default quota."""
    return load.peak / limits()["scheduler_invocations"].value
