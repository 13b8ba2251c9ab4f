"""Who may do what: each function's policy has exactly the actions that it calls, on exactly what it calls them on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.plan.planned import FUNCTIONS, WITHOUT_RESOURCE, call, expressions, of_type, references, statements, values
from tests.support.permissions import CALLS

#: What Lambda calls for the stream mapping, with the fast track's role (AWS Lambda developer guide, "Using AWS Lambda
#: with Amazon DynamoDB", execution role permissions; for an S3 destination, "Retain discarded records").
MAPPING = [
    (["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
     "module.schedule_table.table.stream_arn"),
    (["dynamodb:ListStreams"], "*"),
    (["s3:ListBucket"], "module.failure_bucket.bucket.arn"),
    (["s3:PutObject"], "module.failure_bucket.bucket.arn"),
]  # fmt: skip


def allowed(plan: Any) -> list[dict[str, Any]]:
    """Every statement of the plan that allows something to a role."""
    return [
        statement
        for address in of_type(plan, "aws_iam_policy_document")
        for statement in statements(plan, address.removesuffix("[0]"))
        if statement["effect"] == "Allow"
    ]


@pytest.mark.parametrize("package", sorted(CALLS))
def test_a_function_may_do_exactly_what_it_calls(plan: Any, package: str) -> None:
    """One action a statement, on one resource; nothing else, and nothing unconditionally that has a condition."""
    found = statements(plan, f"data.aws_iam_policy_document.{package}")
    assert [(s["effect"], s["actions"], s["refers_to"][0], s["conditions"]) for s in found] == [
        ("Allow", [action], resource, conditions) for action, resource, conditions in CALLS[package]
    ]


def test_the_platform_may_do_exactly_what_a_stream_mapping_needs(plan: Any) -> None:
    """Reading the stream and keeping what is given up, apart from what the function calls."""
    found = statements(plan, "data.aws_iam_policy_document.stream_mapping")
    assert [(s["actions"], (s["refers_to"] or s["resources"])[0], s["conditions"]) for s in found] == [
        (actions, resource, []) for actions, resource in MAPPING
    ]


@pytest.mark.parametrize("package", sorted(FUNCTIONS))
def test_a_function_logs_to_its_own_group_only(plan: Any, package: str) -> None:
    """It may add streams and events to its group, and can't create a group."""
    (statement,) = statements(plan, f"module.{package}.data.aws_iam_policy_document.logs")
    assert statement["actions"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert statement["refers_to"][0] == "aws_cloudwatch_log_group.this.arn"


@pytest.mark.parametrize("package", sorted(FUNCTIONS))
def test_a_function_has_a_role_of_its_own_that_only_lambda_assumes(plan: Any, package: str) -> None:
    """Three functions, three roles, and each trusts the Lambda service and nobody else."""
    trust = json.loads(values(plan, f"module.{package}.aws_iam_role.this")["assume_role_policy"])
    (statement,) = trust["Statement"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert (statement["Effect"], statement["Action"]) == ("Allow", "sts:AssumeRole")


def test_the_roles_have_these_policies_and_no_others(plan: Any) -> None:
    """Each policy is attached to the role that it is for; nothing is attached from elsewhere."""
    attached = {
        address: (
            references(expressions(plan, address)["role"])[0],
            references(expressions(plan, address)["policy"])[0],
        )
        for address in of_type(plan, "aws_iam_role_policy")
    }
    expected = {
        f"module.{package}.aws_iam_role_policy.calls": ("aws_iam_role.this.name", "var.policy")
        for package in FUNCTIONS
    } | {
        "aws_iam_role_policy.stream_mapping": (
            "module.stream_dynamodb_fasttrack_enqueuer.role.name", "data.aws_iam_policy_document.stream_mapping.json",
        )
    } | {
        f"module.{package}.aws_iam_role_policy.logs": (
            "aws_iam_role.this.name", "data.aws_iam_policy_document.logs.json",
        )
        for package in FUNCTIONS
    }  # fmt: skip
    assert attached == expected
    for package in FUNCTIONS:
        assert references(call(plan, package)["policy"])[0] == f"data.aws_iam_policy_document.{package}.json"
    assert not of_type(plan, "aws_iam_role_policy_attachment")
    assert not of_type(plan, "aws_iam_policy")


def test_only_actions_that_know_no_resource_are_allowed_on_a_star(plan: Any) -> None:
    """No action that is allowed is a star, and no resource where the action knows one (a wrong turn of others)."""
    for statement in allowed(plan):
        assert not [action for action in statement["actions"] if "*" in action]
        knows_none = [action in WITHOUT_RESOURCE for action in statement["actions"]]
        assert knows_none == [statement["resources"] == ["*"]] * len(knows_none)


def test_one_inserts_and_one_sends(plan: Any) -> None:
    """Only the post function may put an item, only the fast track may send; nobody may update, get or scan."""
    by_action: dict[str, set[str]] = {}
    for package in CALLS:
        for statement in statements(plan, f"data.aws_iam_policy_document.{package}"):
            for action in statement["actions"]:
                by_action.setdefault(action, set()).add(package)
    assert by_action["dynamodb:PutItem"] == {"api_schedule_post"}
    assert by_action["sqs:SendMessage"] == {"stream_dynamodb_fasttrack_enqueuer"}
    assert not {"dynamodb:Scan", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:GetItem"} & set(by_action)
