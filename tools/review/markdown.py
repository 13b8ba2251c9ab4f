"""A review as Markdown: dangers, counts, changes by module, drift, outputs. Nothing in a value can leave its quotes."""

import difflib
import html
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, chain, groupby, islice, takewhile
from operator import eq
from typing import Any

from tools.review.danger import SHORT, WHOLE, Judgement, fence, quoted
from tools.review.differences import Difference, differences
from tools.review.plan import UNKNOWN, Change, Plan, is_blank
from tools.review.statements import Statement, document_statements, policy_statements
from tools.review.table import row_of

#: The longest comment that GitHub takes, in characters.
GITHUB_LIMIT = 65_536

_MARKS = {"destroy": "-", "replace": "-/+", "update": "~", "create": "+", "forget": "forget", "no-op": "="}

#: How many characters and lines are shown around a difference, the longest line of one, and its most lines.
_AROUND, _LINES_AROUND, _LINE, _MOST_LINES = 30, 2, 300, 60

#: difflib takes the square of the lines: for longer texts, only the block between the first and the last difference.
_COMPARED_LINES = 500


def render(plan: Plan, judgement: Judgement, limit: int = GITHUB_LIMIT) -> str:
    """Return the page, cut to a number of characters."""
    parts = (
        _head(plan, judgement), _dangers(judgement), _counts(plan), _changes(plan), _unread(plan),
        _drift(plan), _outputs(plan),
    )  # fmt: skip
    return fit("\n".join(chain.from_iterable(parts)), limit)


def fit(page: str, limit: int = GITHUB_LIMIT) -> str:
    """Return a page that is cut from its end to a number of characters, with what was left out counted."""
    if len(page) <= limit:
        return page
    lines = page.split("\n")
    # It is cut before a line that begins a paragraph, a list's item or a heading, so that nothing is left open.
    # Room for the sentence, and for the ends of folded sections.
    starts = accumulate((len(line) + 1 for line in lines), initial=400)
    fitting = enumerate(line for line, start in zip(lines, starts, strict=False) if start <= limit)
    end = max((place for place, line in fitting if line and not line.startswith((" ", "<br>", "</"))), default=0)
    left = {
        "danger": sum(bool(re.match(r"\d+\. ", line)) for line in lines[end:]),
        "change": sum(line.startswith("- ") for line in lines[end:]),
    }
    names = [f"{count:,} {name}{'' if count == 1 else 's'}" for name, count in left.items() if count]
    kept = "\n".join(lines[:end]).rstrip()
    closing = "\n</details>\n" * (kept.count("\n<details>") - kept.count("\n</details>"))
    return (
        f"{kept}\n{closing}\n**Cut short:** the page has {len(page):,} characters, and at most {limit:,} are shown "
        f"here. Left out: {' and '.join(names) or 'the rest'}."
    )


def _head(plan: Plan, judgement: Judgement) -> Iterator[str]:
    yield from (f"# Review of the plan{f' for {plan.environment}' if plan.environment else ''}", "")
    if count := len(judgement.dangers):
        yield f"**{count:,} danger{'s' if count > 1 else ''} that nobody accepted.**"
    elif judgement.accepted:
        yield "**Every danger is accepted.**"
    elif _shown(plan) or plan.drift or plan.outputs:
        yield "**No danger: every change is judged harmless.**"
    else:
        yield "**Nothing changes.**"
    if plan.is_first and plan.changes:
        yield "Nothing exists yet: this is a first apply."
    yield ""


def _section(heading: str, lines: Iterable[str]) -> Iterator[str]:
    if listed := list(lines):
        yield from (heading, "", *listed, "")


def _dangers(judgement: Judgement) -> Iterator[str]:
    dangers = (
        f"{number}. {danger.text}\n   <br>`{danger.id}` at {quoted(danger.address, WHOLE)}"
        for number, danger in enumerate(judgement.dangers, 1)
    )
    accepted = (
        f"- {found.text}\n  <br>`{found.id}` at {quoted(found.address)}, until {entry.expires}: {quoted(entry.reason)}"
        for found, entry in judgement.accepted
    )
    notes = [(entry, f"expired on {entry.expires}") for entry in judgement.expired]
    notes += [(entry, "accepts a danger that this plan doesn't have") for entry in judgement.unused]
    without_effect = (f"- `{entry.danger}` at {quoted(entry.address)} {state}" for entry, state in notes)
    yield from _section("## Dangers", dangers)
    yield from _section("## Accepted dangers", accepted)
    yield from _section("In the file of accepted dangers, to remove or renew:", without_effect)


