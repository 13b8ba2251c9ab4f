"""The tests' judge of deployers, as far as it works without ministack; test_deployers.py covers the rest."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.emulated_iam import API_GATEWAY, AUTOSCALING, further, mapping_action, resource, scaling

ACCOUNT = "eu-west-1:111122223333"
TARGETS = f"arn:aws:application-autoscaling:{ACCOUNT}:scalable-target"


@pytest.mark.parametrize(
    ("called", "path", "named", "arn"),
    [
        ("application-autoscaling:DescribeScalableTargets", "/", {"ResourceIds": ["table/t"]}, "*"),
        ("application-autoscaling:PutScalingPolicy", "/", {"ResourceId": "table/t"}, f"{TARGETS}/table/t"),
        ("application-autoscaling:TagResource", "/", {"ResourceARN": f"{TARGETS}/1"}, f"{TARGETS}/1"),
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
def test_call_is_judged_by_its_resource(called: str, path: str, named: dict[str, Any], arn: str) -> None:
    """The ARN is that of the Service Authorization Reference; ministack's own is kept where it is right."""
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
def test_call_about_one_mapping_needs_its_own_permission(method: str, path: str, action: str | None) -> None:
    """By itself, ministack asks for that of the list of all mappings, or none."""
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
    """Passing a role, tagging, and creating an account's first API each need one more permission; nothing else does."""
    service, method, path = called.split()
    found = further(service, method, path, body, APIS, "111122223333")
    assert [(each.action, each.resource) for each in found] == needed


ALARMS = f"arn:aws:cloudwatch:{ACCOUNT}:alarm:"
ROLES = "arn:aws:iam::111122223333:role/aws-service-role"
AUTOSCALING_ROLE = f"{ROLES}/{AUTOSCALING}/AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"


@pytest.mark.parametrize(
    ("called", "actions", "resources"),
    [
        ("DescribeScalableTargets", set(), set()),
        (
            "RegisterScalableTarget",
            {
                "application-autoscaling:TagResource",
                "dynamodb:DescribeTable",
                "dynamodb:UpdateTable",
                "iam:CreateServiceLinkedRole",
            },
            {
                f"{TARGETS}/1",
                f"arn:aws:dynamodb:{ACCOUNT}:table/t",
                AUTOSCALING_ROLE,
            },
        ),
        (
            "PutScalingPolicy",
            {"cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm"},
            {ALARMS, f"{ALARMS}TargetTracking-table/t-AlarmHigh"},
        ),
        (
            "DeregisterScalableTarget",
            {"cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms"},
            {ALARMS, f"{ALARMS}TargetTracking-table/t-AlarmHigh"},
        ),
    ],
)
def test_call_about_autoscaling_needs_what_it_does(called: str, actions: set[str], resources: set[str]) -> None:
    """Who registers a target may change the table, and who puts a policy may write its alarms."""
    body = {"ResourceId": "table/t", "Tags": TAGS}
    found = scaling(f"application-autoscaling:{called}", body, f"{TARGETS}/1", ACCOUNT)
    assert {each.action for each in found} == actions
    assert {each.resource for each in found} == resources
