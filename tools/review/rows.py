"""What a row of rules.toml says about one change: harmless, or which danger."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from math import inf
from typing import Any

from tools.review.plan import UNKNOWN, Change, Plan, is_blank

type Row = str | Mapping[str, Any]

#: Rows for which no change is a danger.
HARMLESS = ("harmless", "reported")

#: Attributes by which other resources refer to one.
_REFERRED = ("arn", "execution_arn", "id", "invoke_arn", "name", "stream_arn", "url")


def verdict(plan: Plan, row: Row | None, old: Any, new: Any, is_own: Callable[[Change], bool]) -> str:
    """Return "harmless", or the sentence for a change from one value to another."""
    if row is None or isinstance(row, str):
        return row or "unjudged-change"
    found = (*_by_reference(plan, row, old, new, is_own), *_by_value(row, old, new), *_by_number(row, old, new))
    # A value that can't be compared is never harmless.
    others = [row[key] for key in ("danger", "falls", "rises") if row.get(key, "harmless") not in HARMLESS]
    return str([*found, *others, "unjudged-change"][0])


def _by_reference(
    plan: Plan, row: Mapping[str, Any], old: Any, new: Any, is_own: Callable[[Change], bool]
) -> Iterator[str]:
    """Judge a value that names another resource."""
    if any(_follows(plan, kind, old, new) for kind in listed(row.get("follows", ()))):
        yield "harmless"
    if new is UNKNOWN and "unknown" in row:
        yield row["unknown"]
    if "same" in row and _SAME[row["same"]](old) == _SAME[row["same"]](new):
        yield "harmless"
    if is_blank(old) and "names" in row:
        package, _, kind = row["names"].rpartition(".")
        own = (change for change in plan.all_of_type(kind) if package in change.module and is_own(change))
        if new is UNKNOWN or any(_names(new, change) for change in own):
            yield "harmless"


def _by_value(row: Mapping[str, Any], old: Any, new: Any) -> Iterator[str]:
    if key_of(new) in row.get("values", {}):
        yield row["values"][key_of(new)]
    if is_blank(new) and "unset" in row:
        yield row["unset"]
    if is_blank(old) and "set" in row and new is not UNKNOWN:
        yield row["set"]
    if any(new == good and type(new) is type(good) for good in row.get("to", ())):
        yield "harmless"


def _by_number(row: Mapping[str, Any], old: Any, new: Any) -> Iterator[str]:
    """Judge a number that rises or falls."""
    before, after = (_number(counted(row, value)) for value in (old, new))
    if before is None or after is None or not {"rises", "falls"} & row.keys():
        return
    if after > row.get("most", inf):
        yield row["danger"]
    if before <= after <= before * row.get("factor", 1) or before > after >= row.get("enough", inf):
        yield "harmless"
    yield row.get("rises" if after > before else "falls", "unjudged-change")


def counted(row: Row | None, value: Any) -> Any:
    """Return the number that a value stands for, if the row says so; else the value."""
    return row["means"].get(key_of(value), value) if isinstance(row, Mapping) and "means" in row else value


def _number(value: Any) -> float | None:
    """Return a number, also one in a text; None if it is none."""
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value):
        return int(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def key_of(value: Any) -> str:
    """Return a value as the keys in rules.toml write it; "" stands for nothing."""
    return "" if is_blank(value) else value if isinstance(value, str) else json.dumps(value, default=repr)


def is_plain(value: Any) -> bool:
    """Return whether a key or value of a tag holds only what AWS takes in one."""
    return not isinstance(value, str) or re.fullmatch(r"[\w .:/=+@-]*", value) is not None


def _follows(plan: Plan, kind: str, old: Any, new: Any) -> bool:
    """Return whether a value changes because a resource that it names is replaced, or created again."""
    if new is not UNKNOWN:
        gone = [change for change in plan.of_type(kind) if change.action == "replace" and _names(old, change)]
        return any(new == change.after.get(name) for change in gone for name in _REFERRED)
    renewed = [change for change in plan.of_type(kind) if any(change.after.get(name) is UNKNOWN for name in _REFERRED)]
    if any(_names(old, change) for change in renewed):
        return True
    is_created = any(not change.exists for change in renewed)
    kept = (change for change in plan.all_of_type(kind) if change.action != "destroy")
    return is_created and not any(_names(old, change) for change in kept)


def _names(value: Any, change: Change) -> bool:
    """Return whether a value holds what other resources call a resource."""
    text = value if isinstance(value, str) else json.dumps(value, default=repr)
    return any(
        isinstance(each, str) and each in text and re.search(rf"{re.escape(each)}(?![\w-])", text)
        for each in {str(change.before.get(name) or "") for name in _REFERRED} - {""}
    )


def function_arn(value: Any) -> Any:
    """Return a text without the version or alias of the function whose ARN it holds, or else the value."""
    return re.sub(r"(:lambda:[^:]*:[^:]*:function:[^:/]+):[^:/]+", r"\1", value) if isinstance(value, str) else value


def _without_workers(value: Any) -> Any:
    return re.sub(r"(sweeps >=) *\d+", r"\1", value) if isinstance(value, str) else value


_SAME = {"function": function_arn, "workers": _without_workers}


@cache
def matches(pattern: str, text: str) -> bool:
    """Return whether a text is like a pattern, in which a * stands for any characters."""
    return pattern == text or re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text, re.DOTALL) is not None


def listed(value: Any) -> Sequence[str]:
    """Return one text, or several, as a sequence."""
    return [value] if isinstance(value, str) else value
