"""The functions: their code, their triggers and their settings."""

from __future__ import annotations

import dataclasses
import importlib
import json
from pathlib import Path
from typing import Any

import pytest

import api_schedule_post.settings
from delayer.retries import RESERVE_SECONDS
from tests.plan.planned import FUNCTIONS, call, delayer, expressions, of_type, references, values

MAPPING = "aws_lambda_event_source_mapping.stream"


@pytest.fixture(params=sorted(FUNCTIONS))
def package(request: pytest.FixtureRequest) -> str:
    """Return each function's package in turn."""
    return str(request.param)


def function(plan: Any, package: str) -> dict[str, Any]:
    """Return the planned values of a function."""
    return values(plan, f"module.{package}.aws_lambda_function.this")


def test_functions_are_named_for_the_environment(plan: Any, environment: str) -> None:
    """Each function's name starts with its environment's, so that one account can have several environments."""
    names = {found["function_name"] for found in of_type(plan, "aws_lambda_function").values()}
    assert names == {f"delayer-{environment}-{plain}" for plain in FUNCTIONS.values()}


def test_function_runs_its_package_on_python_3_13_and_arm64(plan: Any, package: str) -> None:
    """The zip has the name of the function, and the runtime is the one that its bytecode was compiled for."""
    found = function(plan, package)
    assert found["filename"] == f"./../build/dist/{FUNCTIONS[package]}.zip"
    assert found["source_code_hash"]
    assert (found["runtime"], found["architectures"]) == ("python3.13", ["arm64"])


def test_handler_is_in_the_package(plan: Any, package: str) -> None:
    """The handler names a module of src/<package>/ that defines `handler`."""
    module, attribute = function(plan, package)["handler"].rsplit(".", 1)
    source = Path("src", *module.split(".")).with_suffix(".py").read_text()
    assert module.split(".")[0] == package
    assert f"\n{attribute} = " in source


def test_timeout_leaves_time_after_the_reserve(plan: Any) -> None:
    """Sweep and fast track stop before Lambda's timeout, and the sweep's timeout is under a minute."""
    sweep = function(plan, "task_1minute_enqueuer")["timeout"]
    fast_track = function(plan, "stream_dynamodb_fasttrack_enqueuer")["timeout"]
    assert 3 * RESERVE_SECONDS < sweep < 60
    assert fast_track > 3 * RESERVE_SECONDS


@pytest.mark.parametrize("package", ["api_schedule_delete", "api_schedule_get", "api_schedule_post"])
def test_function_with_a_route_times_out_before_the_gateway(plan: Any, package: str) -> None:
    """An HTTP API waits 30 s for its integration (API Gateway quotas), so a slow table still gives our 503."""
    assert 2 * RESERVE_SECONDS < function(plan, package)["timeout"] < 30


def test_logs_are_json_in_a_declared_group(plan: Any, environment: str, package: str) -> None:
    """The function never creates its log group, so the declared retention applies."""
    kept = {"local": 1, "dev": 7, "staging": 14, "prod": 90}[environment]
    group = values(plan, f"module.{package}.aws_cloudwatch_log_group.this")
    assert group["retention_in_days"] == kept
    (logging,) = function(plan, package)["logging_config"]
    assert logging["log_format"] == "JSON"
    assert (logging["application_log_level"], logging["system_log_level"]) == (None, "WARN")
    assert logging["log_group"] == group["name"] == f"/aws/lambda/{function(plan, package)['function_name']}"


def test_reserved_concurrency_is_set_by_its_variable(plan: Any, unusual: Any) -> None:
    """No environment reserves any; the variable reserves it for a function by plain name."""
    reserved = {package: function(unusual, package)["reserved_concurrent_executions"] for package in FUNCTIONS}
    assert reserved == {
        "api_schedule_delete": 5, "api_schedule_get": 6, "api_schedule_post": 7,
        "task_1minute_enqueuer": 12, "stream_dynamodb_fasttrack_enqueuer": 9,
    }  # fmt: skip
    for package in FUNCTIONS:
        assert function(plan, package)["reserved_concurrent_executions"] in (None, -1)


def test_stream_mapping_reads_inserts_and_removals_from_the_oldest(plan: Any) -> None:
    """A removal is the only copy of a schedule that was handed over, so none is skipped."""
    mapping = values(plan, MAPPING)
    assert mapping["starting_position"] == "TRIM_HORIZON"
    (criteria,) = mapping["filter_criteria"]
    (filtered,) = criteria["filter"]
    assert json.loads(filtered["pattern"]) == {"eventName": ["INSERT", "REMOVE"]}
    assert mapping["enabled"] in (None, True)


def test_stream_mapping_retries_until_the_bucket_has_the_record(plan: Any) -> None:
    """Partial answers, bisected batches, whole records kept; only age ends the retries, under a stream's 24 h."""
    mapping = values(plan, MAPPING)
    assert mapping["function_response_types"] == ["ReportBatchItemFailures"]
    assert mapping["bisect_batch_on_function_error"] is True
    assert mapping["maximum_retry_attempts"] == -1
    assert 12 * 3600 <= mapping["maximum_record_age_in_seconds"] < 24 * 3600
    (destination,) = expressions(plan, MAPPING)["destination_config"]
    assert references(destination["on_failure"][0]["destination_arn"])[0] == "module.failure_bucket.bucket.arn"


def test_stream_mapping_connects_the_table_and_the_fast_track(plan: Any) -> None:
    """There is one mapping, from the schedule table's stream to the one function that sends."""
    assert list(of_type(plan, "aws_lambda_event_source_mapping")) == [MAPPING]
    written = expressions(plan, MAPPING)
    assert references(written["event_source_arn"])[0] == "module.schedule_table.table.stream_arn"
    assert references(written["function_name"])[0] == "module.stream_dynamodb_fasttrack_enqueuer.function.arn"


