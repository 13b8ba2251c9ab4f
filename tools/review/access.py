"""The dangers of access: policies, permissions and attachments that allow more than before.

On a first apply, every policy is new and is what the configuration says; there only wildcards are told. A policy
that a queue or bucket merely reports of itself, and that is not known yet, is set by a resource of its own, which is
judged.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.review.danger import Danger, quoted
from tools.review.plan import UNKNOWN, Change, Plan, Sensitive, at, is_blank
from tools.review.statements import (
    Statement,
    document_statements,
    gained,
    lost_denials,
    policy_statements,
    wildcards,
)

__all__ = ["access_dangers"]

_POLICY_ATTRIBUTES = ("assume_role_policy", "policy")
_REPORTED = {("aws_s3_bucket", "policy"), ("aws_sqs_queue", "policy")}

#: What narrows a Lambda permission, besides its principal and action.
_PERMISSION_LIMITS = ("source_arn", "source_account", "principal_org_id", "event_source_token")


def access_dangers(plan: Plan) -> Iterator[Danger]:
    """What somebody could do that they can't now, and what can't be judged."""
    own_prefix = f"delayer-{plan.environment}"
    for change in plan.changes:
        if change.action == "forget":
            continue
        for attribute in sorted({*change.before, *change.after}):
            yield from _policy(change, attribute, own_prefix, is_first=plan.is_first)
        if change.type == "aws_lambda_permission" and change.action != "destroy":
            yield from _permission(change, is_first=plan.is_first)
        if "policy_attachment" in change.type and change.action != "destroy":
            yield Danger(
                "access-grows",
                change.address,
                f"{quoted(_holder(change))} would get all that the policy {quoted(at(change.after, 'policy_arn'))} "
                "allows, which this plan doesn't show.",
            )
        if change.type == "aws_iam_role":
            yield from _role(change)
    for document in plan.resources:
        if document.type == "aws_iam_policy_document" and document.action == "read":
            for statement in document_statements(document.after):
                yield from _wild(document.address, statement, own_prefix)


def _policy(change: Change, attribute: str, own_prefix: str, *, is_first: bool) -> Iterator[Danger]:
    old, new = change.before.get(attribute), change.after.get(attribute)
    if old == new and not _is_attached_elsewhere(change):
        return
    if new is UNKNOWN or isinstance(new, Sensitive) or isinstance(old, Sensitive):
        if attribute in _POLICY_ATTRIBUTES and (change.type, attribute) not in _REPORTED and not is_first:
            yield Danger(
                "access-unknown",
                change.address,
                f"What {quoted(_holder(change))} may do, or who may use it, can't be judged: the plan says of its "
                f"`{attribute}` only that it is {quoted(new if new is UNKNOWN else Sensitive(None))}.",
            )
        return
    before, after = policy_statements(old), policy_statements(new)
    if before is None and after is None:
        return
    if _is_attached_elsewhere(change):
        before = None
    for statement in gained(before or (), after or ()):
        wild = list(_wild(change.address, statement, own_prefix))
        yield from wild
        if not wild and not is_first:
            yield Danger(
                "access-grows",
                change.address,
                f"{quoted(_holder(change))} would newly have: {quoted(str(statement))} (statement "
                f"{quoted(statement.sid or 'without a sid')}).",
            )
    for statement in lost_denials(before or (), after or ()):
        if statement.has_tls_only:
            yield Danger(
                "tls-only-removed",
                change.address,
                f"Schedules or messages could be sent and read in the clear: {quoted(_holder(change))} would no longer "
                "deny all requests without TLS.",
            )
        else:
            yield Danger(
                "access-grows",
                change.address,
                f"{quoted(_holder(change))} would no longer deny: {quoted(str(statement))}.",
            )


def _wild(address: str, statement: Statement, own_prefix: str) -> Iterator[Danger]:
    found = wildcards(statement, own_prefix)
    if found:
        yield Danger(
            "access-wildcard",
            address,
            f"More would be allowed than is named, with {', '.join(map(quoted, found))}: {quoted(str(statement))}.",
        )


def _is_attached_elsewhere(change: Change) -> bool:
    """Whether a role's policy moves to another role, which then gets all of it."""
    return change.action == "replace" and change.type == "aws_iam_role_policy" and change.differs("role")


def _permission(change: Change, *, is_first: bool) -> Iterator[Danger]:
    principal = at(change.after, "principal")
    limits = [at(change.after, limit) for limit in _PERMISSION_LIMITS]
    if all(is_blank(limit) for limit in limits) or principal == "*":
        if any(change.differs(attribute) for attribute in ("principal", *_PERMISSION_LIMITS)):
            yield Danger(
                "access-wildcard",
                change.address,
                f"More than one of ours could call {quoted(at(change.after, 'function_name'))}: {quoted(principal)} on "
                "behalf of any account, for no source is named.",
            )
        return
    widened = [name for name in ("principal", "action", *_PERMISSION_LIMITS) if change.differs(name)]
    if widened and not is_first:
        yield Danger(
            "access-grows",
            change.address,
            f"{quoted(principal)} could newly {quoted(at(change.after, 'action'))} of "
            f"{quoted(at(change.after, 'function_name'))}, on behalf of {', '.join(quoted(x) for x in limits if x)}.",
        )


def _role(change: Change) -> Iterator[Danger]:
    boundary = at(change.before, "permissions_boundary")
    if not is_blank(boundary) and change.action != "destroy" and change.differs("permissions_boundary"):
        yield Danger(
            "access-grows",
            change.address,
            f"{quoted(_holder(change))} would be bounded by {quoted(at(change.after, 'permissions_boundary'))} instead "
            f"of {quoted(boundary)}.",
        )
    attached = [at(values, "managed_policy_arns") or [] for values in (change.before, change.after)]
    if all(isinstance(arns, list) for arns in attached):
        new = [arn for arn in attached[1] if arn not in attached[0]]
        if new:
            yield Danger(
                "access-grows",
                change.address,
                f"{quoted(_holder(change))} would get all that these policies allow, which this plan doesn't show: "
                f"{', '.join(map(quoted, new))}.",
            )


def _holder(change: Change) -> object:
    """Whose policy it is, as far as the resource says."""
    for attribute in ("role", "name", "queue_url", "bucket", "resource_arn"):
        found = change.after.get(attribute) or change.before.get(attribute)
        if not is_blank(found):
            return found
    return change.name
