"""Dangers, and how a sentence about one quotes what a plan holds. The sentences are in dangers.toml."""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.review.plan import UNKNOWN, Change, Sensitive, is_blank

#: What each danger means, and its sentences, by the id under which a file accepts it; the gravest first, as on a page.
SENTENCES: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_name("dangers.toml").read_text("utf-8"))

#: How many characters are shown of a value, and of one that has to be read to its end: the longest policy of a role.
SHORT, WHOLE = 160, 10_240


@dataclass(frozen=True, slots=True)
class Danger:
    """What would happen, and where. Files accept a danger by its `id`, which stays the same; `text` is Markdown."""

    id: str
    address: str
    text: str


class Markdown(str):
    """A text that is Markdown already and is not quoted again."""

    __slots__ = ()


def danger(change: Change | str, sentence_name: str, **values: object) -> Danger:
    """Return a danger of a resource or at an address, in a sentence like `recovery-off/table`; values are quoted.

    A sentence may also name attributes of the resource. Raises KeyError if there is no such sentence.
    """
    change = Change(change, "", "", "", "", "", {}, {}) if isinstance(change, str) else change
    name, _, variant = sentence_name.partition("/")
    given = {"address": change.address} | values
    text = SENTENCES[name][variant or "text"]
    return Danger(name, change.address, re.sub(r"{(\w+)}", lambda found: quoted(_value(change, found[1], given)), text))


def _value(change: Change, name: str, given: Mapping[str, Any]) -> object:
    """Return a value of a sentence: one given, what follows from those, or else an attribute of the resource."""
    if name in given:
        return given[name]
    match name:
        case "difference":
            return Markdown(abs(int(str(given["new"])) - int(str(given["old"]))))
        case "old_span" | "new_span":
            seconds = given[name.removesuffix("_span")]
            days, rest = divmod(seconds, 24 * 60 * 60) if isinstance(seconds, int) else (0, seconds)
            return Markdown(f"{days} days" if days and not rest else f"{quoted(seconds)} s")
        case "name":
            # Its name in AWS, or in Terraform if AWS gives it none.
            attributes = ("name", "function_name", "bucket", "uuid", "id")
            known = [(change.before or change.after).get(each) for each in attributes]
        case "holder":
            # The role, queue, bucket or table that a policy belongs to.
            attributes = ("role", "name", "queue_url", "bucket", "resource_arn")
            known = [side.get(each) for each in attributes for side in (change.after, change.before)]
        case _:
            return change.after.get(name) or change.before.get(name)
    return next((each for each in known if not is_blank(each) and each is not UNKNOWN), change.name)


def quoted(value: Any, longest: int = SHORT) -> Markdown:
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
    marks = fence(text)
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    return Markdown(f"{marks}{padding}{text}{padding}{marks}")


def fence(text: str, least: int = 1) -> str:
    """Return backticks that no text between them ends."""
    return "`" * max(least, *(len(run) + 1 for run in re.findall("`+", text)), 1)
