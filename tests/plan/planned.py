"""Read a plan: values by address, and what an expression refers to where its value is known only after apply.

Addresses are those within the module delayer, which holds all that the root declares.
"""

from __future__ import annotations

from typing import Any

from tools.project import functions

#: The functions' plain names by their packages.
FUNCTIONS = {function.package: name for name, function in functions().items()}

_MODULE = "module.delayer."

#: Actions that know no resource, so that a policy can only give them a star, and why none reads or changes a schedule.
WITHOUT_RESOURCE = {
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


def delayer(plan: Any) -> dict[str, Any]:
    """The configuration of the module delayer."""
    return dict(plan.configuration["root_module"]["module_calls"]["delayer"]["module"])


def values(plan: Any, address: str) -> dict[str, Any]:
    """The planned values of the resource at `address`; what is known only after apply is absent or None."""
    change = plan.resource_changes[_MODULE + address]["change"]
    assert change["actions"] in (["create"], ["read"]), f"{address}: {change['actions']}"
    return dict(change["after"])


def of_type(plan: Any, resource_type: str) -> dict[str, dict[str, Any]]:
    """The planned values of every resource of a type, by address."""
    return {
        address.removeprefix(_MODULE): change["change"]["after"]
        for address, change in plan.resource_changes.items()
        if change["type"] == resource_type
    }


def expressions(plan: Any, address: str) -> dict[str, Any]:
    """The configuration of the resource at `address`, with what each argument refers to."""
    module = delayer(plan)
    *calls, resource = _split(address)
    for call in calls:
        module = module["module_calls"][call]["module"]
    return next(dict(found["expressions"]) for found in module["resources"] if found["address"] == resource)


def call(plan: Any, module: str) -> dict[str, Any]:
    """The arguments of a module call, with what each refers to."""
    return dict(delayer(plan)["module_calls"][module]["expressions"])


def references(expression: Any) -> list[str]:
    """What an expression refers to, most exact first; nothing if it is a constant."""
    return list(expression.get("references", []))


def statements(plan: Any, address: str) -> list[dict[str, Any]]:
    """The statements of a policy document: sid, effect, actions, conditions, and what its resources refer to."""
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
        calls.append(name.split("[")[0])
    return [*calls, rest.split("[")[0]]
