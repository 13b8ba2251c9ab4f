"""Read a plan: values by address, and the references of expressions whose value is known only after the apply.

Addresses are relative to modules/delayer, whatever the root is.
"""

from __future__ import annotations

import re
from typing import Any

from tools.project import functions

#: The functions' plain names by package, after which their modules are named.
FUNCTIONS = {function.package: name for name, function in functions().items()}

_DELAYER = "module.delayer."

#: Actions that take no resource, so that a policy can only allow them on a star, each with the reason why it reads and
#: changes no schedule.
WITHOUT_RESOURCE = {
    "application-autoscaling:DescribeScalableTargets": "the provider finds a target by a search: limits of capacity",
    "application-autoscaling:DescribeScalingPolicies": "as application-autoscaling:DescribeScalableTargets",
    "dynamodb:ListStreams": "Lambda finds the table's stream: names of streams, and no record",
    "lambda:CreateEventSourceMapping": "bound to the environment's functions by the condition on lambda:FunctionArn",
    "logs:CreateLogDelivery": "API Gateway delivers access logs on behalf of whoever sets a stage up",
    "logs:DeleteLogDelivery": "as logs:CreateLogDelivery",
    "logs:DescribeLogGroups": "the provider finds a log group by a search: names of groups, and no line",
    "logs:DescribeResourcePolicies": "as logs:CreateLogDelivery",
    "logs:GetLogDelivery": "as logs:CreateLogDelivery",
    "logs:ListLogDeliveries": "as logs:CreateLogDelivery",
    "logs:PutResourcePolicy": "as logs:CreateLogDelivery",
    "logs:UpdateLogDelivery": "as logs:CreateLogDelivery",
}


def values(plan: Any, address: str) -> dict[str, Any]:
    """Return the planned values of the resource at `address`. A value known only after the apply is absent or None."""
    change = _by_address(plan)[address]["change"]
    assert change["actions"] in (["create"], ["read"]), f"{address}: {change['actions']}"
    return dict(change["after"])


def of_type(plan: Any, resource_type: str) -> dict[str, dict[str, Any]]:
    """Return the planned values of every resource of a type, by address."""
    return {
        address: change["change"]["after"]
        for address, change in _by_address(plan).items()
        if change["type"] == resource_type
    }


def _by_address(plan: Any) -> dict[str, dict[str, Any]]:
    """Return all changes. Modules that can be left out have a count: the 0 in their addresses is dropped."""
    return {
        re.sub(r"^(module\.\w+)\[0\]", r"\1", address.removeprefix(_DELAYER)): change
        for address, change in plan.resource_changes.items()
    }


def delayer(plan: Any) -> dict[str, Any]:
    """Return the configuration of modules/delayer."""
    return dict(plan.configuration["root_module"]["module_calls"]["delayer"]["module"])


def expressions(plan: Any, address: str) -> dict[str, Any]:
    """Return the configuration of the resource at `address`, with the references of each argument."""
    module = delayer(plan)
    *calls, resource = _split(address)
    for call in calls:
        module = module["module_calls"][call]["module"]
    return next(dict(found["expressions"]) for found in module["resources"] if found["address"] == resource)


def call(plan: Any, module: str) -> dict[str, Any]:
    """Return the arguments of a module call, with the references of each."""
    return dict(delayer(plan)["module_calls"][module]["expressions"])


def references(expression: Any) -> list[str]:
    """Return the references of an expression, the most exact first; a constant has none."""
    return list(expression.get("references", []))


def statements(plan: Any, address: str) -> list[dict[str, Any]]:
    """Return the statements of a policy document: sid, effect, actions, conditions, resources and their references."""
    planned = values(plan, address)["statement"]
    configured = expressions(plan, address)["statement"]
    assert len(planned) == len(configured)
    return [
        {
            "sid": known["sid"],
            "effect": known["effect"] or "Allow",
            "actions": sorted(known["actions"]),
            "conditions": [(c["test"], c["variable"], c["values"]) for c in known["condition"]],
            "resources": known["resources"],
            "refers_to": references(written["resources"]),
        }
        for known, written in zip(planned, configured, strict=True)
    ]


def _split(address: str) -> list[str]:
    calls = []
    rest = address
    while rest.startswith("module."):
        _, name, rest = rest.split(".", 2)
        calls.append(name)
    return [*calls, rest.split("[")[0]]
