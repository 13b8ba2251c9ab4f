"""Alarms and dashboard use metrics that exist, with the right name, namespace and dimensions."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from moto import mock_aws
from tftest import TerraformTestError

from api_schedule_post.request import MAX_PAST_SECONDS
from delayer.schedules import Schedule, due_key
from tests.plan.conftest import MakePlan
from tests.plan.planned import FUNCTIONS, call, delayer, expressions, of_type, references, values
from tests.support.calls import Calls
from tests.support.clock import Clock, lambda_context, utc
from tests.support.delayer import forget_metrics
from tests.support.failures import client_error
from tests.support.http_events import body_text, http_event
from tests.support.metric_math import READINGS, Reading, states
from tests.support.printed import read_printed
from tests.support.stream_records import StreamRecords
from tools.capacity.cost import ALARM_METRICS, METRICS
from tools.project import environments

RUNBOOK = Path("docs/operations/runbook.md")
TOPIC = "arn:aws:sns:eu-west-1:123456789012:on-call"
CAPACITY = {"read": {"least": 5, "most": 50}, "write": {"least": 10, "most": 1000}}
#: The namespace of the functions' metrics in the run below.
NAMESPACE = "delayer-emitted"

#: The metrics of AWS's services, with the dimensions that alarms may use, and AWS's documentation of each.
_LAMBDA = "AWS Lambda developer guide, Types of metrics for Lambda functions"
_SQS = "Amazon SQS developer guide, Available CloudWatch metrics for Amazon SQS"
_DYNAMODB = "Amazon DynamoDB developer guide, DynamoDB metrics and dimensions"
_API = "Amazon API Gateway developer guide, Monitor CloudWatch metrics for HTTP APIs"
MEASURED_BY_AWS = {
    ("AWS/Lambda", "DestinationDeliveryFailures", "FunctionName"): _LAMBDA,
    ("AWS/Lambda", "Errors", "FunctionName"): _LAMBDA,
    ("AWS/Lambda", "IteratorAge", "FunctionName"): _LAMBDA,
    ("AWS/Lambda", "OnFailureDestinationDeliveredEventCount", "EventSourceMappingUUID"): _LAMBDA,
    ("AWS/Lambda", "Throttles", "FunctionName"): _LAMBDA,
    ("AWS/SQS", "ApproximateNumberOfMessagesDelayed", "QueueName"): _SQS,
    ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", "QueueName"): _SQS,
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName"): _SQS,
    ("AWS/DynamoDB", "ConsumedReadCapacityUnits", "TableName"): _DYNAMODB,
    ("AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName"): _DYNAMODB,
    ("AWS/DynamoDB", "ReadThrottleEvents", "TableName"): _DYNAMODB,
    ("AWS/DynamoDB", "WriteThrottleEvents", "TableName"): _DYNAMODB,
    ("AWS/ApiGateway", "5xx", "ApiId"): _API,
}

type Metric = tuple[str, str, dict[str, str]]


@pytest.fixture(scope="module")
def emitted() -> set[tuple[str, str, str]]:
    """Return namespace, name and service of every metric that the functions print in a varied run."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, mock_aws(), contextlib.redirect_stdout(printed):
        for name in [name for name in os.environ if name.startswith(("AWS_", "POWERTOOLS_"))]:
            patch.delenv(name)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        forget_metrics()
        run_everything(patch)
        forget_metrics()
    found = set()
    for document in read_printed(printed.getvalue()).metrics:
        for directive in document["_aws"]["CloudWatchMetrics"]:
            assert directive["Dimensions"] == [["service"]]
            found |= {(directive["Namespace"], metric["Name"], document["service"]) for metric in directive["Metrics"]}
    return found


