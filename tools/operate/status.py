"""make status: what is pending, queued, dead and late in one environment. Nothing is changed.

The table is queried, never scanned: schedules due within a day by their keys, the rest by count. DynamoDB charges a
query for the whole records that it reads, so counting costs as much as reading everything that is pending.

Without the permission to compare executions (docs/operations/deploying.md), the rest is shown.
"""

import json
import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import batched
from typing import Any, NamedTuple

from botocore.exceptions import ClientError
from rich.console import Console
from rich.table import Column, Table

from delayer.retries import error_code
from delayer.schedules import point_in_time_of, start_of_due
from tools.capacity.declared import API_RATE_LIMIT
from tools.capacity.needs import concurrency
from tools.operate.environment import Environment, find_environment
from tools.operate.failures import queue_depths
from tools.project import FAST_TRACK, LOCAL, SWEEP
from tools.terminal import main, open_console

#: The failure bucket is counted up to here.
_MOST_FAILURES = 10_000

#: DynamoDB bills an eventually consistent read at half a unit for 4 KB (Amazon DynamoDB developer guide, "Read
#: consistency").
_BYTES_PER_READ_UNIT = 2 * 4_096

#: Two ticks, and a minute until metrics are visible: a last sweep before that is bad.
_LATE_SWEEP_SECONDS = 180

_HOUR_SECONDS = 3_600

#: In place of the beginning of an hour: before now, and after a day.
OVERDUE, LATER = -math.inf, math.inf

#: Each function's metrics, and the statistic that makes one value of a minute.
_METRICS = {
    SWEEP: {"SweepsCutShort": "Sum", "SchedulesSwept": "Sum", "SchedulesLeft": "Sum"},
    FAST_TRACK: {"SchedulesEnqueued": "Sum", "SchedulesEnqueuedLate": "Sum", "Lateness": "Maximum", "Lead": "Minimum"},
}

#: The values of each metric, the newest last.
type _Values = Mapping[str, Sequence[float]]


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
    described = environment.client("dynamodb").describe_table(TableName=environment.outputs["table_name"])["Table"]
    size = described.get("TableSizeBytes", 0)
    console.print(
        f"Querying {shard_count} shards. At AWS's last count, which is up to six hours old, they held "
        f"{described.get('ItemCount', 0):,} schedules in {size:,} bytes: about "
        f"{max(shard_count, math.ceil(size / _BYTES_PER_READ_UNIT)):,} read units.",
    )
    by_shard, by_hour, read_units = count_pending(environment, shard_count, now)
    fast_track = environment.outputs["function_names"][FAST_TRACK]
    mappings = environment.client("lambda").list_event_source_mappings(FunctionName=fast_track)["EventSourceMappings"]
    mapping = next(iter(mappings), {"State": "missing"})
    stream = Row("stream mapping", mapping["State"], is_bad=mapping["State"] != "Enabled")
    executions, warning = check_executions(environment, mapping, shard_count)
    last_sweep, figures = read_last_hour(environment, settings["METRICS_NAMESPACE"], now)

    title = f"{environment.name} at {datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S} UTC"
    table = Table("", Column(justify="right"), "", title=title, title_justify="left", show_header=False)
    state = [*_counted(environment, by_hour), stream, executions, *_last_sweep(last_sweep, figures, now)]
    for rows in state, _enqueued(figures):
        for row in rows:
            value = row.value if isinstance(row.value, str) else f"{row.value:,.0f}"
            table.add_row(row.name, value, row.note, style="bold red" if row.is_bad else None)
        table.add_section()
    console.print(table)
    if warning:
        console.print(warning, style="bold red")
    table = Table("due, UTC", Column("pending", justify="right"), title="Pending by hour due", title_justify="left")
    for hour, count in sorted({LATER: 0, **by_hour}.items()):
        name = {OVERDUE: "overdue", LATER: "later"}.get(hour) or f"{datetime.fromtimestamp(hour, UTC):%Y-%m-%d %H:00}"
        table.add_row(name, f"{count:,}", style="bold red" if hour == OVERDUE else None)
    console.print(table)
    table = Table(title="Pending by shard", title_justify="left", show_header=False)
    for cells in batched((f"{shard}: {count:,}" for shard, count in enumerate(by_shard)), 8, strict=False):
        table.add_row(*cells)
    console.print(table)
    console.print(f"Counting took {read_units:,.1f} read units.")


