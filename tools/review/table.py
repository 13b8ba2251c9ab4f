"""The table of rules.toml: which resources are the delayer's own, and what a change of each attribute means."""

import json
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, chain
from math import inf
from pathlib import Path
from typing import Any

from tools.review.danger import SENTENCES, Danger, Markdown, danger, matches, quoted
from tools.review.differences import Difference, differences
from tools.review.plan import UNKNOWN, Change, Plan, at, is_blank, without_keys

#: Rows for which no change is a danger.
HARMLESS = ("harmless", "reported")

#: Attributes by which other resources refer to one.
_REFERRED = ("arn", "execution_arn", "id", "invoke_arn", "name", "stream_arn", "url")

#: Left out when texts are compared: the version or alias of a function, and the number of sweeps.
_SAME = {"function": r"(:lambda:[^:]*:[^:]*:function:[^:/]+):[^:/]+", "workers": r"(sweeps >=) *\d+"}

_VERB = {"create": "created", "destroy": "destroyed", "forget": "forgotten", "replace": "replaced", "update": "changed"}

type Row = Mapping[str, Any]

#: The addresses and paths of attributes that Python has judged, with everything below them: the table skips them.
type Judged = set[tuple[str, str]]

RULES: Mapping[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("rules.toml").read_text(encoding="utf-8"))
for _table in RULES.values():
    # A row that is a text is short for its `danger`.
    _texts = {path: row for path, row in _table.setdefault("attributes", {}).items() if isinstance(row, str)}
    _table["attributes"] |= {path: {"danger": text} for path, text in _texts.items()}


def is_ours(plan: Plan, change: Change) -> bool:
    """Return whether a resource is one that the delayer's roots declare."""
    patterns = _listed(RULES.get(f"{change.type}.{change.name}", {}).get("module", ()))
    # Only the root terraform/bootstrap has these variables.
    is_bootstrap = not change.module and plan.variables.keys() >= {"repository", "state_bucket"}
    is_known = any(matches(pattern, _module_name(change)) for pattern in patterns)
    return is_known or "" in patterns or (is_bootstrap and "bootstrap" in patterns)


def ours(plan: Plan, kind: str) -> list[Change]:
    """Return the resources of a type that are the delayer's own, with those that stay."""
    return [change for change in plan.by_type[kind] if is_ours(plan, change)]


def package_of(change: Change) -> str:
    """Return the package of a function: by its handler, or else the name of its module."""
    package = str(at(change.before or change.after, "handler")).partition(".")[0]
    return package if f"{package}.{change.type}" in RULES else _module_name(change)


def _module_name(change: Change) -> str:
    return without_keys(change.module).rpartition("module.")[2]