def run_everything(patch: pytest.MonkeyPatch) -> None:
    """Start the functions on moto and give each an event for every metric."""
    created = boto3.client("dynamodb").create_table(
        TableName="schedules",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "shard", "AttributeType": "N"},
            {"AttributeName": "due", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "shard", "KeyType": "HASH"}, {"AttributeName": "due", "KeyType": "RANGE"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"},
    )["TableDescription"]
    boto3.client("s3").create_bucket(Bucket="failures")
    for name, value in {
        "DELAYER_PERIOD_SECONDS": "840",
        "FAILURE_BUCKET_NAME": "failures",
        "HORIZON_SECONDS": "315360000",
        "METRICS_NAMESPACE": NAMESPACE,
        "QUEUE_URL": boto3.client("sqs").create_queue(QueueName="delayer")["QueueUrl"],
        "SHARD_COUNT": "2",
        "STREAM_ARN": created["LatestStreamArn"],
        "TABLE_NAME": "schedules",
    }.items():
        patch.setenv(name, value)
    for package in FUNCTIONS:
        patch.delitem(sys.modules, f"{package}.main", raising=False)
    _, _, post, fast_track, sweep = (
        importlib.import_module(f"{package}.main").handler for package in sorted(FUNCTIONS)
    )
    calls = Calls(patch)
    now = time.time()
    context = lambda_context(cast("Clock", time.time), 60)

    request = http_event(body_text(utc(int(now) + 300)), {"idempotency-key": "once"})
    assert [post(request, context)["statusCode"] for _ in range(2)] == [201, 201]
    assert post(http_event("no JSON"), context)["statusCode"] == 400
    calls.fail("PutItem", client_error("ThrottlingException"))
    with calls.watching():
        assert post(http_event(body_text(utc(int(now) + 300))), context)["statusCode"] == 503
    sweep({"worker": 0, "workers": 1}, context)

    stream = StreamRecords()
    due = [Schedule(0, due_key(int(now) + seconds, "n"), "{}") for seconds in (600, -60, 86_400)]
    records = [stream.insert(due[0], now), *(stream.remove(schedule, now) for schedule in due)]
    corrupt = stream.remove(due[0], now)
    del corrupt["dynamodb"]["OldImage"]
    calls.fail("BatchWriteItem", client_error("AccessDeniedException", 400))
    with calls.watching():
        assert fast_track({"Records": [*records, corrupt]}, context) == {"batchItemFailures": []}


@pytest.fixture(params=READINGS, ids=str)
def reading(request: pytest.FixtureRequest) -> Reading:
    """Return each interpretation of CloudWatch's user guide in turn."""
    return cast("Reading", request.param)


@pytest.fixture(scope="session", params=[name for name in environments() if name != "local"])
def environment(request: pytest.FixtureRequest) -> str:
    """Return each environment on AWS in turn: the local one has no alarms."""
    return str(request.param)


def alarms(plan: Any) -> dict[str, dict[str, Any]]:
    """Return the planned alarms by their names without the environment's."""
    found = of_type(plan, "aws_cloudwatch_metric_alarm")
    return {re.findall(r'\["(.+)"\]$', address)[0]: planned for address, planned in found.items()}


def alarm_metrics(plan: Any) -> Iterator[tuple[str, Metric]]:
    """Yield every metric that an alarm uses, with the alarm's name."""
    for name, alarm in alarms(plan).items():
        if alarm["metric_name"]:
            yield name, (alarm["namespace"], alarm["metric_name"], alarm.get("dimensions") or {})
        for query in alarm["metric_query"]:
            for metric in query["metric"]:
                yield name, (metric["namespace"], metric["metric_name"], metric.get("dimensions") or {})


def dashboard_metrics(plan: Any) -> Iterator[tuple[str, Metric]]:
    """Yield every metric on the dashboard, with its widget's title."""
    for widget in dashboard(plan):
        for namespace, metric, dimension, value, _ in widget["properties"]["metrics"]:
            yield widget["properties"]["title"], (namespace, metric, {dimension: value})


