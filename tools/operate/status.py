"""make status: what is pending, queued, dead and late in one environment. Nothing is changed.

It also compares the account's concurrent executions with those that the environment can take, which needs
lambda:GetAccountSettings, lambda:GetFunctionConcurrency and dynamodb:DescribeStream; without them the rest is shown.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from rich.console import Console
from rich.table import Table

from tools.capacity.declared import API_RATE_LIMIT
from tools.capacity.needs import concurrency
from tools.operate.environment import Environment, find_environment
from tools.operate.last_hour import LastHour, read_last_hour
from tools.operate.pending import Pending, count_pending
from tools.project import FAST_TRACK, POST, SWEEP
from tools.terminal import parse, run

#: The failure bucket is counted up to here.
MOST_FAILURES = 10_000

#: DynamoDB bills an eventually consistent read at half a unit for 4 KB (Amazon DynamoDB developer guide, "Read
#: consistency").
_BYTES_PER_READ_UNIT = 2 * 4_096

#: Two ticks, and a minute until metrics are visible: a last sweep before that is bad.
_LATE_SWEEP_SECONDS = 180

_SHARDS_PER_ROW = 8


@dataclass(frozen=True, slots=True)
class Executions:
    """Executions at once of the functions that reserve none: those that the account leaves, and those they can take."""

    available: int
    needed: int

    @property
    def are_enough(self) -> bool:
        """Return whether Lambda never has to throttle these functions."""
        return self.needed <= self.available


@dataclass(frozen=True, slots=True)
class Status:
    """All that is shown. Messages are counted by where they are, as `queue_depths` does."""

    environment: str
    at: float
    pending: Pending
    messages: Mapping[str, int]
    dead_letters: int
    failures: int
    mapping: str
    #: Or why they could not be checked.
    executions: Executions | str
    last_hour: LastHour


def read_status(environment: Environment, now: float, console: Console) -> Status:
    """Read all that is shown, and print beforehand what counting costs. Raises ClientError, BotoCoreError."""
    outputs, functions, sqs = environment.outputs, environment.client("lambda"), environment.client("sqs")
    sweep = functions.get_function_configuration(FunctionName=outputs["function_names"][SWEEP])
    settings = sweep["Environment"]["Variables"]
    shard_count = int(settings["SHARD_COUNT"])
    _print_cost(environment, shard_count, console)
    mappings = functions.list_event_source_mappings(FunctionName=outputs["function_names"][FAST_TRACK])
    mapping = next(iter(mappings["EventSourceMappings"]), None)
    executions = read_executions(environment, mapping, shard_count) if mapping else "there is no stream mapping"
    return Status(
        environment=environment.name,
        at=now,
        pending=count_pending(environment, shard_count, now),
        messages=queue_depths(sqs, outputs["delayer_queue_url"]),
        dead_letters=sum(queue_depths(sqs, outputs["delayer_dead_letter_queue_url"]).values()),
        failures=_count_failures(environment.client("s3"), outputs["failure_bucket_name"]),
        mapping=mapping["State"] if mapping else "missing",
        executions=executions,
        last_hour=read_last_hour(environment, settings["METRICS_NAMESPACE"], now),
    )


def _print_cost(environment: Environment, shard_count: int, console: Console) -> None:
    table = environment.client("dynamodb").describe_table(TableName=environment.outputs["table_name"])["Table"]
    size = table.get("TableSizeBytes", 0)
    units = max(shard_count, math.ceil(size / _BYTES_PER_READ_UNIT))
    console.print(
        f"Querying {shard_count} shards. At AWS's last count, which is up to six hours old, they held "
        f"{table.get('ItemCount', 0):,} schedules in {size:,} bytes: about {units:,} read units.",
        highlight=False,
    )


def read_executions(environment: Environment, mapping: Mapping[str, Any], shard_count: int) -> Executions | str:
    """Return the executions that the account leaves and the environment can take, or why they can't be read.

    The posts are those that the API takes by default, whatever its throttling is set to.
    """
    functions, outputs = environment.client("lambda"), environment.outputs
    try:
        taken = concurrency(
            API_RATE_LIMIT,
            shard_count,
            outputs["sweep_workers"],
            _count_open_shards(environment.client("dynamodbstreams"), mapping["EventSourceArn"]),
            mapping["ParallelizationFactor"],
        )
        # A function that reserves executions takes none of the shared ones, and gets no more than its own.
        needed = sum(
            count
            for name, count in ((POST, taken.post), (SWEEP, taken.sweep), (FAST_TRACK, taken.fast_track))
            if "ReservedConcurrentExecutions"
            not in functions.get_function_concurrency(FunctionName=outputs["function_names"][name])
        )
        available = functions.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    except ClientError as error:
        return f"{error.operation_name} failed: {error.response['Error']['Code']}"
    return Executions(available, needed)


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


def queue_depths(sqs: Any, url: str) -> dict[str, int]:
    """Return a queue's messages: "Delayed", "NotVisible" (with a consumer), and "" for the visible ones."""
    prefix = "ApproximateNumberOfMessages"
    names = [f"{prefix}{place}" for place in ("", "Delayed", "NotVisible")]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return {name.removeprefix(prefix): int(found[name]) for name in names}


