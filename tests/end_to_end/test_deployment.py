"""The apply created exactly the planned resources, and nothing that the functions do not use."""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.conftest import Scenario
from tools.local.stack import Stack
from tools.project import ROOT, Function, functions
from tools.terraform import Workspace, open_workspace

ACCOUNT = "000000000000"
REGION = "us-east-1"


@pytest.fixture(scope="session")
def workspace(stack: Stack) -> Workspace:
    """Return Terraform with the applied stack's state."""
    return open_workspace("local", stack.folder, has_local_state=True, variables=stack.variables)


def test_second_plan_is_empty(workspace: Workspace) -> None:
    """A plan right after an apply is empty: no difference comes back at every plan."""
    plan = workspace.read("plan", "-input=false", "-json", "-var-file=environments/local.tfvars", "-lock=false")
    (summary,) = [
        message["changes"] for line in plan.splitlines() if (message := json.loads(line))["type"] == "change_summary"
    ]
    assert (summary["add"], summary["change"], summary["remove"]) == (0, 0, 0)


@pytest.mark.parametrize("function", functions().values(), ids=lambda function: function.name)
def test_function_gets_exactly_the_settings_that_it_reads(stack: Stack, function: Function) -> None:
    """Terraform sets every variable that the settings read, and no other."""

    class Recording(dict[str, str]):
        read: set[str]

        def get(self, key: str, default: Any = None) -> Any:
            self.read.add(key)
            return super().get(key, default)

        def __getitem__(self, key: str) -> str:
            self.read.add(key)
            return super().__getitem__(key)

    name = stack.outputs["function_names"][function.name]
    deployed = stack.client("lambda").get_function_configuration(FunctionName=name)
    variables = Recording(deployed["Environment"]["Variables"])
    variables.read = set()
    importlib.import_module(f"{function.package}.settings").Settings.from_environment(variables)
    assert variables.read == set(variables)


@pytest.mark.parametrize("name", functions())
def test_deployed_zip_is_the_built_zip(stack: Stack, name: str) -> None:
    """The deployed code's hash is that of build/dist/<function>.zip."""
    deployed = stack.client("lambda").get_function_configuration(FunctionName=stack.outputs["function_names"][name])
    built = (ROOT / "build" / "dist" / f"{name}.zip").read_bytes()
    assert deployed["CodeSha256"] == base64.b64encode(hashlib.sha256(built).digest()).decode()


def test_deployed_policies_allow_exactly_these_actions(stack: Stack) -> None:
    """Each allowed action has one ARN; the fast track's actions are the function's and the mapping's."""
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

    assert allowed(stack, "api-schedule-post") == own("api-schedule-post") | {
        ("dynamodb:BatchWriteItem", table), ("dynamodb:PutItem", table),
    }  # fmt: skip
    assert allowed(stack, "api-schedule-get") == own("api-schedule-get") | {
        ("dynamodb:GetItem", table), ("dynamodb:Query", table),
    }  # fmt: skip
    assert allowed(stack, "api-schedule-delete") == own("api-schedule-delete") | {("dynamodb:DeleteItem", table)}
    assert allowed(stack, "task-1minute-enqueuer") == own("task-1minute-enqueuer") | {
        ("dynamodb:BatchWriteItem", table), ("dynamodb:DescribeTable", table), ("dynamodb:Query", table),
    }  # fmt: skip
    assert allowed(stack, "stream-dynamodb-fasttrack_enqueuer") == own("stream-dynamodb-fasttrack_enqueuer") | {
        ("dynamodb:BatchWriteItem", table),
        ("dynamodb:DescribeStream", stream),
        ("dynamodb:GetRecords", stream),
        ("dynamodb:GetShardIterator", stream),
        # This action takes no resource.
        ("dynamodb:ListStreams", "*"),
        ("s3:ListBucket", bucket),
        ("s3:PutObject", f"{bucket}/aws/lambda/*"),
        ("s3:PutObject", f"{bucket}/fasttrack/*"),
        ("sqs:SendMessage", queue),
    }


def test_functions_create_no_log_group(scenario: Scenario, stack: Stack) -> None:
    """After the functions have run, only the declared groups exist."""
    assert scenario.messages
    groups = stack.client("logs").describe_log_groups()["logGroups"]
    declared = {*stack.outputs["log_group_names"].values(), "/aws/vendedlogs/delayer-local-schedules-api"}
    assert {group["logGroupName"] for group in groups} == declared


def test_stack_keeps_everything_in_its_folder(stack: Stack) -> None:
    """State, log, process ID and temporary files are there; tests/tools/local shows that a stop removes the folder."""
    kept = {str(path.relative_to(stack.folder)) for path in stack.folder.rglob("*")}
    assert {"terraform/terraform.tfstate", "embedded-aws.log", "embedded-aws.pid", "tmp"} <= kept


def allowed(stack: Stack, name: str) -> set[tuple[str, str]]:
    """Return every allowed action of a function's role, with its resource."""
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
    """Yield the texts of a policy element, which may be one text or a list."""
    yield from [value] if isinstance(value, str) else value
