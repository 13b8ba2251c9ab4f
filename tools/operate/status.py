"""make status: what is pending, in the queue and dead in one environment, and how late the last hour was.

Nothing is changed. The table is queried shard by shard, never scanned: what is due within a day by its keys, the rest
by count. DynamoDB charges a query for the whole records that it reads, so the cost is that of reading what is pending;
it is told before and after.

It also compares what the account allows of concurrent executions with what the environment can take, which needs
lambda:GetAccountSettings, lambda:GetFunctionConcurrency and dynamodb:DescribeStream; without them the rest is shown.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from rich.console import Console
from rich.table import Table

from tools.capacity.declared import API_RATE_LIMIT
from tools.capacity.needs import concurrency
from tools.operate.environment import Environment, find_environment
from tools.terminal import run

__all__ = ["Executions", "LastHour", "Pending", "Status", "count_pending", "read_executions", "read_status", "show"]

HOUR_SECONDS = 3_600

#: So many hours are told one by one.
HOURS_AHEAD = 24

#: The failure bucket is counted up to here; who has more has another question.
MOST_FAILURES = 10_000

_QUERIES_IN_FLIGHT = 8

#: DynamoDB bills an eventually consistent read at half a unit for 4 KB (Amazon DynamoDB developer guide, "Read
#: consistency").
_BYTES_PER_READ_UNIT = 2 * 4_096

_FAST_TRACK, _POST, _SWEEP = "stream-dynamodb-fasttrack_enqueuer", "api-schedule-post", "task-1minute-enqueuer"

#: The last hour's metrics: whose, the name, and how a minute's values make one.
_METRICS = {
    "sweeps": (_SWEEP, "SweepsCutShort", "SampleCount"),
    "cut_short": (_SWEEP, "SweepsCutShort", "Sum"),
    "swept": (_SWEEP, "SchedulesSwept", "Sum"),
    "left": (_SWEEP, "SchedulesLeft", "Sum"),
    "enqueued": (_FAST_TRACK, "SchedulesEnqueued", "Sum"),
    "late": (_FAST_TRACK, "SchedulesEnqueuedLate", "Sum"),
    "worst_lateness": (_FAST_TRACK, "Lateness", "Maximum"),
    "least_lead": (_FAST_TRACK, "Lead", "Minimum"),
}


@dataclass(slots=True)
class Pending:
    """What is in the table."""

    by_shard: Counter[int] = field(default_factory=Counter)
    #: By the beginning of the hour in which it is due, in seconds since 1970: HOURS_AHEAD hours, this one first.
    by_hour: Counter[int] = field(default_factory=Counter)
    overdue: int = 0
    later: int = 0
    read_units: float = 0.0


@dataclass(frozen=True, slots=True)
class LastHour:
    """The last hour by the functions' own metrics. None: there was nothing to measure."""

    last_sweep: float | None = None
    last_swept: float | None = None
    swept: float = 0
    left: float | None = None
    cut_short: float = 0
    enqueued: float = 0
    late: float = 0
    worst_lateness: float | None = None
    least_lead: float | None = None


@dataclass(frozen=True, slots=True)
class Executions:
    """Concurrent executions of the functions that reserve none: how many the account leaves, how many they can take."""

    available: int
    needed: int

    @property
    def are_enough(self) -> bool:
        """Whether Lambda never has to throttle these functions."""
        return self.needed <= self.available


@dataclass(frozen=True, slots=True)
class Status:
    """All that is shown."""

    environment: str
    at: float
    pending: Pending
    delayed: int
    visible: int
    in_flight: int
    dead_letters: int
    failures: int
    mapping: str
    #: Or why they could not be checked.
    executions: Executions | str
    last_hour: LastHour


