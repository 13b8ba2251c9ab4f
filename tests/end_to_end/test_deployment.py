"""What the apply made: exactly what was planned, and nothing that the functions don't use."""

from __future__ import annotations

import base64
import hashlib
import json
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

import api_schedule_post.settings
import stream_dynamodb_fasttrack_enqueuer.settings
import task_1minute_enqueuer.settings
from tests.end_to_end.conftest import Scenario
from tools.local.stack import Stack
from tools.project import ROOT
from tools.terraform import Workspace, open_workspace

ACCOUNT = "000000000000"
REGION = "us-east-1"


@pytest.fixture(scope="session")
def workspace(stack: Stack) -> Workspace:
    """Terraform, with the applied stack's state."""
    return open_workspace("local", stack.folder, has_local_state=True, variables=stack.variables)


def test_a_second_plan_changes_nothing(workspace: Workspace) -> None:
    """Right after an apply a plan is empty: there is no diff that comes back at every plan."""
    plan = workspace.read("plan", "-input=false", "-json", "-var-file=environments/local.tfvars", "-lock=false")
    (summary,) = [
        message["changes"] for line in plan.splitlines() if (message := json.loads(line))["type"] == "change_summary"
    ]
    assert (summary["add"], summary["change"], summary["remove"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("api-schedule-post", api_schedule_post.settings.Settings),
        ("stream-dynamodb-fasttrack_enqueuer", stream_dynamodb_fasttrack_enqueuer.settings.Settings),
        ("task-1minute-enqueuer", task_1minute_enqueuer.settings.Settings),
    ],
)
def test_a_function_is_told_exactly_the_settings_that_it_reads(stack: Stack, name: str, settings: Any) -> None:
    """Every variable that the settings read is set by Terraform, and none that they don't."""

    class Recording(dict[str, str]):
        read: set[str]

        def get(self, key: str, default: Any = None) -> Any:
            self.read.add(key)
            return super().get(key, default)

        def __getitem__(self, key: str) -> str:
            self.read.add(key)
            return super().__getitem__(key)

    deployed = stack.client("lambda").get_function_configuration(FunctionName=stack.outputs["function_names"][name])
    variables = Recording(deployed["Environment"]["Variables"])
    variables.read = set()
    settings.from_environment(variables)
    assert variables.read == set(variables)


@pytest.mark.parametrize("name", ["api-schedule-post", "stream-dynamodb-fasttrack_enqueuer", "task-1minute-enqueuer"])
def test_the_zip_that_was_built_is_the_one_that_runs(stack: Stack, name: str) -> None:
    """The deployed code's hash is that of build/dist/<function>.zip."""
    deployed = stack.client("lambda").get_function_configuration(FunctionName=stack.outputs["function_names"][name])
    built = (ROOT / "build" / "dist" / f"{name}.zip").read_bytes()
    assert deployed["CodeSha256"] == base64.b64encode(hashlib.sha256(built).digest()).decode()


def test_the_deployed_policies_name_exactly_these_resources(stack: Stack) -> None:
    """Each function's allowed actions, each with its one ARN; the fast track's are the function's and the mapping's."""
    table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{stack.outputs['table_name']}"
    stream = stack.client("dynamodb").describe_table(TableName=stack.outputs["table_name"])["Table"]["LatestStreamArn"]
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:delayer-local-delayer"
    bucket = f"arn:aws:s3:::{stack.outputs['failure_bucket_name']}"
    logs = {
        name: f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:*"
        for name, group in stack.outputs["log_group_names"].items()
    }

    def own(name: str) -> set[tuple[str, str]]:
        return {("logs:CreateLogStream", logs[name]), ("logs:PutLogEvents", logs[name])}

    assert allowed(stack, "api-schedule-post") == own("api-schedule-post") | {("dynamodb:PutItem", table)}
    assert allowed(stack, "task-1minute-enqueuer") == own("task-1minute-enqueuer") | {
        ("dynamodb:BatchWriteItem", table), ("dynamodb:DescribeTable", table), ("dynamodb:Query", table),
    }  # fmt: skip
    assert allowed(stack, "stream-dynamodb-fasttrack_enqueuer") == own("stream-dynamodb-fasttrack_enqueuer") | {
        ("dynamodb:BatchWriteItem", table),
        ("dynamodb:DescribeStream", stream),
        ("dynamodb:GetRecords", stream),
        ("dynamodb:GetShardIterator", stream),
        # This action knows no resource.
        ("dynamodb:ListStreams", "*"),
        ("s3:ListBucket", bucket),
        ("s3:PutObject", f"{bucket}/aws/lambda/*"),
        ("s3:PutObject", f"{bucket}/fasttrack/*"),
        ("sqs:SendMessage", queue),
    }


def test_no_function_made_a_log_group(scenario: Scenario, stack: Stack) -> None:
    """After they have run there are the declared groups and no others."""
    assert scenario.messages
    groups = stack.client("logs").describe_log_groups()["logGroups"]
    declared = {*stack.outputs["log_group_names"].values(), "/aws/vendedlogs/delayer-local-schedules-api"}
    assert {group["logGroupName"] for group in groups} == declared


def test_nothing_is_left_of_a_stack_that_was_stopped(stack: Stack) -> None:
    """The state, the logs and the functions' temporary files are all in the stack's folder, which goes with it."""
    assert (stack.folder / "terraform" / "terraform.tfstate").exists()
    assert (stack.folder / "embedded-aws.log").exists()


def allowed(stack: Stack, name: str) -> set[tuple[str, str]]:
    """Every allowed action of a function's role, with its resource."""
    iam = stack.client("iam")
    role = stack.outputs["function_names"][name]
    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
    found = set()
    for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        if isinstance(document, str):
            document = json.loads(urllib.parse.unquote(document))
        for statement in document["Statement"]:
            assert statement["Effect"] == "Allow"
            found |= {(action, arn) for action in listed(statement["Action"]) for arn in listed(statement["Resource"])}
    return found


def listed(value: str | list[str]) -> Iterator[str]:
    """IAM writes one as a string, several as a list."""
    yield from [value] if isinstance(value, str) else value
