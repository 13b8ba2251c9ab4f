"""What the calculator shows: one workload as a table for the terminal, and docs/scaling.md's table of many."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import NamedTuple

from rich.table import Table

from tools.capacity.book import limits, prices
from tools.capacity.cost import Line, bill, scheduler_bill, scheduler_peak_seconds
from tools.capacity.model import BUDGET_SECONDS, Plan, Use, Workload, plan, uses, workload

__all__ = ["DOCUMENTED", "DOCUMENTED_BYTES", "MonthlyDollars", "dollars", "markdown", "monthly_dollars", "tables"]

#: docs/scaling.md: schedules a day, due at one instant. The last is a million a second.
DOCUMENTED = (
    (1e3, 100),
    (1e5, 10e3),
    (1e6, 100e3),
    (10e6, 100e3),
    (100e6, 1e6),
    (1e9, 1e6),
    (10e9, 10e6),
    (86.4e9, 10e6),
)
DOCUMENTED_BYTES = 300

_HEADINGS = (
    "a day", "a second", "peak", "environments", "shards", "workers", "stream shards", "executions", "hit first",
    "peak in the queue after, s", "on demand, $", "provisioned, $", "Scheduler, $", "Scheduler's peak takes, s",
)  # fmt: skip


class MonthlyDollars(NamedTuple):
    """The dollars that the same schedules cost in a month, on either service."""

    delayer: float
    scheduler: float


def monthly_dollars(schedules_per_day: int) -> MonthlyDollars:
    """Return the month's dollars of the delayer (on demand) and of EventBridge Scheduler, consumers included.

    Both carry the same load, docs/scaling.md's: payloads of 300 bytes, a tenth of the day's schedules due at once.
    """
    load = workload(schedules_per_day, max(1, schedules_per_day / 10), DOCUMENTED_BYTES)
    return MonthlyDollars(bill(load, plan(load)).on_demand_dollars, scheduler_bill(load).dollars)


def dollars(amount: float) -> str:
    """For people: cents only where they matter."""
    return f"{amount:,.2f}" if amount < 100 else f"{amount:,.0f}"  # noqa: PLR2004


def _number(amount: float) -> str:
    return f"{amount:,.3g}" if amount < 10 else f"{amount:,.0f}"  # noqa: PLR2004


def _share(use: Use) -> str:
    if use.share > 1:
        return f"{use.share:,.1f} times"
    return f"{use.share:.0%}" if use.share >= 0.01 else "under 1%"  # noqa: PLR2004


def markdown() -> str:
    """docs/scaling.md's table."""
    rows = [_row(workload(a_day, peak, DOCUMENTED_BYTES)) for a_day, peak in DOCUMENTED]
    lines = [_HEADINGS, tuple("---:" for _ in _HEADINGS), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _row(load: Workload) -> tuple[str, ...]:
    planned = plan(load)
    first = uses(load, planned)[0]
    cost = bill(load, planned)
    return (
        _number(load.schedules_per_day),
        _number(load.rate),
        _number(load.peak),
        f"{planned.environments}",
        f"{planned.shards}",
        f"{planned.workers}",
        f"{planned.partitions:,}",
        f"{planned.concurrency.total:,}",
        f"{first.what}: {_share(first)}",
        _number(planned.handover_seconds),
        dollars(cost.on_demand_dollars),
        dollars(cost.provisioned_dollars),
        dollars(scheduler_bill(load).dollars),
        _number(scheduler_peak_seconds(load)),
    )


def tables(load: Workload) -> list[Table]:
    """What a workload needs, which limits it meets, and what it costs."""
    planned = plan(load)
    return [_needs(load, planned), _limits(load, planned), _costs(load, planned)]


def _needs(load: Workload, planned: Plan) -> Table:
    each = "" if planned.environments == 1 else " in each environment"
    most = planned.concurrency
    table = Table(
        title=f"{_number(load.schedules_per_day)} schedules a day, {_number(load.peak)} due at one instant, "
        f"{load.size_bytes:,} bytes each",
        show_header=False,
    )
    rows = [
        ("environments", f"{planned.environments:,}"),
        (f"shard_count{each}", f"{planned.shards:,}"),
        (f"sweep_workers{each}", f"{planned.workers:,}"),
        (f"partitions, and so stream shards{each}", f"{planned.partitions:,}, once the table has grown to the load"),
        (f"executions at once{each}",
         f"{most.post:,} post, {most.sweep:,} sweep, {most.fast_track:,} stream"),
        (f"write units a second{each}",
         f"{_number(planned.even_write_units)} on average, {_number(planned.peak_write_units)} while a sweep deletes"),
        ("an ordinary minute's sweep takes", f"{planned.minute_seconds:,.1f} s"),
        ("the peak is in the queue after",
         f"{planned.handover_seconds:,.1f} s, at least {planned.spare_seconds:,.0f} s before its pointInTime"),
        ("the same on a new on-demand table",
         f"{planned.new_table_handover_seconds:,.1f} s of the {BUDGET_SECONDS} there are"),
    ]  # fmt: skip
    for row in rows:
        table.add_row(*row)
    return table


def _limits(load: Workload, planned: Plan) -> Table:
    table = Table("AWS limit, the first one hit at the top", title="Limits")
    for heading in ("needed", "allowed", "taken"):
        table.add_column(heading, justify="right")
    table.add_column("what helps")
    for is_aside, some in itertools.groupby(uses(load, planned), lambda use: use.is_aside):
        if is_aside:
            table.add_section()
            table.add_row("aside (see docs/scaling.md)", style="italic")
        for use in some:
            style = "bold" if use.share > 1 else None
            row = (use.what, _number(use.needed), _number(use.limit), _share(use), use.remedy if use.share > 1 else "")
            table.add_row(*row, style=style)
    return table


def _costs(load: Workload, planned: Plan) -> Table:
    cost, scheduler = bill(load, planned), scheduler_bill(load)
    book = prices()
    table = Table("", title=f"Dollars a month, {book.region}, prices of {book.looked_up}")
    table.add_column("quantity", justify="right")
    table.add_column("unit")
    table.add_column("dollars", justify="right")

    def add(lines: Iterable[Line]) -> None:
        for line in lines:
            table.add_row(line.what, _number(line.quantity), line.unit, dollars(line.dollars))
        table.add_section()

    def total(what: str, amount: float) -> None:
        table.add_row(what, "", "", dollars(amount), style="bold")
        table.add_section()

    add(cost.common)
    add(cost.on_demand)
    total("the delayer, on demand", cost.on_demand_dollars)
    add(cost.provisioned)
    total("the delayer, provisioned", cost.provisioned_dollars)
    add(scheduler.lines)
    total("EventBridge Scheduler", scheduler.dollars)
    table.caption = _beside_scheduler(load)
    return table


def _beside_scheduler(load: Workload) -> str:
    book = limits()
    caps = {
        "invocations a second": (load.rate, book["scheduler_invocations"].value),
        "CreateSchedule calls a second": (load.rate, book["scheduler_creations"].value),
        "schedules waiting": (load.pending, book["scheduler_schedules"].value),
    }
    over = [f"{_number(needed)} {what} of {_number(cap)}" for what, (needed, cap) in caps.items() if needed > cap]
    text = (
        f"Scheduler promises the minute, and by its quota takes {_number(scheduler_peak_seconds(load))} s over the peak"
    )
    return f"{text}; over its quotas: {', '.join(over)}." if over else f"{text}; the rest is within its quotas."
