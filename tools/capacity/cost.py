"""Dollars a month, line by line, for the delayer and for EventBridge Scheduler. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from delayer.schedule_table import WRITES_PER_CALL
from tools.capacity.book import LIMITS, PRICES
from tools.capacity.declared import (
    BATCH_RECORDS,
    FAST_TRACK_MEMORY_MB,
    PARALLELIZATION_FACTOR,
    POST_MEMORY_MB,
    SWEEP_MEMORY_MB,
)
from tools.capacity.model import (
    CALL_SECONDS,
    ITEM_OVERHEAD_BYTES,
    MINUTE_SECONDS,
    PAGE_BYTES,
    POLL_SECONDS,
    SEND_COMPUTING_SECONDS,
    Workload,
    item_bytes,
    message_bytes,
    messages_per_call,
    post_seconds,
    processors,
    request_bytes,
    sweep_seconds,
    write_units,
)
from tools.capacity.needs import PEAK_SECONDS, Plan

#: A month as AWS's own calculator counts it.
_HOURS = 730
_SECONDS = _HOURS * 3_600
_MINUTES = _HOURS * 60
_DAYS = _HOURS / 24

_KB, _GB = 1_024, 2**30
_MB_PER_GB = 1_024

#: An eventually consistent read is half a unit for 4 KB (Amazon DynamoDB developer guide, "Read consistency").
_READ_BYTES, _READ_UNITS = 4 * _KB, 0.5
#: API Gateway counts each started 512 KB of a request as one (Amazon API Gateway pricing).
_API_REQUEST_BYTES = 512 * _KB
#: SQS counts each started 64 KB of a request as one (Amazon SQS pricing).
_REQUEST_BYTES = 64 * _KB
#: A consumer's long poll of an empty queue (README, "Consume the queue").
_LONG_POLL_SECONDS = 20
#: Provisioned capacity is planned to be used by this share, auto scaling's default target.
_PROVISIONED_SHARE = 0.7
#: Assumed: what the fast track computes for one batch, beside its calls and its records.
_BATCH_SECONDS = 0.005

#: Logged bytes, measured with prod's names: for an accepted schedule, and for each further one of an array; for a batch
#: of the stream, each of its send calls and each schedule in them; for a sweep, each of its delete calls and each
#: schedule in them.
_POST_LOG, _POST_ITEM_LOG = 420, 42
_BATCH_LOG, _SEND_LOG, _SENT_LOG = 250, 360, 49
_SWEEP_LOG, _DELETE_LOG, _DELETED_LOG = 550, 160, 42
#: Assumed: Lambda's own two lines for each execution, and a line of the API's access log.
_PLATFORM_LOG, _ACCESS_LOG = 600, 400

#: The metrics that the functions write, and those that alarms watch (terraform/modules/monitoring/alarms.tf).
METRICS, ALARM_METRICS = 14, 26


class Line(NamedTuple):
    """One line of a bill."""

    what: str
    quantity: float
    unit: str
    dollars: float


class Bill(NamedTuple):
    """The delayer's month. The table's reads and writes are paid in one of two ways, everything else in either."""

    common: list[Line]
    on_demand: list[Line]
    provisioned: list[Line]

    @property
    def on_demand_dollars(self) -> float:
        """Return the month's sum with the table as Terraform declares it."""
        return total([*self.common, *self.on_demand])

    @property
    def provisioned_dollars(self) -> float:
        """Return the month's sum if the table were provisioned for its peak all day."""
        return total([*self.common, *self.provisioned])


def total(lines: Iterable[Line]) -> float:
    """Return the sum of the lines in dollars."""
    return sum(line.dollars for line in lines)


def _line(what: str, quantity: float, price: str) -> Line:
    return Line(what, quantity, PRICES[price].unit, PRICES[price].dollars(quantity))


class _FastTrack(NamedTuple):
    """A month of the fast track: batches of the stream, send calls, and messages in a call."""

    batches: float
    sends: float
    messages_per_send: float


def _batches(records: float, polls: float, stream_shards: int) -> float:
    """Return the batches that have a record in them, where so many polls of each stream shard find so many records.

    Each poll's records are spread over the lanes by chance. A lane without a record is not called.
    """
    in_poll = records / (polls * stream_shards)
    filled = PARALLELIZATION_FACTOR * -math.expm1(-in_poll / PARALLELIZATION_FACTOR)
    return max(polls * stream_shards * filled, records / BATCH_RECORDS)


def _fast_track(load: Workload, planned: Plan) -> _FastTrack:
    stream_shards = min(planned.partitions, planned.shards)
    due = MINUTE_SECONDS * load.rate / planned.environments
    minutes = _MINUTES * planned.environments
    # Inserts come all the time, removals only while the minute's sweep works.
    inserting = _batches(due, MINUTE_SECONDS / POLL_SECONDS, stream_shards) * minutes
    polls = max(1, math.ceil(planned.minute_seconds / POLL_SECONDS))
    removing = _batches(due, polls, stream_shards) * minutes
    full = messages_per_call(load.size_bytes)
    in_batch = due * minutes / removing
    # The last call of a batch is half full on average.
    sends = removing * max(1.0, in_batch / full + (full - 1) / (2 * full))
    return _FastTrack(inserting + removing, sends, due * minutes / sends)


def _requests(payload_bytes: float) -> int:
    return max(1, math.ceil(payload_bytes / _REQUEST_BYTES))


