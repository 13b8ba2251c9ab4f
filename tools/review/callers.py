"""What may no longer be done: calls of a function, and a function's own calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tools.review.danger import WHOLE, Danger, old_value, quoted
from tools.review.plan import UNKNOWN, Change, Plan, at, is_blank
from tools.review.statements import document_statements, gained, policy_statements

__all__ = ["call_dangers", "caller_dangers"]

_REFUSED = {
    "apigateway.amazonaws.com": "Every post would get a 500",
    "events.amazonaws.com": "Nothing would be swept, and schedules would stay in the table and become late",
}


def caller_dangers(plan: Plan) -> Iterator[Danger]:
    """The API or the minute's rule may no longer call its function, though both stay."""
    permissions = [change for change in plan.resources if change.type == "aws_lambda_permission"]
    gone = [at(change.before, name) for change in plan.changes if change.is_gone for name in ("arn", "execution_arn")]
    functions = [at(change.before, "function_name") for change in plan.of_type("aws_lambda_function") if change.is_gone]
    for change in permissions:
        source = at(change.before, "source_arn")
        is_caller_gone = any(arn and str(source).startswith(str(arn)) for arn in gone)
        if (
            change.is_gone
            and not is_caller_gone
            and at(change.before, "function_name") not in functions
            and not any(_allows(other.after, change.before) for other in permissions)
        ):
            principal = at(change.before, "principal")
            yield Danger(
                "caller-refused",
                change.address,
                f"{_REFUSED.get(str(principal), 'Whoever calls it would be refused')}: {quoted(principal)} could no "
                f"longer call {old_value(change, 'function_name')} on behalf of {quoted(source)}.",
            )


def _allows(permission: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether a permission allows what another does, as far as it is known."""
    pairs = [(at(permission, name), at(other, name)) for name in ("function_name", "principal", "source_arn")]
    return bool(permission) and all(new in (old, UNKNOWN) or is_blank(new) for new, old in pairs)


def call_dangers(plan: Plan) -> Iterator[Danger]:
    """A role policy goes while its role stays, and no new one allows what it did."""
    policies = [change for change in plan.resources if change.type == "aws_iam_role_policy"]
    roles = [at(change.before, "name") for change in plan.of_type("aws_iam_role") if change.is_gone]
    for change in policies:
        role = at(change.before, "role")
        if change.action != "destroy" or role in roles:
            continue
        others = [other for other in policies if other is not change and at(other.after, "role") in (role, UNKNOWN)]
        allowed = {other.address: _statements(plan, other) for other in others}
        # Of a new one that is not known, another rule says so.
        if any(not other.exists and allowed[other.address] is None for other in others):
            continue
        known = [statement for statements in allowed.values() for statement in statements or ()]
        lost = gained(known, policy_statements(at(change.before, "policy")) or ())
        if lost:
            told = "; ".join(quoted(str(statement), WHOLE) for statement in lost)
            yield Danger(
                "call-refused",
                change.address,
                f"Whatever needs it would fail: {quoted(role)} would no longer have {told}.",
            )


def _statements(plan: Plan, policy: Change) -> Any:
    document = plan.documents.get((policy.address, "policy"))
    return document_statements(document.after) if document else policy_statements(at(policy.after, "policy"))
