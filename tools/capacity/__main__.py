"""make capacity RATE=1M PEAK=100k SIZE=300 BATCH=25: show what that many schedules a day need and cost."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from decimal import Decimal

from tools.capacity.model import CapacityError, workload
from tools.capacity.report import markdown, tables
from tools.terminal import end, open_console, parse

_EXAMPLE = "make capacity RATE=1M PEAK=100k SIZE=300"
_NUMBER = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)([kKmMgG]?)")
_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}

#: Far more than any workload, and still readable in a table.
_LARGEST = 10**15


def parse_number(name: str, text: str) -> Decimal:
    """Parse a number with or without k, M or G, such as 100k or 1.5M. Raises CapacityError."""
    match = _NUMBER.fullmatch(text.replace("_", ""))
    number = Decimal(match[1]) * _FACTORS[match[2].lower()] if match else None
    if number is None or number > _LARGEST:
        problem = f"not {text[:40]!r}" if text else "and is missing"
        raise CapacityError(f"{name} must be a number like 300, 100k, 1.5M or 2G, {problem} (example: {_EXAMPLE})")
    return number


def _whole(name: str, text: str) -> int:
    number = parse_number(name, text)
    if number != int(number):
        raise CapacityError(f"{name} must be a whole number, not {text[:40]!r} (example: {_EXAMPLE})")
    return int(number)


def main(arguments: Sequence[str]) -> None:
    """Print the tables for the variables of make, or docs/scaling.md's with --table. Raises CapacityError."""
    given = parse(arguments, "rate", "peak", "size", "ahead", "batch", switches=["table"])
    if given.table:
        print(markdown(), end="")
        return
    days_ahead = float(parse_number("AHEAD", given.ahead or "7"))
    load = workload(
        _whole("RATE", given.rate),
        _whole("PEAK", given.peak),
        _whole("SIZE", given.size),
        days_ahead,
        _whole("BATCH", given.batch or "1"),
    )
    open_console().print(*tables(load), sep="\n")


if __name__ == "__main__":
    end("make capacity", lambda: main(sys.argv[1:]))
