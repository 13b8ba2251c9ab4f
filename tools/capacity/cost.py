"""Dollars a month, line by line, for the delayer and for EventBridge Scheduler. Pure."""

import math
from collections.abc import Iterable
from typing import NamedTuple

from delayer.schedule_table import WRITES_PER_CALL
from tools.capacity import declared, model
from tools.capacity.book import PRICES
from tools.capacity.model import CALL_SECONDS, KB, MINUTE_SECONDS, POLL_SECONDS, Workload
from tools.capacity.needs import PEAK_SECONDS, Plan

#: A month as AWS's own calculator counts it.
_HOURS = 730
_SECONDS = _HOURS * 3_600
_MINUTES = _HOURS * 60
_DAYS = _HOURS / 24

_GB = 2**30

#: An eventually consistent read is half a unit for 4 KB (Amazon DynamoDB developer guide, "Read consistency").
_READ_BYTES, _READ_UNITS = 4 * KB, 0.5
#: Storage is charged for each item beyond its own bytes (Amazon DynamoDB developer guide, "Item sizes and formats").
_ITEM_OVERHEAD_BYTES = 100
#: Provisioned capacity is planned to be used by this share, auto scaling's default target.
_PROVISIONED_SHARE = 0.7
#: API Gateway counts each started 512 KB of a request as one (Amazon API Gateway pricing), SQS each started 64 KB
#: (Amazon SQS pricing).
_API_REQUEST_BYTES, _QUEUE_REQUEST_BYTES = 512 * KB, 64 * KB
#: A consumer's long poll of an empty queue (README, "Consume the queue").
_LONG_POLL_SECONDS = 20
#: Assumed: what the fast track computes for one batch, beside its calls and its records.
_BATCH_SECONDS = 0.005

#: Logged bytes, measured with prod's names: for an accepted schedule, and for each further one of an array; for a batch
#: of removals, each of its send calls and each schedule in them (a batch of insertions logs nothing); for a sweep, each
#: of its delete calls and each schedule in them. Lambda's own lines are logged for failures only.
_POST_LOG, _POST_ITEM_LOG = 305, 42
_BATCH_LOG, _SEND_LOG, _SENT_LOG = 140, 325, 49
_SWEEP_LOG, _DELETE_LOG, _DELETED_LOG = 550, 160, 42
#: A line of the API's access log, for a role's request.
_ACCESS_LOG = 230

#: The metrics that the functions write, and those that alarms watch (terraform/modules/monitoring/alarms.tf).
METRICS, ALARM_METRICS = 14, 26
#: Of a table with provisioned capacity: our two alarms, and four of auto scaling for each of its two targets (Amazon
#: DynamoDB developer guide, "Managing throughput capacity automatically with DynamoDB auto scaling").
_CAPACITY_ALARMS = 2 + 2 * 4


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


def total(*groups: Iterable[Line]) -> float:
    """Return the sum of the lines in dollars."""
    return sum(line.dollars for lines in groups for line in lines)


def table_capacity(load: Workload, planned: Plan) -> tuple[int, int]:
    """Return the least write and read units of `table_capacity` in each environment.

    They are the even rate, and the peak handed over in its planned time: auto scaling would come too late for it.
    """
    peak_units = load.peak / planned.environments * model.write_units(load.size_bytes)
    writes = planned.even_write_units + peak_units / PEAK_SECONDS
    return math.ceil(writes / _PROVISIONED_SHARE), math.ceil(
        _read_units(load, planned) / MINUTE_SECONDS / _PROVISIONED_SHARE
    )