def dashboard(plan: Any) -> list[dict[str, Any]]:
    """Return the widgets of the dashboard."""
    body = values(plan, "module.monitoring.aws_cloudwatch_dashboard.this")["dashboard_body"]
    return list(json.loads(body)["widgets"])


def looked_at(plan: Any) -> list[tuple[str, Metric]]:
    """Return every metric that is used, and by what."""
    return [*alarm_metrics(plan), *dashboard_metrics(plan)]


def names(plan: Any) -> dict[str, set[str]]:
    """Return the planned values of each dimension that are known before an apply."""
    return {
        "FunctionName": {found["function_name"] for found in of_type(plan, "aws_lambda_function").values()},
        "QueueName": {found["name"] for found in of_type(plan, "aws_sqs_queue").values()},
        "TableName": {found["name"] for found in of_type(plan, "aws_dynamodb_table").values()},
    }


def test_metrics_of_the_functions_are_printed_by_them(
    plan: Any, environment: str, emitted: set[tuple[str, str, str]]
) -> None:
    """The run printed each under its service; alarms, dashboard and functions have the same namespace."""
    passed = "local.metrics_namespace"
    for package in {package for package, name in FUNCTIONS.items() if name in {by for _, _, by in emitted}}:
        assert passed in references(call(plan, package)["environment_variables"])
    assert references(call(plan, "monitoring")["metrics_namespace"]) == [passed]
    own = [(by, metric) for by, metric in looked_at(plan) if not metric[0].startswith("AWS/")]
    assert own
    for by, (namespace, metric, dimensions) in own:
        assert namespace == f"delayer-{environment}", by
        assert set(dimensions) == {"service"}, by
        assert (NAMESPACE, metric, dimensions["service"]) in emitted, by


def test_other_metrics_are_published_by_aws(plan: Any) -> None:
    """AWS documents each with exactly this dimension, and the dimension names a planned resource."""
    known = names(plan)
    for by, (namespace, metric, dimensions) in looked_at(plan):
        if not namespace.startswith("AWS/"):
            continue
        # These two values are known only after an apply, so they are not in the plan.
        after_apply = {"5xx": "ApiId", "OnFailureDestinationDeliveredEventCount": "EventSourceMappingUUID"}
        (dimension,) = dimensions or {after_apply[metric]: ""}
        assert (namespace, metric, dimension) in MEASURED_BY_AWS, by
        if dimension in known:
            assert dimensions[dimension] in known[dimension], by


def test_calculated_cost_counts_each_metric_and_alarm(plan: Any, emitted: set[tuple[str, str, str]]) -> None:
    """`make capacity` pays for every metric that the functions write, and for every metric that an alarm watches."""
    assert len(emitted) == METRICS
    assert len(list(alarm_metrics(plan))) == ALARM_METRICS


def test_each_alarm_watches_its_resource(plan: Any, environment: str) -> None:
    """The dead-letter alarm watches the dead-letter queue, and a function's alarms watch that function."""
    found = {name: metric[2] for name, metric in alarm_metrics(plan) if name in alarms(plan)}
    prefix = f"delayer-{environment}"
    assert found["dead-letters"] == {"QueueName": f"{prefix}-delayer-dead-letter"}
    for name, plain in (
        ("stream-behind", "stream-dynamodb-fasttrack_enqueuer"), ("records-lost", "stream-dynamodb-fasttrack_enqueuer"),
        ("fast-track-errors", "stream-dynamodb-fasttrack_enqueuer"), ("sweep-failed", "task-1minute-enqueuer"),
        ("post-errors", "api-schedule-post"),
    ):  # fmt: skip
        assert found[name] == {"FunctionName": f"{prefix}-{plain}"}


def test_ids_known_after_apply_come_from_their_resources(plan: Any) -> None:
    """The API's id comes from the API's module, and the mapping's UUID from the mapping."""
    given = call(plan, "monitoring")
    assert references(given["api_id"])[0] == "module.http_api.api.id"
    assert references(given["stream_mapping_uuid"])[0] == "aws_lambda_event_source_mapping.stream.uuid"


