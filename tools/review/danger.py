"""Dangers, and how a sentence about one quotes what a plan holds. The sentences are in dangers.toml."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.review.plan import UNKNOWN, Change, Sensitive, at, is_blank

__all__ = ["MEANINGS", "WHOLE", "Danger", "Markdown", "attribute_danger", "danger", "name_of", "quoted"]

_TABLE: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_name("dangers.toml").read_text(encoding="utf-8"))

#: What each danger means, by the id under which a file accepts it.
MEANINGS = {name: entry["means"] for name, entry in _TABLE.items()}

_MAX_CHARACTERS = 160

#: For values that have to be read to their end: the longest policy that a role takes.
WHOLE = 10_240


@dataclass(frozen=True, slots=True)
class Danger:
    """What would happen, and where. Files accept a danger by its `id`, which stays the same; `text` is Markdown."""

    id: str
    address: str
    text: str


class Markdown(str):
    """A text that is Markdown already and is not quoted again."""

    __slots__ = ()


def danger(change: Change, sentence: str, **values: object) -> Danger:
    """Return a danger of a resource, in a sentence of dangers.toml named like `recovery-off/table`; values are quoted.

    Raises KeyError if there is no such sentence, or it needs another value.
    """
    name, _, variant = sentence.partition("/")
    shown = {"name": name_of(change)} | {key: quoted(value) for key, value in values.items()}
    return Danger(name, change.address, _TABLE[name][variant or "text"].format(**shown))


def attribute_danger(change: Change, sentence: str, path: str) -> Danger:
    """Return a danger whose sentence names the old and the new value of an attribute."""
    return danger(change, sentence, old=at(change.before, path), new=at(change.after, path))


def quoted(value: Any, longest: int = _MAX_CHARACTERS) -> Markdown:
    """Return a value as Markdown that nothing in it can leave, cut after `longest` characters."""
    if isinstance(value, Markdown):
        return value
    if value is UNKNOWN or isinstance(value, Sensitive):
        return Markdown(repr(value))
    if value is None:
        return Markdown("nothing")
    text = value if isinstance(value, str) and value.isprintable() and value else json.dumps(value, default=repr)
    if len(text) > longest:
        text = f"{text[:longest]}… ({len(text):,} characters)"
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    return Markdown(f"{fence}{padding}{text}{padding}{fence}")


def name_of(change: Change) -> Markdown:
    """Return a resource's name in AWS, or in Terraform if AWS gives it none."""
    values = change.before or change.after
    for attribute in ("name", "function_name", "bucket", "uuid", "id"):
        if not is_blank(values.get(attribute)):
            return quoted(values[attribute])
    return quoted(change.name)
