"""Alarms and dashboard: each looks at a metric that exists, by its name, namespace and dimensions."""

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
from tools.project import environments

RUNBOOK = Path("docs/operations/runbook.md")
TOPIC = "arn:aws:sns:eu-west-1:123456789012:on-call"
#: What CloudWatch shows the functions' own metrics under in the run below.
NAMESPACE = "delayer-emitted"

#: What AWS measures itself, with the dimensions alarms may ask for, and where AWS says so.
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
    ("AWS/DynamoDB", "ReadThrottleEvents", "TableName"): _DYNAMODB,
    ("AWS/DynamoDB", "WriteThrottleEvents", "TableName"): _DYNAMODB,
    ("AWS/ApiGateway", "5xx", "ApiId"): _API,
}

type Metric = tuple[str, str, dict[str, str]]


@pytest.fixture(scope="module")
def emitted() -> set[tuple[str, str, str]]:
    """Namespace, name and service of every metric that the functions, started as Lambda does, print in a varied run."""
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
    """Start the three functions on moto, and let them meet what makes them count."""
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
    post, fast_track, sweep = (importlib.import_module(f"{package}.main").handler for package in sorted(FUNCTIONS))
    calls = Calls(patch)
    now = time.time()
    context = lambda_context(cast("Clock", time.time), 60)

    request = http_event(body_text(utc(int(now) + 300)), {"idempotency-key": "once"})
    assert [post(request, None)["statusCode"] for _ in range(2)] == [201, 201]
    assert post(http_event("no JSON"), None)["statusCode"] == 400
    calls.fail("PutItem", client_error("ThrottlingException"))
    with calls.watching():
        assert post(http_event(body_text(utc(int(now) + 300))), None)["statusCode"] == 503
    sweep({"worker": 0, "workers": 1}, context)

    stream = StreamRecords()
    due = [Schedule(0, due_key(int(now) + seconds, "n"), "{}") for seconds in (600, -60, 86_400)]
    records = [stream.insert(due[0], now), *(stream.remove(schedule, now) for schedule in due)]
    corrupt = stream.remove(due[0], now)
    del corrupt["dynamodb"]["OldImage"]
    assert fast_track({"Records": [*records, corrupt]}, context) == {"batchItemFailures": []}


@pytest.fixture(params=READINGS, ids=str)
def reading(request: pytest.FixtureRequest) -> Reading:
    """Each way in which CloudWatch's user guide can be read, in turn."""
    return cast("Reading", request.param)


@pytest.fixture(scope="session", params=[name for name in environments() if name != "local"])
def environment(request: pytest.FixtureRequest) -> str:
    """Each environment on AWS in turn: the embedded one gets no alarms."""
    return str(request.param)


def alarms(plan: Any) -> dict[str, dict[str, Any]]:
    """The planned alarms by their names without the environment's."""
    found = of_type(plan, "aws_cloudwatch_metric_alarm")
    return {re.findall(r'\["(.+)"\]$', address)[0]: planned for address, planned in found.items()}


def alarm_metrics(plan: Any) -> Iterator[tuple[str, Metric]]:
    """Every metric that an alarm looks at, with the alarm's name."""
    for name, alarm in alarms(plan).items():
        if alarm["metric_name"]:
            yield name, (alarm["namespace"], alarm["metric_name"], alarm.get("dimensions") or {})
        for query in alarm["metric_query"]:
            for metric in query["metric"]:
                yield name, (metric["namespace"], metric["metric_name"], metric.get("dimensions") or {})


def dashboard_metrics(plan: Any) -> Iterator[tuple[str, Metric]]:
    """Every metric that the dashboard shows, with its widget's title."""
    for widget in dashboard(plan):
        for namespace, metric, dimension, value, _ in widget["properties"]["metrics"]:
            yield widget["properties"]["title"], (namespace, metric, {dimension: value})


def dashboard(plan: Any) -> list[dict[str, Any]]:
    """The dashboard's widgets."""
    body = values(plan, "module.monitoring.aws_cloudwatch_dashboard.this")["dashboard_body"]
    return list(json.loads(body)["widgets"])


def looked_at(plan: Any) -> list[tuple[str, Metric]]:
    """Every metric that is looked at, and by what."""
    return [*alarm_metrics(plan), *dashboard_metrics(plan)]


