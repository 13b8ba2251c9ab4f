"""Calls that are no longer allowed: those of a function by AWS, and a function's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tools.review.danger import WHOLE, Danger, Markdown, danger, quoted
from tools.review.plan import UNKNOWN, Change, Plan, at, is_blank
from tools.review.statements import document_statements, gained, policy_statements

__all__ = ["call_dangers", "caller_dangers"]

_CALLERS = {"apigateway.amazonaws.com": "api", "events.amazonaws.com": "rule"}


def caller_dangers(plan: Plan) -> Iterator[Danger]:
    """Name permissions that go while their caller and their function stay, and that no other replaces."""
    permissions = [change for change in plan.resources if change.type == "aws_lambda_permission"]
    gone = [at(change.before, name) for change in plan.changes if change.is_gone for name in ("arn", "execution_arn")]
    functions = [at(change.before, "function_name") for change in plan.of_type("aws_lambda_function") if change.is_gone]
    for change in permissions:
        principal, function, source = (at(change.before, name) for name in ("principal", "function_name", "source_arn"))
        is_caller_gone = any(arn and str(source).startswith(str(arn)) for arn in gone)
        is_replaced = any(_allows(other.after, change.before) for other in permissions)
        if change.is_gone and not is_caller_gone and function not in functions and not is_replaced:
            variant = _CALLERS.get(str(principal), "other")
            yield danger(change, f"caller-refused/{variant}", principal=principal, function=function, source=source)


def _allows(permission: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether a permission allows everything that another does, as far as it is known."""
    pairs = [(at(permission, name), at(other, name)) for name in ("function_name", "principal", "source_arn")]
    return bool(permission) and all(new in (old, UNKNOWN) or is_blank(new) for new, old in pairs)


def call_dangers(plan: Plan) -> Iterator[Danger]:
    """Name permissions that a role loses with a policy, and that its other policies don't give."""
    policies = [change for change in plan.resources if change.type == "aws_iam_role_policy"]
    roles = [at(change.before, "name") for change in plan.of_type("aws_iam_role") if change.is_gone]
    for change in policies:
        role = at(change.before, "role")
        if change.action != "destroy" or role in roles:
            continue
        others = [other for other in policies if other is not change and at(other.after, "role") in (role, UNKNOWN)]
        allowed = {other.address: _statements(plan, other) for other in others}
        # A new policy that is not known is a danger already.
        if any(not other.exists and allowed[other.address] is None for other in others):
            continue
        known = [statement for statements in allowed.values() for statement in statements or ()]
        lost = gained(known, policy_statements(at(change.before, "policy")) or ())
        if lost:
            statements = Markdown("; ".join(quoted(str(statement), WHOLE) for statement in lost))
            yield danger(change, "call-refused", role=role, statements=statements)


def _statements(plan: Plan, policy: Change) -> Any:
    document = plan.documents.get((policy.address, "policy"))
    return document_statements(document.after) if document else policy_statements(at(policy.after, "policy"))
