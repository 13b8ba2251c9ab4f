"""A plugin of the embedded AWS that judges deployers as AWS does: by permissions, resources and condition keys.

ministack imports it by the name in EMBEDDED_AWS_PLUGINS (tools/local/embedded_aws/__main__.py).
"""

from __future__ import annotations

import json
import re
from contextvars import ContextVar
from typing import Any, NamedTuple
from urllib.parse import unquote

from tools.review.statements import WITHOUT_RESOURCE

#: The service that an account's role for API Gateway trusts (its developer guide, "Using service-linked roles").
API_GATEWAY = "ops.apigateway.amazonaws.com"
_API_GATEWAY_ROLE = "AWSServiceRoleForAPIGateway"

#: The same for the autoscaling of tables (Application Auto Scaling user guide, "Service-linked roles").
AUTOSCALING = "dynamodb.application-autoscaling.amazonaws.com"
_AUTOSCALING_ROLE = "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"


class Needed(NamedTuple):
    """A permission that a call needs as well as its own, with its resource and the condition keys' values."""

    action: str
    resource: str
    context: dict[str, Any]


#: The condition keys of the current request, and the service that it calls with the further permissions that it needs.
_keys: ContextVar[dict[str, Any]] = ContextVar("keys")
_further: ContextVar[tuple[str, list[Needed]]] = ContextVar("further", default=("", []))


def install() -> None:
    """Name resources where ministack has a star, set the condition keys, and judge every permission that a call needs.

    The resource policies of tables and roles take part, as those of buckets, queues and functions do in ministack.
    """
    # Imported here because tests use the pure functions where ministack is not installed.
    from ministack.core import iam_actions, iam_evaluator  # noqa: PLC0415

    extract_iam_action = iam_actions.extract_iam_action
    extract_resource_arn = iam_actions.extract_resource_arn
    request_tag_context = iam_actions.request_tag_context
    enforce = iam_evaluator.enforce
    resource_policy = iam_evaluator._resource_policy  # noqa: SLF001 -- it has no interface for this

    def action(*arguments: Any) -> str | None:
        service, method, path, *_ = arguments
        found: str | None = extract_iam_action(*arguments)
        return mapping_action(method, path) or found if service == "lambda" else found

    def resource_arn(*arguments: Any) -> str:
        service, method, path, _, body, parameters, region, account_id = arguments
        place = f"{region}:{account_id}"
        _keys.set(_condition_keys(service, path, body, parameters, place))
        called = action(*arguments[:6]) or f"{service}:"
        judged_by = resource(called, path, _json(body) | parameters, place, extract_resource_arn(*arguments))
        needed = further(service, method, path, _json(body), judged_by, account_id)
        _further.set((service, needed + scaling(called, _json(body), judged_by, place)))
        return judged_by

    def context(*arguments: Any) -> dict[str, Any]:
        found: dict[str, Any] = request_tag_context(*arguments)
        return found | {name: value for name, value in _keys.get({}).items() if value}

    def enforce_all(access_key: str, action: str, service: str, region: str, **how: Any) -> Any:
        refused = enforce(access_key, action, service, region, **how)
        judged, needed = _further.get()
        for each in needed if service == judged else []:
            if not refused:
                # The call is signed for its own service, and another one's would refuse the signature.
                of = "iam" if each.action.startswith("iam:") else service
                how = {"resource_arn": each.resource, "service_context": each.context}
                refused = enforce(access_key, each.action, of, region, **how)
        return refused

    def policy_of(service: str, arn: str) -> tuple[Any, str] | None:
        found: tuple[Any, str] | None = _policy_of(service, arn) or resource_policy(service, arn)
        return found

    iam_actions.extract_iam_action = action
    iam_actions.extract_resource_arn = resource_arn
    iam_actions.request_tag_context = context
    iam_evaluator.enforce = enforce_all
    iam_evaluator._resource_policy = policy_of  # noqa: SLF001


def mapping_action(method: str, path: str) -> str | None:
    """Return the permission for a call about one event source mapping, or None for any other call.

    ministack names another one for it, or none.
    """
    verbs = {"DELETE": "Delete", "GET": "Get", "PUT": "Update"}
    if method not in verbs or not re.search(r"/event-source-mappings/[^/]+/?$", path):
        return None
    return f"lambda:{verbs[method]}EventSourceMapping"


def resource(  # noqa: PLR0911 -- one for each case
    called: str, path: str, named: dict[str, Any], place: str, found: str
) -> str:
    """Return the ARN that AWS judges a call by (Service Authorization Reference).

    `called` is the permission, `named` the call's parameters, `place` the region and the account, and `found` the ARN
    that ministack has, which is returned where it is right.
    """
    service, _, operation = called.partition(":")
    region, _, account_id = place.partition(":")
    tagged = _parameter(named, "ResourceArn") or _parameter(named, "ResourceARN")
    dashboard = _parameter(named, "DashboardName") or _parameter(named, "DashboardNames.member.1")
    match service:
        case _ if called in WITHOUT_RESOURCE:
            return "*"
        case "application-autoscaling":
            target = f"arn:aws:application-autoscaling:{place}:scalable-target/{_parameter(named, 'ResourceId')}"
            return "*" if operation.startswith("Describe") else tagged or target
        case "apigateway":
            return f"arn:aws:apigateway:{region}::{unquote(path).removeprefix('/v2')}"
        case "cloudwatch" if operation == "DescribeAlarms":
            return f"arn:aws:cloudwatch:{place}:alarm:*"
        case "cloudwatch" if dashboard:
            return f"arn:aws:cloudwatch::{account_id}:dashboard/{dashboard}"
        case "cloudwatch" | "dynamodb" | "events" if tagged.startswith("arn:"):
            return tagged
        case "events":
            # Rules of the default bus have no bus in their ARN, and calls about targets name the rule by `Rule`.
            rule = _parameter(named, "Rule")
            return f"arn:aws:events:{place}:rule/{rule}" if rule else found.replace(":rule/default/", ":rule/")
        case "lambda" if operation == "CreateFunction":
            return f"arn:aws:lambda:{place}:function:{_parameter(named, 'FunctionName')}"
    return found


