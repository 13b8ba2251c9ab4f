"""A review as Markdown: dangers, counts, changes by module, drift, outputs."""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby

from tools.review.accepted import Judgement
from tools.review.danger import WHOLE, quoted
from tools.review.differences import Difference, differences
from tools.review.plan import UNKNOWN, Change, Plan, is_blank
from tools.review.statements import Statement, document_statements, policy_statements
from tools.review.table import row_of
from tools.review.values import shown_change

#: The longest comment that GitHub takes, in characters.
GITHUB_LIMIT = 65_536

_COUNTED = ("create", "update", "replace", "destroy")
_MARKS = {"destroy": "-", "replace": "-/+", "update": "~", "create": "+", "forget": "forget", "no-op": "="}


def render(plan: Plan, judgement: Judgement, limit: int = GITHUB_LIMIT) -> str:
    """Return the page, cut to a number of characters."""
    parts = (
        _head(plan, judgement), _dangers(judgement), _counts(plan), _changes(plan), _unread(plan),
        _drift(plan), _outputs(plan),
    )  # fmt: skip
    return fit("\n".join(line for part in parts for line in part), limit)


def fit(page: str, limit: int = GITHUB_LIMIT) -> str:
    """Return a page that is cut from its end to a number of characters, with what was left out counted.

    A page is cut before a line that begins a paragraph, a list's item or a heading, so that nothing is left open.
    """
    if len(page) <= limit:
        return page
    lines = page.split("\n")
    starts = [place for place, line in enumerate(lines) if line and not line.startswith((" ", "<br>", "</"))]
    size, sizes = 0, []
    for line in lines:
        sizes.append(size)
        size += len(line) + 1
    # Room for the sentence, and for the ends of folded sections.
    end = max((place for place in starts if sizes[place] <= limit - 400), default=0)
    starts_of = {"danger": r"\d+\. ", "change": r"- "}
    left = {name: sum(bool(re.match(start, line)) for line in lines[end:]) for name, start in starts_of.items()}
    names = [f"{count:,} {name}{'' if count == 1 else 's'}" for name, count in left.items() if count]
    kept = "\n".join(lines[:end]).rstrip()
    closing = "\n</details>\n" * (kept.count("\n<details>") - kept.count("\n</details>"))
    return (
        f"{kept}\n{closing}\n**Cut short:** the page has {len(page):,} characters, and at most {limit:,} are shown "
        f"here. Left out: {' and '.join(names) or 'the rest'}."
    )


def _head(plan: Plan, judgement: Judgement) -> Iterator[str]:
    yield f"# Review of the plan{f' for {plan.environment}' if plan.environment else ''}"
    yield ""
    if judgement.dangers:
        count = len(judgement.dangers)
        yield f"**{count:,} danger{'s' if count > 1 else ''} that nobody accepted.**"
    elif judgement.accepted:
        yield "**Every danger is accepted.**"
    elif _shown(plan) or plan.drift or any(output.action != "no-op" for output in plan.outputs):
        yield "**No danger: every change is judged harmless.**"
    else:
        yield "**Nothing changes.**"
    if plan.is_first and plan.changes:
        yield "Nothing exists yet: this is a first apply."
    yield ""


def _dangers(judgement: Judgement) -> Iterator[str]:
    if judgement.dangers:
        yield from ("## Dangers", "")
        for number, danger in enumerate(judgement.dangers, 1):
            yield f"{number}. {danger.text}"
            yield f"   <br>`{danger.id}` at {quoted(danger.address, WHOLE)}"
        yield ""
    if judgement.accepted:
        yield from ("## Accepted dangers", "")
        for danger, entry in judgement.accepted:
            yield f"- {danger.text}"
            yield f"  <br>`{danger.id}` at {quoted(danger.address)}, until {entry.expires}: {quoted(entry.reason)}"
        yield ""
    notes = [
        *((entry, f"expired on {entry.expires}") for entry in judgement.expired),
        *((entry, "accepts a danger that this plan doesn't have") for entry in judgement.unused),
    ]
    if notes:
        yield "In the file of accepted dangers, to remove or renew:"
        yield ""
        yield from (f"- `{entry.danger}` at {quoted(entry.address)} {state}" for entry, state in notes)
        yield ""


def _counts(plan: Plan) -> Iterator[str]:
    counts = Counter(change.action for change in plan.changes)
    shown = [f"{counts[action]:,} to {action}" for action in (*_COUNTED, *(["forget"] if counts["forget"] else []))]
    yield f"**Changes:** {', '.join(shown)}."
    yield ""


def _shown(plan: Plan) -> list[Change]:
    """Return the changes, and the resources that stay and are moved or imported."""
    return [
        change for change in plan.resources if change.action in _MARKS and (change.action != "no-op" or change.facts)
    ]


def _changes(plan: Plan) -> Iterator[str]:
    """List the changes of each module in a folded section."""
    order = list(_MARKS)
    found = sorted(_shown(plan), key=lambda each: (each.module, order.index(each.action), each.address))
    if found:
        yield from ("## Changes", "")
    for module, changes in groupby(found, key=lambda change: change.module):
        listed = list(changes)
        yield from _folded(f"<code>{_inert(module or 'root')}</code>: {len(listed):,}", _listed(plan, listed))


