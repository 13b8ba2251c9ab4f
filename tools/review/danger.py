"""Dangers, and how a sentence about one quotes what a plan holds. The sentences are in dangers.toml."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.review.plan import UNKNOWN, Change, Sensitive, is_blank

SENTENCES: dict[str, dict[str, str]] = tomllib.loads(
    Path(__file__).with_name("dangers.toml").read_text(encoding="utf-8")
)

#: What each danger means, by the id under which a file accepts it; the gravest first, as a page names them.
MEANINGS = {name: entry["means"] for name, entry in SENTENCES.items()}

_MAX_CHARACTERS = 160
_DAY_SECONDS = 24 * 60 * 60

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


def danger(change: Change, sentence_name: str, **values: object) -> Danger:
    """Return a danger of a resource, in a sentence named like `recovery-off/table`; values are quoted.

    A sentence may also name attributes of the resource. Raises KeyError if there is no such sentence.
    """
    name, _, variant = sentence_name.partition("/")
    text = SENTENCES[name][variant or "text"].format_map(_Values(change, values))
    return Danger(name, change.address, text)


class _Values(dict[str, Markdown]):
    """The values of a sentence: those of a rule, what follows from them, and else the resource's attributes."""

    def __init__(self, change: Change, values: Mapping[str, object]) -> None:
        super().__init__(address=quoted(change.address), name=name_of(change))
        self.update({name: quoted(value) for name, value in values.items()})
        self._change, self._values = change, values

    def __missing__(self, name: str) -> Markdown:
        old, new = self._values.get("old"), self._values.get("new")
        if name == "difference":
            return Markdown(abs(int(str(new)) - int(str(old))))
        if name in ("old_span", "new_span"):
            return _span(new if name == "new_span" else old)
        return quoted(self._change.after.get(name) or self._change.before.get(name))


def sentence(sentence_name: str, address: str, **values: object) -> Danger:
    """Return a danger at an address that is not a resource's, or not only."""
    return danger(Change(address, "", "", "", "", "", {}, {}), sentence_name, **values)


def quoted(value: Any, longest: int = _MAX_CHARACTERS) -> Markdown:
    """Return a value as Markdown that nothing in it can leave, cut after `longest` characters."""
    if isinstance(value, Markdown):
        return value
    if value is UNKNOWN or isinstance(value, Sensitive):
        return Markdown(repr(value))
    if value is None:
        return Markdown("nothing")
    if isinstance(value, str) and value.isprintable() and value.strip() == value != "":
        text = value
    else:
        text = json.dumps(value, default=repr, ensure_ascii=False)
        text = text if text.isprintable() else json.dumps(value, default=repr)
    if len(text) > longest:
        text = f"{text[:longest]}… ({len(text):,} characters)"
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    return Markdown(f"{fence}{padding}{text}{padding}{fence}")


def name_of(change: Change) -> Markdown:
    """Return a resource's name in AWS, or in Terraform if AWS gives it none."""
    values = change.before or change.after
    for attribute in ("name", "function_name", "bucket", "uuid", "id"):
        found = values.get(attribute)
        if not is_blank(found) and found is not UNKNOWN:
            return quoted(found)
    return quoted(change.name)


def _span(value: Any) -> Markdown:
    """Return seconds as days, if they are whole days."""
    if isinstance(value, int) and value and value % _DAY_SECONDS == 0:
        return Markdown(f"{value // _DAY_SECONDS} days")
    return Markdown(f"{quoted(value)} s")
