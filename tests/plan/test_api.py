"""The HTTP API: its routes, who may call them, and its limits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.plan.planned import call, delayer, expressions, of_type, references, values

#: The routes, and the functions that answer them.
ROUTES = {
    "POST /schedules": "api-schedule-post",
    "GET /schedules": "api-schedule-get",
    "GET /schedules/{scheduleId}": "api-schedule-get",
    "DELETE /schedules/{scheduleId}": "api-schedule-delete",
}
POST = "POST /schedules"
STAGE = "module.http_api.aws_apigatewayv2_stage.this"


def of_route(kind: str, route: str) -> str:
    """Return the address of a resource of a route."""
    return f'module.http_api.{kind}["{route}"]'


def routes(plan: Any) -> dict[str, dict[str, Any]]:
    """Return the planned values of all routes, by route."""
    return {found["route_key"]: found for found in of_type(plan, "aws_apigatewayv2_route").values()}


def test_iam_authorizes_every_route(plan: Any) -> None:
    """There are the four routes, and AWS_IAM authorizes their requests."""
    assert routes(plan).keys() == ROUTES.keys()
    assert {route["authorization_type"] for route in routes(plan).values()} == {"AWS_IAM"}
    assert not of_type(plan, "aws_apigatewayv2_authorizer")


def test_management_api_can_be_left_out(make_plan: Any) -> None:
    """With management_api = false there are exactly the three functions of the decision record, and one route."""
    plan = make_plan("dev", management_api="false")
    assert routes(plan).keys() == {POST}
    assert len(of_type(plan, "aws_lambda_function")) == 3
    assert not [address for address in plan.resource_changes if "api_schedule_get" in address and ".module." in address]
    alarms = {found["alarm_name"] for found in of_type(make_plan("prod", management_api="false"),
                                                       "aws_cloudwatch_metric_alarm").values()}  # fmt: skip
    assert not alarms & {"delayer-prod-get-errors", "delayer-prod-delete-errors"}


def test_jwt_authorization_checks_issuer_and_audiences(unusual: Any) -> None:
    """With JWT each route requires a token of the issuer for one of the audiences."""
    assert {route["authorization_type"] for route in routes(unusual).values()} == {"JWT"}
    (authorizer,) = of_type(unusual, "aws_apigatewayv2_authorizer").values()
    assert authorizer["jwt_configuration"] == [{"audience": ["delayer"], "issuer": "https://issuer.example"}]
    assert authorizer["identity_sources"] == ["$request.header.Authorization"]
    written = expressions(unusual, of_route("aws_apigatewayv2_route.this", POST))
    assert "aws_apigatewayv2_authorizer.jwt" in references(written["authorizer_id"])


def test_jwt_scopes_are_set_for_their_route(unusual: Any) -> None:
    """A route without scopes admits every token of the issuer."""
    scopes = {route: found["authorization_scopes"] for route, found in routes(unusual).items()}
    assert scopes == dict.fromkeys(ROUTES) | {"DELETE /schedules/{scheduleId}": ["schedules/cancel"]}


@pytest.mark.parametrize("route", ROUTES)
def test_route_calls_its_function_with_payload_format_2(plan: Any, route: str) -> None:
    """The handler reads events of format 2.0. A route's function is the one whose entry in the map has the route."""
    address = of_route("aws_apigatewayv2_integration.this", route)
    integration = values(plan, address)
    assert (integration["integration_type"], integration["payload_format_version"]) == ("AWS_PROXY", "2.0")
    assert references(expressions(plan, address)["integration_uri"]) == ["each.value.invoke_arn", "each.value"]
    target = expressions(plan, of_route("aws_apigatewayv2_route.this", route))["target"]
    assert "aws_apigatewayv2_integration.this" in references(target)
    assert references(call(plan, "http_api")["routes"]) == ["local.routes"]


@pytest.mark.parametrize("route", ROUTES)
def test_only_this_route_may_call_the_function(plan: Any, route: str) -> None:
    """The permission names API Gateway, the route's function and this API's execution ARN."""
    address = of_route("aws_lambda_permission.route", route)
    permission = values(plan, address)
    assert permission["principal"] == "apigateway.amazonaws.com"
    assert permission["function_name"].endswith(f"-{ROUTES[route]}")
    assert "aws_apigatewayv2_api.this.execution_arn" in references(expressions(plan, address)["source_arn"])


def test_permissions_have_different_statement_ids(plan: Any) -> None:
    """Two of them are of one function's policy, in which a second statement with the same id would be refused."""
    ids = [found["statement_id"] for found in of_type(plan, "aws_lambda_permission").values()]
    assert {"post-schedules", "get-schedules", "get-schedules-scheduleid-", "delete-schedules-scheduleid-"} <= set(ids)
    assert len(set(ids)) == len(ids)


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
    """The access log has caller, route, status and error, in a declared log group. It has no payload."""
    (settings,) = values(plan, STAGE)["access_log_settings"]
    logged = json.loads(settings["format"])
    assert {"requestId", "route", "status", "caller", "error"} <= set(logged)
    (written,) = expressions(plan, STAGE)["access_log_settings"]
    assert "aws_cloudwatch_log_group.access.arn" in references(written["destination_arn"])
    assert values(plan, "module.http_api.aws_cloudwatch_log_group.access")["retention_in_days"] > 0


def test_default_stage_deploys_itself(plan: Any) -> None:
    """The URL has no stage in it, and a change is live when the apply ends."""
    stage = values(plan, STAGE)
    assert (stage["name"], stage["auto_deploy"]) == ("$default", True)
