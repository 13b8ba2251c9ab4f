"""The HTTP API: its routes, who may call them, and its limits."""

from __future__ import annotations

import json
from typing import Any

from tests.plan.planned import call, delayer, expressions, of_type, references, values

POST = "POST /schedules"
ROUTE = f'module.http_api.aws_apigatewayv2_route.this["{POST}"]'
STAGE = "module.http_api.aws_apigatewayv2_stage.this"
INTEGRATION = 'module.http_api.aws_apigatewayv2_integration.this["POST /schedules"]'
PERMISSION = f'module.http_api.aws_lambda_permission.route["{POST}"]'


def test_only_route_is_post_schedules_with_iam(plan: Any) -> None:
    """There is one route, and AWS_IAM authorizes its requests."""
    assert list(of_type(plan, "aws_apigatewayv2_route")) == [ROUTE]
    route = values(plan, ROUTE)
    assert (route["route_key"], route["authorization_type"]) == (POST, "AWS_IAM")
    assert not of_type(plan, "aws_apigatewayv2_authorizer")


def test_jwt_authorization_checks_issuer_and_audiences(unusual: Any) -> None:
    """With JWT the route requires a token of the issuer for one of the audiences."""
    assert values(unusual, ROUTE)["authorization_type"] == "JWT"
    (authorizer,) = of_type(unusual, "aws_apigatewayv2_authorizer").values()
    assert authorizer["jwt_configuration"] == [{"audience": ["delayer"], "issuer": "https://issuer.example"}]
    assert authorizer["identity_sources"] == ["$request.header.Authorization"]
    assert "aws_apigatewayv2_authorizer.jwt" in references(expressions(unusual, ROUTE)["authorizer_id"])


def test_route_calls_its_function_with_payload_format_2(plan: Any) -> None:
    """The handler reads events of format 2.0. A route's function is the one whose entry in the map has the route."""
    assert list(of_type(plan, "aws_apigatewayv2_integration")) == [INTEGRATION]
    integration = values(plan, INTEGRATION)
    assert (integration["integration_type"], integration["payload_format_version"]) == ("AWS_PROXY", "2.0")
    assert references(expressions(plan, INTEGRATION)["integration_uri"]) == ["each.value.invoke_arn", "each.value"]
    assert "aws_apigatewayv2_integration.this" in references(expressions(plan, ROUTE)["target"])
    assert "local.functions" in references(call(plan, "http_api")["routes"])


def test_only_this_route_may_call_the_function(plan: Any) -> None:
    """The permission names API Gateway, the post function and this API's execution ARN."""
    permission = values(plan, PERMISSION)
    assert permission["principal"] == "apigateway.amazonaws.com"
    assert permission["function_name"].endswith("-api-schedule-post")
    assert permission["statement_id"] == "post-schedules"
    assert "aws_apigatewayv2_api.this.execution_arn" in references(expressions(plan, PERMISSION)["source_arn"])


def test_route_waits_for_its_permission(plan: Any) -> None:
    """A request before the API may call the function would be answered 500."""
    (route,) = (
        resource
        for resource in delayer(plan)["module_calls"]["http_api"]["module"]["resources"]
        if resource["type"] == "aws_apigatewayv2_route"
    )
    assert route["depends_on"] == ["aws_lambda_permission.route"]


def test_stage_limits_rate_and_burst(plan: Any, environment: str) -> None:
    """Every environment has limits, so that a client in a loop costs little."""
    (settings,) = values(plan, STAGE)["default_route_settings"]
    expected = {"local": (500, 1000), "dev": (20, 40), "staging": (1000, 2000), "prod": (1000, 2000)}[environment]
    assert (settings["throttling_rate_limit"], settings["throttling_burst_limit"]) == expected


def test_every_request_is_logged_as_json(plan: Any) -> None:
    """The access log has caller, time, status and error, in a declared log group. It has no payload."""
    (settings,) = values(plan, STAGE)["access_log_settings"]
    logged = json.loads(settings["format"])
    assert {"requestId", "requestTime", "status", "userArn", "errorMessage"} <= set(logged)
    (written,) = expressions(plan, STAGE)["access_log_settings"]
    assert "aws_cloudwatch_log_group.access.arn" in references(written["destination_arn"])
    assert values(plan, "module.http_api.aws_cloudwatch_log_group.access")["retention_in_days"] > 0


def test_default_stage_deploys_itself(plan: Any) -> None:
    """The URL has no stage in it, and a change is live when the apply ends."""
    stage = values(plan, STAGE)
    assert (stage["name"], stage["auto_deploy"]) == ("$default", True)
