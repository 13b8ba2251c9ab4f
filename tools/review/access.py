"""The dangers of access: policies, permissions and attachments that allow more than before.

On a first apply, every policy is new and is what the configuration says; there only wildcards are told. A policy
that a queue or bucket merely reports of itself, and that is not known yet, is set by a resource of its own, which is
judged.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.review.danger import WHOLE, Danger, quoted
from tools.review.inventory import KNOWN_TYPES
from tools.review.plan import POLICY_ATTRIBUTES, UNKNOWN, Change, Plan, Sensitive, at, is_blank
from tools.review.statements import (
    Statement,
    document_statements,
    gained,
    lost_denials,
    policy_statements,
    wildcards,
)

__all__ = ["access_dangers"]

_REPORTED = {("aws_s3_bucket", "policy"), ("aws_sqs_queue", "policy")}

#: What narrows a Lambda permission, besides its principal and action.
_PERMISSION_LIMITS = ("source_arn", "source_account", "principal_org_id", "event_source_token")


def access_dangers(plan: Plan) -> Iterator[Danger]:
    """What somebody could do that they can't now, and what can't be judged."""
    own_prefix = f"delayer-{plan.environment}"
    for change in plan.changes:
        for attribute in sorted({*change.before, *change.after}):
            yield from _policy(plan, change, attribute)
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
            yield from _role(plan, change)
    judged = {document.address for document in plan.documents.values()}
    for document in plan.resources:
        if document.type == "aws_iam_policy_document" and document.action == "read" and document.address not in judged:
            for statement in document_statements(document.after):
                yield from _wild(document.address, statement, own_prefix)


def _policy(plan: Plan, change: Change, attribute: str) -> Iterator[Danger]:
    old, new = change.before.get(attribute), change.after.get(attribute)
    if old == new and not _is_attached_elsewhere(change):
        return
    document = plan.documents.get((change.address, attribute))
    after = document_statements(document.after) if document and new is UNKNOWN else policy_statements(new)
    before = policy_statements(old)
    if after is None and (new is UNKNOWN or isinstance(new, Sensitive) or isinstance(old, Sensitive)):
        is_own = attribute in POLICY_ATTRIBUTES and (change.type, attribute) not in _REPORTED
        if is_own and change.type in KNOWN_TYPES and not plan.is_first:
            hidden = new if new is UNKNOWN else Sensitive(None)
            yield Danger(
                "access-unknown",
                change.address,
                f"What {quoted(_holder(change))} allows can't be judged: the plan says of its `{attribute}` only that "
                f"it is {quoted(hidden)}.",
            )
        return
    if _is_attached_elsewhere(change):
        before = None
    yield from _gained(plan, change, before or (), after or ())
    yield from _lost(change, before or (), after or ())


def _gained(
    plan: Plan, change: Change, before: tuple[Statement, ...], after: tuple[Statement, ...]
) -> Iterator[Danger]:
    for statement in gained(before, after):
        wild = list(_wild(change.address, statement, f"delayer-{plan.environment}"))
        yield from wild
        if wild or plan.is_first:
            continue
        if statement.is_unknown:
            yield Danger(
                "access-unknown",
                change.address,
                f"Whether {quoted(_holder(change))} would have more than now can't be judged: {_told(statement)}.",
            )
        else:
            yield Danger(
                "access-grows", change.address, f"{quoted(_holder(change))} would newly have: {_told(statement)}."
            )


def _lost(change: Change, before: tuple[Statement, ...], after: tuple[Statement, ...]) -> Iterator[Danger]:
    for statement in lost_denials(before, after):
        if any(other.effect == "Deny" and other.sid == statement.sid and other.is_unknown for other in after):
            yield Danger(
                "access-unknown",
                change.address,
                f"Whether {quoted(_holder(change))} would still deny this can't be judged: {_told(statement)}.",
            )
        elif statement.has_tls_only:
            yield Danger(
                "tls-only-removed",
                change.address,
                f"Schedules or messages could be sent and read in the clear: {quoted(_holder(change))} would no longer "
                "deny all requests without TLS.",
            )
        else:
            yield Danger(
                "access-grows", change.address, f"{quoted(_holder(change))} would no longer deny: {_told(statement)}."
            )


def _told(statement: Statement) -> str:
    return f"{quoted(str(statement), WHOLE)} ({quoted(statement.sid) if statement.sid else 'without a sid'})"


def _wild(address: str, statement: Statement, own_prefix: str) -> Iterator[Danger]:
    found = wildcards(statement, own_prefix)
    if found:
        wide = ", ".join(map(quoted, found))
        yield Danger(
            "access-wildcard",
            address,
            f"More would be allowed than is named, with {wide}: {quoted(str(statement), WHOLE)}.",
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
    told = ("principal", "action", "function_name", *_PERMISSION_LIMITS)
    if any(change.differs(name) for name in told) and not is_first:
        is_unknown = change.exists and UNKNOWN in (*limits, at(change.after, "function_name"))
        yield Danger(
            "access-unknown" if is_unknown else "access-grows",
            change.address,
            f"{quoted(principal)} could newly call {quoted(at(change.after, 'function_name'))} "
            f"({quoted(at(change.after, 'action'))}) on behalf of {', '.join(map(quoted, filter(None, limits)))}.",
        )


def _role(plan: Plan, change: Change) -> Iterator[Danger]:
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
    inline = [at(values, "inline_policy") or [] for values in (change.before, change.after)]
    if inline[0] != inline[1] and all(isinstance(blocks, list) for blocks in inline):
        texts = [[at(block, "policy") for block in blocks] for blocks in inline]
        before, after = ([s for text in each for s in policy_statements(text) or ()] for each in texts)
        yield from _gained(plan, change, tuple(before), tuple(after))
        if any(not is_blank(text) and policy_statements(text) is None for text in texts[1]) and not plan.is_first:
            yield Danger(
                "access-unknown",
                change.address,
                f"What {quoted(_holder(change))} would have can't be judged: a policy in its `inline_policy` can't be "
                "read in this plan.",
            )


def _holder(change: Change) -> object:
    """Whose policy it is, as far as the resource says."""
    for attribute in ("role", "name", "queue_url", "bucket", "resource_arn"):
        for found in (change.after.get(attribute), change.before.get(attribute)):
            if not is_blank(found) and found is not UNKNOWN:
                return found
    return change.name
