"""A review as Markdown: dangers, counts, code, changes, outputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tools.review.accepted import Accepted, Judgement
from tools.review.danger import WHOLE, quoted
from tools.review.differences import PolicyDifference, differences, policy_difference
from tools.review.plan import UNKNOWN, Change, Plan, is_blank
from tools.review.statements import document_statements, policy_statements

__all__ = ["render"]

_COUNTED = ("create", "update", "replace", "destroy")
_MARKS = {"destroy": "-", "replace": "-/+", "update": "~", "create": "+", "forget": "forget"}

#: An attribute with a section of its own.
_CODE = "source_code_hash"

#: Attributes that AWS reports and nobody sets: they change with any other.
_REPORTED = ("last_modified", "qualified_arn", "qualified_invoke_arn", "version")


def render(plan: Plan, judgement: Judgement) -> str:
    """Return the page."""
    parts = (_head(plan, judgement), _dangers(judgement), _counts(plan), _code(plan), _changes(plan), _outputs(plan))
    return "\n".join(line for part in parts for line in part)


def _head(plan: Plan, judgement: Judgement) -> Iterator[str]:
    yield f"# Review of the plan{f' for {plan.environment}' if plan.environment else ''}"
    yield ""
    if judgement.dangers:
        count = len(judgement.dangers)
        yield f"**{count} danger{'s' if count > 1 else ''} that nobody accepted.**"
    elif judgement.accepted:
        yield "**Every danger is accepted.**"
    elif plan.changes or plan.further:
        yield "**No known danger.**"
    else:
        yield "**Nothing changes.**"
    if plan.is_first and plan.changes:
        yield "Nothing exists yet: this is a first apply."
    if not plan.is_complete:
        yield "The plan is not complete (it has targets, or deferred changes): a later one will hold more."
    yield ""


def _dangers(judgement: Judgement) -> Iterator[str]:
    if judgement.dangers:
        yield from ("## Dangers", "")
        for number, danger in enumerate(judgement.dangers, 1):
            yield f"{number}. {danger.text}"
            yield f"   <br>`{danger.id}` at {quoted(danger.address)}"
        yield ""
    if judgement.accepted:
        yield from ("## Accepted dangers", "")
        for danger, entry in judgement.accepted:
            yield f"- {danger.text}"
            yield f"  <br>`{danger.id}` at {quoted(danger.address)}, until {entry.expires}: {quoted(entry.reason)}"
        yield ""
    notes = [
        *(_entry(entry, f"expired on {entry.expires}") for entry in judgement.expired),
        *(_entry(entry, "accepts a danger that this plan doesn't have") for entry in judgement.unused),
    ]
    if notes:
        yield "In the file of accepted dangers, to remove or renew:"
        yield ""
        yield from notes
        yield ""


def _entry(entry: Accepted, state: str) -> str:
    return f"- `{entry.danger}` at {quoted(entry.address)} {state}"


def _counts(plan: Plan) -> Iterator[str]:
    counts = Counter(change.action for change in plan.changes)
    shown = [*_COUNTED, *(["forget"] if counts["forget"] else [])]
    yield "| " + " | ".join(shown) + " |"
    yield "|" + "---|" * len(shown)
    yield "| " + " | ".join(str(counts[action]) for action in shown) + " |"
    yield ""


def _code(plan: Plan) -> Iterator[str]:
    """List the functions whose package changes, unless it is a first apply, where all code is new."""
    changed = [change for change in plan.of_type("aws_lambda_function") if change.after and change.differs(_CODE)]
    if plan.is_first or not changed:
        return
    yield from ("## Code", "")
    for change in sorted(changed, key=_function):
        old, new = change.before.get(_CODE), change.after.get(_CODE)
        yield f"- **{_function(change)}**: package {quoted(old)} → {quoted(new)}"
    yield ""


def _function(change: Change) -> str:
    return Path(str(change.after.get("filename") or change.name)).stem


def _changes(plan: Plan) -> Iterator[str]:
    order = list(_MARKS)
    changes = sorted(plan.changes, key=lambda change: (order.index(change.action), change.address))
    if not changes and not plan.further:
        return
    yield from ("## Changes", "")
    for change in changes:
        yield f"- {_MARKS[change.action]} {quoted(change.address)}"
        if not plan.is_first and change.action not in ("destroy", "forget"):
            yield from list(_attributes(plan, change)) or [
                "  - no visible difference: an empty value counts as not set"
            ]
    for further in plan.further:
        quote = f" {quoted(further.quote)}" if further.quote else ""
        yield f"- also: {quoted(further.subject)} {further.state}{quote}"
    known = set() if plan.is_first else {document.address for document in plan.documents.values()}
    unread = [
        (document, statement)
        for document in plan.resources
        if document.action == "read" and document.address not in known
        for statement in document_statements(document.after)
    ]
    if unread:
        yield ""
        yield "Policies that are known in full only after the apply, as far as they are known:"
        yield ""
        yield from (f"- {quoted(document.address)}: {quoted(str(statement), WHOLE)}" for document, statement in unread)
    yield ""


def _attributes(plan: Plan, change: Change) -> Iterator[str]:
    later = []
    for difference in differences(change.before, change.after):
        document = plan.documents.get((change.address, difference.path))
        if document is not None and not isinstance(difference, PolicyDifference):
            before, after = policy_statements(difference.old) or (), document_statements(document.after)
            found = policy_difference(difference.path, before, after)
            yield from _policy(found, "") if found else [f"  - `{difference.path}`: its statements stay as they are"]
            continue
        if difference.path == _CODE:
            yield "  - its code; see above"
            continue
        forced = " (forces the replacement)" if difference.path.split("[")[0] in change.forced_by else ""
        if isinstance(difference, PolicyDifference):
            yield from _policy(difference, forced)
        elif difference.new is UNKNOWN and not forced and (is_blank(difference.old) or difference.path in _REPORTED):
            later.append(f"`{difference.path}`")
        elif is_blank(difference.old) and change.action == "create":
            yield f"  - `{difference.path}`: {quoted(difference.new)}"
        else:
            yield f"  - `{difference.path}`: {quoted(difference.old)} → {quoted(difference.new)}{forced}"
    if later:
        yield f"  - known after apply: {', '.join(later)}"


def _policy(difference: PolicyDifference, forced: str) -> Iterator[str]:
    yield f"  - `{difference.path}`{forced}:"
    for verb, statements in (("goes", difference.removed), ("comes", difference.added)):
        yield from (f"    - {verb}: {quoted(str(statement), WHOLE)}" for statement in statements)


def _outputs(plan: Plan) -> Iterator[str]:
    changed = [
        difference
        for output in plan.outputs
        if output.action != "no-op" and not plan.is_first
        for difference in differences(output.before["value"], output.after["value"], output.address)
        if not isinstance(difference, PolicyDifference)
    ]
    if changed:
        yield from ("## Outputs", "")
        for difference in changed:
            yield f"- `{difference.path}`: {quoted(difference.old)} → {quoted(difference.new)}"
        yield ""