def count_pending(environment: Environment, shard_count: int, now: float) -> Pending:
    """Count what is in the table, shard by shard."""
    table, name = environment.client("dynamodb"), environment.outputs["table_name"]
    this_hour = int(now // HOUR_SECONDS) * HOUR_SECONDS
    # The sort key `due` starts with twelve digits of seconds.
    end = f"{this_hour + HOURS_AHEAD * HOUR_SECONDS:012d}"

    def query(shard: int, condition: str, selection: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
        yield from table.get_paginator("query").paginate(
            TableName=name,
            # SHARD is one of DynamoDB's reserved words.
            KeyConditionExpression=f"#shard = :shard AND {condition}",
            ExpressionAttributeNames={"#shard": "shard"},
            ExpressionAttributeValues={":shard": {"N": str(shard)}, ":end": {"S": end}},
            ReturnConsumedCapacity="TOTAL",
            **selection,
        )

    def count_shard(shard: int) -> Pending:
        found = Pending()
        for page in query(shard, "due < :end", {"ProjectionExpression": "due"}):
            found.read_units += page.get("ConsumedCapacity", {}).get("CapacityUnits", 0)
            found.by_shard[shard] += len(page["Items"])
            for item in page["Items"]:
                due = int(item["due"]["S"].partition("#")[0])
                if due < now:
                    found.overdue += 1
                else:
                    found.by_hour[due // HOUR_SECONDS * HOUR_SECONDS] += 1
        for page in query(shard, "due >= :end", {"Select": "COUNT"}):
            found.read_units += page.get("ConsumedCapacity", {}).get("CapacityUnits", 0)
            found.by_shard[shard] += page["Count"]
            found.later += page["Count"]
        return found

    total = Pending()
    with ThreadPoolExecutor(_QUERIES_IN_FLIGHT) as pool:
        for found in pool.map(count_shard, range(shard_count)):
            total.by_shard.update(found.by_shard)
            total.by_hour.update(found.by_hour)
            total.overdue += found.overdue
            total.later += found.later
            total.read_units += found.read_units
    return total


def read_status(environment: Environment, now: float, tell: Callable[[str], None]) -> Status:
    """Read all that is shown; `tell` is told beforehand what it costs."""
    outputs, client = environment.outputs, environment.client
    functions = client("lambda")
    sweep = functions.get_function_configuration(FunctionName=outputs["function_names"][_SWEEP])
    settings = sweep["Environment"]["Variables"]
    table = client("dynamodb").describe_table(TableName=outputs["table_name"])["Table"]
    shard_count = int(settings["SHARD_COUNT"])
    size = table.get("TableSizeBytes", 0)
    units = max(shard_count, math.ceil(size / _BYTES_PER_READ_UNIT))
    tell(
        f"Querying {shard_count} shards. When AWS last counted, which it does every six hours, they held "
        f"{table.get('ItemCount', 0):,} schedules in {size:,} bytes: about {units:,} read units."
    )
    mappings = functions.list_event_source_mappings(FunctionName=outputs["function_names"][_FAST_TRACK])[
        "EventSourceMappings"
    ]
    read = _last_hour_of_logs if environment.name == "local" else _last_hour_of_metrics
    sqs = client("sqs")
    queue = _depths(sqs, outputs["delayer_queue_url"])
    return Status(
        environment=environment.name,
        at=now,
        pending=count_pending(environment, shard_count, now),
        delayed=queue["Delayed"],
        visible=queue[""],
        in_flight=queue["NotVisible"],
        dead_letters=sum(_depths(sqs, outputs["delayer_dead_letter_queue_url"]).values()),
        failures=_count_failures(client("s3"), outputs["failure_bucket_name"]),
        mapping=", ".join(found["State"] for found in mappings) or "missing",
        executions=(
            read_executions(environment, mappings[0], shard_count) if mappings else "there is no stream mapping"
        ),
        last_hour=read(environment, settings["METRICS_NAMESPACE"], now),
    )


def read_executions(environment: Environment, mapping: Mapping[str, Any], shard_count: int) -> Executions | str:
    """Compare what the account's limit leaves with what the environment can take; or say why that can't be read.

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
        # A function with executions of its own takes none of those that all others share, and gets no more.
        needed = sum(
            count
            for name, count in ((_POST, taken.post), (_SWEEP, taken.sweep), (_FAST_TRACK, taken.fast_track))
            if "ReservedConcurrentExecutions"
            not in functions.get_function_concurrency(FunctionName=outputs["function_names"][name])
        )
        available = functions.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    except ClientError as error:
        return f"{error.operation_name} failed: {error.response['Error']['Code']}"
    return Executions(available, needed)


def _count_open_shards(streams: Any, stream_arn: str) -> int:
    """Count the shards of a stream that are still written to: one for each partition of the table."""
    count = 0
    position: dict[str, str] = {}
    while True:
        described = streams.describe_stream(StreamArn=stream_arn, **position)["StreamDescription"]
        count += sum("EndingSequenceNumber" not in shard["SequenceNumberRange"] for shard in described["Shards"])
        if "LastEvaluatedShardId" not in described:
            return count
        position = {"ExclusiveStartShardId": described["LastEvaluatedShardId"]}


def show(status: Status, console: Console) -> None:
    """Print the status: what needs attention first, then what is pending."""
    hour, pending = status.last_hour, status.pending
    summary = Table(title=f"{status.environment} at {_clock(status.at)}", title_justify="left", show_header=False)
    summary.add_column()
    summary.add_column(justify="right")
    summary.add_column()

    def row(name: str, value: str, said: str = "", *, is_bad: bool = False) -> None:
        summary.add_row(name, value, said, style="bold red" if is_bad else None)

    row("overdue", f"{pending.overdue:,}", "in the table after their pointInTime", is_bad=pending.overdue > 0)
    row("pending", f"{pending.by_shard.total():,}", "in the table, overdue ones included")
    row("delayed", f"{status.delayed:,}", "in the queue, waiting for their pointInTime")
    row("visible", f"{status.visible:,}", "in the queue, waiting for a consumer")
    row("in flight", f"{status.in_flight:,}", "in the queue, with a consumer")
    row("dead letters", f"{status.dead_letters:,}", "that consumers failed to handle", is_bad=status.dead_letters > 0)
    more = " or more" if status.failures >= MOST_FAILURES else ""
    row("failures", f"{status.failures:,}{more}", "records in the failure bucket", is_bad=status.failures > 0)
    row("stream mapping", status.mapping, "", is_bad=status.mapping != "Enabled")
    found = status.executions
    if isinstance(found, str):
        row("executions", "not checked", found)
    else:
        said = f"at once are left by the account; this environment can take {found.needed:,}"
        row("executions", f"{found.available:,}", said, is_bad=not found.are_enough)
    if hour.last_sweep is None:
        row("last sweep", "none", "in the last hour", is_bad=True)
    else:
        age = max(0.0, status.at - hour.last_sweep)
        # Two ticks, and a minute until metrics are seen.
        row("last sweep", f"{age:.0f} s ago", f"swept {hour.last_swept or 0:,.0f}", is_bad=age > 180)  # noqa: PLR2004
        row("left by it", f"{hour.left or 0:,.0f}", f"{hour.cut_short:,.0f} sweeps of the last hour were cut short")
    summary.add_section()
    row("swept", f"{hour.swept:,.0f}", "in the last hour")
    row("enqueued", f"{hour.enqueued:,.0f}", "in the last hour")
    worst = "" if hour.worst_lateness is None else f", at worst by {hour.worst_lateness:.1f} s"
    row("late", f"{hour.late:,.0f}", f"of them{worst}", is_bad=hour.late > 0)
    if hour.least_lead is not None:
        row("least lead", f"{hour.least_lead:.1f} s", "with which one entered the queue in time")
    console.print(summary)
    if isinstance(found, Executions) and not found.are_enough:
        console.print(
            f"With fewer than {found.needed:,} concurrent executions Lambda throttles the functions under load: posts "
            "fail with a 5xx status, sweeps and messages come late; raise the account's quota "
            "(docs/operations/deploying.md) or lower parallelization_factor.",
            style="bold red",
        )
    console.print(_by_hour(status))
    console.print(_by_shard(pending))
    console.print(f"Counting took {pending.read_units:,.1f} read units.", highlight=False)


def _by_hour(status: Status) -> Table:
    table = Table("due, UTC", "pending", title="Pending by hour due", title_justify="left")
    table.columns[1].justify = "right"
    if status.pending.overdue:
        table.add_row("overdue", f"{status.pending.overdue:,}", style="bold red")
    for hour, count in sorted(status.pending.by_hour.items()):
        table.add_row(datetime.fromtimestamp(hour, UTC).strftime("%Y-%m-%d %H:00"), f"{count:,}")
    table.add_row("later", f"{status.pending.later:,}")
    return table


def _by_shard(pending: Pending) -> Table:
    columns = 8
    table = Table(title="Pending by shard", title_justify="left", show_header=False)
    cells = [f"{shard}: {count:,}" for shard, count in sorted(pending.by_shard.items())]
    for start in range(0, len(cells), columns):
        table.add_row(*cells[start : start + columns])
    return table


def _depths(sqs: Any, url: str) -> dict[str, int]:
    """A queue's messages by where they are: Delayed, NotVisible, and "" for those that are visible."""
    prefix = "ApproximateNumberOfMessages"
    names = [f"{prefix}{where}" for where in ("", "Delayed", "NotVisible")]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return {name.removeprefix(prefix): int(found[name]) for name in names}


def _count_failures(s3: Any, bucket: str) -> int:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"MaxItems": MOST_FAILURES})
    return sum(len(page.get("Contents", [])) for page in pages)


def _last_hour_of_metrics(environment: Environment, namespace: str, now: float) -> LastHour:
    """Ask CloudWatch."""
    queries = [
        {
            "Id": key,
            "MetricStat": {
                "Metric": {
                    "Namespace": namespace,
                    "MetricName": metric,
                    "Dimensions": [{"Name": "service", "Value": service}],
                },
                "Period": 60,
                "Stat": statistic,
            },
        }
        for key, (service, metric, statistic) in _METRICS.items()
    ]
    pages = (
        environment.client("cloudwatch")
        .get_paginator("get_metric_data")
        .paginate(
            MetricDataQueries=queries,
            StartTime=datetime.fromtimestamp(now - HOUR_SECONDS, UTC),
            EndTime=datetime.fromtimestamp(now, UTC),
        )
    )
    minutes: dict[str, list[tuple[float, float]]] = {key: [] for key in _METRICS}
    for page in pages:
        for result in page["MetricDataResults"]:
            times = (at.timestamp() for at in result["Timestamps"])
            minutes[result["Id"]] += zip(times, result["Values"], strict=True)
    return _last_hour(minutes)


def _last_hour_of_logs(environment: Environment, namespace: str, now: float) -> LastHour:
    """Read what the functions printed: the embedded AWS makes no metrics of it."""
    printed: dict[tuple[str, str], list[tuple[float, list[float]]]] = {}
    logs = environment.client("logs")
    for service, group in environment.outputs["log_group_names"].items():
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=int((now - HOUR_SECONDS) * 1000)
        )
        for event in (event for page in pages for event in page["events"]):
            line = _json(event["message"])
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
                if directive["Namespace"] != namespace:
                    continue
                for metric in directive["Metrics"]:
                    values = (line["_aws"]["Timestamp"] / 1000, line[metric["Name"]])
                    printed.setdefault((service, metric["Name"]), []).append(values)
    statistics: dict[str, Callable[[list[float]], float]] = {
        "SampleCount": len, "Sum": sum, "Maximum": max, "Minimum": min,
    }  # fmt: skip
    return _last_hour(
        {
            key: [(at, float(statistics[statistic](values))) for at, values in printed.get((service, metric), [])]
            for key, (service, metric, statistic) in _METRICS.items()
        }
    )


def _last_hour(measured: Mapping[str, list[tuple[float, float]]]) -> LastHour:
    def total(key: str) -> float:
        return sum(value for _, value in measured[key])

    def last(key: str) -> float | None:
        return max(measured[key])[1] if measured[key] else None

    return LastHour(
        last_sweep=max((at for at, _ in measured["sweeps"]), default=None),
        last_swept=last("swept"),
        swept=total("swept"),
        left=last("left"),
        cut_short=total("cut_short"),
        enqueued=total("enqueued"),
        late=total("late"),
        worst_lateness=max((value for _, value in measured["worst_lateness"]), default=None),
        least_lead=min((value for _, value in measured["least_lead"]), default=None),
    )


def _json(text: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def main(name: str, console: Console) -> bool:
    """Read and show an environment's status. Raises CommandError."""
    environment = find_environment(name)
    show(read_status(environment, time.time(), lambda text: console.print(text, highlight=False)), console)
    return True


if __name__ == "__main__":
    run("make status", lambda console: main(sys.argv[1] if len(sys.argv) > 1 else "", console))