def names(plan: Any) -> dict[str, set[str]]:
    """The planned values of each dimension that are known before an apply."""
    return {
        "FunctionName": {found["function_name"] for found in of_type(plan, "aws_lambda_function").values()},
        "QueueName": {found["name"] for found in of_type(plan, "aws_sqs_queue").values()},
        "TableName": {found["name"] for found in of_type(plan, "aws_dynamodb_table").values()},
    }


def test_the_functions_own_metrics_are_those_that_they_print(
    plan: Any, environment: str, emitted: set[tuple[str, str, str]]
) -> None:
    """Each is in what the run printed, under its service, and in the namespace that the functions are told."""
    told = "local.metrics_namespace"
    for package in FUNCTIONS:
        assert told in references(call(plan, package)["environment_variables"])
    assert references(call(plan, "monitoring")["metrics_namespace"]) == [told]
    own = [(by, metric) for by, metric in looked_at(plan) if not metric[0].startswith("AWS/")]
    assert own
    for by, (namespace, metric, dimensions) in own:
        assert namespace == f"delayer-{environment}", by
        assert set(dimensions) == {"service"}, by
        assert (NAMESPACE, metric, dimensions["service"]) in emitted, by


def test_aws_publishes_the_other_metrics(plan: Any) -> None:
    """Each of AWS's metrics is documented with just that dimension, and the dimension names a resource of the plan."""
    known = names(plan)
    for by, (namespace, metric, dimensions) in looked_at(plan):
        if not namespace.startswith("AWS/"):
            continue
        # One that is known only after apply is not in the plan: the two below.
        after_apply = {"5xx": "ApiId", "OnFailureDestinationDeliveredEventCount": "EventSourceMappingUUID"}
        (dimension,) = dimensions or {after_apply[metric]: ""}
        assert (namespace, metric, dimension) in MEASURED_BY_AWS, by
        if dimension in known:
            assert dimensions[dimension] in known[dimension], by


def test_each_alarm_looks_at_its_own_resource(plan: Any, environment: str) -> None:
    """The dead-letter alarm's queue is the dead-letter queue, and a function's alarms are that function's."""
    found = {name: metric[2] for name, metric in alarm_metrics(plan) if name in alarms(plan)}
    prefix = f"delayer-{environment}"
    assert found["dead-letters"] == {"QueueName": f"{prefix}-delayer-dead-letter"}
    for name, plain in (
        ("stream-behind", "stream-dynamodb-fasttrack_enqueuer"), ("records-lost", "stream-dynamodb-fasttrack_enqueuer"),
        ("fast-track-errors", "stream-dynamodb-fasttrack_enqueuer"), ("sweep-failed", "task-1minute-enqueuer"),
        ("post-errors", "api-schedule-post"),
    ):  # fmt: skip
        assert found[name] == {"FunctionName": f"{prefix}-{plain}"}


def test_what_is_known_only_after_apply_is_taken_from_its_resource(plan: Any) -> None:
    """The API's id is an output of the API's module, and the mapping's is the mapping's."""
    given = call(plan, "monitoring")
    assert references(given["api_id"])[0] == "module.http_api.api.id"
    assert references(given["stream_mapping_uuid"])[0] == "aws_lambda_event_source_mapping.stream.uuid"


def test_the_mapping_publishes_what_the_alarm_on_discarded_records_reads(make_plan: MakePlan) -> None:
    """A mapping counts what it gives to its failure destination only where its metrics_config asks for it."""
    mapping = values(make_plan("prod"), "aws_lambda_event_source_mapping.stream")
    assert mapping["metrics_config"] == [{"metrics": ["EventCount"]}]


def test_an_expression_is_made_of_the_metrics_beside_it(plan: Any) -> None:
    """One expression is compared, and each name in one is another query's."""
    found = {name: alarm["metric_query"] for name, alarm in alarms(plan).items() if alarm["metric_query"]}
    assert {"functions-throttled", "no-sweep", "swept-not-enqueued"} < set(found)
    for queries in found.values():
        ids = {query["id"] for query in queries}
        assert [query["id"] for query in queries if query["return_data"]] == ["alarm"]
        for query in queries:
            words = set(re.findall(r"\b[a-z]\w*", query["expression"] or ""))
            assert words <= ids - {query["id"]}