def bill(load: Workload, planned: Plan) -> Bill:
    """Return what a month of the delayer costs, after AWS's free tier."""
    environments, shards, size_bytes = planned.environments, planned.shards, load.size_bytes
    schedules = load.schedules_per_day * _DAYS
    requests = schedules / load.batch
    # Of one environment in a minute, and how many such minutes there are.
    due, minutes = MINUTE_SECONDS * load.rate / environments, _MINUTES * environments
    item_bytes, units = model.item_bytes(size_bytes), model.write_units(size_bytes)

    # The fast track. Inserts come all the time, removals only while the minute's sweep works.
    stream_shards = min(planned.partitions, shards)
    removals = minutes * _batches(due, max(1, math.ceil(planned.minute_seconds / POLL_SECONDS)), stream_shards)
    batches = minutes * _batches(due, MINUTE_SECONDS / POLL_SECONDS, stream_shards) + removals
    full = model.messages_per_call(size_bytes)
    # The last call of a batch is half full on average.
    sends = removals * max(1.0, due * minutes / removals / full + (full - 1) / (2 * full))
    send_requests = sends * _queue_requests(due * minutes / sends * model.message_bytes(size_bytes))

    # The sweep.
    sweeps = minutes * planned.workers
    deletes = max(schedules / WRITES_PER_CALL, min(schedules, sweeps))
    write_capacity, read_capacity = table_capacity(load, planned)

    executions = requests + batches + sweeps
    sweeping = sweeps * model.sweep_seconds(due, size_bytes, shards, planned.workers)
    send_computing = model.SEND_COMPUTING_SECONDS / model.processors(declared.FAST_TRACK_MEMORY_MB)
    sending = batches * _BATCH_SECONDS + sends * CALL_SECONDS + schedules * send_computing
    mb_seconds = (
        requests * load.post_seconds * declared.POST_MEMORY_MB
        + sweeping * declared.SWEEP_MEMORY_MB
        + sending * declared.FAST_TRACK_MEMORY_MB
    )
    logged = (
        requests * (_POST_LOG + (load.batch - 1) * _POST_ITEM_LOG)
        + schedules * (_SENT_LOG + _DELETED_LOG)
        + removals * _BATCH_LOG
        + sends * _SEND_LOG
        + sweeps * _SWEEP_LOG
        + deletes * _DELETE_LOG
    )
    stored = load.pending * (item_bytes + _ITEM_OVERHEAD_BYTES) / _GB
    return Bill(
        common=[
            _line("HTTP API", requests * math.ceil(load.request_bytes / _API_REQUEST_BYTES), "api_request"),
            _line("access log", requests * _ACCESS_LOG / _GB, "api_logs"),
            _line("functions: invocations", executions, "lambda_request"),
            _line("functions: time", mb_seconds / 1_024, "lambda_duration"),
            _line("functions: logs", logged / _GB, "lambda_logs"),
            _line("minute's rule", sweeps, "rule_tick"),
            *_queue_lines(load, schedules, send_requests),
            _line("table: storage", stored, "dynamodb_storage"),
            _line("table: recovery", stored, "dynamodb_recovery"),
            _line("stream", _SECONDS / POLL_SECONDS * planned.partitions * environments, "dynamodb_stream_read"),
            _line("metrics", METRICS * environments, "metric"),
            _line("alarms", ALARM_METRICS * environments, "alarm_metric"),
        ],
        on_demand=[
            _line("table: a put and a delete each", 2 * schedules * units, "dynamodb_write_request"),
            _line("table: the sweeps' queries", _read_units(load, planned) * minutes, "dynamodb_read_request"),
        ],
        provisioned=[
            _line("table: write capacity", write_capacity * environments * _HOURS, "dynamodb_write_capacity"),
            _line("table: read capacity", read_capacity * environments * _HOURS, "dynamodb_read_capacity"),
            _line(
                "alarms of the capacity", _CAPACITY_ALARMS * environments, "alarm_metric", ALARM_METRICS * environments
            ),
        ],
    )


def _line(what: str, quantity: float, price: str, before: float = 0) -> Line:
    """Return a line. Of the free units and the tiers, so many units `before` it have their part already."""
    of = PRICES[price]
    return Line(what, quantity, of.unit, of.dollars(before + quantity) - of.dollars(before))


def _batches(records: float, polls: float, stream_shards: int) -> float:
    """Return the batches that have a record in them, where so many polls of each stream shard find so many records.

    Each poll's records are spread over the lanes by chance. A lane without a record is not called.
    """
    lanes = declared.PARALLELIZATION_FACTOR
    filled = lanes * -math.expm1(-records / (polls * stream_shards) / lanes)
    return max(polls * stream_shards * filled, records / declared.BATCH_RECORDS)


def _read_units(load: Workload, planned: Plan) -> float:
    """Return the read units of a minute's queries in one environment."""
    due_in_shard = MINUTE_SECONDS * load.rate / planned.environments / planned.shards
    reads = max(1, math.ceil(due_in_shard * model.item_bytes(load.size_bytes) / _READ_BYTES))
    return planned.shards * reads * _READ_UNITS


def _queue_requests(payload_bytes: float) -> int:
    return max(1, math.ceil(payload_bytes / _QUEUE_REQUEST_BYTES))


def _queue_lines(load: Workload, schedules: float, sends: float) -> list[Line]:
    """Return the lines of the send requests and of the consumer's: full batches, each deleted in one request."""
    full = model.messages_per_call(load.size_bytes)
    received = _queue_requests(full * model.message_bytes(load.size_bytes))
    consuming = schedules / full * (received + 1) + _SECONDS / _LONG_POLL_SECONDS
    return [
        _line("queue: sends", sends, "sqs_request"),
        _line("queue: the consumer's receives and deletes", consuming, "sqs_request", sends),
    ]


def scheduler_bill(load: Workload) -> list[Line]:
    """Return a month of EventBridge Scheduler that sends to a queue, one message a request, with the same consumer."""
    schedules = load.schedules_per_day * _DAYS
    sends = schedules * _queue_requests(model.message_bytes(load.size_bytes))
    return [_line("invocations", schedules, "scheduler_invocation"), *_queue_lines(load, schedules, sends)]
