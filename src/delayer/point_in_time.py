"""Parsing of a pointInTime: RFC 3339 with an offset."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

__all__ = ["parse_point_in_time"]

_RFC_3339 = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})[Tt](?P<time>\d{2}:\d{2}):(?P<second>\d{2})(?:\.(?P<fraction>\d+))?"
    r"(?P<offset>[Zz]|[+-]\d{2}:\d{2})?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  (UTC, but naive: the arithmetic overflows in no year)
_EXAMPLE = "like 2030-01-31T09:00:00+01:00"


def parse_point_in_time(text: str) -> int:
    """Return the seconds since 1970. A fraction of a second is rounded up, because a message must not arrive early.

    Raises:
        ValueError: the text is not RFC 3339, has no offset, or names a time that does not exist. The message is the
            predicate of a sentence about the pointInTime.
    """
    match = _RFC_3339.fullmatch(text)
    if match is None:
        raise ValueError(f"is not an RFC 3339 time: write it {_EXAMPLE}")
    if match["offset"] is None:
        raise ValueError(f"has no offset from UTC: append Z or an offset, {_EXAMPLE}")
    if match["second"] == "60":
        raise ValueError("is a leap second, which is not supported: use the second after it")
    if match["time"].startswith("24"):
        raise ValueError("has the hour 24: write midnight as 00:00 of the next day")
    try:
        local = datetime.fromisoformat(f"{match['date']}T{match['time']}:{match['second']}")
    except ValueError:
        raise ValueError("is a date or time that does not exist") from None
    seconds = (local - _EPOCH) // timedelta(seconds=1) - _offset_seconds(match["offset"])
    return seconds + (1 if match["fraction"] and match["fraction"].strip("0") else 0)


def _offset_seconds(offset: str) -> int:
    if offset in "Zz":
        return 0
    hours, minutes = offset[1:3], offset[4:6]
    if hours > "23" or minutes > "59":
        raise ValueError("has an invalid offset: it must be from -23:59 to +23:59")
    return (-1 if offset[0] == "-" else 1) * (int(hours) * 3600 + int(minutes) * 60)
