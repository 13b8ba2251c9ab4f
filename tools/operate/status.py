"""make status: what is pending, queued, dead and late in one environment. Nothing is changed.

It also compares the account's concurrent executions with those that the environment can take, which needs
lambda:GetAccountSettings, lambda:GetFunctionConcurrency and dynamodb:DescribeStream; without them the rest is shown.
"""

import math
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import batched
from typing import Any, NamedTuple

from botocore.exceptions import ClientError
from rich.console import Console
from rich.table import Column, Table

from delayer.retries import error_code
from tools.capacity.declared import API_RATE_LIMIT
from tools.capacity.needs import concurrency
from tools.operate.environment import Environment, find_environment
from tools.operate.failures import queue_depths
from tools.operate.last_hour import LastHour, read_last_hour
from tools.operate.pending import LATER, OVERDUE, Pending, count_pending
from tools.project import FAST_TRACK, POST, SWEEP
from tools.terminal import main, open_console

#: The failure bucket is counted up to here.
_MOST_FAILURES = 10_000

#: DynamoDB bills an eventually consistent read at half a unit for 4 KB (Amazon DynamoDB developer guide, "Read
#: consistency").
_BYTES_PER_READ_UNIT = 2 * 4_096

#: Two ticks, and a minute until metrics are visible: a last sweep before that is bad.
_LATE_SWEEP_SECONDS = 180

_SHARDS_PER_ROW = 8

_OTHER_HOURS = {OVERDUE: "overdue", LATER: "later"}


class Row(NamedTuple):
    """A figure of the summary."""

    name: str
    value: str | float
    note: str = ""
    is_bad: bool = False


def show(environment: Environment, console: Console, now: float) -> None:
    """Print what counting costs, what needs attention, and what is pending. Raises ClientError, BotoCoreError."""
    settings = environment.sweep_settings()
    shard_count = int(settings["SHARD_COUNT"])
    _print_cost(environment, shard_count, console)
    pending = count_pending(environment, shard_count, now)
    fast_track = environment.outputs["function_names"][FAST_TRACK]
    mappings = environment.client("lambda").list_event_source_mappings(FunctionName=fast_track)["EventSourceMappings"]
    if mappings:
        stream = Row("stream mapping", mappings[0]["State"], is_bad=mappings[0]["State"] != "Enabled")
        executions, warning = check_executions(environment, mappings[0], shard_count)
    else:
        stream = Row("stream mapping", "missing", is_bad=True)
        executions, warning = Row("executions", "not checked", "there is no stream mapping"), ""
    hour = read_last_hour(environment, settings["METRICS_NAMESPACE"], now)

    at = datetime.fromtimestamp(now, UTC)
    title = f"{environment.name} at {at:%Y-%m-%d %H:%M:%S} UTC"
    table = Table("", Column(justify="right"), "", title=title, title_justify="left", show_header=False)
    for rows in [*_counted(environment, pending), stream, executions, *_last_sweep(hour, now)], _enqueued(hour):
        for row in rows:
            value = row.value if isinstance(row.value, str) else f"{row.value:,.0f}"
            table.add_row(row.name, value, row.note, style="bold red" if row.is_bad else None)
        table.add_section()
    console.print(table)
    if warning:
        console.print(warning, style="bold red")
    console.print(_by_hour(pending))
    console.print(_by_shard(pending))
    console.print(f"Counting took {pending.read_units:,.1f} read units.", highlight=False)


def _print_cost(environment: Environment, shard_count: int, console: Console) -> None:
    table = environment.client("dynamodb").describe_table(TableName=environment.outputs["table_name"])["Table"]
    size = table.get("TableSizeBytes", 0)
    units = max(shard_count, math.ceil(size / _BYTES_PER_READ_UNIT))
    console.print(
        f"Querying {shard_count} shards. At AWS's last count, which is up to six hours old, they held "
        f"{table.get('ItemCount', 0):,} schedules in {size:,} bytes: about {units:,} read units.",
        highlight=False,
    )


def _counted(environment: Environment, pending: Pending) -> Iterator[Row]:
    outputs, sqs = environment.outputs, environment.client("sqs")
    overdue = pending.by_hour[OVERDUE]
    yield Row("overdue", overdue, "in the table after their pointInTime", is_bad=overdue > 0)
    yield Row("pending", sum(pending.by_shard), "in the table, overdue ones included")
    messages = queue_depths(sqs, outputs["delayer_queue_url"])
    yield Row("delayed", messages["Delayed"], "in the queue, waiting for their pointInTime")
    yield Row("visible", messages[""], "in the queue, waiting for a consumer")
    yield Row("in flight", messages["NotVisible"], "in the queue, with a consumer")
    dead = sum(queue_depths(sqs, outputs["delayer_dead_letter_queue_url"]).values())
    yield Row("dead letters", dead, "that consumers failed to handle", is_bad=dead > 0)
    objects = environment.client("s3").get_paginator("list_objects_v2").paginate(
        Bucket=outputs["failure_bucket_name"], PaginationConfig={"MaxItems": _MOST_FAILURES}
    )  # fmt: skip
    failures = sum(len(page.get("Contents", [])) for page in objects)
    more = " or more" if failures >= _MOST_FAILURES else ""
    yield Row("failures", f"{failures:,}{more}", "records in the failure bucket", is_bad=failures > 0)


