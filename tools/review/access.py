"""What policies, permissions, attachments and roles allow and deny: more, or less, than now.

On a first apply every policy is new and is what the configuration says; only wildcards are dangers there. A policy that
a queue or a bucket reports, and that is not known yet, is set by a resource of its own, which is judged.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from tools.review.danger import WHOLE, Danger, Markdown, danger, quoted
from tools.review.differences import Difference, differences
from tools.review.plan import POLICY_ATTRIBUTES, UNKNOWN, Change, Plan, Sensitive, at, is_blank, parsed
from tools.review.statements import Statement, document_statements, gained, lost_denials, policy_statements, wildcards
from tools.review.table import RULES, Judged, goes_with_whole, is_ours, ours

#: The attributes that narrow a Lambda permission, besides its principal and action.
_PERMISSION_LIMITS = ("source_arn", "source_account", "principal_org_id", "event_source_token")

_PERMISSION = ("principal", "action", "function_name", *_PERMISSION_LIMITS)


def access_dangers(plan: Plan, judged: Judged) -> Iterator[Danger]:
    """Name permissions that somebody gains or loses, and policies that can't be judged."""
    roles = _Roles(plan)
    for change in plan.changes:
        found = differences(change.before, change.after)
        if change.type == "aws_iam_role_policy" and change.differs("role") and not change.differs("policy"):
            found.append(Difference(("policy",), change.after.get("policy"), change.after.get("policy")))
        for difference in found:
            yield from _policy(plan, change, difference, roles, judged)
        stays = change.action != "destroy"
        if stays and change.type == "aws_lambda_permission" and any(map(change.differs, _PERMISSION)):
            judged.update((change.address, name) for name in _PERMISSION)
            yield from _permission(change, is_first=plan.is_first)
        if stays and "policy_attachment" in change.type:
            judged |= {(change.address, "policy_arn"), (change.address, "role")}
            yield danger(change, "access-grows/attachment", policy=at(change.after, "policy_arn"))
    for change in plan.of_type("aws_lambda_function_url"):
        if at(change.after, "authorization_type") == "NONE" and change.differs("authorization_type"):
            yield danger(change, "authorization-removed/url")
    for document in plan.unread(with_policies=False):
        for statement in document_statements(document.after):
            yield from _wild(plan, document, statement)
    yield from _callers(plan)


class _Roles:
    """What the policies of each role say together: a permission may move from one to another."""

    def __init__(self, plan: Plan) -> None:
        self.before: dict[str, list[Statement]] = defaultdict(list)
        self.after: dict[str, list[Statement]] = defaultdict(list)
        self.hidden: set[str] = set()
        for change in plan.by_type["aws_iam_role_policy"]:
            for side, statements in ((change.before, self.before), (change.after, self.after)):
                key = _key(change, side.get("role"))
                found = _readable(plan, change, "policy", side.get("policy"))
                statements[key] += found or ()
            if found is None and not change.before:
                # What it allows is a danger already, and lost permissions may be in it.
                self.hidden.add(key)
        self.gone = {at(role.before, "name") for role in plan.of_type("aws_iam_role") if role.is_gone}


def _key(change: Change, role: Any) -> str:
    """Return what policies of one role share; those of a role that is not known yet, with their module."""
    return role if isinstance(role, str) else f"{change.module} {role!r}" if role is UNKNOWN else change.address


def _readable(plan: Plan, change: Change, path: str, value: Any) -> Sequence[Statement] | None:
    """Return the statements of a policy; None if they can't be read."""
    document = plan.documents.get((change.address, path))
    if document and value is UNKNOWN:
        return document_statements(document.after)
    return () if is_blank(value) else policy_statements(value)


def _policy(plan: Plan, change: Change, difference: Difference, roles: _Roles, judged: Judged) -> Iterator[Danger]:
    before, after = (_readable(plan, change, difference.path, value) for value in (difference.old, difference.new))
    if goes_with_whole(plan, change) or before == after == ():
        return
    if before is None or after is None:
        yield from _unreadable(plan, change, difference, judged)
        return
    judged.add((change.address, difference.path))
    held = before
    if change.type == "aws_iam_role_policy":
        judged.add((change.address, "role"))
        if change.action != "destroy":
            held = roles.before[_key(change, change.after.get("role"))]
    for statement in gained(held, after):
        wild = list(_wild(plan, change, statement))
        yield from wild
        if not wild and not plan.is_first:
            name = "access-unknown/statement" if statement.is_unknown else "access-grows/statement"
            yield danger(change, name, statement=_shown(statement))
    if not plan.is_first:
        yield from _lost(plan, change, before, after, roles)
        yield from _denials(plan, change, before, after)
        old, new = difference.old, difference.new
        if old and new and new is not UNKNOWN and at(parsed(old), "Version") != at(parsed(new), "Version"):
            yield danger(change, "unjudged-change/version")


