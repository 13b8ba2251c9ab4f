"""How ministack is mended, as far as that can be told without starting it; tests/end_to_end has the rest."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tools.local.embedded_aws.deployers import API_GATEWAY, further, mapping_action, resource
from tools.local.embedded_aws.permissions import batch_attributes
from tools.project import ROOT

KEY = {"shard": {"N": "1"}, "due": {"S": "2"}}


@pytest.mark.parametrize(
    ("requests", "names"),
    [
        ([{"DeleteRequest": {"Key": KEY}}], ["due", "shard"]),
        ([{"PutRequest": {"Item": {**KEY, "payload": {"S": "1"}}}}], ["due", "payload", "shard"]),
        ([{"DeleteRequest": {"Key": KEY}}, {"PutRequest": {"Item": {"other": {"S": "1"}}}}], ["due", "other", "shard"]),
        ([], []),
    ],
    ids=["delete", "put", "both", "nothing"],
)
def test_a_batch_names_the_attributes_of_all_its_requests(requests: list[Any], names: list[str]) -> None:
    """Those of the keys that it deletes and of the items that it puts, as dynamodb:Attributes has them."""
    assert batch_attributes(json.dumps({"RequestItems": {"table": requests}}).encode()) == names


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"RequestItems": 1}', b'{"RequestItems": {"table": [{}]}}', b"\xff"]
)
def test_what_is_no_batch_names_none(body: bytes) -> None:
    """Whatever a caller sends, the condition is judged and nothing is raised."""
    assert batch_attributes(body) == []


def test_another_version_of_ministack_is_refused() -> None:
    """What is replaced is in one version only: with another, nothing starts, and one line says why."""
    program = "import tools.local.embedded_aws.__main__ as shim; shim._MINISTACK = '1.0.0'; shim.main()"
    run = subprocess.run(  # noqa: S603 -- our own command
        [ROOT / ".venv" / "ministack" / "bin" / "python", "-B", "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr.startswith("The embedded AWS is mended for ministack 1.0.0, and ")
    assert run.stderr.count("\n") == 1


ACCOUNT = "eu-west-1:111122223333"


@pytest.mark.parametrize(
    ("called", "path", "named", "arn"),
    [
        ("apigateway:GET", "/v2/apis/a1/routes/r2", {}, "arn:aws:apigateway:eu-west-1::/apis/a1/routes/r2"),
        ("cloudwatch:DescribeAlarms", "/", {"AlarmNames.member.1": ["x"]}, f"arn:aws:cloudwatch:{ACCOUNT}:alarm:*"),
        ("cloudwatch:PutDashboard", "/", {"DashboardName": ["d"]}, "arn:aws:cloudwatch::111122223333:dashboard/d"),
        ("dynamodb:ListTagsOfResource", "/", {"ResourceArn": "arn:aws:x"}, "arn:aws:x"),
        ("events:PutRule", "/", {"Name": "r"}, f"arn:aws:events:{ACCOUNT}:rule/r"),
        ("events:PutTargets", "/", {"Rule": "r"}, f"arn:aws:events:{ACCOUNT}:rule/r"),
        (
            "lambda:CreateFunction",
            "/2015-03-31/functions",
            {"FunctionName": "f"},
            f"arn:aws:lambda:{ACCOUNT}:function:f",
        ),
        ("dynamodb:ListStreams", "/", {"TableName": "t"}, "*"),
        ("logs:DescribeLogGroups", "/", {"logGroupNamePrefix": "g"}, "*"),
        ("logs:CreateLogGroup", "/", {"logGroupName": "g"}, f"arn:aws:events:{ACCOUNT}:rule/default/r"),
    ],
)
def test_a_call_is_judged_by_what_it_is_on(called: str, path: str, named: dict[str, Any], arn: str) -> None:
    """As AWS's Service Authorization Reference has it; what isn't told here is left as it was found."""
    assert resource(called, path, named, ACCOUNT, f"arn:aws:events:{ACCOUNT}:rule/default/r") == arn


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("GET", "/2015-03-31/event-source-mappings/u", "lambda:GetEventSourceMapping"),
        ("PUT", "/2015-03-31/event-source-mappings/u", "lambda:UpdateEventSourceMapping"),
        ("DELETE", "/2015-03-31/event-source-mappings/u/", "lambda:DeleteEventSourceMapping"),
        ("GET", "/2015-03-31/event-source-mappings/", None),
        ("GET", "/2015-03-31/functions/f", None),
    ],
)
def test_a_call_about_one_mapping_has_its_own_permission(method: str, path: str, action: str | None) -> None:
    """And not that of the list of all, or none."""
    assert mapping_action(method, path) == action


APIS = "arn:aws:apigateway:eu-west-1::/apis"
TAGS = {"Project": "delayer"}
ROLE = "arn:aws:iam::1:role/r"
MAKE_ROLE = f"arn:aws:iam::111122223333:role/aws-service-role/{API_GATEWAY}/AWSServiceRoleForAPIGateway"


@pytest.mark.parametrize(
    ("called", "body", "needed"),
    [
        ("lambda POST /2015-03-31/functions", {"FunctionName": "f", "Role": ROLE}, [("iam:PassRole", ROLE)]),
        ("lambda POST /2015-03-31/functions", {"Role": 1}, []),
        ("dynamodb POST /", {"Role": ROLE}, []),
        ("apigateway POST /v2/apis", {"name": "a"}, [("iam:CreateServiceLinkedRole", MAKE_ROLE)]),
        (
            "apigateway POST /v2/apis",
            {"name": "a", "tags": TAGS},
            [("apigateway:TagResource", APIS), ("iam:CreateServiceLinkedRole", MAKE_ROLE)],
        ),
        ("apigateway POST /v2/apis/a1/stages", {"tags": TAGS}, [("apigateway:TagResource", APIS)]),
        ("apigateway POST /v2/apis/a1/stages", {"tags": {}}, []),
        ("apigateway PATCH /v2/apis/a1/stages/s", {"tags": TAGS}, []),
        ("apigateway POST /v2/tags/arn", {"tags": TAGS}, [("apigateway:TagResource", APIS)]),
        ("apigateway DELETE /v2/tags/arn", {}, [("apigateway:UntagResource", APIS)]),
        ("apigateway DELETE /v2/apis/a1/routes/r1", {}, []),
    ],
)
def test_call_that_passes_tags_or_creates_needs_further_permissions(
    called: str, body: dict[str, Any], needed: list[tuple[str, str]]
) -> None:
    """A role given to a function, tags, and an account's first API each need one more permission, and no call else."""
    service, method, path = called.split()
    found = further(service, method, path, body, APIS, "111122223333")
    assert [(each.action, each.resource) for each in found] == needed
