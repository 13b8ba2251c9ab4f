"""Lets ministack judge whoever deploys as AWS does: by which permission and resource, and what conditions are told."""

from __future__ import annotations

import json
import re
from contextvars import ContextVar
from typing import Any
from urllib.parse import unquote

__all__ = ["install", "mapping_action", "passed_role", "resource"]

#: What the request that is being judged tells the conditions, and the role that it hands to a function, if any.
_keys: ContextVar[dict[str, Any]] = ContextVar("keys")
_role: ContextVar[str | None] = ContextVar("role", default=None)


def install() -> None:
    """Name the resources that ministack knows as a star, tell conditions what they ask for, and judge iam:PassRole."""
    from ministack.core import iam_actions, iam_evaluator  # noqa: PLC0415 -- it reads the environment when it is imported

    extract_iam_action = iam_actions.extract_iam_action
    extract_resource_arn = iam_actions.extract_resource_arn
    request_tag_context = iam_actions.request_tag_context
    enforce = iam_evaluator.enforce

    def action(*arguments: Any) -> str | None:
        service, method, path, *_ = arguments
        found: str | None = extract_iam_action(*arguments)
        return mapping_action(method, path) or found if service == "lambda" else found

    def resource_arn(*arguments: Any) -> str:
        service, _, path, _, body, parameters, region, account_id = arguments
        place = f"{region}:{account_id}"
        if service == "iam":
            _keys.set({"iam:PermissionsBoundary": _boundary(parameters)})
        elif service == "lambda":
            _keys.set({"lambda:FunctionArn": _function_of_mapping(path, body, place)})
        else:
            _keys.set({})
        _role.set(passed_role(service, body))
        called = action(*arguments[:6]) or f"{service}:"
        return resource(called, path, _json(body) | parameters, place, extract_resource_arn(*arguments))

    def context(*arguments: Any) -> dict[str, Any]:
        found: dict[str, Any] = request_tag_context(*arguments)
        return found | {name: value for name, value in _keys.get({}).items() if value}

    def enforce_with_passing(access_key: str, action: str, service: str, region: str, **further: Any) -> Any:
        refused = enforce(access_key, action, service, region, **further)
        role = _role.get()
        if refused or role is None or service != "lambda":
            return refused
        passed_to = {"iam:PassedToService": "lambda.amazonaws.com"}
        return enforce(access_key, "iam:PassRole", "iam", region, resource_arn=role, service_context=passed_to)

    iam_actions.extract_iam_action = action
    iam_actions.extract_resource_arn = resource_arn
    iam_actions.request_tag_context = context
    iam_evaluator.enforce = enforce_with_passing


def mapping_action(method: str, path: str) -> str | None:
    """The permission for a call about one event source mapping, for which ministack has another, or none."""
    verbs = {"DELETE": "Delete", "GET": "Get", "PUT": "Update"}
    if method not in verbs or not re.search(r"/event-source-mappings/[^/]+/?$", path):
        return None
    return f"lambda:{verbs[method]}EventSourceMapping"


def resource(  # noqa: PLR0911 -- one for each case
    called: str, path: str, named: dict[str, Any], place: str, found: str
) -> str:
    """The ARN that AWS judges a call by (Service Authorization Reference), where ministack `found` another, or none.

    `called` is the permission, `named` the call's parameters, and `place` the region and the account.
    """
    service, _, operation = called.partition(":")
    region, _, account_id = place.partition(":")
    tagged = _parameter(named, "ResourceArn") or _parameter(named, "ResourceARN")
    dashboard = _parameter(named, "DashboardName") or _parameter(named, "DashboardNames.member.1")
    match service:
        case "apigateway":
            return f"arn:aws:apigateway:{region}::{unquote(path).removeprefix('/v2')}"
        case "cloudwatch" if operation == "DescribeAlarms":
            return f"arn:aws:cloudwatch:{place}:alarm:*"
        case "cloudwatch" if dashboard:
            return f"arn:aws:cloudwatch::{account_id}:dashboard/{dashboard}"
        case "cloudwatch" | "dynamodb" | "events" if tagged.startswith("arn:"):
            return tagged
        case "events":
            # Of the default bus: its rules have their own names alone. To its targets a rule is named otherwise.
            rule = _parameter(named, "Rule")
            return f"arn:aws:events:{place}:rule/{rule}" if rule else found.replace(":rule/default/", ":rule/")
        case "lambda" if operation == "CreateFunction":
            return f"arn:aws:lambda:{place}:function:{_parameter(named, 'FunctionName')}"
        case "logs" if operation == "DescribeLogGroups":
            return f"arn:aws:logs:{place}:log-group:*"
    return found


def passed_role(service: str, body: bytes) -> str | None:
    """The role that a call hands to a function."""
    role = _json(body).get("Role") if service == "lambda" else None
    return role if isinstance(role, str) else None


def _boundary(parameters: dict[str, Any]) -> str | None:
    """The permissions boundary that a call asks for, or else the one that its role has."""
    from ministack.services import iam  # noqa: PLC0415 -- see install

    role = iam._roles.get(_parameter(parameters, "RoleName")) or {}  # noqa: SLF001 -- it has no other way in
    return _parameter(parameters, "PermissionsBoundary") or role.get("PermissionsBoundary")


def _function_of_mapping(path: str, body: bytes, place: str) -> str | None:
    """The function of the event source mapping that a call is about."""
    from ministack.services import lambda_svc  # noqa: PLC0415 -- see install

    if "/event-source-mappings" not in path:
        return None
    found = re.search(r"/event-source-mappings/([^/]+)/?$", path)
    if found:
        mappings = lambda_svc._iter_all_esms()  # noqa: SLF001 -- it has no other way in
        return next((mapping["FunctionArn"] for _, _, mapping in mappings if mapping["UUID"] == found[1]), None)
    name = str(_json(body).get("FunctionName", ""))
    return name if name.startswith("arn:") else f"arn:aws:lambda:{place}:function:{name}"


def _parameter(parameters: dict[str, Any], name: str) -> str:
    value = parameters.get(name, "")
    return str(value[0] if isinstance(value, list) and value else value)


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