def check_executions(environment: Environment, mapping: Mapping[str, Any], shard_count: int) -> tuple[Row, str]:
    """Compare the executions that the account leaves with those that the environment can take.

    The posts are those that the API takes by default, whatever its throttling is set to. Returns a row, and a warning
    if there are too few, or "".
    """
    functions, names = environment.client("lambda"), environment.outputs["function_names"]
    workers, lanes = environment.outputs["sweep_workers"], mapping["ParallelizationFactor"]
    try:
        stream_shards = _count_open_shards(environment.client("dynamodbstreams"), mapping["EventSourceArn"])
        taken = concurrency(API_RATE_LIMIT, shard_count, workers, stream_shards, lanes)
        # A function that reserves executions takes none of the shared ones, and gets no more than its own.
        needed = sum(
            count
            for name, count in ((POST, taken.post), (SWEEP, taken.sweep), (FAST_TRACK, taken.fast_track))
            if "ReservedConcurrentExecutions" not in functions.get_function_concurrency(FunctionName=names[name])
        )
        available = functions.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    except ClientError as error:
        return Row("executions", "not checked", f"{error.operation_name} failed: {error_code(error)}"), ""
    note = f"at once are left by the account; this environment can take {needed:,}"
    warning = (
        f"With fewer than {needed:,} concurrent executions Lambda throttles the functions under load: posts fail with "
        "a 5xx status, sweeps and messages come late; raise the account's quota (docs/operations/deploying.md) or "
        "lower parallelization_factor."
    )
    are_too_few = needed > available
    return Row("executions", available, note, is_bad=are_too_few), warning if are_too_few else ""


def _count_open_shards(streams: Any, stream_arn: str) -> int:
    """Count a stream's shards that are still written to, one for each partition of the table."""
    count = 0
    position: dict[str, str] = {}
    while True:
        described = streams.describe_stream(StreamArn=stream_arn, **position)["StreamDescription"]
        count += sum("EndingSequenceNumber" not in shard["SequenceNumberRange"] for shard in described["Shards"])
        if "LastEvaluatedShardId" not in described:
            return count
        position = {"ExclusiveStartShardId": described["LastEvaluatedShardId"]}


def _last_sweep(hour: LastHour, now: float) -> Iterator[Row]:
    if hour.last_sweep is None:
        yield Row("last sweep", "none", "in the last hour", is_bad=True)
        return
    age = max(0.0, now - hour.last_sweep)
    swept, left = (sum(hour.values[metric][-1:]) for metric in ("SchedulesSwept", "SchedulesLeft"))
    yield Row("last sweep", f"{age:.0f} s ago", f"swept {swept:,.0f}", is_bad=age > _LATE_SWEEP_SECONDS)
    cut_short = sum(hour.values["SweepsCutShort"])
    yield Row("left by it", left, f"{cut_short:,.0f} sweeps of the last hour were cut short")


def _enqueued(hour: LastHour) -> Iterator[Row]:
    yield Row("swept", sum(hour.values["SchedulesSwept"]), "in the last hour")
    yield Row("enqueued", sum(hour.values["SchedulesEnqueued"]), "in the last hour")
    late, lateness, lead = (hour.values[metric] for metric in ("SchedulesEnqueuedLate", "Lateness", "Lead"))
    worst = f", at worst by {max(lateness):.1f} s" if lateness else ""
    yield Row("late", sum(late), f"of them{worst}", is_bad=sum(late) > 0)
    if lead:
        yield Row("least lead", f"{min(lead):.1f} s", "between entering the queue in time and the pointInTime")


def _by_hour(pending: Pending) -> Table:
    table = Table("due, UTC", Column("pending", justify="right"), title="Pending by hour due", title_justify="left")
    for hour, count in sorted(pending.by_hour.items()):
        name = _OTHER_HOURS.get(hour) or f"{datetime.fromtimestamp(hour, UTC):%Y-%m-%d %H:00}"
        table.add_row(name, f"{count:,}", style="bold red" if hour == OVERDUE else None)
    return table


def _by_shard(pending: Pending) -> Table:
    table = Table(title="Pending by shard", title_justify="left", show_header=False)
    cells = (f"{shard}: {count:,}" for shard, count in enumerate(pending.by_shard))
    for row in batched(cells, _SHARDS_PER_ROW, strict=False):
        table.add_row(*row)
    return table


if __name__ == "__main__":
    main("make status", lambda environment: show(find_environment(environment), open_console(), time.time()))
