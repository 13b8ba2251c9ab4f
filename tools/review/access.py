"""Access that grows: by policies, permissions, attachments and roles.

On a first apply every policy is new and is what the configuration says; only wildcards are dangers there. A policy that
a queue or a bucket reports, and that is not known yet, is set by a resource of its own, which is judged.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.review.danger import WHOLE, Danger, Markdown, danger, quoted
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

#: The attributes that narrow a Lambda permission, besides its principal and action.
_PERMISSION_LIMITS = ("source_arn", "source_account", "principal_org_id", "event_source_token")


def access_dangers(plan: Plan) -> Iterator[Danger]:
    """Name permissions that somebody gains, and policies that can't be judged."""
    for change in plan.changes:
        for attribute in sorted({*change.before, *change.after}):
            yield from _policy(plan, change, attribute)
        if change.type == "aws_lambda_permission" and change.action != "destroy":
            yield from _permission(change, is_first=plan.is_first)
        if "policy_attachment" in change.type and change.action != "destroy":
            policy = at(change.after, "policy_arn")
            yield danger(change, "access-grows/attachment", holder=_holder(change), policy=policy)
        if change.type == "aws_iam_role":
            yield from _role(plan, change)
    judged = {document.address for document in plan.documents.values()}
    for document in plan.resources:
        if document.type == "aws_iam_policy_document" and document.action == "read" and document.address not in judged:
            for statement in document_statements(document.after):
                yield from _wild(plan, document, statement)


def _policy(plan: Plan, change: Change, attribute: str) -> Iterator[Danger]:
    old, new = change.before.get(attribute), change.after.get(attribute)
    if old == new and not _moves_to_another_role(change):
        return
    document = plan.documents.get((change.address, attribute))
    after = document_statements(document.after) if document and new is UNKNOWN else policy_statements(new)
    before = policy_statements(old)
    if after is None and (new is UNKNOWN or isinstance(new, Sensitive) or isinstance(old, Sensitive)):
        is_own = attribute in POLICY_ATTRIBUTES and (change.type, attribute) not in _REPORTED
        if is_own and change.type in KNOWN_TYPES and not plan.is_first:
            hidden = new if new is UNKNOWN else Sensitive(None)
            shown = {"holder": _holder(change), "attribute": Markdown(attribute), "hidden": hidden}
            yield danger(change, "access-unknown/policy", **shown)
        return
    if _moves_to_another_role(change):
        before = None
    yield from _gained(plan, change, before or (), after or ())
    yield from _lost(change, before or (), after or ())


def _gained(
    plan: Plan, change: Change, before: tuple[Statement, ...], after: tuple[Statement, ...]
) -> Iterator[Danger]:
    for statement in gained(before, after):
        wild = list(_wild(plan, change, statement))
        yield from wild
        if not wild and not plan.is_first:
            sentence = "access-unknown/statement" if statement.is_unknown else "access-grows/statement"
            yield danger(change, sentence, holder=_holder(change), statement=_shown(statement))


def _lost(change: Change, before: tuple[Statement, ...], after: tuple[Statement, ...]) -> Iterator[Danger]:
    for statement in lost_denials(before, after):
        if any(other.effect == "Deny" and other.sid == statement.sid and other.is_unknown for other in after):
            yield danger(change, "access-unknown/denial", holder=_holder(change), statement=_shown(statement))
        elif statement.has_tls_only:
            yield danger(change, "tls-only-removed", holder=_holder(change))
        else:
            yield danger(change, "access-grows/denial", holder=_holder(change), statement=_shown(statement))


def _shown(statement: Statement) -> Markdown:
    sid = quoted(statement.sid) if statement.sid else "without a sid"
    return Markdown(f"{quoted(str(statement), WHOLE)} ({sid})")


def _wild(plan: Plan, change: Change, statement: Statement) -> Iterator[Danger]:
    found = wildcards(statement, f"delayer-{plan.environment}")
    if found:
        wide = Markdown(", ".join(map(quoted, found)))
        yield danger(change, "access-wildcard/statement", wide=wide, statement=quoted(str(statement), WHOLE))


def _moves_to_another_role(change: Change) -> bool:
    """Return whether another role gets a role's policy, and with it all of its permissions."""
    return change.action == "replace" and change.type == "aws_iam_role_policy" and change.differs("role")


def _permission(change: Change, *, is_first: bool) -> Iterator[Danger]:
    principal, function, action = (at(change.after, name) for name in ("principal", "function_name", "action"))
    limits = [at(change.after, limit) for limit in _PERMISSION_LIMITS]
    if all(is_blank(limit) for limit in limits) or principal == "*":
        if any(change.differs(attribute) for attribute in ("principal", *_PERMISSION_LIMITS)):
            yield danger(change, "access-wildcard/permission", principal=principal, function=function)
        return
    named = ("principal", "action", "function_name", *_PERMISSION_LIMITS)
    if any(change.differs(name) for name in named) and not is_first:
        is_unknown = change.exists and UNKNOWN in (*limits, function)
        sentence = "access-unknown/call" if is_unknown else "access-grows/call"
        sources = Markdown(", ".join(map(quoted, filter(None, limits))))
        yield danger(change, sentence, principal=principal, function=function, action=action, sources=sources)


def _role(plan: Plan, change: Change) -> Iterator[Danger]:
    holder, boundary = _holder(change), "permissions_boundary"
    old, new = at(change.before, boundary), at(change.after, boundary)
    if not is_blank(old) and change.action != "destroy" and old != new:
        yield danger(change, "access-grows/boundary", holder=holder, old=old, new=new)
    attached = [at(values, "managed_policy_arns") or [] for values in (change.before, change.after)]
    if all(isinstance(arns, list) for arns in attached):
        further = [arn for arn in attached[1] if arn not in attached[0]]
        if further:
            policies = Markdown(", ".join(map(quoted, further)))
            yield danger(change, "access-grows/managed", holder=holder, policies=policies)
    inline = [at(values, "inline_policy") or [] for values in (change.before, change.after)]
    if inline[0] != inline[1] and all(isinstance(blocks, list) for blocks in inline):
        texts = [[at(block, "policy") for block in blocks] for blocks in inline]
        before, after = ([s for text in each for s in policy_statements(text) or ()] for each in texts)
        yield from _gained(plan, change, tuple(before), tuple(after))
        if any(not is_blank(text) and policy_statements(text) is None for text in texts[1]) and not plan.is_first:
            yield danger(change, "access-unknown/inline", holder=holder)


def _holder(change: Change) -> object:
    """Return the name of the role, queue, bucket or table that a policy belongs to, as far as it is known."""
    for attribute in ("role", "name", "queue_url", "bucket", "resource_arn"):
        for found in (change.after.get(attribute), change.before.get(attribute)):
            if not is_blank(found) and found is not UNKNOWN:
                return found
    return change.name
