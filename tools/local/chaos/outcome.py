"""What became of a run's schedules, and whether that is as it has to be. Pure."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table

from tools.local.chaos.journal import UNEXPLAINED, Journal
from tools.local.demo import Arrivals

__all__ = [
    "BURST",
    "BURST_DUE",
    "LAST_DUE",
    "MAPPING_OFF",
    "RULE_OFF",
    "SCHEDULES",
    "MessageArrivals",
    "Outcome",
    "Posts",
    "report",
]

#: Of these, so many are due in one second.
SCHEDULES = 2_000
BURST = 500

#: Of the calls to DynamoDB and SQS that the functions make, at least so many have to be spoiled, or nothing was shown.
LEAST_FAULTY = 0.2

#: Seconds after the start: the last schedules are due, the minute's rule is off, the stream mapping is off, the burst.
LAST_DUE = 420
RULE_OFF = (70, 250)
MAPPING_OFF = (270, 315)
BURST_DUE = 400


@dataclass(slots=True)
class Posts:
    """What was accepted: when each schedule is due, and how many requests it took for all."""

    due: dict[str, int] = field(default_factory=dict)
    requests: int = 0


class MessageArrivals(Arrivals):
    """What was received, with the MessageIds: a message that SQS hands out twice is no second message."""

    def __init__(self) -> None:
        super().__init__()
        self.message_ids: dict[str, set[str]] = {}

    def hear(self, message: Any, at: float) -> None:
        """One message was received."""
        super().hear(message, at)
        schedule_id = message["MessageAttributes"]["scheduleId"]["StringValue"]
        self.message_ids.setdefault(schedule_id, set()).add(message["MessageId"])


def is_undisturbed(due: float) -> bool:
    """Whether a schedule due so many seconds after the start had nothing switched off, nor a tick to wait for."""
    return not any(begin <= due <= end + 60 for begin, end in (RULE_OFF, MAPPING_OFF))


def percentiles(lateness: list[float]) -> str:
    """Median, 99th percentile and worst, in milliseconds."""
    cuts = statistics.quantiles(lateness, n=100, method="inclusive")
    return f"p50 {cuts[49] * 1000:,.0f}, p99 {cuts[98] * 1000:,.0f}, worst {max(lateness) * 1000:,.0f}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run left. `calls`: those that the functions made; `left`: what lies where at the end nothing should."""

    start: float
    posts: Posts
    arrivals: MessageArrivals
    journal: Journal
    calls: int
    left: dict[str, int]


def report(outcome: Outcome) -> tuple[bool, Table, str]:
    """Whether all is as it has to be, the table that says so, and a title for the picture."""
    posts, arrivals, journal, calls, left = (
        outcome.posts, outcome.arrivals, outcome.journal, outcome.calls, outcome.left,
    )  # fmt: skip
    first = {schedule_id: min(times) for schedule_id, times in arrivals.times.items()}
    late = {schedule_id: at - posts.due[schedule_id] for schedule_id, at in first.items() if schedule_id in posts.due}
    lost = posts.due.keys() - first.keys()
    early = sum(seconds < 0 for seconds in late.values())
    again: dict[str, int] = {}
    unexplained = []
    for schedule_id, message_ids in arrivals.message_ids.items():
        if len(message_ids) > 1 or schedule_id not in posts.due:
            for reason in journal.why_again(schedule_id, message_ids) or [UNEXPLAINED]:
                again[reason] = again.get(reason, 0) + 1
                if reason == UNEXPLAINED:
                    unexplained.append(schedule_id)
    faults = sum(journal.faults.values())
    undisturbed = [
        seconds for schedule_id, seconds in late.items() if is_undisturbed(posts.due[schedule_id] - outcome.start)
    ]
    burst = [
        seconds for schedule_id, seconds in late.items() if posts.due[schedule_id] == int(outcome.start) + BURST_DUE
    ]

    table = Table(show_header=False)
    table.add_row("accepted", f"{len(posts.due):,} in {posts.requests:,} requests, {BURST} of them due in one second")
    table.add_row("arrived", f"{len(posts.due) - len(lost):,}")
    table.add_row("lost", f"{len(lost)}" + "".join(f", {count} {where}" for where, count in left.items() if count))
    table.add_row("early", f"{early}")
    table.add_row("sent again", f"{sum(again.values())}, each under its scheduleId")
    for reason, count in sorted(again.items(), key=lambda item: -item[1]):
        table.add_row("", f"{count}: {reason}")
    for schedule_id in unexplained:
        table.add_row("", journal.story(schedule_id))
    table.add_row("lateness, ms", f"all: {percentiles(list(late.values()))}")
    table.add_row("", f"due while nothing was switched off: {percentiles(undisturbed)}")
    table.add_row("", f"the burst: {percentiles(burst)}")
    table.add_row("calls spoiled", f"{faults:,} of {calls:,} to DynamoDB and SQS, {faults / calls:.0%}")
    for fault, count in sorted(journal.faults.items(), key=lambda item: -item[1]):
        table.add_row("", f"{count}: {fault}")
    kills = sum(count for fault, count in journal.faults.items() if fault.startswith("killed"))
    is_good = not (lost or early or again.get(UNEXPLAINED) or any(left.values())) and kills > 0
    is_good = is_good and faults / calls >= LEAST_FAULTY and len(posts.due) == SCHEDULES
    title = (
        f"{len(posts.due):,} schedules, {faults / calls:.0%} of the calls spoiled, {kills} kills: "
        f"{len(lost)} lost, {early} early, {sum(again.values())} sent again"
    )
    return is_good, table, title
