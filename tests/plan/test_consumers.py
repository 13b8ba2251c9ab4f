"""The consumers in examples/: each is planned beside the delayer, with no more permissions than it needs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from tools.deploy.plan import NO_CREDENTIALS
from tools.project import CONFIGURATION, ROOT
from tools.terraform import LOCAL_STATE, Workspace, process_variables

QUEUE = "arn:aws:sqs:eu-west-1:111122223333:delayer-dev-delayer"

type Plan = Callable[..., Any]


@pytest.fixture(scope="module")
def plan_example(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Return a function that plans an example, without an AWS account."""

    def plan(name: str, **variables: str) -> Any:
        root = shutil.copytree(ROOT / "examples" / name, tmp_path_factory.mktemp("example") / name)
        shutil.copy(CONFIGURATION / ".terraform.lock.hcl", root)
        (root / "consumer.zip").write_bytes(b"a plan only reads the hash")
        (root / "local_override.tf").write_text(LOCAL_STATE)
        added = {f"TF_VAR_{variable}": value for variable, value in variables.items()}
        process = process_variables({**NO_CREDENTIALS, "AWS_REGION": "eu-west-1", **added}, is_on_aws=False)
        workspace = Workspace("dev", root, (), process)
        workspace.init()
        workspace.read("plan", "-input=false", "-out=plan")
        return workspace.read_json("show", "-json", "plan")

    return plan


def planned(plan: Any, resource_type: str) -> dict[str, dict[str, Any]]:
    """Return the planned values of the resources of a type, by name."""
    found = [change for change in plan["resource_changes"] if change["type"] == resource_type]
    return {change["name"]: change["change"]["after"] for change in found}


@pytest.fixture(scope="module")
def consumer(plan_example: Plan) -> Any:
    """Return the plan of examples/lambda-consumer."""
    return plan_example("lambda-consumer", delayer_queue_arn=QUEUE)


@pytest.fixture(scope="module")
def bus(plan_example: Plan) -> Any:
    """Return the plan of examples/event-bus."""
    return plan_example("event-bus", delayer_queue_arn=QUEUE, api_key="secret")


def test_lambda_consumer_brings_only_failed_messages_again(consumer: Any) -> None:
    """Its mapping reads the delayer's queue and takes partial answers."""
    mapping = planned(consumer, "aws_lambda_event_source_mapping")["queue"]
    assert mapping["event_source_arn"] == QUEUE
    assert mapping["function_response_types"] == ["ReportBatchItemFailures"]


def test_lambda_consumer_takes_a_sixth_of_the_visibility_timeout(consumer: Any, make_plan: Any) -> None:
    """AWS recommends six times the function's timeout (AWS Lambda developer guide, "Using Lambda with Amazon SQS")."""
    queues = [
        change["change"]["after"]
        for change in make_plan("dev").resource_changes.values()
        if change["type"] == "aws_sqs_queue" and change["name"] == "delayer"
    ]
    timeout = planned(consumer, "aws_lambda_function")["consumer"]["timeout"]
    assert [queue["visibility_timeout_seconds"] for queue in queues] == [6 * timeout]


def test_lambda_consumer_forgets_ids_by_itself(consumer: Any) -> None:
    """The table of schedules that are done has an expiry."""
    table = planned(consumer, "aws_dynamodb_table")["done"]
    assert (table["hash_key"], table["ttl"]) == ("id", [{"attribute_name": "expiration", "enabled": True}])


def test_event_bus_gets_the_messages_of_the_queue(bus: Any) -> None:
    """The pipe has the queue as its source, and the body of a message as the event's detail."""
    pipe = planned(bus, "aws_pipes_pipe")["queue"]
    assert pipe["source"] == QUEUE
    assert pipe["target_parameters"][0]["input_template"] == "<$.body>"


@pytest.mark.parametrize("example", ["consumer", "bus"])
def test_consumer_may_do_nothing_but_consume(example: str, request: pytest.FixtureRequest) -> None:
    """On the delayer's queue: receive, delete, read attributes; no statement has a star."""
    plan = request.getfixturevalue(example)
    consuming = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
    statements = [
        statement
        for document in planned(plan, "aws_iam_policy_document").values()
        for statement in document["statement"]
    ]
    on_queue = [set(each["actions"]) for each in statements if QUEUE in (each["resources"] or [])]
    assert on_queue == [consuming]
    assert not any("*" in each["actions"] or each["resources"] == ["*"] for each in statements)