def test_every_metric_of_an_expression_counts(plan: Any) -> None:
    """No query is left over: all are in an expression, or all metrics are taken at once."""
    for alarm in alarms(plan).values():
        text = " ".join(query["expression"] or "" for query in alarm["metric_query"])
        for query in alarm["metric_query"]:
            assert query["id"] == "alarm" or "METRICS()" in text or re.search(rf"\b{query['id']}\b", text)


def test_missing_values_never_alarm_by_themselves(plan: Any) -> None:
    """A new alarm has only missing values to judge, and most metrics are missing while nothing happens."""
    missing = {name: alarm["treat_missing_data"] for name, alarm in alarms(plan).items()}
    assert {name for name, treated in missing.items() if treated == "ignore"} == {"no-sweep"}
    assert set(missing.values()) == {"ignore", "notBreaching"}


def test_the_alarm_on_sweeps_comes_after_what_calls_them(plan: Any) -> None:
    """The rules, their targets and the permission to call the sweep are made before the first alarm."""
    assert delayer(plan)["module_calls"]["monitoring"]["depends_on"] == ["module.minute_schedule"]


class TestNoSweep:
    """The alarm for sweeps that stop, evaluated over minutes that each have so many sweeps."""

    @pytest.fixture
    def alarm(self, make_plan: MakePlan) -> dict[str, Any]:
        """The alarm of prod, which has two workers."""
        alarm = alarms(make_plan("prod"))["no-sweep"]
        assert (alarm["threshold"], alarm["comparison_operator"]) == (2, "LessThanThreshold")
        return alarm

    @staticmethod
    def sweeps(*counts: int) -> dict[str, list[float | None]]:
        """The metric that every sweep counts once; a minute without a sweep has no value."""
        return {"SweepsCutShort": [count or None for count in counts]}

    @pytest.mark.parametrize("first", range(1, 6))
    def test_first_apply(self, alarm: dict[str, Any], reading: Reading, first: int) -> None:
        """A new alarm with no value yet does not fire, however soon the first sweeps come."""
        found = states(alarm, self.sweeps(*[0] * first, *[2] * 9), reading)
        assert "ALARM" not in found
        assert found[0] == "unknown"
        assert found[-1] == "OK"

    def test_first_sweeps_in_part(self, alarm: dict[str, Any], reading: Reading) -> None:
        """The first minute may see one of two workers only."""
        assert "ALARM" not in states(alarm, self.sweeps(0, 1, 2, 2, 2, 2, 2), reading)

    def test_stopped(self, alarm: dict[str, Any], reading: Reading) -> None:
        """Four minutes after the last sweep it fires, and stays until the sweeps are back."""
        found = states(alarm, self.sweeps(*[2] * 9, *[0] * 90, *[2] * 9), reading)
        assert found[8] == "OK"
        assert set(found[12:99]) == {"ALARM"}
        assert found[-1] == "OK"

    def test_a_worker_is_missing(self, alarm: dict[str, Any], reading: Reading) -> None:
        """One of two workers that never ends is as good as shards that are not swept."""
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
        """After a pause the alarm starts as OK, with the values from before the pause gone by."""
        series = self.sweeps(*[2] * 9, *[0] * 10, *[2] * 9)
        assert set(states(alarm, series, reading, start=18, state="OK")) == {"OK"}

    def test_more_workers(self, alarm: dict[str, Any], reading: Reading) -> None:
        """Minutes before a worker was added had one sweep less, and don't count."""
        series = self.sweeps(*[1] * 9, *[2] * 9)
        assert set(states(alarm, series, reading, start=8, state="OK")) == {"OK"}


