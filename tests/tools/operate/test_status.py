"""make status reads and shows one environment, and changes nothing."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from rich.console import Console

from tests.support.moto_environment import HOUR, NAMESPACE, NOW, THIS_HOUR, Functions, moto_environment, store
from tools.operate import status
from tools.operate.environment import Environment
from tools.operate.status import LATER, OVERDUE, Row, check_executions, count_pending, read_last_hour, show
from tools.project import FAST_TRACK, POST, SWEEP

RED = "\x1b[1;31m"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    """Return an environment on moto."""
    with moto_environment(monkeypatch) as environment:
        yield environment


def with_functions(environment: Environment, functions: Functions) -> Environment:
    """Return the environment with this stand-in for Lambda's client."""
    return environment._replace(
        client=lambda service: functions if service == "lambda" else environment.client(service)
    )


class Streams:
    """Stands in for DynamoDB Streams' client: a stream with so many open shards, and as many closed ones."""

    def __init__(self, open_shards: int) -> None:
        pair = [{"StartingSequenceNumber": "1"}, {"StartingSequenceNumber": "1", "EndingSequenceNumber": "2"}]
        self._shards = [{"SequenceNumberRange": numbers} for numbers in pair * open_shards]

    def describe_stream(self, StreamArn: str, ExclusiveStartShardId: str = "") -> dict[str, Any]:  # noqa: N803 -- AWS's
        """Return a page of three shards."""
        assert StreamArn == "stream"
        number = int(ExclusiveStartShardId) if ExclusiveStartShardId else 0
        page: dict[str, Any] = {"Shards": self._shards[number : number + 3]}
        if number + 3 < len(self._shards):
            page |= {"LastEvaluatedShardId": f"{number + 3}"}
        return {"StreamDescription": page}


def printed(environment: Environment, **options: Any) -> list[str]:
    """Return the lines of a status."""
    console = Console(file=StringIO(), width=120, **options)
    show(environment, console, NOW)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def count(metric: str, service: str, minutes_ago: int, *values: float) -> None:
    """Give CloudWatch values of a metric."""
    boto3.client("cloudwatch").put_metric_data(
        Namespace=NAMESPACE,
        MetricData=[
            {
                "MetricName": metric,
                "Dimensions": [{"Name": "service", "Value": service}],
                "Timestamp": datetime.fromtimestamp(NOW - 60 * minutes_ago, UTC),
                "Value": value,
            }
            for value in values
        ],
    )


def executions(available: int, needed: int, *, is_bad: bool = False) -> Row:
    """Return the row that compares these numbers."""
    note = f"at once are left by the account; this environment can take {needed}"
    return Row("executions", available, note, is_bad=is_bad)


def line(lines: list[str], start: str) -> str:
    """Return the one line whose first cell is this."""
    (found,) = [text for text in lines if text.strip("│ ").startswith(start)]
    return found


def cells(lines: list[str], start: str) -> list[str]:
    """Return the cells of that line."""
    return [cell.strip() for cell in line(lines, start).strip("│ ").split("│")]


