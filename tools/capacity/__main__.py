"""make capacity RATE=1M PEAK=100k SIZE=300 BATCH=25: show what that many schedules a day need and cost."""

import re
from decimal import Decimal

from tools import terminal
from tools.capacity.model import Workload
from tools.capacity.report import markdown, tables
from tools.project import CommandError

_EXAMPLE = "example: make capacity RATE=1M PEAK=100k SIZE=300"
_NUMBER = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)([kKmMgG]?)")
_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}

#: Far more than any workload, and still readable in a table.
_LARGEST = 10**15


def parse_number(name: str, text: str) -> Decimal:
    """Parse a number with or without k, M or G, such as 100k or 1.5M: all but AHEAD are whole. Raises CommandError."""
    match = _NUMBER.fullmatch(text.replace("_", ""))
    number = Decimal(match[1]) * _FACTORS[match[2].lower()] if match else None
    if number is None or number > _LARGEST:
        problem = f"not {text[:40]!r}" if text else "and is missing"
        raise CommandError(f"{name} must be a number like 300, 100k, 1.5M or 2G, {problem} ({_EXAMPLE})")
    if number % 1 and name != "AHEAD":
        raise CommandError(f"{name} must be a whole number, not {text[:40]!r} ({_EXAMPLE})")
    return number


def capacity(rate: str, peak: str, size: str, ahead: str, batch: str, *, table: bool) -> None:
    """Print the tables for the variables of make, or docs/scaling.md's table. Raises CommandError."""
    if table:
        print(markdown(), end="")
        return
    load = Workload(
        days_ahead=float(parse_number("AHEAD", ahead or "7")),
        schedules_per_day=int(parse_number("RATE", rate)),
        peak=int(parse_number("PEAK", peak)),
        size_bytes=int(parse_number("SIZE", size)),
        batch=int(parse_number("BATCH", batch or "1")),
    )
    terminal.open_console().print(*tables(load), sep="\n")


if __name__ == "__main__":
    terminal.main("make capacity", capacity)