def _unreadable(plan: Plan, change: Change, difference: Difference, judged: Judged) -> Iterator[Danger]:
    path, new = difference.path, difference.new
    is_hidden = new is UNKNOWN or isinstance(new, Sensitive) or isinstance(difference.old, Sensitive)
    # A resource of its own sets the policy, and is judged.
    is_reported = new is UNKNOWN and change.type in ("aws_s3_bucket", "aws_sqs_queue")
    if difference.names[-1] in POLICY_ATTRIBUTES and is_hidden and change.type in RULES:
        judged.add((change.address, path))
        if not plan.is_first and not is_reported:
            yield danger(change, "access-unknown/policy", path=path, hidden=new if new is UNKNOWN else Sensitive(None))


def _lost(
    plan: Plan, change: Change, before: Sequence[Statement], after: Sequence[Statement], roles: _Roles
) -> Iterator[Danger]:
    """Name what is allowed now and would not be, unless its holder goes too."""
    left, role = after, change.before.get("role")
    if change.type == "aws_iam_role_policy":
        keys = {_key(change, role), _key(change, UNKNOWN)}
        left = [statement for key in keys for statement in roles.after[key]]
        if keys & roles.hidden:
            return
    unknown = {statement.sid for statement in left if statement.is_unknown}
    lost = [statement for statement in gained(left, before) if statement.sid not in unknown]
    if lost and role not in roles.gone and (change.action != "destroy" or is_ours(plan, change)):
        statements = "; ".join(quoted(str(statement), WHOLE) for statement in lost)
        yield danger(change, "call-refused", statements=Markdown(statements))


def _denials(plan: Plan, change: Change, before: Sequence[Statement], after: Sequence[Statement]) -> Iterator[Danger]:
    unknown = {statement.sid for statement in after if statement.effect == "Deny" and statement.is_unknown}
    for statement in lost_denials(before, after):
        if statement.has_tls_only and statement.sid not in unknown and is_ours(plan, change):
            yield danger(change, "tls-only-removed")
        else:
            name = "access-unknown/denial" if statement.sid in unknown else "access-grows/denial"
            yield danger(change, name, statement=_shown(statement))
    for statement in lost_denials(after, before):
        if not statement.has_tls_only:
            yield danger(change, "call-denied", statement=_shown(statement))


def _shown(statement: Statement) -> Markdown:
    sid = quoted(statement.sid) if statement.sid else "without a sid"
    return Markdown(f"{quoted(str(statement), WHOLE)} ({sid})")


def _wild(plan: Plan, change: Change, statement: Statement) -> Iterator[Danger]:
    if found := wildcards(statement, f"delayer-{plan.environment}"):
        wide = Markdown(", ".join(map(quoted, found)))
        yield danger(change, "access-wildcard/statement", wide=wide, statement=quoted(str(statement), WHOLE))


def _permission(change: Change, *, is_first: bool) -> Iterator[Danger]:
    principal, function, action = (at(change.after, name) for name in ("principal", "function_name", "action"))
    limits = [at(change.after, limit) for limit in _PERMISSION_LIMITS]
    if all(map(is_blank, limits)) or principal == "*":
        yield danger(change, "access-wildcard/permission", principal=principal, function=function)
    elif not is_first:
        is_unknown = change.before and UNKNOWN in (*limits, function)
        name = "access-unknown/call" if is_unknown else "access-grows/call"
        sources = Markdown(", ".join(map(quoted, filter(None, limits))))
        yield danger(change, name, principal=principal, function=function, action=action, sources=sources)


def _callers(plan: Plan) -> Iterator[Danger]:
    """Name permissions that go while their caller and their function stay, and that no other replaces."""
    permissions = plan.by_type["aws_lambda_permission"]
    callers = plan.of_type("aws_apigatewayv2_api") + plan.of_type("aws_cloudwatch_event_rule")
    gone = [str(at(each.before, name)) for each in callers if each.is_gone for name in ("arn", "execution_arn")]
    functions = [at(change.before, "function_name") for change in plan.of_type("aws_lambda_function") if change.is_gone]
    for change in ours(plan, "aws_lambda_permission"):
        principal, function, source = (at(change.before, name) for name in ("principal", "function_name", "source_arn"))
        if any(_allows(other.after, change.before) for other in permissions):
            continue
        is_caller_gone = any(str(source).startswith(arn) for arn in gone if arn != "None")
        variants = {"apigateway.amazonaws.com": "api", "events.amazonaws.com": "rule"} if change.is_gone else {}
        variant = variants.get(str(principal), "other")
        if change.action == "update" or (change.is_gone and not is_caller_gone and function not in functions):
            yield danger(change, f"caller-refused/{variant}", principal=principal, function=function, source=source)


def _allows(permission: Any, other: Any) -> bool:
    """Return whether a permission allows everything that another does, as far as it is known."""
    pairs = [(at(permission, name), at(other, name)) for name in ("function_name", "principal", "source_arn")]
    return bool(permission) and all(new in (old, UNKNOWN) or is_blank(new) for new, old in pairs)
