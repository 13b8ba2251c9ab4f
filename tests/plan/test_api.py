"""The HTTP API: who may post, how much, and to what."""

from __future__ import annotations

import json
from typing import Any

from tests.plan.planned import call, expressions, of_type, references, values

ROUTE = 'module.http_api.aws_apigatewayv2_route.this["POST /schedules"]'
STAGE = "module.http_api.aws_apigatewayv2_stage.this"
INTEGRATION = 'module.http_api.aws_apigatewayv2_integration.this["POST /schedules"]'
PERMISSION = 'module.http_api.aws_lambda_permission.route["POST /schedules"]'


def test_the_only_route_is_post_schedules_for_signed_requests(plan: Any) -> None:
    """There is one route, and it takes only what AWS_IAM lets in."""
    assert list(of_type(plan, "aws_apigatewayv2_route")) == [ROUTE]
    route = values(plan, ROUTE)
    assert (route["route_key"], route["authorization_type"]) == ("POST /schedules", "AWS_IAM")
    assert not of_type(plan, "aws_apigatewayv2_authorizer")


def test_tokens_are_the_other_choice(unusual: Any) -> None:
    """With JWT the route asks for a token of the issuer, for one of the audiences."""
    assert values(unusual, ROUTE)["authorization_type"] == "JWT"
    (authorizer,) = of_type(unusual, "aws_apigatewayv2_authorizer").values()
    assert authorizer["jwt_configuration"] == [{"audience": ["delayer"], "issuer": "https://issuer.example"}]
    assert authorizer["identity_sources"] == ["$request.header.Authorization"]
    assert "aws_apigatewayv2_authorizer.jwt" in references(expressions(unusual, ROUTE)["authorizer_id"])


def test_the_route_calls_the_post_function_with_payload_format_2(plan: Any) -> None:
    """The event is the one that the handler reads, and the function is the one that inserts."""
    integration = values(plan, INTEGRATION)
    assert (integration["integration_type"], integration["payload_format_version"]) == ("AWS_PROXY", "2.0")
    assert references(expressions(plan, INTEGRATION)["integration_uri"])[0] == "each.value.invoke_arn"
    assert references(call(plan, "http_api")["routes"])[0] == "module.api_schedule_post.function"


def test_only_this_apis_route_may_call_the_function(plan: Any) -> None:
    """The function's permission names API Gateway and this API's execution ARN, not every API."""
    permission = values(plan, PERMISSION)
    assert permission["principal"] == "apigateway.amazonaws.com"
    written = expressions(plan, PERMISSION)
    assert "aws_apigatewayv2_api.this.execution_arn" in references(written["source_arn"])


def test_requests_are_throttled(plan: Any, environment: str) -> None:
    """Every environment has a rate and a burst, so that a loop gone wrong costs little."""
    (settings,) = values(plan, STAGE)["default_route_settings"]
    expected = {"local": (500, 1000), "dev": (20, 40), "staging": (1000, 2000), "prod": (1000, 2000)}[environment]
    assert (settings["throttling_rate_limit"], settings["throttling_burst_limit"]) == expected


def test_every_access_is_logged_as_json(plan: Any) -> None:
    """Who, when, what status and why, in a declared log group; what was posted is not logged."""
    (settings,) = values(plan, STAGE)["access_log_settings"]
    logged = json.loads(settings["format"])
    assert {"requestId", "requestTime", "status", "userArn", "errorMessage"} <= set(logged)
    (written,) = expressions(plan, STAGE)["access_log_settings"]
    assert "aws_cloudwatch_log_group.access.arn" in references(written["destination_arn"])
    assert values(plan, "module.http_api.aws_cloudwatch_log_group.access")["retention_in_days"] > 0


def test_the_stage_deploys_itself_at_the_root(plan: Any) -> None:
    """The default stage: the URL has no stage in it, and a change is live when the apply ends."""
    stage = values(plan, STAGE)
    assert (stage["name"], stage["auto_deploy"]) == ("$default", True)