def test_mapping_publishes_the_metric_of_records_discarded(make_plan: MakePlan) -> None:
    """A mapping counts records for its failure destination only if its metrics_config requests it."""
    mapping = values(make_plan("prod"), "aws_lambda_event_source_mapping.stream")
    assert mapping["metrics_config"] == [{"metrics": ["EventCount"]}]


def test_expression_uses_only_queries_of_its_alarm(plan: Any) -> None:
    """One expression is compared, and every name in an expression is another query."""
    found = {name: alarm["metric_query"] for name, alarm in alarms(plan).items() if alarm["metric_query"]}
    assert {"functions-throttled", "no-sweep", "swept-not-enqueued"} < set(found)
    for queries in found.values():
        ids = {query["id"] for query in queries}
        assert [query["id"] for query in queries if query["return_data"]] == ["alarm"]
        for query in queries:
            words = set(re.findall(r"\b[a-z]\w*", query["expression"] or ""))
            assert words <= ids - {query["id"]}


def test_every_query_is_used(plan: Any) -> None:
    """Every query is in an expression, or an expression takes all metrics at once."""
    for alarm in alarms(plan).values():
        text = " ".join(query["expression"] or "" for query in alarm["metric_query"])
        for query in alarm["metric_query"]:
            assert query["id"] == "alarm" or "METRICS()" in text or re.search(rf"\b{query['id']}\b", text)


def test_missing_values_do_not_alarm(plan: Any) -> None:
    """A new alarm has only missing values, and most metrics are missing while nothing happens."""
    missing = {name: alarm["treat_missing_data"] for name, alarm in alarms(plan).items()}
    assert {name for name, treated in missing.items() if treated == "ignore"} == {"no-sweep"}
    assert set(missing.values()) == {"ignore", "notBreaching"}


def test_alarms_are_created_after_the_rules(plan: Any) -> None:
    """The rules, their targets and the permission to call the sweep exist before the first alarm."""
    assert delayer(plan)["module_calls"]["monitoring"]["depends_on"] == ["module.minute_schedule"]


class TestNoSweep:
    """The alarm for sweeps that stop, evaluated over minutes that each have so many sweeps."""

    @pytest.fixture
    def alarm(self, make_plan: MakePlan) -> dict[str, Any]:
        """Return the alarm of prod."""
        alarm = alarms(make_plan("prod"))["no-sweep"]
        assert (alarm["threshold"], alarm["comparison_operator"]) == (2, "LessThanThreshold")
        return alarm

    @staticmethod
    def sweeps(*counts: int) -> dict[str, list[float | None]]:
        """Return the metric that every sweep writes once; a minute without a sweep has no value."""
        return {"SweepsCutShort": [count or None for count in counts]}

    @pytest.mark.parametrize("first", range(1, 6))
    def test_first_apply(self, alarm: dict[str, Any], reading: Reading, first: int) -> None:
        """A new alarm without a value does not fire, however soon the first sweeps come."""
        found = states(alarm, self.sweeps(*[0] * first, *[2] * 9), reading)
        assert "ALARM" not in found
        assert found[0] == "unknown"
        assert found[-1] == "OK"

    def test_first_sweeps_in_part(self, alarm: dict[str, Any], reading: Reading) -> None:
        """The first minute may have only one of two workers."""
        assert "ALARM" not in states(alarm, self.sweeps(0, 1, 2, 2, 2, 2, 2), reading)

    def test_stopped(self, alarm: dict[str, Any], reading: Reading) -> None:
        """It fires four minutes after the last sweep, until sweeps return."""
        found = states(alarm, self.sweeps(*[2] * 9, *[0] * 90, *[2] * 9), reading)
        assert found[8] == "OK"
        assert set(found[12:99]) == {"ALARM"}
        assert found[-1] == "OK"

    def test_missing_worker(self, alarm: dict[str, Any], reading: Reading) -> None:
        """A worker whose sweeps never end fires the alarm, because its shards are not swept."""
        found = states(alarm, self.sweeps(*[2] * 9, *[1] * 90, *[2] * 9), reading)
        assert set(found[12:99]) == {"ALARM"}
        assert found[-1] == "OK"

    @pytest.mark.parametrize("pattern", [(2, 2, 0, 4), (2, 0, 4), (3, 1), (4, 0)])
    def test_ticks_around_whole_minutes(
        self, alarm: dict[str, Any], reading: Reading, pattern: tuple[int, ...]
    ) -> None:
        """A minute's rule may tick twice in one minute and not in the next."""
        assert "ALARM" not in states(alarm, self.sweeps(2, 2, *pattern * 20), reading)

    def test_resumed(self, alarm: dict[str, Any], reading: Reading) -> None:
        """After a pause the alarm starts as OK, because the values from before the pause are too old."""
        series = self.sweeps(*[2] * 9, *[0] * 10, *[2] * 9)
        assert set(states(alarm, series, reading, start=18, state="OK")) == {"OK"}

    def test_more_workers(self, alarm: dict[str, Any], reading: Reading) -> None:
        """Minutes before a worker was added had one sweep less and do not count."""
        series = self.sweeps(*[1] * 9, *[2] * 9)
        assert set(states(alarm, series, reading, start=8, state="OK")) == {"OK"}


