"""A review as Markdown: dangers, counts, code, changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from tools.review.accepted import Accepted, Judgement
from tools.review.code import CodeChange
from tools.review.danger import WHOLE, quoted
from tools.review.differences import PolicyDifference, differences
from tools.review.plan import UNKNOWN, Change, Plan, is_blank
from tools.review.statements import document_statements, policy_statements

__all__ = ["render"]

_COUNTED = ("create", "update", "replace", "destroy")
_MARKS = {"create": "+", "destroy": "-", "forget": "forget", "replace": "-/+", "update": "~"}

#: What is told in a section of its own.
_CODE_ATTRIBUTES = ("source_code_hash",)

#: What AWS tells of a function, and nobody sets: it changes with whatever else changes.
_REPORTED = ("last_modified", "qualified_arn", "qualified_invoke_arn", "version")


def render(plan: Plan, judgement: Judgement, code: Sequence[CodeChange]) -> str:
    """The page."""
    return "\n".join(
        [
            *_head(plan, judgement),
            *_dangers(judgement),
            *_counts(plan),
            *_code(code),
            *_changes(plan),
            *_outputs(plan),
        ]
    )


def _head(plan: Plan, judgement: Judgement) -> Iterator[str]:
    yield f"# Review of the plan{f' for {plan.environment}' if plan.environment else ''}"
    yield ""
    if judgement.dangers:
        count = len(judgement.dangers)
        yield f"**{count} danger{'s' if count > 1 else ''} that nobody accepted.**"
    elif judgement.accepted:
        yield "**No danger that is not accepted.**"
    elif plan.changes or plan.further:
        yield "**No known danger.**"
    else:
        yield "**Nothing changes.**"
    if plan.is_first and plan.changes:
        yield "Nothing is there yet: this is a first apply."
    if not plan.is_complete:
        yield "The plan is not complete (it has targets, or deferred changes): a later one will hold more."
    yield ""


def _dangers(judgement: Judgement) -> Iterator[str]:
    if judgement.dangers:
        yield "## Dangers"
        yield ""
        for number, danger in enumerate(judgement.dangers, 1):
            yield f"{number}. {danger.text}"
            yield f"   <br>`{danger.id}` at {quoted(danger.address)}"
        yield ""
    if judgement.accepted:
        yield "## Accepted dangers"
        yield ""
        for danger, entry in judgement.accepted:
            yield f"- {danger.text}"
            yield f"  <br>`{danger.id}` at {quoted(danger.address)}, until {entry.expires}: {quoted(entry.reason)}"
        yield ""
    notes = [
        *(_entry(entry, f"expired on {entry.expires}") for entry in judgement.expired),
        *(_entry(entry, "accepts what this plan does not do") for entry in judgement.unused),
    ]
    if notes:
        yield "In the file of accepted dangers, to be removed or renewed:"
        yield ""
        yield from notes
        yield ""


def _entry(entry: Accepted, said: str) -> str:
    return f"- `{entry.danger}` at {quoted(entry.address)} {said}"


def _counts(plan: Plan) -> Iterator[str]:
    counts = Counter(change.action for change in plan.changes)
    shown = [*_COUNTED, *(["forget"] if counts["forget"] else [])]
    yield "| " + " | ".join(shown) + " |"
    yield "|" + "---|" * len(shown)
    yield "| " + " | ".join(str(counts[action]) for action in shown) + " |"
    yield ""


def _code(code: Sequence[CodeChange]) -> Iterator[str]:
    if not code:
        return
    yield "## Code"
    yield ""
    for change in code:
        yield f"- **{change.function}**: package {quoted(change.old)} → {quoted(change.new)}"
    yield ""


def _changes(plan: Plan) -> Iterator[str]:
    order = ("destroy", "replace", "update", "create", "forget")
    changes = sorted(plan.changes, key=lambda change: (order.index(change.action), change.address))
    if not changes and not plan.further:
        return
    yield "## Changes"
    yield ""
    for change in changes:
        if plan.is_first or change.action in ("destroy", "forget"):
            yield f"- {_MARKS[change.action]} {quoted(change.address)}"
            continue
        yield f"- {_MARKS[change.action]} {quoted(change.address)}"
        lines = list(_attributes(plan, change))
        yield from lines or ["  - nothing that can be told apart: what is empty counts as not set"]
    for further in plan.further:
        yield f"- also: {quoted(further.subject)} {further.said}{f' {quoted(further.quote)}' if further.quote else ''}"
    known = set() if plan.is_first else {document.address for document in plan.documents.values()}
    told = [
        (document, statement)
        for document in plan.resources
        if document.action == "read" and document.address not in known
        for statement in document_statements(document.after)
    ]
    if told:
        yield ""
        yield "Policies that are known in full only after the apply, as far as they are known:"
        yield ""
        yield from (f"- {quoted(document.address)}: {quoted(str(statement), WHOLE)}" for document, statement in told)
    yield ""


def _attributes(plan: Plan, change: Change) -> Iterator[str]:
    later = []
    for difference in differences(change.before, change.after):
        document = plan.documents.get((change.address, difference.path))
        if document is not None and not isinstance(difference, PolicyDifference):
            before, after = policy_statements(difference.old) or (), document_statements(document.after)
            removed = tuple(statement for statement in before if statement not in after)
            added = tuple(statement for statement in after if statement not in before)
            if removed or added:
                yield from _policy(PolicyDifference(difference.path, removed, added), "")
            else:
                yield f"  - `{difference.path}`: its statements stay as they are"
            continue
        if difference.path in _CODE_ATTRIBUTES:
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
        yield "## Outputs"
        yield ""
        for difference in changed:
            yield f"- `{difference.path}`: {quoted(difference.old)} → {quoted(difference.new)}"
        yield ""