def _count_failures(s3: Any, bucket: str) -> int:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"MaxItems": MOST_FAILURES})
    return sum(len(page.get("Contents", [])) for page in pages)


def show(status: Status, console: Console) -> None:
    """Print the status: first what needs attention, then what is pending."""
    console.print(_summary(status))
    found = status.executions
    if isinstance(found, Executions) and not found.are_enough:
        console.print(
            f"With fewer than {found.needed:,} concurrent executions Lambda throttles the functions under load: posts "
            "fail with a 5xx status, sweeps and messages come late; raise the account's quota "
            "(docs/operations/deploying.md) or lower parallelization_factor.",
            style="bold red",
        )
    console.print(_by_hour(status.pending))
    console.print(_by_shard(status.pending))
    console.print(f"Counting took {status.pending.read_units:,.1f} read units.", highlight=False)


def _summary(status: Status) -> Table:
    hour, pending, messages = status.last_hour, status.pending, status.messages
    at = datetime.fromtimestamp(status.at, UTC)
    table = Table(title=f"{status.environment} at {at:%Y-%m-%d %H:%M:%S} UTC", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column()

    def row(name: str, value: str | float, note: str = "", *, is_bad: bool = False) -> None:
        text = value if isinstance(value, str) else f"{value:,.0f}"
        table.add_row(name, text, note, style="bold red" if is_bad else None)

    row("overdue", pending.overdue, "in the table after their pointInTime", is_bad=pending.overdue > 0)
    row("pending", pending.by_shard.total(), "in the table, overdue ones included")
    row("delayed", messages["Delayed"], "in the queue, waiting for their pointInTime")
    row("visible", messages[""], "in the queue, waiting for a consumer")
    row("in flight", messages["NotVisible"], "in the queue, with a consumer")
    row("dead letters", status.dead_letters, "that consumers failed to handle", is_bad=status.dead_letters > 0)
    more = " or more" if status.failures >= MOST_FAILURES else ""
    row("failures", f"{status.failures:,}{more}", "records in the failure bucket", is_bad=status.failures > 0)
    row("stream mapping", status.mapping, is_bad=status.mapping != "Enabled")
    found = status.executions
    if isinstance(found, str):
        row("executions", "not checked", found)
    else:
        note = f"at once are left by the account; this environment can take {found.needed:,}"
        row("executions", found.available, note, is_bad=not found.are_enough)
    if hour.last_sweep is None:
        row("last sweep", "none", "in the last hour", is_bad=True)
    else:
        age = max(0.0, status.at - hour.last_sweep)
        row("last sweep", f"{age:.0f} s ago", f"swept {hour.last_swept or 0:,.0f}", is_bad=age > _LATE_SWEEP_SECONDS)
        row("left by it", hour.left or 0, f"{hour.cut_short:,.0f} sweeps of the last hour were cut short")
    table.add_section()
    row("swept", hour.swept, "in the last hour")
    row("enqueued", hour.enqueued, "in the last hour")
    worst = "" if hour.worst_lateness is None else f", at worst by {hour.worst_lateness:.1f} s"
    row("late", hour.late, f"of them{worst}", is_bad=hour.late > 0)
    if hour.least_lead is not None:
        row("least lead", f"{hour.least_lead:.1f} s", "between entering the queue in time and the pointInTime")
    return table


def _by_hour(pending: Pending) -> Table:
    table = Table("due, UTC", "pending", title="Pending by hour due", title_justify="left")
    table.columns[1].justify = "right"
    if pending.overdue:
        table.add_row("overdue", f"{pending.overdue:,}", style="bold red")
    for hour, count in sorted(pending.by_hour.items()):
        table.add_row(f"{datetime.fromtimestamp(hour, UTC):%Y-%m-%d %H:00}", f"{count:,}")
    table.add_row("later", f"{pending.later:,}")
    return table


def _by_shard(pending: Pending) -> Table:
    table = Table(title="Pending by shard", title_justify="left", show_header=False)
    cells = [f"{shard}: {count:,}" for shard, count in sorted(pending.by_shard.items())]
    for start in range(0, len(cells), _SHARDS_PER_ROW):
        table.add_row(*cells[start : start + _SHARDS_PER_ROW])
    return table


def main(name: str, console: Console) -> None:
    """Read and show an environment's status. Raises CommandError, ClientError, BotoCoreError."""
    show(read_status(find_environment(name), time.time(), console), console)


if __name__ == "__main__":
    arguments = parse(sys.argv[1:], "environment")
    run("make status", lambda console: main(arguments.environment, console))
