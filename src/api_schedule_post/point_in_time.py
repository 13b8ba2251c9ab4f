"""Reading a pointInTime: RFC 3339 with an offset."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

__all__ = ["parse_point_in_time"]

_RFC_3339 = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})[Tt](?P<time>\d{2}:\d{2}):(?P<second>\d{2})(?:\.(?P<fraction>\d+))?"
    r"(?P<offset>[Zz]|[+-]\d{2}:\d{2})?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  (arithmetic is on UTC without a zone, so that no year overflows)
_EXAMPLE = "like 2030-01-31T09:00:00+01:00"


def parse_point_in_time(text: str) -> int:
    """Seconds since 1970, a fraction of a second rounded up, for a message must not come early.

    Raises:
        ValueError: it is not RFC 3339, has no offset, or names a time that does not exist; the message says which.
    """
    match = _RFC_3339.fullmatch(text)
    if match is None:
        raise ValueError(f"it has to be RFC 3339, {_EXAMPLE}")
    if match["offset"] is None:
        raise ValueError(f"it has no offset from UTC: append Z or an offset, {_EXAMPLE}")
    if match["second"] == "60":
        raise ValueError("it is a leap second, which has no place in a count of seconds: name the second after it")
    if match["time"].startswith("24"):
        raise ValueError("the hour has to be from 00 to 23: midnight is 00:00 of the next day")
    try:
        local = datetime.fromisoformat(f"{match['date']}T{match['time']}:{match['second']}")
    except ValueError:
        raise ValueError("it is not a time that exists on the calendar and the clock") from None
    seconds = (local - _EPOCH) // timedelta(seconds=1) - _offset_seconds(match["offset"])
    return seconds + (1 if match["fraction"] and match["fraction"].strip("0") else 0)


def _offset_seconds(offset: str) -> int:
    if offset in "Zz":
        return 0
    hours, minutes = offset[1:3], offset[4:6]
    if hours > "23" or minutes > "59":
        raise ValueError("its offset has to be from -23:59 to +23:59")
    return (-1 if offset[0] == "-" else 1) * (int(hours) * 3600 + int(minutes) * 60)