def test_stream_mapping_has_two_lanes_in_every_environment(plan: Any) -> None:
    """Two keep up with a partition (docs/adr/0013) and leave a new account's concurrency to the other functions."""
    assert values(plan, MAPPING)["parallelization_factor"] == 2


def test_parallelization_factor_reaches_the_stream_mapping(make_plan: Any) -> None:
    """An environment may set its own, up to ten."""
    assert values(make_plan("dev", parallelization_factor="10"), MAPPING)["parallelization_factor"] == 10


def test_stream_mapping_waits_for_its_policy(plan: Any) -> None:
    """The mapping is created after its policy, so that its first reads are not refused."""
    (mapping,) = [resource for resource in delayer(plan)["resources"] if resource["address"] == MAPPING]
    assert mapping["depends_on"] == ["aws_iam_role_policy.stream_mapping"]


def test_function_is_created_after_its_policies(plan: Any, package: str) -> None:
    """Whatever calls a function waits for it, so its first execution may do and log everything."""
    (created,) = (
        resource
        for resource in delayer(plan)["module_calls"][package]["module"]["resources"]
        if resource["type"] == "aws_lambda_function"
    )
    assert set(created["depends_on"]) == {"aws_iam_role_policy.calls", "aws_iam_role_policy.logs"}


def test_sweep_runs_every_minute(plan: Any) -> None:
    """Every rule ticks once a minute and is enabled."""
    rules = of_type(plan, "aws_cloudwatch_event_rule").values()
    assert {(rule["schedule_expression"], rule["state"]) for rule in rules} == {("rate(1 minute)", "ENABLED")}
    assert references(call(plan, "minute_schedule")["function"])[0] == "module.task_1minute_enqueuer.function"


def test_paused_sweep_has_disabled_rules(unusual: Any) -> None:
    """With sweep_paused the rules exist and are disabled."""
    rules = of_type(unusual, "aws_cloudwatch_event_rule").values()
    assert [rule["state"] for rule in rules] == ["DISABLED"] * 3


def test_every_worker_has_one_target(plan: Any, unusual: Any, environment: str) -> None:
    """Each target passes the number of its worker and the number of all workers, so that no shard is left out."""
    workers = {"local": 1, "dev": 1, "staging": 2, "prod": 2}[environment]
    for made, count in ((plan, workers), (unusual, 12)):
        targets = of_type(made, "aws_cloudwatch_event_target").values()
        events = sorted((json.loads(target["input"]) for target in targets), key=lambda event: int(event["worker"]))
        assert events == [{"worker": worker, "workers": count} for worker in range(count)]


def test_rule_has_at_most_five_targets(unusual: Any) -> None:
    """Twelve workers need three rules (EventBridge quotas: targets per rule), each allowed to call the sweep."""
    rules = [target["rule"] for target in of_type(unusual, "aws_cloudwatch_event_target").values()]
    assert sorted(rules.count(rule) for rule in set(rules)) == [2, 5, 5]
    permissions = [address for address in of_type(unusual, "aws_lambda_permission") if "minute_schedule" in address]
    assert len(permissions) == 3


def test_failed_tick_is_not_retried(plan: Any) -> None:
    """Neither the rule nor the function's asynchronous queue repeats a tick: the next minute supersedes it."""
    for target in of_type(plan, "aws_cloudwatch_event_target").values():
        assert target["retry_policy"] == [{"maximum_event_age_in_seconds": 60, "maximum_retry_attempts": 0}]
    config = values(plan, "aws_lambda_function_event_invoke_config.task_1minute_enqueuer")
    assert (config["maximum_event_age_in_seconds"], config["maximum_retry_attempts"]) == (60, 0)
    assert config["function_name"] == function(plan, "task_1minute_enqueuer")["function_name"]


def test_sweep_gets_the_stream_of_the_fast_track(plan: Any) -> None:
    """The sweep deletes nothing if the table has another stream, so it must get the right one."""
    variables = references(call(plan, "task_1minute_enqueuer")["environment_variables"])
    assert "module.schedule_table.table.stream_arn" in variables
    assert references(expressions(plan, MAPPING)["event_source_arn"])[0] in variables


@pytest.mark.parametrize("package", ["api_schedule_delete", "api_schedule_get"])
def test_management_function_gets_the_settings_that_it_reads(plan: Any, package: str) -> None:
    """Its environment variables are exactly those of its settings, and the settings accept them."""
    variables = function(plan, package)["environment"][0]["variables"]
    settings = importlib.import_module(f"{package}.settings").Settings
    settings.from_environment(variables)
    assert {name.upper() for name in variables} == {field.name.upper() for field in dataclasses.fields(settings)}


def test_post_function_gets_the_settings_that_it_reads(plan: Any, environment: str) -> None:
    """Its environment variables are exactly those of its settings, and the settings accept them."""
    variables = function(plan, "api_schedule_post")["environment"][0]["variables"]
    settings = api_schedule_post.settings.Settings.from_environment(variables)
    assert set(variables) == {"HORIZON_SECONDS", "METRICS_NAMESPACE", "SHARD_COUNT", "TABLE_NAME"}
    assert settings.metrics_namespace == f"delayer-{environment}"
    assert settings.table_name == values(plan, "module.schedule_table.aws_dynamodb_table.schedules")["name"]
    assert settings.shard_count == {"local": 16, "dev": 4, "staging": 64, "prod": 64}[environment]
