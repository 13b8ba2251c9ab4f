"""The dangers that an environment's file accepts: which, where, why, and until when."""

import tomllib
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from tools.project import CommandError
from tools.review.danger import SENTENCES, Danger
from tools.review.table import matches

#: Nobody remembers an older entry.
_LONGEST = timedelta(days=90)


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
        raise CommandError(
            f"{shown} names the danger {entry['danger']!r}, which is none of {', '.join(sorted(SENTENCES))}"
        )
    if entry["expires"] - today > _LONGEST:
        raise CommandError(
            f"{shown} expires on {entry['expires']}: a danger is accepted for at most {_LONGEST.days} days, until "
            f"{today + _LONGEST}"
        )
    return Accepted(**entry)