def test_a_paused_sweep_is_not_missed(unusual: Any) -> None:
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
        """Those alarms but for the two on sweeps, whose metrics have a value every minute."""
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
        """A further alarm of this kind is tested here as well."""
        assert set(self.several_minutes(plan)) == {
            "api-errors", "fast-track-errors", "functions-throttled", "posts-throttled", "reads-throttled",
            "stream-behind", "writes-throttled",
        }  # fmt: skip

    def test_burst(self, plan: Any, reading: Reading) -> None:
        """A burst fires, and the alarm ends when its evaluation periods are over, though no value follows."""
        for name, alarm in self.several_minutes(plan).items():
            needed, periods = alarm["datapoints_to_alarm"], alarm["evaluation_periods"]
            found = states(alarm, self.series(alarm, *[None] * 9, *[1e6] * periods, *[None] * 20), reading)
            assert found[8 + needed + reading.late_minutes] == "ALARM", name
            over = 9 + periods + (periods - needed) + reading.late_minutes
            assert set(found[over:]) == {"OK"}, name

    def test_far_apart(self, plan: Any, reading: Reading) -> None:
        """As many minutes as are needed, but spread over more than the evaluation periods, are no alarm."""
        for name, alarm in self.several_minutes(plan).items():
            gap = [None] * (alarm["evaluation_periods"] // (alarm["datapoints_to_alarm"] - 1))
            found = states(alarm, self.series(alarm, *[None] * 9, *[1e6, *gap] * 9), reading)
            assert "ALARM" not in found, name


class TestSweptNotEnqueued:
    """The alarm for a fast track that does not run, evaluated over minutes of sweeps and sends."""

    @pytest.fixture
    def alarm(self, make_plan: MakePlan) -> dict[str, Any]:
        """The alarm of prod."""
        return alarms(make_plan("prod"))["swept-not-enqueued"]

    @staticmethod
    def series(swept: list[float | None], **counted: list[float | None]) -> dict[str, list[float | None]]:
        """The metrics of the sweep and the fast track; the latter are missing unless given."""
        names = ("enqueued", "failed", "cancelled")
        others = {f"Schedules{name.title()}": counted.get(name, [None] * len(swept)) for name in names}
        return {"SchedulesSwept": swept, **others}

    @pytest.mark.parametrize("counted", ["enqueued", "failed", "cancelled"])
    def test_sends_in_the_next_minute(self, alarm: dict[str, Any], reading: Reading, counted: str) -> None:
        """A sweep that always ends at second 59 has its records handled in the minute after, each time."""
        swept: list[float | None] = [0, 0, 7, 0] * 30
        found = states(alarm, self.series(swept, **{counted: [None, *((n or None) for n in swept[:-1])]}), reading)
        assert set(found[5:]) == {"OK"}

    def test_busy(self, alarm: dict[str, Any], reading: Reading) -> None:
        """With something to sweep every minute, this minute's sends are the last one's, or this one's."""
        swept: list[float | None] = [7] * 120
        for delay in (0, 1):
            series = self.series(swept, enqueued=[*[None] * delay, *swept[delay:]])
            assert set(states(alarm, series, reading)[5:]) == {"OK"}

    def test_dead(self, alarm: dict[str, Any], reading: Reading) -> None:
        """A fast track that stops is seen within five minutes, while it stands, and for an hour at the most after."""
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
        """A schedule now and then is enough, where three come within an hour."""
        swept: list[float | None] = [*[0] * (period - 1), 1] * (200 // period)
        assert ("ALARM" in states(alarm, self.series(swept), reading)) is fires

    def test_little_traffic(self, alarm: dict[str, Any], reading: Reading) -> None:
        """Each record sent in its minute or in the next, and minutes without a sweep, are no alarm."""
        swept: list[float | None] = [*[0] * 9, 1, None, 0, 0, 1, None, 2] * 20
        for delay in (0, 1):
            sent = [n or None for n in swept]
            series = self.series(swept, enqueued=[*[None] * delay, *sent[: len(sent) - delay]])
            assert set(states(alarm, series, reading)[5:]) == {"OK"}

    def test_nothing_swept(self, alarm: dict[str, Any], reading: Reading) -> None:
        """While sweeps are paused there is nothing to alarm of."""
        assert set(states(alarm, self.series([None] * 90), reading)) == {"OK"}


def test_late_is_later_than_a_sender_can_make_it(plan: Any) -> None:
    """What is posted as late as the API takes it, and stored as slowly as the function may, is no alarm."""
    timeout = values(plan, "module.api_schedule_post.aws_lambda_function.this")["timeout"]
    alarm = alarms(plan)["late"]
    assert alarm["threshold"] >= MAX_PAST_SECONDS + timeout
    assert (alarm["statistic"], alarm["comparison_operator"]) == ("Maximum", "GreaterThanThreshold")


def test_without_a_topic_nobody_is_told(plan: Any) -> None:
    """The topic is optional, and no environment names one."""
    for alarm in alarms(plan).values():
        assert not alarm["alarm_actions"]
        assert not alarm["ok_actions"]


def test_every_alarm_tells_the_topic_when_it_begins_and_ends(make_plan: MakePlan) -> None:
    """With alarm_topic_arn, each alarm's actions are that topic."""
    found = alarms(make_plan("prod", alarm_topic_arn=json.dumps(TOPIC)))
    assert found
    for alarm in found.values():
        assert (alarm["alarm_actions"], alarm["ok_actions"]) == ([TOPIC], [TOPIC])
        assert alarm["actions_enabled"] is True


@pytest.mark.parametrize("arn", ["on-call", TOPIC.replace("eu-west-1", "us-east-1"), TOPIC + ".fifo"])
def test_a_topic_that_an_alarm_can_not_tell_is_refused(make_plan: MakePlan, arn: str) -> None:
    """A name, another region's topic and a FIFO topic give a sentence."""
    with pytest.raises(TerraformTestError) as refused:
        make_plan("prod", alarm_topic_arn=json.dumps(arn))
    said = " ".join(re.sub(r"\x1b\[\d+m|│", " ", refused.value.cmd_error).split())
    assert "The alarm topic must be the ARN of a standard SNS topic in the environment's region" in said


def test_an_alarm_is_named_for_its_environment_and_says_what_it_means(plan: Any, environment: str) -> None:
    """The description is a sentence, and then the runbook's section for it, which is there."""
    sections = re.findall(r"^### (\S+)$", RUNBOOK.read_text(), re.MULTILINE)
    for name, alarm in alarms(plan).items():
        assert alarm["alarm_name"] == f"delayer-{environment}-{name}"
        sentence, _, reference = alarm["alarm_description"].partition(" See ")
        assert len(sentence) > 20
        assert sentence.endswith(".")
        assert reference == f"{RUNBOOK}#{name}"
        assert sections.count(name) == 1


def test_the_runbook_has_no_section_for_an_alarm_that_is_not_there(make_plan: MakePlan) -> None:
    """Each third-level heading of the runbook is an alarm of prod's."""
    assert set(re.findall(r"^### (\S+)$", RUNBOOK.read_text(), re.MULTILINE)) == set(alarms(make_plan("prod")))


def test_the_dashboards_first_row_answers_the_first_question(plan: Any) -> None:
    """Late, lost and stuck come first, with the lead and the lateness beside them."""
    first = [widget for widget in dashboard(plan) if widget["y"] == 0]
    assert [widget["properties"]["title"].split("?")[0] for widget in first[:3]] == ["Late", "Lost", "Stuck"]
    shown = {metric[1] for metric in first[3]["properties"]["metrics"]}
    assert shown == {"Lead", "Lateness"}


def test_the_embedded_aws_gets_the_dashboard_alone(make_plan: MakePlan) -> None:
    """With alarms = false and mapping_metrics = false, no plan of the local environment would change them."""
    plan = make_plan("local")
    assert not alarms(plan)
    assert not values(plan, "aws_lambda_event_source_mapping.stream")["metrics_config"]
    assert {widget["properties"]["region"] for widget in dashboard(plan)} == {"us-east-1"}


def test_the_dashboard_is_the_regions_and_no_widget_covers_another(plan: Any) -> None:
    """Every row's widgets stand side by side over the whole width."""
    widgets = dashboard(plan)
    assert {widget["properties"]["region"] for widget in widgets} == {"eu-west-1"}
    for y in {widget["y"] for widget in widgets}:
        row = sorted((widget["x"], widget["width"]) for widget in widgets if widget["y"] == y)
        assert [x for x, _ in row] == [sum(width for _, width in row[:position]) for position in range(len(row))]
        assert sum(width for _, width in row) == 24


def test_monitoring_reads_no_data_source(plan: Any) -> None:
    """What the module needs it is given, so that an offline plan has all of it."""
    module = delayer(plan)["module_calls"]["monitoring"]["module"]
    assert {resource["mode"] for resource in module["resources"]} == {"managed"}
    assert expressions(plan, 'module.monitoring.aws_cloudwatch_metric_alarm.metric["late"]')