def _listed(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


def _rows(change: Change) -> list[Mapping[str, Row]]:
    """Return the rows of a resource by the paths of attributes, the most special table first."""
    tables = (f"{package_of(change)}.{change.type}", f"{change.type}.{change.name}", change.type, "any")
    return [RULES[table]["attributes"] for table in tables if table in RULES]


def row_of(change: Change, names: Sequence[str]) -> tuple[int, Row]:
    """Return the row of an attribute, and how many of the names lead to what it judges; an empty row if it has none."""
    for rows in _rows(change):
        for length in range(len(names), 0, -1):
            if (row := rows.get(".".join(names[:length]))) is not None:
                return length, row
    return len(names), {}


def goes_with_whole(plan: Plan, change: Change) -> bool:
    """Return whether a resource is destroyed together with the only one that it is part of."""
    wholes = plan.by_type[RULES.get(change.type, {}).get("part_of", "")] if change.action == "destroy" else []
    return {each.action for each in wholes if each.module == change.module} == {"destroy"}


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
        yield danger(place, f"{name}/all", changes=Markdown("; ".join(dict.fromkeys(texts))))
    for output in plan.outputs if not plan.is_first else ():
        yield from _attributes(plan, output, judged)


def _change_dangers(plan: Plan, change: Change, judged: Judged) -> Iterator[Danger]:
    if not is_ours(plan, change):
        destroyed = "stranger-destroyed/key" if change.type == "aws_kms_key" else "stranger-destroyed"
        name = destroyed if change.is_gone or change.action == "forget" else "stranger-changed"
        yield danger(change, name, verb=Markdown(_VERB[change.action]))
    elif change.action == "forget":
        yield danger(change, "forgotten")
    elif change.action == "update":
        yield from _attributes(plan, change, judged)
    elif not goes_with_whole(plan, change):
        if change.action == "create":
            yield from _required(change)
        if change.action != "create" or not plan.is_first:
            yield from _event(plan, change, judged)


def _event(plan: Plan, change: Change, judged: Judged) -> Iterator[Danger]:
    event = _VERB[change.action]
    table = RULES.get(change.type, {}) | RULES.get(f"{change.type}.{change.name}", {})
    found = table.get(event, f"unjudged-change/{'created' if change.action == 'create' else 'destroyed'}")
    is_named = found not in ("harmless", "judged", "attributes")
    if is_named:
        stores = ("aws_cloudwatch_log_group", "aws_dynamodb_table", "aws_s3_bucket", "aws_sqs_queue")
        is_emptied = change.action == "replace" and change.type in stores
        position = at(change.after, "starting_position")
        planned = Markdown(f"; this plan says {quoted(position)}" if position else "")
        yield danger(change, found, verb=Markdown(event + (" by an empty one" if is_emptied else "")), position=planned)
    if change.action == "replace":
        yield from _attributes(plan, change, judged, is_lost=is_named)
    elif found == "attributes":
        gone = [
            each.before
            for each in plan.of_type(change.type)
            if each.action == "destroy" and (each.module, each.name) == (change.module, change.name)
        ]
        # A created resource is compared with the only one of its name that its module loses.
        before = change.before or (gone[0] if len(gone) == 1 else {})
        dangers = _attributes(plan, replace(change, before=before), judged)
        kept = [each for each in dangers if each.id != "unjudged-change" or (change.action == "create" and before)]
        # A resource that goes is each danger once.
        yield from kept if change.action == "create" else {each.id: each for each in reversed(kept)}.values()


def _required(change: Change) -> Iterator[Danger]:
    """Name attributes that a new resource lacks, or that have a value which is always dangerous."""
    for path, row in chain.from_iterable(rows.items() for rows in _rows(change)):
        new = at(change.after, path)
        if found := row.get("required") if is_blank(new) else row.get("values", {}).get(_key_of(new)):
            yield danger(change, found, old=None, new=new)


def _attributes(plan: Plan, change: Change, judged: Judged, *, is_lost: bool = False) -> Iterator[Danger]:
    """Judge the attributes of a resource. `is_lost`: its replacement is a danger that explains unknown values."""
    found = []
    for difference in differences(change.before, change.after):
        if any((change.address, path) in judged for path in accumulate(difference.names, "{}.{}".format)):
            continue
        length, row = row_of(change, difference.names)
        # The row may be for more than what differs.
        old, new = (*difference.above, (difference.old, difference.new))[length - 1]
        if row.get("each") and not is_blank(new):
            old, new = difference.old, difference.new
        if is_blank(old) and "instead" in row:
            old = at(change.before, row["instead"])
        if not _is_explained(change, difference, row, old, new, is_lost=is_lost):
            found.append((_verdict(plan, row, old, new), row, _counted(row, old), _counted(row, new), difference))
    named = {name for name, *_ in found}
    for name, row, old, new, difference in found:
        if name not in HARMLESS and named.isdisjoint(_listed(row.get("unless", ()))):
            yield danger(change, name, old=old, new=new, path=difference.path, block=difference.block)


def _is_explained(change: Change, difference: Difference, row: Row, old: Any, new: Any, *, is_lost: bool) -> bool:
    """Return whether a value differs for a reason that is harmless, or named already."""
    names = difference.names
    if row.get("plain"):
        # AWS takes nothing else in a tag.
        texts = (each for each in (*names, difference.new) if isinstance(each, str))
        return all(re.fullmatch(r"[\w .:/=+@-]*", text) for text in texts)
    if difference.new is UNKNOWN and change.type == "output":
        # It follows a resource, which is judged itself.
        return True
    # The provider calls an attribute that is not set unknown when it replaces the resource.
    is_default = new is UNKNOWN and change.action == "replace" and (is_lost or is_blank(old))
    return is_default or (not row and is_lost and any(path[: len(names)] == names for path in change.forced_by))


def _verdict(plan: Plan, row: Row, old: Any, new: Any) -> str:
    """Return "harmless" or "reported", or the sentence for a change from one value to another."""
    verdicts: tuple[Any, ...] = (
        any(_follows(plan, kind, old, new) for kind in _listed(row.get("follows", ()))) and "harmless",
        new is UNKNOWN and row.get("unknown"),
        _is_same(plan, row, old, new) and "harmless",
        row.get("values", {}).get(_key_of(new)),
        is_blank(new) and row.get("unset"),
        is_blank(old) and new is not UNKNOWN and row.get("set"),
        any(new == good and type(new) is type(good) for good in row.get("to", ())) and "harmless",
        *_by_number(row, old, new),
        row.get("danger"),
        # A value that can't be compared is never harmless.
        *(row[key] for key in ("falls", "rises") if row.get(key, "harmless") != "harmless"),
    )
    return next(filter(None, verdicts), "unjudged-change")


def _is_same(plan: Plan, row: Row, old: Any, new: Any) -> bool:
    """Return whether a value names the same thing, or for the first time one of the delayer's own resources."""
    if "same" in row and isinstance(old, str) and isinstance(new, str):
        one, other = (re.sub(_SAME[row["same"]], r"\1", value) for value in (old, new))
        if one == other:
            return True
    package, _, kind = row.get("names", "").rpartition(".")
    own = (change for change in ours(plan, kind) if package in change.module)
    return is_blank(old) and kind != "" and (new is UNKNOWN or any(_names(new, change) for change in own))


def _by_number(row: Row, old: Any, new: Any) -> Iterator[str]:
    before, after = (_number(_counted(row, value)) for value in (old, new))
    if before is None or after is None or not {"rises", "falls"} & row.keys():
        return
    if after > row.get("most", inf):
        yield row["danger"]
    if before <= after <= before * row.get("factor", 1) or before > after >= row.get("enough", inf):
        yield "harmless"
    yield row.get("rises" if after > before else "falls", "unjudged-change")


def _counted(row: Row, value: Any) -> Any:
    """Return the number that a value stands for, if the row says so; else the value."""
    return row["means"].get(_key_of(value), value) if "means" in row else value


def _number(value: Any) -> float | None:
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value):
        return int(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _key_of(value: Any) -> str:
    """Return a value as the keys in rules.toml write it; "" stands for nothing."""
    return "" if is_blank(value) else value if isinstance(value, str) else json.dumps(value, default=repr)


def _follows(plan: Plan, kind: str, old: Any, new: Any) -> bool:
    """Return whether a value changes because a resource that it names is replaced, or created again."""
    if new is not UNKNOWN:
        gone = [change for change in plan.of_type(kind) if change.action == "replace" and _names(old, change)]
        return any(new == change.after.get(name) for change in gone for name in _REFERRED)
    renewed = [change for change in plan.of_type(kind) if any(change.after.get(name) is UNKNOWN for name in _REFERRED)]
    kept = (change for change in plan.by_type[kind] if change.action != "destroy")
    is_new = any(not change.before for change in renewed) and not any(_names(old, change) for change in kept)
    return is_new or any(_names(old, change) for change in renewed)


def _names(value: Any, change: Change) -> bool:
    text = value if isinstance(value, str) else json.dumps(value, default=repr)
    names = {str(change.before.get(name) or "") for name in _REFERRED} - {""}
    return any(name in text and re.search(rf"{re.escape(name)}(?![\w-])", text) for name in names)
