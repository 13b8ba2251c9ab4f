"""The figures, their bounds, and the table that shows them. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.table import Table

__all__ = ["Figure", "at_least", "at_most", "judged", "spread", "table_of", "verdict"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One row. What has a bound decides the exit status; times, and ratios of times, are a person's to judge."""

    item: str
    name: str
    value: str
    bound: str = ""
    is_good: bool = True
    note: str = ""


def at_most(item: str, name: str, value: float, bound: float, *, form: str = ",.0f", note: str = "") -> Figure:
    """A figure that must not be over a bound. `form` is a format of numbers, and may end in a unit."""
    return Figure(item, name, _text(value, form), f"at most {_text(bound, form)}", value <= bound, note)


def at_least(item: str, name: str, value: float, bound: float, *, form: str = ",.0f", note: str = "") -> Figure:
    """A figure that must not be under a bound."""
    return Figure(item, name, _text(value, form), f"at least {_text(bound, form)}", value >= bound, note)


def judged(item: str, name: str, values: Sequence[float], *, form: str, goal: str = "", note: str = "") -> Figure:
    """A time or a ratio of times that was measured several times: its median and spread, and what is to be reached."""
    return Figure(item, name, spread(values, form), f"(goal: {goal})" if goal else "", note=note)


def spread(values: Sequence[float], form: str) -> str:
    """The median, the least and the most."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{_text(middle, form)} ({_text(low, form)} to {_text(high, form)})"


def _text(value: float, form: str) -> str:
    number, _, unit = form.partition(" ")
    return f"{value:{number}} {unit}".rstrip()


def table_of(figures: Iterable[Figure]) -> Table:
    """All figures, those out of bounds marked."""
    table = Table(title="What the delayer costs")
    for column in ("figure", "value", "bound", "note"):
        table.add_column(column, overflow="fold")
    item = None
    for figure in figures:
        if figure.item != item:
            item = figure.item
            table.add_section()
            table.add_row(f"[bold]{item}[/bold]")
        style = None if figure.is_good else "bold red"
        bound = figure.bound if figure.is_good else f"OUT OF BOUNDS: {figure.bound}"
        table.add_row(figure.name, figure.value, bound, figure.note, style=style)
    return table


def verdict(figures: Sequence[Figure]) -> tuple[bool, str]:
    """Whether every figure is within its bounds, and what is to be said of that."""
    bad = [figure for figure in figures if not figure.is_good]
    if bad:
        return False, "Out of bounds: " + "; ".join(f"{figure.item}, {figure.name}" for figure in bad)
    return (
        True,
        "Every count, size and instruction figure is within its bounds. Times and their ratios are yours to judge.",
    )
