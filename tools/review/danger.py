"""Dangers in the sentences of dangers.toml, how these quote what a plan holds, and the dangers that a file accepts."""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tools.project import CommandError
from tools.review.plan import UNKNOWN, Change, Sensitive, is_blank

#: What each danger means, and its sentences, by the id under which a file accepts it; the gravest first, as on a page.
SENTENCES: dict[str, dict[str, str]] = tomllib.loads(Path(__file__).with_name("dangers.toml").read_text("utf-8"))

#: How many characters are shown of a value, and of one that has to be read to its end: the longest policy of a role.
SHORT, WHOLE = 160, 10_240

#: Nobody remembers an older entry.
_LONGEST = timedelta(days=90)


class Danger(NamedTuple):
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
    if value is None or value is UNKNOWN or isinstance(value, Sensitive):
        return Markdown("nothing" if value is None else repr(value))
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


@cache
def matches(pattern: str, text: str) -> bool:
    """Return whether a text is like a pattern, in which a * stands for any characters."""
    return pattern == text or re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text, re.DOTALL) is not None


class Accepted(NamedTuple):
    """An entry: a danger that may be applied until the end of the day `expires`, at each address like its pattern."""

    danger: str
    address: str
    reason: str
    expires: date


class Judgement(NamedTuple):
    """The dangers that stop the plan, the accepted ones with their entries, and the entries without effect."""

    dangers: list[Danger]
    accepted: list[tuple[Danger, Accepted]]
    expired: list[Accepted]
    unused: list[Accepted]


def read_accepted(path: Path, shown: str, today: date) -> list[Accepted]:
    """Return the entries of a file, none if there is no file. Raises CommandError, which names the file as `shown`."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (RecursionError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CommandError(f"{shown} is not TOML: {error}") from error
    entries = document.get("accepted", [])
    if set(document) - {"accepted"} or not isinstance(entries, list):
        raise CommandError(f"{shown} may hold nothing but entries that begin with [[accepted]]")
    return [_entry(entry, f"{shown}: entry {number}", today) for number, entry in enumerate(entries, 1)]


def judge(dangers: Iterable[Danger], entries: Sequence[Accepted], today: date) -> Judgement:
    """Divide dangers into those that stop the plan and those that are accepted today."""
    stopping, accepted, met = [], [], set()
    for danger in dangers:
        # An entry that is valid comes before an expired one.
        known = [entry for entry in entries if entry.danger == danger.id and matches(entry.address, danger.address)]
        entry = max(known, key=lambda entry: entry.expires, default=None)
        met.add(entry)
        if entry is not None and entry.expires >= today:
            accepted.append((danger, entry))
        else:
            stopping.append(danger)
    expired = [entry for entry in entries if entry.expires < today]
    unused = [entry for entry in entries if entry not in met and entry not in expired]
    return Judgement(stopping, accepted, expired, unused)


def _entry(entry: Any, shown: str, today: date) -> Accepted:
    if not isinstance(entry, dict):
        raise CommandError(f"{shown} is not a table: begin it with [[accepted]]")
    for name, kind in Accepted.__annotations__.items():
        value = entry.get(name)
        if not isinstance(value, kind) or isinstance(value, datetime) or not str(value).strip():
            raise CommandError(f"{shown} needs `{name}`, {'a date like 2027-01-31' if kind is date else 'a text'}")
    if unknown := sorted(set(entry) - set(Accepted._fields)):
        raise CommandError(f"{shown} has `{unknown[0]}`, which is none of {', '.join(Accepted._fields)}")
    if entry["danger"] not in SENTENCES:
        known = ", ".join(sorted(SENTENCES))
        raise CommandError(f"{shown} names the danger {entry['danger']!r}, which is none of {known}")
    if entry["expires"] - today > _LONGEST:
        raise CommandError(
            f"{shown} expires on {entry['expires']}: a danger is accepted for at most {_LONGEST.days} days, until "
            f"{today + _LONGEST}"
        )
    return Accepted(**entry)
