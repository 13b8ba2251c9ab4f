"""A danger, and how a value is told in a sentence."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from tools.review.plan import UNKNOWN, Sensitive

__all__ = ["WHOLE", "Danger", "quoted"]

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
