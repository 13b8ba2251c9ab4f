"""The table of rules.toml: which resources are the delayer's own, and what a change of each attribute means."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from tools.review.danger import SENTENCES, Danger, Markdown, danger, quoted, sentence
from tools.review.differences import Difference, differences
from tools.review.plan import UNKNOWN, Change, Plan, at, is_blank
from tools.review.rows import HARMLESS, Row, counted, is_plain, key_of, listed, matches, verdict

RULES: Mapping[str, Mapping[str, Any]] = tomllib.loads(
    Path(__file__).with_name("rules.toml").read_text(encoding="utf-8")
)

#: Variables that only the root terraform/bootstrap has.
_BOOTSTRAP_VARIABLES = {"repository", "state_bucket"}

#: An instance key at the end of a module's address.
_INSTANCE = re.compile(r'\[("(\\.|[^"\\])*"|\d+)\]$')

_VERBS = {
    "create": "created",
    "destroy": "destroyed",
    "forget": "forgotten",
    "replace": "replaced",
    "update": "changed",
}

#: Types that hold schedules, messages, records, logs or states.
_STORES = ("aws_cloudwatch_log_group", "aws_dynamodb_table", "aws_s3_bucket", "aws_sqs_queue")


class Judged:
    """The attributes that Python has judged, so that the table says nothing about them."""

    def __init__(self) -> None:
        self._paths: set[tuple[str, str]] = set()

    def add(self, change: Change, *paths: str) -> None:
        """Note the paths of attributes that are judged, with everything below them."""
        self._paths.update((change.address, path) for path in paths)

    def covers(self, change: Change, names: Sequence[str]) -> bool:
        """Return whether an attribute is judged."""
        return any((change.address, ".".join(names[: end + 1])) in self._paths for end in range(len(names)))


def is_ours(plan: Plan, change: Change) -> bool:
    """Return whether a resource is one that the delayer's roots declare."""
    found = RULES.get(f"{change.type}.{change.name}")
    return found is not None and any(
        pattern == ""
        or (pattern == "bootstrap" and not change.module and plan.variables.keys() >= _BOOTSTRAP_VARIABLES)
        or matches(pattern, module_name(change.module))
        for pattern in listed(found["module"])
    )


def ours(plan: Plan, *types: str) -> list[Change]:
    """Return the changed resources of some types that are the delayer's own."""
    return [change for change in plan.of_type(*types) if is_ours(plan, change)]


def module_name(module: str) -> str:
    """Return the name of the last module of an address, without an instance key."""
    return _INSTANCE.sub("", module).rpartition("module.")[2]


def package_of(change: Change) -> str:
    """Return the package of a function: by its handler, or else the name of its module."""
    package = str(at(change.before or change.after, "handler")).partition(".")[0]
    return package if f"{package}.{change.type}" in RULES else module_name(change.module)


@cache
def _rows(package: str, kind: str, name: str) -> list[dict[tuple[str, ...], Row]]:
    """Return the rows of a resource by the names that lead to an attribute, the most special table first."""
    names = (f"{package}.{kind}", f"{kind}.{name}", kind, "any")
    tables = (RULES.get(table, {}).get("attributes", {}) for table in names)
    return [{tuple(path.split(".")): row for path, row in table.items()} for table in tables if table]


def row_of(change: Change, names: Sequence[str]) -> tuple[int, Row | None]:
    """Return the row of an attribute, and how many of the names lead to what it judges; None if it has no row."""
    for rows in _rows(package_of(change), change.type, change.name):
        for length in range(len(names), 0, -1):
            if (row := rows.get(tuple(names[:length]))) is not None:
                return length, row
    return len(names), None


def goes_with_whole(plan: Plan, change: Change) -> bool:
    """Return whether a resource is destroyed together with the only one that it is part of."""
    whole = RULES.get(change.type, {}).get("part_of")
    return change.action == "destroy" and (change.module, whole) in plan.emptied


def table_dangers(plan: Plan, judged: Judged) -> Iterator[Danger]:
    """Judge each change by the table: strangers, resources that come or go, and attributes."""
    joined: dict[tuple[str, str], list[str]] = defaultdict(list)
    for change in plan.changes:
        for found in _change_dangers(plan, change, judged):
            if "all" in SENTENCES[found.id]:
                joined[found.id, change.module or change.address].append(found.text)
            else:
                yield found
    for (name, place), texts in joined.items():
        yield sentence(f"{name}/all", place, changes=Markdown("; ".join(dict.fromkeys(texts))))
    for output in plan.outputs:
        if output.action != "no-op" and not plan.is_first:
            yield from _attributes(plan, output, judged, is_lost=False)