def further(  # noqa: PLR0917 -- a call has so many parts
    service: str, method: str, path: str, body: dict[str, Any], judged_by: str, account_id: str
) -> list[Needed]:
    """Return the permissions that a call needs as well as its own.

    `judged_by` is the ARN that AWS judges the call by. Creating a resource with tags needs apigateway:TagResource on
    the collection it is created in; AWS's refusals name it, the Service Authorization Reference doesn't. API Gateway
    creates its role with an account's first API; here every API counts as the first.
    """
    needed = []
    role = body.get("Role")
    if service == "lambda" and isinstance(role, str):
        needed.append(Needed("iam:PassRole", role, {"iam:PassedToService": "lambda.amazonaws.com"}))
    if service == "apigateway":
        is_tag = path.startswith("/v2/tags/")
        if method == "POST" and (is_tag or body.get("tags")):
            needed.append(Needed("apigateway:TagResource", judged_by, {}))
        if method == "DELETE" and is_tag:
            needed.append(Needed("apigateway:UntagResource", judged_by, {}))
        if method == "POST" and path.rstrip("/") == "/v2/apis":
            arn = f"arn:aws:iam::{account_id}:role/aws-service-role/{API_GATEWAY}/{_API_GATEWAY_ROLE}"
            needed.append(Needed("iam:CreateServiceLinkedRole", arn, {"iam:AWSServiceName": API_GATEWAY}))
    return needed


def scaling(called: str, body: dict[str, Any], judged_by: str, place: str) -> list[Needed]:
    """Return the permissions that a call about autoscaling needs as well as its own.

    Application Auto Scaling checks that the caller may do what it does itself (its user guide, "Permissions validation
    for API calls on target resources"): here by the table's name, and by the alarms' names and an empty one. It makes
    its role with an account's first target; here every target counts as the first.
    """
    operation = called.removeprefix("application-autoscaling:")
    resource_id = body.get("ResourceId", "")
    if operation == "RegisterScalableTarget":
        arn = f"arn:aws:iam::{place.partition(':')[2]}:role/aws-service-role/{AUTOSCALING}/{_AUTOSCALING_ROLE}"
        tags = [Needed("application-autoscaling:TagResource", judged_by, {})] if body.get("Tags") else []
        table = f"arn:aws:dynamodb:{place}:{resource_id}"
        return [
            Needed("iam:CreateServiceLinkedRole", arn, {"iam:AWSServiceName": AUTOSCALING}),
            Needed("dynamodb:DescribeTable", table, {}),
            Needed("dynamodb:UpdateTable", table, {}),
            *tags,
        ]
    actions = {
        "DeleteScalingPolicy": ["DescribeAlarms", "DeleteAlarms"],
        "DeregisterScalableTarget": ["DescribeAlarms", "DeleteAlarms"],
        "PutScalingPolicy": ["DescribeAlarms", "PutMetricAlarm", "DeleteAlarms"],
    }
    alarms = [f"arn:aws:cloudwatch:{place}:alarm:{name}" for name in ("", f"TargetTracking-{resource_id}-AlarmHigh")]
    return [Needed(f"cloudwatch:{each}", alarm, {}) for each in actions.get(operation, []) for alarm in alarms]


def _policy_of(service: str, arn: str) -> tuple[Any, str] | None:
    """Return the resource policy of a table, a stream or (when STS asks) a role, and its account."""
    from ministack.services import dynamodb, iam  # noqa: PLC0415 -- see install

    policy = None
    if service == "dynamodb":
        # An index has its table's policy.
        found = dynamodb._resource_policies.get(arn.partition("/index/")[0])  # noqa: SLF001 -- it has no interface for this
        policy = found and found["Policy"]
    elif service == "sts" and ":role/" in arn:
        found = iam._roles.get(arn.rpartition("/")[2])  # noqa: SLF001
        policy = found and found["AssumeRolePolicyDocument"]
    return (policy, arn.split(":")[4]) if policy else None


def _condition_keys(service: str, path: str, body: bytes, parameters: dict[str, Any], place: str) -> dict[str, Any]:
    """Return the condition keys' values that ministack doesn't set."""
    match service:
        case "application-autoscaling":
            return {"application-autoscaling:service-namespace": _json(body).get("ServiceNamespace")}
        case "iam":
            return {"iam:PermissionsBoundary": _boundary(parameters)}
        case "lambda":
            return {"lambda:FunctionArn": _function_of_mapping(path, body, place)}
    return {}


def _boundary(parameters: dict[str, Any]) -> str | None:
    """Return the permissions boundary that a call names, or else that of its role."""
    from ministack.services import iam  # noqa: PLC0415 -- see install

    role = iam._roles.get(_parameter(parameters, "RoleName")) or {}  # noqa: SLF001 -- it has no interface for this
    return _parameter(parameters, "PermissionsBoundary") or role.get("PermissionsBoundary")


def _function_of_mapping(path: str, body: bytes, place: str) -> str | None:
    """Return the ARN of the function whose event source mapping a call is about."""
    from ministack.services import lambda_svc  # noqa: PLC0415 -- see install

    if "/event-source-mappings" not in path:
        return None
    found = re.search(r"/event-source-mappings/([^/]+)/?$", path)
    if found:
        mappings = lambda_svc._iter_all_esms()  # noqa: SLF001 -- it has no interface for this
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
