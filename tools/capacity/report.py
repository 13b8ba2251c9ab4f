"""The calculator's output: one workload's tables for the terminal, and docs/scaling.md's table of many workloads."""

import itertools

from rich.table import Table

from tools.capacity.book import LIMITS, LOOKED_UP, REGION
from tools.capacity.cost import bill, scheduler_bill, table_capacity, total
from tools.capacity.model import BUDGET_SECONDS, Workload
from tools.capacity.needs import Plan, Use, plan, uses
from tools.project import FAST_TRACK, POST, SWEEP

#: docs/scaling.md's workloads: schedules a day, and how many of them are due at one instant. The last is a million a
#: second.
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


def dollars(amount: float) -> str:
    """Return an amount for people: cents only where they matter."""
    return f"{amount:,.2f}" if amount < 100 else f"{amount:,.0f}"  # noqa: PLR2004


def _number(amount: float) -> str:
    return f"{amount:,.3g}" if amount < 10 else f"{amount:,.0f}"  # noqa: PLR2004


def _share(use: Use) -> str:
    if use.share > 1:
        return f"{use.share:,.1f} times the limit"
    return f"{use.share:.0%}" if use.share >= 0.01 else "under 1%"  # noqa: PLR2004


def markdown() -> str:
    """Return docs/scaling.md's table."""
    rows = [_row(Workload(a_day, peak, DOCUMENTED_BYTES)) for a_day, peak in DOCUMENTED]
    lines = [rows[0].keys(), ["---:"] * len(rows[0]), *(row.values() for row in rows)]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _row(load: Workload) -> dict[str, str]:
    planned = plan(load)
    first = uses(load, planned)[0]
    cost = bill(load, planned)
    return {
        "schedules per day": _number(load.schedules_per_day),
        "per second": _number(load.rate),
        "due at once": _number(load.peak),
        "environments": f"{planned.environments}",
        "shards": f"{planned.shards}",
        "workers": f"{planned.workers}",
        "stream shards": f"{planned.partitions:,}",
        "executions": f"{sum(planned.concurrency.values()):,}",
        "first AWS limit (used)": f"{first.what} ({_share(first)})",
        f"peak handed over in, s (of {BUDGET_SECONDS})": _number(planned.handover_seconds),
        "on demand, $": dollars(total(cost.common, cost.on_demand)),
        "provisioned, $": dollars(total(cost.common, cost.provisioned)),
        "Scheduler, $": dollars(total(scheduler_bill(load))),
        "Scheduler's peak takes, s": _number(load.peak / LIMITS["scheduler_invocations"].value),
    }


def tables(load: Workload) -> list[Table]:
    """Return three tables: what a workload needs, how much of each limit it uses, and what it costs."""
    planned = plan(load)
    return [_needs(load, planned), _limits(load, planned), _costs(load, planned)]


def _needs(load: Workload, planned: Plan) -> Table:
    each = "" if planned.environments == 1 else ", in each environment"
    executions = planned.concurrency
    writes, reads = table_capacity(load, planned)
    budget = f"s of the {BUDGET_SECONDS} s available"
    is_late = planned.new_table_handover_seconds > BUDGET_SECONDS
    table = Table(
        title=f"{_number(load.schedules_per_day)} schedules a day, {_number(load.peak)} due at one instant, "
        f"{load.size_bytes:,} bytes each, {load.batch:,} in a request",
        show_header=False,
    )
    for name, value in {
        "environments": f"{planned.environments:,}",
        f"shard_count{each}": f"{planned.shards:,}",
        f"sweep_workers{each}": f"{planned.workers:,}",
        f"stream shards{each}": f"{planned.partitions:,} once the table has grown to the load",
        f"concurrent executions{each}": f"{sum(executions.values()):,} at most: {executions[POST]:,} post, "
        f"{executions[SWEEP]:,} sweep, {executions[FAST_TRACK]:,} fast track",
        f"write units per second{each}": f"{_number(planned.even_write_units)} on average, "
        f"{_number(planned.peak_write_units)} while a sweep deletes",
        f"table_capacity{each}, if provisioned": f"at least {writes:,} write and {reads:,} read units",
        "sweep of an ordinary minute": f"{planned.minute_seconds:,.1f} s",
        "peak handed to the queue in": f"{planned.handover_seconds:,.1f} {budget}: none late",
        "the same on a new table": f"{planned.new_table_handover_seconds:,.1f} {budget}: "
        f"{'SOME LATE' if is_late else 'none late'}",
    }.items():
        table.add_row(name, value)
    return table


def _limits(load: Workload, planned: Plan) -> Table:
    table = Table("AWS limit, the first one hit at the top", title="Limits")
    for heading in ("needed", "allowed", "used"):
        table.add_column(heading, justify="right")
    table.add_column("remedy")
    for is_aside, group in itertools.groupby(uses(load, planned), lambda use: use.is_aside):
        if is_aside:
            table.add_section()
            table.add_row("aside (see docs/scaling.md)", style="italic")
        for use in group:
            is_over = use.share > 1
            row = (use.what, _number(use.needed), _number(use.limit), _share(use), use.remedy if is_over else "")
            table.add_row(*row, style="bold" if is_over else None)
    return table


def _costs(load: Workload, planned: Plan) -> Table:
    cost, scheduler = bill(load, planned), scheduler_bill(load)
    quotas = (
        (load.rate, "invocations a second", LIMITS["scheduler_invocations"].value),
        (load.rate, "CreateSchedule calls a second", LIMITS["scheduler_creations"].value),
        (load.pending, "waiting schedules", LIMITS["scheduler_schedules"].value),
    )
    over = [f"{_number(needed)} {what} of {_number(quota)}" for needed, what, quota in quotas if needed > quota]
    table = Table(
        "",
        title=f"Dollars a month, {REGION}, prices of {LOOKED_UP}",
        caption="Scheduler is accurate to the minute. At its default quota the peak takes "
        f"{_number(load.peak / quotas[0][-1])} s. Over its quotas: {', '.join(over) or 'nothing'}.",
    )
    table.add_column("quantity", justify="right")
    table.add_column("unit")
    table.add_column("dollars", justify="right")
    for lines, name, amount in (
        (cost.common, "", 0.0),
        (cost.on_demand, "the delayer, on demand", total(cost.common, cost.on_demand)),
        (cost.provisioned, "the delayer, provisioned", total(cost.common, cost.provisioned)),
        (scheduler, "EventBridge Scheduler", total(scheduler)),
    ):
        for line in lines:
            table.add_row(line.what, _number(line.quantity), line.unit, dollars(line.dollars))
        table.add_section()
        if name:
            table.add_row(name, "", "", dollars(amount), style="bold")
            table.add_section()
    return table