def count_pending(environment: Environment, shard_count: int, now: float) -> tuple[list[int], Counter[float], float]:
    """Return the schedules in the table by shard and by hour, and the read units that counting took.

    An hour is its beginning in seconds since 1970, OVERDUE or LATER. Raises ClientError, BotoCoreError.
    """
    table, name = environment.client("dynamodb"), environment.outputs["table_name"]
    tomorrow = start_of_due(int(now // _HOUR_SECONDS + 24) * _HOUR_SECONDS)

    def hour_of(due: int) -> float:
        return OVERDUE if due < now else due // _HOUR_SECONDS * _HOUR_SECONDS

    def count_shard(shard: int) -> tuple[Counter[float], float]:
        by_hour: Counter[float] = Counter()
        read_units = 0.0
        for comparison, selection in (("<", {"ProjectionExpression": "due"}), (">=", {"Select": "COUNT"})):
            for page in table.get_paginator("query").paginate(
                TableName=name,
                # SHARD is one of DynamoDB's reserved words.
                KeyConditionExpression=f"#shard = :shard AND due {comparison} :tomorrow",
                ExpressionAttributeNames={"#shard": "shard"},
                ExpressionAttributeValues={":shard": {"N": str(shard)}, ":tomorrow": {"S": tomorrow}},
                ReturnConsumedCapacity="TOTAL",
                **selection,
            ):
                read_units += page.get("ConsumedCapacity", {}).get("CapacityUnits", 0)
                # A page that is only counted has no items.
                hours = [hour_of(point_in_time_of(item["due"]["S"])) for item in page.get("Items", [])]
                by_hour.update(hours or {LATER: page["Count"]})
        return by_hour, read_units

    with ThreadPoolExecutor(8) as pool:
        shards = list(pool.map(count_shard, range(shard_count)))
    counts = [by_hour for by_hour, _ in shards]
    return [each.total() for each in counts], sum(counts, Counter()), sum(read_units for _, read_units in shards)


def _counted(environment: Environment, by_hour: Counter[float]) -> Iterator[Row]:
    outputs, sqs = environment.outputs, environment.client("sqs")
    yield Row("overdue", by_hour[OVERDUE], "in the table after their pointInTime", is_bad=by_hour[OVERDUE] > 0)
    yield Row("pending", by_hour.total(), "in the table, overdue ones included")
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
    """Compare the executions that the account leaves with those needed; return a row, and a warning or "".

    The posts are those that the API takes by default, whatever its throttling is set to.
    """
    if "EventSourceArn" not in mapping:
        return Row("executions", "not checked", "there is no stream mapping"), ""
    functions, names = environment.client("lambda"), environment.outputs["function_names"]
    workers, lanes = environment.outputs["sweep_workers"], mapping["ParallelizationFactor"]
    try:
        stream_shards = _count_open_shards(environment.client("dynamodbstreams"), mapping["EventSourceArn"])
        taken = concurrency(API_RATE_LIMIT, shard_count, workers, stream_shards, lanes)
        # A function that reserves executions takes none of the shared ones, and gets no more than its own.
        needed = sum(
            count
            for name, count in taken.items()
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


def read_last_hour(environment: Environment, namespace: str, now: float) -> tuple[float | None, _Values]:
    """Return the time of the last sweep in the hour before `now`, if there was one, and the functions' metrics.

    Raises ClientError, BotoCoreError.
    """
    # The embedded AWS makes no metrics of what functions print.
    is_local = environment.name == LOCAL
    found = sorted(_read_logs(environment, now) if is_local else _read_metrics(environment, namespace, now))
    values = defaultdict(list)
    for _, metric, value in found:
        values[metric].append(value)
    # Every sweep counts, cut short or not.
    return max((at for at, metric, _ in found if metric == "SweepsCutShort"), default=None), values


def _read_metrics(environment: Environment, namespace: str, now: float) -> Iterator[tuple[float, str, float]]:
    cloudwatch = environment.client("cloudwatch")
    start, end = (datetime.fromtimestamp(at, UTC) for at in (now - _HOUR_SECONDS, now))
    for service, metrics in _METRICS.items():
        for metric, statistic in metrics.items():
            found = cloudwatch.get_metric_statistics(
                Namespace=namespace, MetricName=metric, Dimensions=[{"Name": "service", "Value": service}],
                StartTime=start, EndTime=end, Period=60, Statistics=[statistic],
            )  # fmt: skip
            for point in found["Datapoints"]:
                yield point["Timestamp"].timestamp(), metric, point[statistic]


def _read_logs(environment: Environment, now: float) -> Iterator[tuple[float, str, float]]:
    start = int((now - _HOUR_SECONDS) * 1000)
    paginator = environment.client("logs").get_paginator("filter_log_events")
    for service, metrics in _METRICS.items():
        pages = paginator.paginate(logGroupName=environment.outputs["log_group_names"][service], startTime=start)
        texts = (event["message"] for page in pages for event in page["events"])
        for line in (json.loads(text) for text in texts if text.startswith('{"_aws"')):
            for metric in metrics.keys() & line.keys():
                for value in line[metric]:
                    yield line["_aws"]["Timestamp"] / 1000, metric, value


def _last_sweep(last_sweep: float | None, hour: _Values, now: float) -> Iterator[Row]:
    if last_sweep is None:
        yield Row("last sweep", "none", "in the last hour", is_bad=True)
        return
    age = max(0.0, now - last_sweep)
    swept, left = (sum(hour[metric][-1:]) for metric in ("SchedulesSwept", "SchedulesLeft"))
    yield Row("last sweep", f"{age:.0f} s ago", f"swept {swept:,.0f}", is_bad=age > _LATE_SWEEP_SECONDS)
    yield Row("left by it", left, f"{sum(hour['SweepsCutShort']):,.0f} sweeps of the last hour were cut short")


def _enqueued(hour: _Values) -> Iterator[Row]:
    yield Row("swept", sum(hour["SchedulesSwept"]), "in the last hour")
    yield Row("enqueued", sum(hour["SchedulesEnqueued"]), "in the last hour")
    late, lateness, lead = sum(hour["SchedulesEnqueuedLate"]), hour["Lateness"], hour["Lead"]
    worst = f", at worst by {max(lateness):.1f} s" if lateness else ""
    yield Row("late", late, f"of them{worst}", is_bad=late > 0)
    if lead:
        yield Row("least lead", f"{min(lead):.1f} s", "between entering the queue in time and the pointInTime")


if __name__ == "__main__":
    main("make status", lambda environment: show(find_environment(environment), open_console(), time.time()))
