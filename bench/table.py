"""The figures, their bounds, and the table that shows them. Pure."""

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.console import Console
from rich.table import Table


class Figure(NamedTuple):
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


def show(figures: Mapping[str, Sequence[Figure]], console: Console) -> bool:
    """Print the figures by their items' names, those out of bounds marked, and return whether there are none."""
    table = Table(title="What the delayer costs")
    for column in ("figure", "value", "bound", "note"):
        table.add_column(column, overflow="fold")
    bad = []
    for item, of_item in figures.items():
        table.add_section()
        table.add_row(item, style="bold")
        for name, value, bound, is_good, note in of_item:
            if is_good:
                table.add_row(name, value, bound, note)
            else:
                table.add_row(name, value, f"OUT OF BOUNDS: {bound}", note, style="bold red")
                bad.append(f"{item}: {name}")
    console.print(table)
    good = "All bounds hold. Times and their ratios have no bounds: judge them yourself."
    console.print(f"Out of bounds: {'; '.join(bad)}" if bad else good)
    return not bad
