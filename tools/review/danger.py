"""A danger, and how a resource and its values are told in a sentence."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from tools.review.plan import UNKNOWN, Change, Sensitive, at, is_blank

__all__ = ["WHOLE", "Danger", "name_of", "new_value", "old_value", "quoted"]

_MAX_CHARACTERS = 160

#: For what has to be read to its end: the longest policy that a role takes.
WHOLE = 10_240


@dataclass(frozen=True, slots=True)
class Danger:
    """What would happen, and where. `id` stays the same over time, for it is accepted by that; `text` is Markdown."""

    id: str
    address: str
    text: str


def quoted(value: Any, longest: int = _MAX_CHARACTERS) -> str:
    """A value as Markdown that nothing in it can leave, cut where it is long."""
    if value is UNKNOWN or isinstance(value, Sensitive):
        return repr(value)
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) and value.isprintable() and value else json.dumps(value, default=repr)
    if len(text) > longest:
        text = f"{text[:longest]}… ({len(text):,} characters)"
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{padding}{text}{padding}{fence}"


def old_value(change: Change, path: str) -> str:
    """What an attribute is, as Markdown."""
    return quoted(at(change.before, path))


def new_value(change: Change, path: str) -> str:
    """What an attribute would be, as Markdown."""
    return quoted(at(change.after, path))


def name_of(change: Change) -> str:
    """What AWS calls a resource, as Markdown."""
    values = change.before or change.after
    for attribute in ("name", "function_name", "bucket", "uuid", "id"):
        if not is_blank(values.get(attribute)):
            return quoted(values[attribute])
    return quoted(change.name)