class TestRead:
    """AWS is asked only to read."""

    def test_messages_and_failures_are_counted(self, environment: Environment) -> None:
        """Messages are counted by where they are, and objects of the failure bucket whatever their key."""
        sqs = boto3.client("sqs")
        for url, delay in (("delayer_queue_url", 0), ("delayer_queue_url", 900), ("delayer_dead_letter_queue_url", 0)):
            sqs.send_message(QueueUrl=environment.outputs[url], MessageBody="{}", DelaySeconds=delay)
        sqs.send_message(QueueUrl=environment.outputs["delayer_queue_url"], MessageBody="{}")
        sqs.receive_message(QueueUrl=environment.outputs["delayer_queue_url"], MaxNumberOfMessages=1)
        for key in ("fasttrack/1.json", "aws/lambda/2"):
            boto3.client("s3").put_object(Bucket="failures", Key=key, Body=b"{}")
        lines = printed(environment)
        for name, value in {"delayed": 1, "visible": 1, "in flight": 1, "dead letters": 1, "failures": 2}.items():
            assert cells(lines, name)[1] == str(value)
        assert cells(lines, "stream mapping")[1] == "Disabled"

    def test_no_call_changes_or_scans(self, environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
        """The table is never read as a whole."""
        made: set[str] = set()
        make_call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001

        def watched(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
            made.add(operation)
            return make_call(client, operation, parameters)

        monkeypatch.setattr(BaseClient, "_make_api_call", watched)
        printed(environment)
        assert made == {
            "DescribeStream", "DescribeTable", "GetMetricStatistics", "GetQueueAttributes", "ListObjectsV2", "Query",
        }  # fmt: skip

    def test_cost_is_printed_beforehand(self, environment: Environment) -> None:
        """It follows from the table's size."""
        store(0, *[NOW + 60] * 30)
        cost = " ".join(" ".join(printed(environment)[:2]).split())
        assert re.match(r"Querying 3 shards\. .* 30 schedules in [0-9,]+ bytes: about [0-9,]+ read units\.", cost)


class TestPending:
    """The schedules in the table are counted by shard and by hour."""

    def test_every_schedule_is_counted_in_its_shard_and_hour(self, environment: Environment) -> None:
        """Each is in one shard, and is overdue, in an hour of the next day, or later."""
        store(0, NOW - 86_400, NOW - 1, NOW, NOW + HOUR)
        store(2, THIS_HOUR + 24 * HOUR - 1, THIS_HOUR + 24 * HOUR, NOW + 365 * 86_400)
        by_shard, by_hour, _ = count_pending(environment, 3, NOW)
        assert by_shard == [4, 0, 3]
        assert by_hour == {OVERDUE: 2, THIS_HOUR: 1, THIS_HOUR + HOUR: 1, THIS_HOUR + 23 * HOUR: 1, LATER: 2}

    def test_every_page_is_counted(self, environment: Environment) -> None:
        """A page is 1 MB; the shard has more on both sides of the day."""
        store(1, *[NOW + 60] * 400, *[NOW + 90 * HOUR] * 400)
        _, by_hour, _ = count_pending(environment, 3, NOW)
        assert by_hour == {THIS_HOUR: 400, LATER: 400}


class TestLastHour:
    """The last hour's figures come from CloudWatch's metrics, or from the logs of the embedded AWS."""

    def test_metrics_of_cloudwatch_are_combined(self, environment: Environment) -> None:
        """Each minute has a sum, its worst lateness or its least lead; older values don't count."""
        count("SweepsCutShort", SWEEP, 50, 1, 0)
        count("SweepsCutShort", SWEEP, 2, 0)
        count("SchedulesSwept", SWEEP, 50, 7)
        count("SchedulesSwept", SWEEP, 2, 5)
        count("SchedulesLeft", SWEEP, 50, 9)
        count("SchedulesLeft", SWEEP, 2, 3)
        count("SchedulesEnqueued", FAST_TRACK, 2, 10, 2)
        count("SchedulesEnqueuedLate", FAST_TRACK, 2, 2)
        count("Lateness", FAST_TRACK, 2, 1.5, 80)
        count("Lead", FAST_TRACK, 2, 700, 12.5)
        count("Lateness", FAST_TRACK, 70, 9_999)
        last_sweep, values = read_last_hour(environment, NAMESPACE, NOW)
        assert last_sweep == NOW - 120
        assert values == {
            "SweepsCutShort": [1, 0],
            "SchedulesSwept": [7, 5],
            "SchedulesLeft": [9, 3],
            "SchedulesEnqueued": [12],
            "SchedulesEnqueuedLate": [2],
            "Lateness": [80],
            "Lead": [12.5],
        }

    def test_logs_of_the_embedded_aws_are_read(self, environment: Environment) -> None:
        """The embedded AWS makes no metrics of them; other lines don't matter."""

        def directive(*metrics: str) -> dict[str, Any]:
            named = [{"Name": name, "Unit": "Count"} for name in metrics]
            return {
                "Timestamp": (NOW - 30) * 1000,
                "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [["service"]], "Metrics": named}],
            }

        lines = {
            SWEEP: {
                "_aws": directive("SweepsCutShort", "SchedulesSwept"),
                "SweepsCutShort": [0],
                "SchedulesSwept": [4],
            },
            FAST_TRACK: {"_aws": directive("Lateness", "Lead"), "Lateness": [2.5, 1.0], "Lead": [8.0]},
        }
        logs = boto3.client("logs")
        for group, document in lines.items():
            logs.create_log_stream(logGroupName=group, logStreamName="one")
            events = [
                {"timestamp": (NOW - 30) * 1000, "message": text} for text in ("START", "[]", json.dumps(document))
            ]
            logs.put_log_events(logGroupName=group, logStreamName="one", logEvents=events)
        local = Environment("local", environment.outputs, environment.client)
        last_sweep, values = read_last_hour(local, NAMESPACE, NOW)
        assert last_sweep == NOW - 30
        measured = {metric: each for metric, each in values.items() if each}
        assert measured == {"SweepsCutShort": [0], "SchedulesSwept": [4], "Lateness": [1.0, 2.5], "Lead": [8.0]}


class TestExecutions:
    """The account's concurrency is compared with the environment's need."""

    def check(
        self, functions: Functions, *, open_shards: int = 4, workers: int = 1, shard_count: int = 16, factor: int = 2
    ) -> Row:
        """Return the row of an environment on these stand-ins."""
        clients = {"lambda": functions, "dynamodbstreams": Streams(open_shards)}
        outputs = {"function_names": {name: name for name in (FAST_TRACK, POST, SWEEP)}, "sweep_workers": workers}
        mapping = {"EventSourceArn": "stream", "ParallelizationFactor": factor}
        row, warning = check_executions(Environment("dev", outputs, clients.__getitem__), mapping, shard_count)
        assert bool(warning) == row.is_bad
        return row

    @pytest.mark.parametrize(("unreserved", "is_bad"), [(18, True), (19, False)])
    def test_need_is_lanes_sweeps_and_posts(self, unreserved: int, is_bad: bool) -> None:  # noqa: FBT001
        """Four open stream shards of two lanes, a worker, and ten posts at once: 19 are enough, one fewer is not."""
        assert self.check(Functions(unreserved)) == executions(unreserved, 19, is_bad=is_bad)

    @pytest.mark.parametrize(
        ("environment", "needed"),
        [
            ({"factor": 10}, 51),
            ({"workers": 5}, 23),
            ({"open_shards": 9}, 29),
            ({"open_shards": 9, "shard_count": 1}, 13),
        ],
    )
    def test_need_follows_the_environment(self, environment: dict[str, int], needed: int) -> None:
        """More lanes, workers or stream shards take more; a stream shard without a table shard takes none."""
        assert self.check(Functions(), **environment) == executions(1_000, needed)

    def test_reserved_functions_take_none_of_the_others(self) -> None:
        """A function that reserves executions gets these and no more, whatever else the account leaves."""
        assert self.check(Functions(9, {POST: 5})) == executions(9, 9)
        assert self.check(Functions(0, {POST: 5, SWEEP: 1, FAST_TRACK: 8})) == executions(0, 0)

    def test_refused_call_leaves_the_rest_of_the_status(self, environment: Environment) -> None:
        """Without the permission, the call and AWS's reason take the place of the numbers."""
        lines = printed(with_functions(environment, Functions(None)))
        assert cells(lines, "executions")[1:] == ["not checked", "GetAccountSettings failed: AccessDeniedException"]
        assert cells(lines, "stream mapping")[1] == "Disabled"

    def test_unknown_call_is_named(self, environment: Environment) -> None:
        """An emulator may lack calls: moto has no account settings, and no function of ours."""
        mapping = Functions().list_event_source_mappings()["EventSourceMappings"][0]
        emulated = Environment("local", environment.outputs, boto3.client)  # type: ignore[arg-type]
        row, _ = check_executions(emulated, mapping, 3)
        assert row.value == "not checked"
        assert re.fullmatch(r"\w+ failed: \w+", row.note)

    def test_missing_mapping_has_no_executions(self, environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
        """There are no lanes to count then; the rest is shown."""
        monkeypatch.setattr(Functions, "list_event_source_mappings", lambda _, **__: {"EventSourceMappings": []})
        lines = printed(environment)
        assert cells(lines, "stream mapping")[1] == "missing"
        assert cells(lines, "executions")[1:] == ["not checked", "there is no stream mapping"]

    @pytest.mark.parametrize(("available", "is_warned"), [(12, True), (13, False)])
    def test_too_few_are_explained(self, environment: Environment, available: int, is_warned: bool) -> None:  # noqa: FBT001
        """One open shard of two lanes, one sweep and ten posts: with fewer, it says what happens and what to do."""
        lines = printed(with_functions(environment, Functions(available)))
        assert cells(lines, "executions")[1] == str(available)
        assert "can take 13" in cells(lines, "executions")[2]
        text = " ".join(" ".join(lines).split())
        said = "With fewer than 13 concurrent executions Lambda throttles the functions under load: posts fail with a"
        assert (said in text) is is_warned
        assert ("docs/operations/deploying.md" in text) is is_warned


class TestShown:
    """The status has a line for each figure."""

    def measure(
        self,
        monkeypatch: pytest.MonkeyPatch,
        by_shard: list[int],
        by_hour: dict[float, int],
        sweep: float,
        **hour: float,
    ) -> None:
        """Give the environment these figures: counts, the time of the last sweep, and a value of some metrics."""
        values = defaultdict(list, {metric: [value] for metric, value in hour.items()})
        monkeypatch.setattr(status, "count_pending", lambda *_: (by_shard, Counter(by_hour), 12.5))
        monkeypatch.setattr(status, "read_last_hour", lambda *_: (sweep, values))

    def test_healthy_environment_has_every_figure(
        self, environment: Environment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Thousands are separated, and the last line is the cost."""
        by_hour = {LATER: 1_234_567, THIS_HOUR + HOUR: 2}
        self.measure(monkeypatch, [1_234_567, 2], by_hour, NOW - 42, SchedulesEnqueued=1_000, Lead=9.25)
        lines = printed(environment)
        assert any(text.startswith("dev at 2026-11-22 09:30:00 UTC") for text in lines)
        assert "1,234,569" in line(lines, "pending  ")
        assert "42 s ago" in line(lines, "last sweep")
        assert "1,000" in line(lines, "enqueued")
        assert "9.2 s" in line(lines, "least lead")
        assert "2" in line(lines, "2026-11-22 10:00")
        assert "1,234,567" in line(lines, "later")
        assert "0: 1,234,567" in line(lines, "0: ")
        assert lines[-1] == "Counting took 12.5 read units."

    def test_new_environment_has_no_figures(self, environment: Environment) -> None:
        """Nothing has run in it yet."""
        lines = printed(environment)
        assert "none" in line(lines, "last sweep")
        assert not [text for text in lines if "least lead" in text]

    def test_trouble_is_red(self, environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
        """Overdue, dead and late ones are, and a mapping that is not enabled."""
        boto3.client("sqs").send_message(
            QueueUrl=environment.outputs["delayer_dead_letter_queue_url"], MessageBody="{}"
        )
        boto3.client("s3").put_object(Bucket="failures", Key="fasttrack/1.json", Body=b"{}")
        self.measure(monkeypatch, [1], {OVERDUE: 1}, NOW - 600, SchedulesEnqueuedLate=4, Lateness=80.04)
        environment = with_functions(environment, Functions(12))
        red = [text for text in printed(environment, force_terminal=True, color_system="standard") if RED in text]
        for name in ("overdue", "dead letters", "failures", "stream mapping", "executions", "last sweep", "late"):
            assert any(name in text for text in red), name
        assert not any("visible" in text for text in red)
