"""What make status counts and shows, and that it changes nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto import mock_aws
from rich.console import Console

from delayer.schedules import due_key
from tools.operate.environment import Environment
from tools.operate.status import (
    Executions,
    LastHour,
    Pending,
    Status,
    count_pending,
    read_executions,
    read_status,
    show,
)

#: Half past an hour.
NOW = 1_795_338_000 + 1_800
THIS_HOUR = 1_795_338_000
HOUR = 3_600
NAMESPACE = "delayer-dev"
FAST_TRACK, POST, SWEEP = "stream-dynamodb-fasttrack_enqueuer", "api-schedule-post", "task-1minute-enqueuer"
ENOUGH = Executions(1_000, 19)


class Functions:
    """Stands in for Lambda's client, in an account that leaves so many executions, or that refuses to say."""

    def __init__(self, unreserved: int | None = 1_000, reserved: Mapping[str, int] | None = None) -> None:
        self._unreserved = unreserved
        self._reserved = reserved or {}

    def get_function_configuration(self, **_: str) -> dict[str, Any]:
        """What the sweep was told."""
        return {"Environment": {"Variables": {"SHARD_COUNT": "3", "METRICS_NAMESPACE": NAMESPACE}}}

    def list_event_source_mappings(self, **_: str) -> dict[str, Any]:
        """The fast track's one mapping."""
        stream = boto3.client("dynamodb").describe_table(TableName="schedules")["Table"]["LatestStreamArn"]
        mapping = {"State": "Disabled", "EventSourceArn": stream, "ParallelizationFactor": 2}
        return {"EventSourceMappings": [mapping]}

    def get_account_settings(self) -> dict[str, Any]:
        """The account's limits."""
        if self._unreserved is None:
            refused = {"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}
            raise ClientError(refused, "GetAccountSettings")  # type: ignore[arg-type]
        return {"AccountLimit": {"ConcurrentExecutions": 1_000, "UnreservedConcurrentExecutions": self._unreserved}}

    def get_function_concurrency(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803 -- AWS's name
        """What one function reserves."""
        if FunctionName not in self._reserved:
            return {}
        return {"ReservedConcurrentExecutions": self._reserved[FunctionName]}


class Streams:
    """Stands in for DynamoDB Streams' client: a stream with so many open shards, and as many closed ones."""

    def __init__(self, open_shards: int) -> None:
        pair = [{"StartingSequenceNumber": "1"}, {"StartingSequenceNumber": "1", "EndingSequenceNumber": "2"}]
        self._shards = [{"SequenceNumberRange": numbers} for numbers in pair * open_shards]

    def describe_stream(self, StreamArn: str, ExclusiveStartShardId: str = "") -> dict[str, Any]:  # noqa: N803 -- AWS's
        """Three shards a page."""
        assert StreamArn == "stream"
        number = int(ExclusiveStartShardId) if ExclusiveStartShardId else 0
        page: dict[str, Any] = {"Shards": self._shards[number : number + 3]}
        if number + 3 < len(self._shards):
            page |= {"LastEvaluatedShardId": f"{number + 3}"}
        return {"StreamDescription": page}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    """An environment on moto."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    # moto doesn't know the endpoint of the stream's account.
    monkeypatch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
    with mock_aws():
        boto3.client("dynamodb").create_table(
            TableName="schedules",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "shard", "AttributeType": "N"},
                {"AttributeName": "due", "AttributeType": "S"},
            ],
            KeySchema=[{"AttributeName": "shard", "KeyType": "HASH"}, {"AttributeName": "due", "KeyType": "RANGE"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"},
        )
        sqs = boto3.client("sqs")
        boto3.client("s3").create_bucket(
            Bucket="failures", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        for service in (FAST_TRACK, SWEEP):
            boto3.client("logs").create_log_group(logGroupName=service)
        outputs = {
            "delayer_dead_letter_queue_url": sqs.create_queue(QueueName="dead-letter")["QueueUrl"],
            "delayer_queue_url": sqs.create_queue(QueueName="delayer")["QueueUrl"],
            "failure_bucket_name": "failures",
            "function_names": {name: name for name in (FAST_TRACK, POST, SWEEP)},
            "log_group_names": {FAST_TRACK: FAST_TRACK, SWEEP: SWEEP},
            "sweep_workers": 1,
            "table_name": "schedules",
        }

        def client(service: str) -> Any:
            return Functions() if service == "lambda" else boto3.client(service)  # type: ignore[call-overload]

        yield Environment("dev", outputs, client)


def store(shard: int, *dues: int) -> None:
    """Put schedules into a shard."""
    for number, due in enumerate(dues):
        boto3.client("dynamodb").put_item(
            TableName="schedules",
            Item={"shard": {"N": str(shard)}, "due": {"S": due_key(due, f"n{number}")}, "payload": {"S": "x" * 3_000}},
        )


def count(metric: str, service: str, minutes_ago: int, *values: float) -> None:
    """Let CloudWatch have values of a metric."""
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


def printed(found: Status) -> list[str]:
    """The lines of what is shown."""
    console = Console(file=StringIO(), width=120)
    show(found, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def line(lines: list[str], start: str) -> str:
    """The one line whose first cell is this."""
    (found,) = [text for text in lines if text.strip("│ ").startswith(start)]
    return found


class TestPending:
    """What is in the table."""

    def test_counted_by_shard_and_hour(self, environment: Environment) -> None:
        """Each schedule is in one shard, and in one of: overdue, an hour of the next day, later."""
        store(0, NOW - 86_400, NOW - 1, NOW, NOW + HOUR)
        store(2, THIS_HOUR + 24 * HOUR - 1, THIS_HOUR + 24 * HOUR, NOW + 365 * 86_400)
        pending = count_pending(environment, 3, NOW)
        assert pending.by_shard == {0: 4, 1: 0, 2: 3}
        assert pending.by_hour == {THIS_HOUR: 1, THIS_HOUR + HOUR: 1, THIS_HOUR + 23 * HOUR: 1}
        assert (pending.overdue, pending.later) == (2, 2)
        assert pending.by_shard.total() == pending.overdue + pending.later + pending.by_hour.total()

    def test_every_page(self, environment: Environment) -> None:
        """A shard of more than a page, which is 1 MB, is counted to its end, on both sides of the day."""
        store(1, *[NOW + 60] * 400, *[NOW + 90 * HOUR] * 400)
        pending = count_pending(environment, 3, NOW)
        assert (pending.by_hour.total(), pending.later) == (400, 400)


class TestRead:
    """What is asked of AWS."""

    def test_metrics(self, environment: Environment) -> None:
        """The last hour is what CloudWatch has of it: the last sweep, sums, the worst lateness and the least lead."""
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
        found = read_status(environment, NOW, lambda _: None).last_hour
        assert found == LastHour(
            last_sweep=NOW - 120, last_swept=5, swept=12, left=3, cut_short=1,
            enqueued=12, late=2, worst_lateness=80, least_lead=12.5,
        )  # fmt: skip

    def test_logs_of_the_embedded_aws(self, environment: Environment) -> None:
        """Where nobody makes metrics of what functions print, that is read; other lines don't matter."""

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
        found = read_status(local, NOW, lambda _: None).last_hour
        assert (found.last_sweep, found.last_swept) == (NOW - 30, 4)
        assert (found.worst_lateness, found.least_lead) == (2.5, 8.0)

    def test_queues_and_failures(self, environment: Environment) -> None:
        """Messages are told by where they are; dead are those of the dead-letter queue and of the failure bucket."""
        sqs = boto3.client("sqs")
        for url, delay in (("delayer_queue_url", 0), ("delayer_queue_url", 900), ("delayer_dead_letter_queue_url", 0)):
            sqs.send_message(QueueUrl=environment.outputs[url], MessageBody="{}", DelaySeconds=delay)
        sqs.send_message(QueueUrl=environment.outputs["delayer_queue_url"], MessageBody="{}")
        sqs.receive_message(QueueUrl=environment.outputs["delayer_queue_url"], MaxNumberOfMessages=1)
        for key in ("fasttrack/1.json", "aws/lambda/2"):
            boto3.client("s3").put_object(Bucket="failures", Key=key, Body=b"{}")
        found = read_status(environment, NOW, lambda _: None)
        assert (found.delayed, found.visible, found.in_flight) == (1, 1, 1)
        assert (found.dead_letters, found.failures, found.mapping) == (1, 2, "Disabled")

    def test_only_reads_and_no_scan(self, environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
        """It makes no call that could change anything, and none that reads the table as a whole."""
        made: set[str] = set()
        make_call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001

        def watched(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
            made.add(operation)
            return make_call(client, operation, parameters)

        monkeypatch.setattr(BaseClient, "_make_api_call", watched)
        read_status(environment, NOW, lambda _: None)
        assert made == {
            "DescribeStream", "DescribeTable", "GetMetricData", "GetQueueAttributes", "ListObjectsV2", "Query",
        }  # fmt: skip

    def test_cost_is_told_beforehand(self, environment: Environment) -> None:
        """Before the first query, the size of the table and what reading it costs are told."""
        store(0, *[NOW + 60] * 30)
        told: list[str] = []
        read_status(environment, NOW, told.append)
        assert told[0].startswith("Querying 3 shards.")
        assert " 30 schedules in " in told[0]
        assert told[0].endswith(" read units.")


class TestExecutions:
    """Whether the account's concurrency is enough for the environment."""

    def read(
        self, functions: Functions, *, open_shards: int = 4, workers: int = 1, shard_count: int = 16, factor: int = 2
    ) -> Executions | str:
        """The executions of an environment on these stand-ins."""
        clients = {"lambda": functions, "dynamodbstreams": Streams(open_shards)}
        outputs = {"function_names": {name: name for name in (FAST_TRACK, POST, SWEEP)}, "sweep_workers": workers}
        mapping = {"EventSourceArn": "stream", "ParallelizationFactor": factor}
        return read_executions(Environment("dev", outputs, clients.__getitem__), mapping, shard_count)

    @pytest.mark.parametrize(("unreserved", "are_enough"), [(18, False), (19, True)])
    def test_limit_is_compared_with_lanes_sweeps_and_posts(self, unreserved: int, are_enough: bool) -> None:  # noqa: FBT001
        """Four open stream shards of two lanes, a worker, and ten posts at once: 19 are enough, one fewer is not."""
        found = self.read(Functions(unreserved))
        assert found == Executions(unreserved, 19)
        assert found.are_enough is are_enough

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
        assert self.read(Functions(), **environment) == Executions(1_000, needed)

    def test_reserved_functions_take_none_of_the_others(self) -> None:
        """A function that reserves executions gets these and no more, whatever else the account leaves."""
        assert self.read(Functions(9, {POST: 5})) == Executions(9, 9)
        assert self.read(Functions(0, {POST: 5, SWEEP: 1, FAST_TRACK: 8})) == Executions(0, 0)

    def test_refused_call_is_named(self) -> None:
        """Without the permission, the call and AWS's reason are said."""
        assert self.read(Functions(None)) == "GetAccountSettings failed: AccessDeniedException"

    def test_refused_call_leaves_the_rest_of_the_status(self, environment: Environment) -> None:
        """Status goes on where the account's settings can't be read, and shows that they were not checked."""
        clients = {"lambda": Functions(None)}
        refused = Environment(
            "dev", environment.outputs, lambda service: clients.get(service) or environment.client(service)
        )
        found = read_status(refused, NOW, lambda _: None)
        assert found.mapping == "Disabled"
        shown = line(printed(found), "executions")
        assert "not checked" in shown
        assert "GetAccountSettings failed: AccessDeniedException" in shown

    def test_aws_that_does_not_know_the_call(self, environment: Environment) -> None:
        """An emulator that lacks the call gives the same: moto has no account settings, and no function of ours."""
        mapping = Functions().list_event_source_mappings()["EventSourceMappings"][0]
        emulated = Environment("local", environment.outputs, boto3.client)  # type: ignore[arg-type]
        assert re.fullmatch(r"\w+ failed: \w+", str(read_executions(emulated, mapping, 3)))

    def test_missing_mapping(self, environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without a stream mapping there are no lanes to count; status says so, and goes on."""
        monkeypatch.setattr(Functions, "list_event_source_mappings", lambda _, **__: {"EventSourceMappings": []})
        found = read_status(environment, NOW, lambda _: None)
        assert (found.mapping, found.executions) == ("missing", "there is no stream mapping")

    def test_read_with_the_rest(self, environment: Environment) -> None:
        """By the deployed mapping, its stream and the sweeps: one open shard of two lanes, one sweep, ten posts."""
        assert read_status(environment, NOW, lambda _: None).executions == Executions(1_000, 13)


class TestShown:
    """What is printed."""

    @pytest.mark.parametrize(("available", "is_warned"), [(18, True), (19, False)])
    def test_too_few_executions_are_explained(self, available: int, is_warned: bool) -> None:  # noqa: FBT001
        """One sentence says what happens under load and what to do; where there are enough, there is none."""
        found = Status("dev", NOW, Pending(), 0, 0, 0, 0, 0, "Enabled", Executions(available, 19), LastHour())
        lines = printed(found)
        assert f"{available}" in line(lines, "executions")
        assert "can take 19" in line(lines, "executions")
        text = " ".join(" ".join(lines).split())
        said = "With fewer than 19 concurrent executions Lambda throttles the functions under load: posts fail with a"
        assert (said in text) is is_warned
        assert ("docs/operations/deploying.md" in text) is is_warned

    def test_all_is_well(self) -> None:
        """Each number has its line, with thousands apart, and the cost is the last one."""
        pending = Pending(read_units=12.5, later=1_234_567)
        pending.by_shard.update({0: 1_234_567, 1: 2})
        pending.by_hour.update({THIS_HOUR + HOUR: 2})
        hour = LastHour(last_sweep=NOW - 42, last_swept=3, swept=50, left=0, enqueued=1_000, least_lead=9.25)
        lines = printed(Status("prod", NOW, pending, 5, 6, 7, 0, 0, "Enabled", ENOUGH, hour))
        assert lines[0].startswith("prod at 2026-11-22 09:30:00 UTC")
        assert "1,234,569" in line(lines, "pending  ")
        assert "42 s ago" in line(lines, "last sweep")
        assert "1,000" in line(lines, "enqueued")
        assert "2" in line(lines, "2026-11-22 10:00")
        assert "1,234,567" in line(lines, "later")
        assert "0: 1,234,567" in line(lines, "0: ")
        assert lines[-1] == "Counting took 12.5 read units."

    def test_nothing_measured(self) -> None:
        """An environment in which nothing has run yet is shown, without numbers that nobody measured."""
        lines = printed(Status("dev", NOW, Pending(), 0, 0, 0, 0, 0, "Enabled", ENOUGH, LastHour()))
        assert "none" in line(lines, "last sweep")
        assert not [text for text in lines if "least lead" in text]

    def test_trouble_stands_out(self) -> None:
        """Overdue, dead and late are red on a terminal, and a mapping that is not enabled is, too."""
        hour = LastHour(last_sweep=NOW - 600, late=4, worst_lateness=80.04)
        console = Console(file=StringIO(), width=120, force_terminal=True, color_system="standard")
        show(Status("dev", NOW, Pending(overdue=1), 0, 0, 0, 2, 3, "Disabled", Executions(18, 19), hour), console)
        assert isinstance(console.file, StringIO)
        red = {text for text in console.file.getvalue().splitlines() if "\x1b[1;31m" in text}
        for name in ("overdue", "dead letters", "failures", "stream mapping", "executions", "last sweep", "late"):
            assert any(name in text for text in red), name
        assert not any("visible" in text for text in red)