def _counts(plan: Plan) -> Iterator[str]:
    counts = Counter(change.action for change in plan.changes)
    actions = ("create", "update", "replace", "destroy", *(["forget"] if counts["forget"] else []))
    yield from (f"**Changes:** {', '.join(f'{counts[action]:,} to {action}' for action in actions)}.", "")


def _shown(plan: Plan) -> list[Change]:
    return [each for each in plan.resources if each.action in _MARKS and (each.action != "no-op" or each.facts)]


def _changes(plan: Plan) -> Iterator[str]:
    def listed(change: Change) -> Iterator[str]:
        facts = "".join(f", {name} {quoted(fact)}" for name, fact in change.facts.items())
        yield f"- {_MARKS[change.action]} {quoted(change.address, WHOLE)}{facts}"
        if change.action == "update" or (change.action in ("create", "replace") and not plan.is_first):
            yield from list(_attributes(plan, change)) or [
                "  - no visible difference: an empty value counts as not set"
            ]

    order = list(_MARKS)
    found = sorted(_shown(plan), key=lambda each: (each.module, order.index(each.action), each.address))
    yield from _folded("## Changes", found, lambda change: change.module or "root", listed)


def _folded(
    heading: str, changes: Sequence[Change], key: Callable[[Change], str], listed: Callable[[Change], Iterator[str]]
) -> Iterator[str]:
    """Return sorted changes in a folded section for each key."""
    if changes:
        yield from (heading, "")
    for name, group in groupby(changes, key):
        found = list(group)
        # Nothing in the name is a tag, Markdown or a line of its own.
        shown = html.escape(name if name.isprintable() else json.dumps(name))
        yield from (f"<details><summary><code>{shown}</code>: {len(found):,}</summary>", "")
        yield from chain.from_iterable(map(listed, found))
        yield from ("", "</details>", "")


def _attributes(plan: Plan, change: Change) -> Iterator[str]:
    later = []
    for difference in differences(change.before, change.after):
        old, new = difference.old, difference.new
        ways = (filter(lambda step: not step.isdecimal(), path) for path in change.forced_by)
        # An attribute forces the replacement with all its parts, and with all that it is part of.
        note = " (forces the replacement)" if any(all(map(eq, way, difference.names)) for way in ways) else ""
        document = plan.documents.get((change.address, difference.path)) if new is UNKNOWN else None
        _, row = row_of(change, difference.names)
        before = policy_statements(old)
        after = document_statements(document.after) if document else policy_statements(new)
        if document or (new is not UNKNOWN and (before is not None or after is not None)):
            yield from _policy(quoted(difference.path), before or (), after or (), note)
        elif new is UNKNOWN and not note and (is_blank(old) or row.get("danger") == "reported"):
            later.append(quoted(difference.path))
        elif is_blank(old) and change.action == "create":
            yield f"  - {quoted(difference.path)}: {quoted(new)}"
        else:
            path = f"{difference.path} ({difference.block})" if difference.block else difference.path
            yield from _change(f"  - {quoted(path)}", difference, note)
    if later:
        yield f"  - known after apply: {', '.join(later)}"


def _policy(path: str, before: Sequence[Statement], after: Sequence[Statement], note: str) -> Iterator[str]:
    gone = [f"    - goes: {quoted(str(each), WHOLE)}" for each in before if each not in after]
    come = [f"    - comes: {quoted(str(each), WHOLE)}" for each in after if each not in before]
    if gone or come:
        yield from (f"  - {path}{note}:", *gone, *come)
    else:
        yield f"  - {path}: its statements stay as they are{note}"