def _change_dangers(plan: Plan, change: Change, judged: Judged) -> Iterator[Danger]:
    if not is_ours(plan, change):
        name = "stranger-destroyed" if change.is_gone or change.action == "forget" else "stranger-changed"
        if name == "stranger-destroyed" and change.type == "aws_kms_key":
            name = "stranger-destroyed/key"
        yield danger(change, name, verb=Markdown(_VERBS[change.action]))
    elif change.action == "forget":
        yield danger(change, "forgotten")
    elif not goes_with_whole(plan, change):
        yield from _dangers(plan, change, judged)


def _dangers(plan: Plan, change: Change, judged: Judged) -> Iterator[Danger]:
    """Judge a change of one of the delayer's own resources."""
    found = "harmless"
    if change.action != "update":
        event = _VERBS[change.action]
        tables = (RULES.get(name, {}) for name in (f"{change.type}.{change.name}", change.type))
        unjudged = f"unjudged-change/{'created' if change.action == 'create' else 'destroyed'}"
        found = next((table[event] for table in tables if event in table), unjudged)
    if change.action == "create":
        yield from _required(change)
        if plan.is_first:
            return
    is_named = found not in ("harmless", "judged", "attributes")
    if is_named:
        is_emptied = change.action == "replace" and change.type in _STORES
        position = at(change.after, "starting_position")
        planned = f"; this plan says {quoted(position)}" if position else ""
        verb = _VERBS[change.action] + (" by an empty one" if is_emptied else "")
        yield danger(change, found, verb=Markdown(verb), position=Markdown(planned))
    if change.action in ("replace", "update"):
        yield from _attributes(plan, change, judged, is_lost=is_named)
    elif found == "attributes":
        before = _predecessor(plan, change)
        dangers = _attributes(plan, replace(change, before=before), judged, is_lost=False)
        kept = [each for each in dangers if each.id != "unjudged-change" or (change.action == "create" and before)]
        # A resource that goes is each danger once.
        yield from kept if change.action == "create" else {each.id: each for each in reversed(kept)}.values()


def _predecessor(plan: Plan, change: Change) -> Mapping[str, Any]:
    """Return what a resource was: if it is created, the values of the only one of its module that is destroyed."""
    gone = [
        each.before
        for each in plan.of_type(change.type)
        if each.action == "destroy" and (each.module, each.name) == (change.module, change.name)
    ]
    return change.before or (gone[0] if len(gone) == 1 else {})


def _required(change: Change) -> Iterator[Danger]:
    """Name attributes that a new resource lacks, or that have a value which is always dangerous."""
    for rows in _rows(package_of(change), change.type, change.name):
        for names, row in rows.items():
            if isinstance(row, Mapping) and row.keys() & {"required", "values"}:
                new = at(change.after, ".".join(names))
                found = row.get("required") if is_blank(new) else row.get("values", {}).get(key_of(new))
                if found:
                    yield danger(change, found, old=None, new=new)


def _attributes(plan: Plan, change: Change, judged: Judged, *, is_lost: bool) -> Iterator[Danger]:
    """Judge the attributes of a resource. `is_lost`: its replacement is a danger that explains unknown values."""
    found = []
    for difference in differences(change.before, change.after):
        if not judged.covers(change, difference.names):
            _, row = judgement = row_of(change, difference.names)
            old, new = _judged_values(change, difference, *judgement)
            if not _is_explained(change, difference, row, (old, new), is_lost=is_lost):
                name = verdict(plan, row, old, new, lambda other: is_ours(plan, other))
                found.append((name, row, counted(row, old), counted(row, new), difference))
    named = {name for name, *_ in found}
    for name, row, old, new, difference in found:
        suppressed = listed(row.get("unless", ())) if isinstance(row, Mapping) else ()
        if name not in HARMLESS and not named & set(suppressed):
            yield danger(change, name, old=old, new=new, path=difference.path, block=difference.block)


def _judged_values(change: Change, difference: Difference, length: int, row: Row | None) -> tuple[Any, Any]:
    """Return the values that a row judges: of the attribute that it is for, which may be more than what differs."""
    old, new = difference.around[length - 1]
    if not isinstance(row, Mapping):
        return old, new
    if row.get("each") and not is_blank(new):
        old, new = difference.old, difference.new
    return (at(change.before, row["instead"]) if is_blank(old) and "instead" in row else old), new


def _is_explained(
    change: Change, difference: Difference, row: Row | None, values: tuple[Any, Any], *, is_lost: bool
) -> bool:
    """Return whether a value differs for a reason that is harmless, or named already."""
    old, new = values
    if isinstance(row, Mapping) and row.get("plain"):
        return all(map(is_plain, (*difference.names, difference.new)))
    if difference.new is UNKNOWN and change.type == "output":
        # It follows a resource, which is judged itself.
        return True
    # The provider calls an attribute that is not set unknown when it replaces the resource.
    is_default = new is UNKNOWN and change.action == "replace" and (is_lost or is_blank(old))
    forced = any(path[: len(difference.names)] == difference.names for path in change.forced_by)
    return is_default or (row is None and is_lost and forced)