def _queue_lines(load: Workload, schedules: float, sends: float) -> list[Line]:
    """Return the lines of the send requests and of the consumer's: it receives full batches and deletes one by one.

    They share the free million and the tiers.
    """
    full = messages_per_call(load.size_bytes)
    received = schedules / full * _requests(full * message_bytes(load.size_bytes))
    consuming = received + schedules + _SECONDS / _LONG_POLL_SECONDS
    sending = _line("queue: sends", sends, "sqs_request")
    both = _line("queue: the consumer's receives and deletes", sends + consuming, "sqs_request")
    return [sending, both._replace(quantity=consuming, dollars=both.dollars - sending.dollars)]


def _read_units(load: Workload, planned: Plan) -> float:
    """Return the read units of a minute's queries in one environment."""
    in_shard = MINUTE_SECONDS * load.rate / planned.environments / planned.shards * item_bytes(load.size_bytes)
    pages = max(1, math.ceil(in_shard / PAGE_BYTES))
    return planned.shards * max(pages, math.ceil(in_shard / _READ_BYTES)) * _READ_UNITS


def _function_lines(load: Workload, planned: Plan, schedules: float, fast: _FastTrack) -> list[Line]:
    due_in_minute = MINUTE_SECONDS * load.rate / planned.environments
    sweeps = _MINUTES * planned.workers * planned.environments
    sweeping = sweeps * sweep_seconds(due_in_minute, load.size_bytes, planned.shards, planned.workers)
    sending = (
        fast.batches * _BATCH_SECONDS
        + fast.sends * CALL_SECONDS
        + schedules * SEND_COMPUTING_SECONDS / processors(FAST_TRACK_MEMORY_MB)
    )
    requests = schedules / load.batch
    mb_seconds = (
        requests * post_seconds(load) * POST_MEMORY_MB + sweeping * SWEEP_MEMORY_MB + sending * FAST_TRACK_MEMORY_MB
    )
    executions = requests + fast.batches + sweeps
    deletes = max(schedules / WRITES_PER_CALL, min(schedules, sweeps))
    logged = (
        requests * (_POST_LOG + (load.batch - 1) * _POST_ITEM_LOG)
        + schedules * (_SENT_LOG + _DELETED_LOG)
        + fast.batches * _BATCH_LOG
        + fast.sends * _SEND_LOG
        + sweeps * _SWEEP_LOG
        + deletes * _DELETE_LOG
        + executions * _PLATFORM_LOG
    )
    return [
        _line("functions: invocations", executions, "lambda_request"),
        _line("functions: time", mb_seconds / _MB_PER_GB, "lambda_duration"),
        _line("functions: logs", logged / _GB, "lambda_logs"),
        _line("minute's rule", sweeps, "rule_tick"),
    ]


def bill(load: Workload, planned: Plan) -> Bill:
    """Return what a month of the delayer costs, after AWS's free tier."""
    schedules = load.schedules_per_day * _DAYS
    requests = schedules / load.batch
    units = write_units(load.size_bytes)
    environments = planned.environments
    fast = _fast_track(load, planned)
    sends = fast.sends * _requests(fast.messages_per_send * message_bytes(load.size_bytes))
    stored = load.pending * (item_bytes(load.size_bytes) + ITEM_OVERHEAD_BYTES) / _GB
    polls = _SECONDS / POLL_SECONDS * planned.partitions * environments
    read = _read_units(load, planned) * environments
    # Provisioned all day: the even rate, and the peak handed over in its planned time.
    write_capacity = planned.even_write_units * environments + load.peak * units / PEAK_SECONDS
    read_capacity = read / MINUTE_SECONDS
    return Bill(
        common=[
            _line("HTTP API", requests * math.ceil(request_bytes(load) / _API_REQUEST_BYTES), "api_request"),
            _line("access log", requests * _ACCESS_LOG / _GB, "api_logs"),
            *_function_lines(load, planned, schedules, fast),
            *_queue_lines(load, schedules, sends),
            _line("table: storage", stored, "dynamodb_storage"),
            _line("table: recovery", stored, "dynamodb_recovery"),
            _line("stream", polls, "dynamodb_stream_read"),
            _line("metrics", METRICS * environments, "metric"),
            _line("alarms", ALARM_METRICS * environments, "alarm_metric"),
        ],
        on_demand=[
            _line("table: a put and a delete each", 2 * schedules * units, "dynamodb_write_request"),
            _line("table: the sweeps' queries", read * _MINUTES, "dynamodb_read_request"),
        ],
        provisioned=[
            _line("table: write capacity", _provisioned(write_capacity) * _HOURS, "dynamodb_write_capacity"),
            _line("table: read capacity", _provisioned(read_capacity) * _HOURS, "dynamodb_read_capacity"),
        ],
    )


def _provisioned(units_per_second: float) -> int:
    return math.ceil(units_per_second / _PROVISIONED_SHARE)


def scheduler_bill(load: Workload) -> list[Line]:
    """Return a month of EventBridge Scheduler that sends to a queue, one message a request, with the same consumer."""
    schedules = load.schedules_per_day * _DAYS
    sends = schedules * _requests(message_bytes(load.size_bytes))
    return [_line("invocations", schedules, "scheduler_invocation"), *_queue_lines(load, schedules, sends)]


def scheduler_peak_seconds(load: Workload) -> float:
    """Return how long Scheduler takes for the peak at its default quota."""
    return load.peak / LIMITS["scheduler_invocations"].value