def _unread(plan: Plan) -> Iterator[str]:
    lines = (
        f"- {quoted(document.address)}: {quoted(str(statement), WHOLE)}"
        for document in plan.unread(with_policies=plan.is_first)
        for statement in document_statements(document.after)
    )
    yield from _section("Policies that are known in full only after the apply, as far as they are known:", lines)


def _drift(plan: Plan) -> Iterator[str]:
    planned = {change.address: change for change in plan.changes}

    def listed(change: Change) -> Iterator[str]:
        is_gone = change.action == "destroy"
        yield f"- {quoted(change.address)}{' no longer exists' if is_gone else ''}"
        later = planned.get(change.address)
        reverted = {each.names for each in differences(later.before, later.after)} if later else set()
        for difference in differences(change.before, change.after) if not is_gone else ():
            note = " (this plan changes it again)" if difference.names in reverted else ""
            yield from _change(f"  - {quoted(difference.path)}", difference, note)

    found = sorted(plan.drift, key=lambda each: (each.type, each.address))
    yield from _folded("## Changed outside of Terraform", found, lambda change: change.type, listed)


def _outputs(plan: Plan) -> Iterator[str]:
    if plan.outputs and not plan.is_first:
        yield from ("## Outputs", "")
        for output in plan.outputs:
            for difference in differences(output.before, output.after):
                yield from _change(f"- {quoted('.'.join((output.address, *difference.names[1:])))}", difference)
        yield ""


def _change(beginning: str, difference: Difference, note: str = "") -> Iterator[str]:
    old, new = difference.old, difference.new
    shown = f"{quoted(old)} → {quoted(new)}"
    further: Iterable[str] = ()
    if isinstance(old, str) and isinstance(new, str):
        if "\n" in old.strip() or "\n" in new.strip():
            shown, further = "by line", _fenced(old.split("\n"), new.split("\n"))
        elif max(len(old), len(new)) > SHORT:
            shown = " → ".join(_around(old, new))
    elif _is_long_set(old) and _is_long_set(new):
        gone, come = [each for each in old if each not in new], [each for each in new if each not in old]
        parts = [f"{word} {', '.join(map(quoted, each))}" for word, each in (("without", gone), ("with", come)) if each]
        shown = "; ".join(parts) or f"in another order, {shown}"
    indent = " " * (len(beginning) - len(beginning.lstrip()) + 2)
    yield from (f"{beginning}: {shown}{note}", *(f"{indent}{line}" for line in further))


def _is_long_set(value: Any) -> bool:
    is_long = isinstance(value, list) and len(str(value)) > SHORT
    return is_long and all(isinstance(each, str | int | float) for each in value)


def _around(old: str, new: str) -> Iterator[str]:
    start, end = _same(old, new)
    first = max(0, start - _AROUND)
    for text in (old, new):
        last = min(len(text), len(text) - end + _AROUND)
        middle = f"{'…' if first else ''}{text[first:last]}{'…' if last < len(text) else ''}"
        yield f"{quoted(middle, _LINE)} ({len(text):,} characters)"


def _fenced(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    """Return the lines that differ, each after its sign, with the lines around them."""
    start, end = _same(old, new)
    first, last = max(0, start - _LINES_AROUND), max(0, end - _LINES_AROUND)
    before, after = old[first : len(old) - last], new[first : len(new) - last]
    found: Iterator[str] = chain((f"-{line}" for line in before), (f"+{line}" for line in after))
    if max(len(before), len(after)) <= _COMPARED_LINES:
        found = islice(difflib.unified_diff(before, after, n=_LINES_AROUND, lineterm=""), 3, None)
    shown = [_printable(line) for line in islice(found, _MOST_LINES)]
    marks = fence("\n".join(shown), least=3)
    yield from (f"{marks}diff", *shown, marks)
    if left := sum(1 for _ in found):
        yield f"… and {left:,} more lines"


def _same(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """Return how many characters or lines at the start are the same, and how many of the others at the end."""
    start = sum(takewhile(bool, map(eq, old, new)))
    return start, sum(takewhile(bool, map(eq, reversed(old[start:]), reversed(new[start:]))))


def _printable(line: str) -> str:
    text = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)
    return text if len(text) <= _LINE else f"{text[:_LINE]}…"
