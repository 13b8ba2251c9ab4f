"""Each function's policy has exactly the actions that it calls, on exactly the resources that it calls them on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.plan.planned import FUNCTIONS, WITHOUT_RESOURCE, call, expressions, of_type, references, statements, values
from tests.support.permissions import CALLS

#: The calls of Lambda for the stream mapping with the fast track's role (AWS Lambda developer guide, "Using AWS Lambda
#: with Amazon DynamoDB", execution role permissions; for an S3 destination, "Retain discarded records").
MAPPING = [
    (["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
     "module.schedule_table.table.stream_arn"),
    (["dynamodb:ListStreams"], "*"),
    (["s3:ListBucket"], "module.failure_bucket.bucket.arn"),
    (["s3:PutObject"], "module.failure_bucket.bucket.arn"),
]  # fmt: skip


def allowed(plan: Any) -> list[dict[str, Any]]:
    """Return every statement of the plan that allows something to a role."""
    return [
        statement
        for address in of_type(plan, "aws_iam_policy_document")
        for statement in statements(plan, address.removesuffix("[0]"))
        if statement["effect"] == "Allow"
    ]


@pytest.mark.parametrize("package", sorted(CALLS))
def test_function_may_make_exactly_its_calls(plan: Any, package: str) -> None:
    """Each statement has one action on one resource, with its conditions."""
    found = statements(plan, f"data.aws_iam_policy_document.{package}")
    assert [(s["effect"], s["actions"], s["refers_to"][0], s["conditions"]) for s in found] == [
        ("Allow", [action], resource, conditions) for action, resource, conditions in CALLS[package]
    ]


def test_mapping_policy_has_exactly_the_needs_of_the_platform(plan: Any) -> None:
    """Lambda reads the stream and keeps discarded records, apart from the calls of the function."""
    found = statements(plan, "data.aws_iam_policy_document.stream_mapping")
    assert [(s["actions"], (s["refers_to"] or s["resources"])[0], s["conditions"]) for s in found] == [
        (actions, resource, []) for actions, resource in MAPPING
    ]


@pytest.mark.parametrize("package", sorted(FUNCTIONS))
def test_function_logs_only_to_its_group(plan: Any, package: str) -> None:
    """It may add streams and events to its group, and can not create a group."""
    (statement,) = statements(plan, f"module.{package}.data.aws_iam_policy_document.logs")
    assert statement["actions"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert statement["refers_to"][0] == "aws_cloudwatch_log_group.this.arn"


@pytest.mark.parametrize("package", sorted(FUNCTIONS))
def test_each_function_has_a_role_that_only_lambda_assumes(plan: Any, package: str) -> None:
    """The trust policy of each role has the Lambda service as its only principal."""
    trust = json.loads(values(plan, f"module.{package}.aws_iam_role.this")["assume_role_policy"])
    (statement,) = trust["Statement"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert (statement["Effect"], statement["Action"]) == ("Allow", "sts:AssumeRole")


def test_roles_have_no_further_policies(plan: Any) -> None:
    """Each policy is attached to its role, and nothing is attached from elsewhere."""
    attached = {
        address: (
            references(expressions(plan, address)["role"])[0],
            references(expressions(plan, address)["policy"])[0],
        )
        for address in of_type(plan, "aws_iam_role_policy")
    }
    expected = {
        "aws_iam_role_policy.stream_mapping": (
            "module.stream_dynamodb_fasttrack_enqueuer.role.name", "data.aws_iam_policy_document.stream_mapping.json",
        )
    }  # fmt: skip
    for package in FUNCTIONS:
        inside = f"module.{package}.aws_iam_role_policy"
        expected[f"{inside}.calls"] = ("aws_iam_role.this.name", "var.policy")
        expected[f"{inside}.logs"] = ("aws_iam_role.this.name", "data.aws_iam_policy_document.logs.json")
        (policy, _) = references(call(plan, package)["policy"])
        assert policy == f"data.aws_iam_policy_document.{package}.json"
    assert attached == expected
    assert not of_type(plan, "aws_iam_role_policy_attachment")
    assert not of_type(plan, "aws_iam_policy")


def test_only_actions_without_resource_are_allowed_on_a_star(plan: Any) -> None:
    """No allowed action has a star, and no resource is a star if the action takes one."""
    for statement in allowed(plan):
        assert not [action for action in statement["actions"] if "*" in action]
        knows_none = [action in WITHOUT_RESOURCE for action in statement["actions"]]
        assert knows_none == [statement["resources"] == ["*"]] * len(knows_none)


def test_one_function_inserts_and_one_sends(plan: Any) -> None:
    """Only the post function may put an item, only the fast track may send; none may update or scan."""
    by_action: dict[str, set[str]] = {}
    for package in CALLS:
        for statement in statements(plan, f"data.aws_iam_policy_document.{package}"):
            for action in statement["actions"]:
                by_action.setdefault(action, set()).add(package)
    assert by_action["dynamodb:PutItem"] == {"api_schedule_post"}
    assert by_action["sqs:SendMessage"] == {"stream_dynamodb_fasttrack_enqueuer"}
    assert by_action["dynamodb:DeleteItem"] == {"api_schedule_delete"}
    assert by_action["dynamodb:GetItem"] == {"api_schedule_get"}
    assert not {"dynamodb:Scan", "dynamodb:UpdateItem"} & set(by_action)