def test_paused_sweep_does_not_alarm(unusual: Any) -> None:
    """With sweep_paused no number of sweeps, and no absence of them, is an alarm."""
    alarm = alarms(unusual)["no-sweep"]
    assert alarm["treat_missing_data"] == "notBreaching"
    assert alarm["comparison_operator"] == "LessThanThreshold"
    assert alarm["threshold"] == 0
    assert "paused" in alarm["alarm_description"]
    series: dict[str, list[float | None]] = {"SweepsCutShort": [12.0] * 9 + [None] * 90}
    for reading in READINGS:
        assert set(states(alarm, series, reading, start=9, state="ALARM")) == {"OK"}


class TestSparseMetrics:
    """Alarms that need several minutes, on metrics that are missing while nothing happens."""

    @staticmethod
    def several_minutes(plan: Any) -> dict[str, dict[str, Any]]:
        """Return the alarms of this kind, except the two on sweeps, whose metrics have a value every minute."""
        return {
            name: alarm
            for name, alarm in alarms(plan).items()
            if alarm["datapoints_to_alarm"] > 1 and name not in ("no-sweep", "sweep-cut-short", "swept-not-enqueued")
        }

    @staticmethod
    def series(alarm: dict[str, Any], *values: float | None) -> dict[str, list[float | None]]:
        """The alarm's metrics, all with these values."""
        names = [query["metric"][0]["metric_name"] for query in alarm["metric_query"] if query["metric"]]
        return {name: list(values) for name in names or [alarm["metric_name"]]}

    def test_all_are_known(self, plan: Any) -> None:
        """These tests cover every alarm of this kind."""
        assert set(self.several_minutes(plan)) == {
            "api-errors", "fast-track-errors", "functions-throttled", "posts-throttled", "reads-throttled",
            "stream-behind", "writes-throttled",
        }  # fmt: skip

    def test_burst(self, plan: Any, reading: Reading) -> None:
        """A burst fires, and the alarm ends after its evaluation periods, although no value follows."""
        for name, alarm in self.several_minutes(plan).items():
            needed, periods = alarm["datapoints_to_alarm"], alarm["evaluation_periods"]
            found = states(alarm, self.series(alarm, *[None] * 9, *[1e6] * periods, *[None] * 20), reading)
            assert found[8 + needed + reading.late_minutes] == "ALARM", name
            over = 9 + periods + (periods - needed) + reading.late_minutes
            assert set(found[over:]) == {"OK"}, name

    def test_far_apart(self, plan: Any, reading: Reading) -> None:
        """Enough breaching minutes, but over more than the evaluation periods, do not fire."""
        for name, alarm in self.several_minutes(plan).items():
            gap = [None] * (alarm["evaluation_periods"] // (alarm["datapoints_to_alarm"] - 1))
            found = states(alarm, self.series(alarm, *[None] * 9, *[1e6, *gap] * 9), reading)
            assert "ALARM" not in found, name


class TestSweptNotEnqueued:
    """The alarm for a fast track that does not run, evaluated over minutes of sweeps and sends."""

    @pytest.fixture
    def alarm(self, make_plan: MakePlan) -> dict[str, Any]:
        """Return the alarm of prod."""
        return alarms(make_plan("prod"))["swept-not-enqueued"]

    @staticmethod
    def series(swept: list[float | None], **counted: list[float | None]) -> dict[str, list[float | None]]:
        """The metrics of the sweep and the fast track; the latter are missing unless given."""
        names = ("enqueued", "failed", "cancelled")
        others = {f"Schedules{name.title()}": counted.get(name, [None] * len(swept)) for name in names}
        return {"SchedulesSwept": swept, **others}

    @pytest.mark.parametrize("counted", ["enqueued", "failed", "cancelled"])
    def test_sends_in_the_next_minute(self, alarm: dict[str, Any], reading: Reading, counted: str) -> None:
        """The records of a sweep that always ends at second 59 are handled in the next minute each time."""
        swept: list[float | None] = [0, 0, 7, 0] * 30
        found = states(alarm, self.series(swept, **{counted: [None, *((n or None) for n in swept[:-1])]}), reading)
        assert set(found[5:]) == {"OK"}

    def test_busy(self, alarm: dict[str, Any], reading: Reading) -> None:
        """With sweeps every minute, the sends of a minute are of its own sweep or of the one before."""
        swept: list[float | None] = [7] * 120
        for delay in (0, 1):
            series = self.series(swept, enqueued=[*[None] * delay, *swept[delay:]])
            assert set(states(alarm, series, reading)[5:]) == {"OK"}

    def test_dead(self, alarm: dict[str, Any], reading: Reading) -> None:
        """The alarm fires within five minutes after the fast track stops, and ends at most an hour after it returns."""
        swept: list[float | None] = [7] * 300
        enqueued: list[float | None] = [*[7] * 100, *[None] * 100, *[7] * 100]
        found = states(alarm, self.series(swept, enqueued=enqueued), reading)
        assert set(found[5:100]) == {"OK"}
        assert set(found[104:200]) == {"ALARM"}
        assert found[-30:] == ["OK"] * 30

    @pytest.mark.parametrize(("period", "fires"), [(1, True), (20, True), (60, False)])
    def test_dead_with_little_traffic(
        self, alarm: dict[str, Any], reading: Reading, *, period: int, fires: bool
    ) -> None:
        """A few schedules are enough if three are swept within an hour."""
        swept: list[float | None] = [*[0] * (period - 1), 1] * (200 // period)
        assert ("ALARM" in states(alarm, self.series(swept), reading)) is fires

    def test_little_traffic(self, alarm: dict[str, Any], reading: Reading) -> None:
        """Records that are sent in the same or the next minute do not fire, nor do minutes without a sweep."""
        swept: list[float | None] = [*[0] * 9, 1, None, 0, 0, 1, None, 2] * 20
        for delay in (0, 1):
            sent = [n or None for n in swept]
            series = self.series(swept, enqueued=[*[None] * delay, *sent[: len(sent) - delay]])
            assert set(states(alarm, series, reading)[5:]) == {"OK"}

    def test_nothing_swept(self, alarm: dict[str, Any], reading: Reading) -> None:
        """Paused sweeps do not fire the alarm."""
        assert set(states(alarm, self.series([None] * 90), reading)) == {"OK"}


class TestNearMost:
    """The alarms of a table with provisioned capacity, evaluated over minutes of consumption."""

    @pytest.fixture
    def provisioned(self, make_plan: MakePlan) -> Any:
        """Return the plan of prod with provisioned capacity."""
        return make_plan("prod", table_capacity=json.dumps(CAPACITY))

    @staticmethod
    def found(provisioned: Any, kind: str, percent: float | None, minutes: int, reading: Reading) -> list[str]:
        """Return the states of a kind's alarm while so much of the most capacity is used for so many minutes."""
        alarm = alarms(provisioned)[f"{kind}s-near-most"]
        used = percent and percent / 100 * CAPACITY[kind]["most"] * 60
        values = [0.0] * 20 + [used] * minutes + [0.0] * 20
        return states(alarm, {alarm["metric_name"]: values}, reading, start=19, state="OK")

    def test_metrics_and_dimension(self, provisioned: Any) -> None:
        """Each watches what its kind of request consumes of the planned table, in units a minute."""
        metrics = {name: metric for name, metric in alarm_metrics(provisioned) if name.endswith("-near-most")}
        table = {"TableName": "delayer-prod-schedules"}
        assert metrics == {
            "reads-near-most": ("AWS/DynamoDB", "ConsumedReadCapacityUnits", table),
            "writes-near-most": ("AWS/DynamoDB", "ConsumedWriteCapacityUnits", table),
        }
        for name, (namespace, metric, dimensions) in metrics.items():
            assert (namespace, metric, *dimensions) in MEASURED_BY_AWS
            assert (alarms(provisioned)[name]["statistic"], alarms(provisioned)[name]["period"]) == ("Sum", 60)

    @pytest.mark.parametrize("kind", ["read", "write"])
    def test_consumption_near_the_most_fires_after_ten_minutes(
        self, provisioned: Any, reading: Reading, kind: str
    ) -> None:
        """It ends when less was used for long enough."""
        found = self.found(provisioned, kind, 95, 60, reading)
        assert "ALARM" not in found[:10]
        assert set(found[12:61]) == {"ALARM"}
        assert found[-1] == "OK"

    @pytest.mark.parametrize("kind", ["read", "write"])
    @pytest.mark.parametrize(("percent", "minutes"), [(100, 9), (89, 60), (None, 60)])
    def test_burst_and_reserve_do_not_fire(
        self, provisioned: Any, reading: Reading, kind: str, *, percent: float | None, minutes: int
    ) -> None:
        """A burst of nine minutes, a steady use that leaves a tenth, and a table that nobody uses."""
        assert set(self.found(provisioned, kind, percent, minutes, reading)) == {"OK"}

    def test_table_on_demand_has_neither(self, plan: Any) -> None:
        """It has no most."""
        assert not [name for name in alarms(plan) if name.endswith("-near-most")]


def test_late_threshold_is_over_the_lateness_of_accepted_posts(plan: Any) -> None:
    """The latest accepted pointInTime, stored as slowly as the function may, does not alarm."""
    timeout = values(plan, "module.api_schedule_post.aws_lambda_function.this")["timeout"]
    alarm = alarms(plan)["late"]
    assert alarm["threshold"] >= MAX_PAST_SECONDS + timeout
    assert (alarm["statistic"], alarm["comparison_operator"]) == ("Maximum", "GreaterThanThreshold")


def test_without_a_topic_alarms_have_no_actions(plan: Any) -> None:
    """The topic is optional, and no environment sets one."""
    for alarm in alarms(plan).values():
        assert not alarm["alarm_actions"]
        assert not alarm["ok_actions"]


def test_alarms_notify_the_topic_at_begin_and_end(make_plan: MakePlan) -> None:
    """With alarm_topic_arn, it is each alarm's only action."""
    found = alarms(make_plan("prod", alarm_topic_arn=json.dumps(TOPIC)))
    assert found
    for alarm in found.values():
        assert (alarm["alarm_actions"], alarm["ok_actions"]) == ([TOPIC], [TOPIC])
        assert alarm["actions_enabled"] is True


@pytest.mark.parametrize("arn", ["on-call", TOPIC.replace("eu-west-1", "us-east-1"), TOPIC + ".fifo"])
def test_topic_that_alarms_can_not_notify_is_refused(make_plan: MakePlan, arn: str) -> None:
    """A name, another region's topic and a FIFO topic are refused with a sentence."""
    with pytest.raises(TerraformTestError) as refused:
        make_plan("prod", alarm_topic_arn=json.dumps(arn))
    said = " ".join(re.sub(r"\x1b\[\d+m|│", " ", refused.value.cmd_error).split())
    assert "The alarm topic must be the ARN of a standard SNS topic in the environment's region" in said


def test_alarm_has_a_name_a_meaning_and_a_runbook_section(plan: Any, environment: str) -> None:
    """The description is a sentence, followed by the section of the runbook, which exists."""
    sections = re.findall(r"^### (\S+)$", RUNBOOK.read_text(), re.MULTILINE)
    for name, alarm in alarms(plan).items():
        assert alarm["alarm_name"] == f"delayer-{environment}-{name}"
        sentence, _, reference = alarm["alarm_description"].partition(" See ")
        assert len(sentence) > 20
        assert sentence.endswith(".")
        assert reference == f"{RUNBOOK}#{name}"
        assert sections.count(name) == 1


def test_runbook_sections_are_the_alarms(make_plan: MakePlan) -> None:
    """The third-level headings of the runbook are the names of prod's alarms, if it has provisioned capacity."""
    plan = make_plan("prod", table_capacity=json.dumps(CAPACITY))
    assert set(re.findall(r"^### (\S+)$", RUNBOOK.read_text(), re.MULTILINE)) == set(alarms(plan))


def test_first_row_of_the_dashboard_shows_late_lost_and_stuck(plan: Any) -> None:
    """Lead and lateness are beside them."""
    first = [widget for widget in dashboard(plan) if widget["y"] == 0]
    assert [widget["properties"]["title"].split("?")[0] for widget in first[:3]] == ["Late", "Lost", "Stuck"]
    shown = {metric[1] for metric in first[3]["properties"]["metrics"]}
    assert shown == {"Lead", "Lateness"}


def test_local_environment_has_the_dashboard_and_no_alarms(make_plan: MakePlan) -> None:
    """The embedded AWS would change alarms and mapping metrics in every plan, so local has neither."""
    plan = make_plan("local")
    assert not alarms(plan)
    assert not values(plan, "aws_lambda_event_source_mapping.stream")["metrics_config"]
    assert {widget["properties"]["region"] for widget in dashboard(plan)} == {"us-east-1"}


def test_dashboard_shows_its_region_and_widgets_do_not_overlap(plan: Any) -> None:
    """The widgets of each row stand side by side over the whole width."""
    widgets = dashboard(plan)
    assert {widget["properties"]["region"] for widget in widgets} == {"eu-west-1"}
    for y in {widget["y"] for widget in widgets}:
        row = sorted((widget["x"], widget["width"]) for widget in widgets if widget["y"] == y)
        assert [x for x, _ in row] == [sum(width for _, width in row[:position]) for position in range(len(row))]
        assert sum(width for _, width in row) == 24


def test_monitoring_has_no_data_source(plan: Any) -> None:
    """The module is called with depends_on, which would make the values of a data source unknown in a plan."""
    module = delayer(plan)["module_calls"]["monitoring"]["module"]
    assert {resource["mode"] for resource in module["resources"]} == {"managed"}
    assert expressions(plan, 'module.monitoring.aws_cloudwatch_metric_alarm.metric["late"]')
