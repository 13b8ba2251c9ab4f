"""The figures, their bounds, and the table that shows them. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One row. A figure with a bound decides the exit status; times and their ratios have at most a goal."""

    name: str
    value: str
    bound: str = ""
    is_good: bool = True
    note: str = ""


def at_most(name: str, value: float, bound: float, *, form: str = ",.0f", note: str = "") -> Figure:
    """Return a figure that must not exceed its bound. `form` formats both numbers."""
    return Figure(name, f"{value:{form}}", f"at most {bound:{form}}", value <= bound, note)


def at_least(name: str, value: float, bound: float, *, form: str = ",.0f", note: str = "") -> Figure:
    """Return a figure that must not fall below its bound. `form` formats both numbers."""
    return Figure(name, f"{value:{form}}", f"at least {bound:{form}}", value >= bound, note)


def unbounded(name: str, values: Sequence[float], *, form: str, goal: str = "", note: str = "") -> Figure:
    """Return a time or a ratio that was measured several times, as its median with the least and the most."""
    middle, low, high = (f"{of(values):{form}}" for of in (statistics.median, min, max))
    return Figure(name, f"{middle} ({low} to {high})", f"goal: {goal}" if goal else "", note=note)


def table_of(figures: Mapping[str, Sequence[Figure]]) -> Table:
    """Return a table of all figures, by their items' names. Those out of bounds are marked."""
    table = Table(title="What the delayer costs")
    for column in ("figure", "value", "bound", "note"):
        table.add_column(column, overflow="fold")
    for item, of_item in figures.items():
        table.add_section()
        table.add_row(item, style="bold")
        for figure in of_item:
            style = None if figure.is_good else "bold red"
            bound = figure.bound if figure.is_good else f"OUT OF BOUNDS: {figure.bound}"
            table.add_row(figure.name, figure.value, bound, figure.note, style=style)
    return table


def verdict(figures: Mapping[str, Sequence[Figure]]) -> tuple[bool, str]:
    """Return whether every figure is within its bounds, and the sentence that says so or names the others."""
    bad = [f"{item}: {figure.name}" for item, of_item in figures.items() for figure in of_item if not figure.is_good]
    if bad:
        return False, f"Out of bounds: {'; '.join(bad)}"
    return True, "All bounds hold. Times and their ratios have no bounds: judge them yourself."
