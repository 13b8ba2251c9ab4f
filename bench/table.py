"""The figures, their bounds, and the table that shows them. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.table import Table

__all__ = ["Figure", "at_least", "at_most", "table_of", "unbounded", "verdict"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One row. A figure with a bound decides the exit status; times and their ratios have at most a goal."""

    item: str
    name: str
    value: str
    bound: str = ""
    is_good: bool = True
    note: str = ""


def at_most(item: str, name: str, value: float, bound: float, *, form: str = ",.0f", note: str = "") -> Figure:
    """Return a figure that must not exceed its bound. `form` formats both numbers."""
    return Figure(item, name, f"{value:{form}}", f"at most {bound:{form}}", value <= bound, note)


def at_least(item: str, name: str, value: float, bound: float, *, form: str = ",.0f", note: str = "") -> Figure:
    """Return a figure that must not fall below its bound. `form` formats both numbers."""
    return Figure(item, name, f"{value:{form}}", f"at least {bound:{form}}", value >= bound, note)


def unbounded(item: str, name: str, values: Sequence[float], *, form: str, goal: str = "", note: str = "") -> Figure:
    """Return a time or a ratio that was measured several times, as its median with the least and the most."""
    middle, low, high = (f"{of(values):{form}}" for of in (statistics.median, min, max))
    return Figure(item, name, f"{middle} ({low} to {high})", f"goal: {goal}" if goal else "", note=note)


def table_of(figures: Iterable[Figure]) -> Table:
    """Return a table of all figures by item. Those out of bounds are marked."""
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


def verdict(figures: Iterable[Figure]) -> tuple[bool, str]:
    """Return whether every figure is within its bounds, and the sentence that says so or names the others."""
    bad = [f"{figure.item}, {figure.name}" for figure in figures if not figure.is_good]
    if bad:
        return False, f"Out of bounds: {'; '.join(bad)}"
    return True, "All bounds hold. Times and their ratios have no bounds: judge them yourself."