def _listed(plan: Plan, changes: Iterable[Change]) -> Iterator[str]:
    for change in changes:
        facts = "".join(f", {name} {quoted(fact)}" for name, fact in change.facts.items())
        yield f"- {_MARKS[change.action]} {quoted(change.address, WHOLE)}{facts}"
        if change.action == "update" or (change.action in ("create", "replace") and not plan.is_first):
            yield from list(_attributes(plan, change)) or [
                "  - no visible difference: an empty value counts as not set"
            ]


def _folded(summary: str, lines: Iterable[str]) -> Iterator[str]:
    yield f"<details><summary>{summary}</summary>"
    yield ""
    yield from lines
    yield from ("", "</details>", "")


def _inert(text: str) -> str:
    """Return a text for HTML, in which nothing is a tag, Markdown or a line of its own."""
    shown = text if text.isprintable() else json.dumps(text)
    return html.escape(shown)


def _attributes(plan: Plan, change: Change) -> Iterator[str]:
    later = []
    for difference in differences(change.before, change.after):
        forced = " (forces the replacement)" if _forces(change, difference) else ""
        _, row = row_of(change, difference.names)
        is_later = (
            difference.new is UNKNOWN and not forced and (is_blank(difference.old) or row.get("danger") == "reported")
        )
        document = plan.documents.get((change.address, difference.path))
        policies = policy_statements(difference.old), policy_statements(difference.new)
        if document is not None and difference.new is UNKNOWN:
            policies = policies[0] or (), document_statements(document.after)
        if any(statements is not None for statements in policies) and (difference.new is not UNKNOWN or document):
            yield from _policy(difference, policies[0] or (), policies[1] or (), forced)
        elif is_later:
            later.append(quoted(difference.path))
        elif is_blank(difference.old) and change.action == "create":
            yield f"  - {quoted(difference.path)}: {quoted(difference.new)}"
        else:
            path = f"{difference.path} ({difference.block})" if difference.block else difference.path
            yield from _change(f"  - {quoted(path)}", difference, forced)
    if later:
        yield f"  - known after apply: {', '.join(later)}"


def _change(beginning: str, difference: Difference, note: str = "") -> Iterator[str]:
    """Return the lines about an attribute: what differs may stand below its name."""
    indent = " " * (len(beginning) - len(beginning.lstrip()) + 2)
    first, *further = shown_change(difference.old, difference.new, indent)
    yield f"{beginning}: {first}{note}"
    yield from further


def _forces(change: Change, difference: Difference) -> bool:
    """Return whether an attribute, or what it is part of, forces the replacement."""
    names = [tuple(step for step in path if not step.isdecimal()) for path in change.forced_by]
    return any(
        difference.names[: len(each)] == each or each[: len(difference.names)] == difference.names for each in names
    )


def _policy(
    difference: Difference, before: tuple[Statement, ...], after: tuple[Statement, ...], forced: str
) -> Iterator[str]:
    gone = [statement for statement in before if statement not in after]
    come = [statement for statement in after if statement not in before]
    if not gone and not come:
        yield f"  - {quoted(difference.path)}: its statements stay as they are{forced}"
        return
    yield f"  - {quoted(difference.path)}{forced}:"
    for verb, statements in (("goes", gone), ("comes", come)):
        yield from (f"    - {verb}: {quoted(str(statement), WHOLE)}" for statement in statements)


def _unread(plan: Plan) -> Iterator[str]:
    documents = plan.unread(with_policies=plan.is_first)
    unread = [(document, each) for document in documents for each in document_statements(document.after)]
    if unread:
        yield "Policies that are known in full only after the apply, as far as they are known:"
        yield ""
        yield from (f"- {quoted(document.address)}: {quoted(str(statement), WHOLE)}" for document, statement in unread)
        yield ""


def _drift(plan: Plan) -> Iterator[str]:
    """List what somebody changed outside of Terraform, folded, and which of it the plan would revert."""
    if not plan.drift:
        return
    yield from ("## Changed outside of Terraform", "")
    planned = {change.address: change for change in plan.changes}
    for kind, changes in groupby(
        sorted(plan.drift, key=lambda each: (each.type, each.address)), lambda each: each.type
    ):
        listed = list(changes)
        yield from _folded(f"<code>{_inert(kind)}</code>: {len(listed):,}", _drifted(listed, planned))


def _drifted(changes: Iterable[Change], planned: dict[str, Change]) -> Iterator[str]:
    for change in changes:
        gone = " no longer exists" if change.action == "destroy" else ""
        yield f"- {quoted(change.address)}{gone}"
        later = planned.get(change.address)
        reverted = {each.names for each in differences(later.before, later.after)} if later else set()
        for difference in differences(change.before, change.after) if not gone else ():
            note = " (this plan changes it again)" if difference.names in reverted else ""
            yield from _change(f"  - {quoted(difference.path)}", difference, note)


def _outputs(plan: Plan) -> Iterator[str]:
    changed = [output for output in plan.outputs if output.action != "no-op" and not plan.is_first]
    if changed:
        yield from ("## Outputs", "")
    for output in changed:
        for difference in differences(output.before, output.after):
            path = ".".join((output.address, *difference.names[1:]))
            yield from _change(f"- {quoted(path)}", difference)
    if changed:
        yield ""
