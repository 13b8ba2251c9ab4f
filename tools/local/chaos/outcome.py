"""The outcome of a run, and whether it is as it should be. Pure."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.table import Table

from tools.local.arrivals import Arrivals
from tools.local.chaos.journal import UNEXPLAINED, Journal

#: The schedules of a run, BURST of which are due in one second and are posted ARRAY in a request; and how many more are
#: cancelled.
SCHEDULES = 2_000
BURST = 500
ARRAY = 50
CANCELLED = 100

#: The least share of the functions' calls to DynamoDB and SQS that must be spoiled; with less, a run shows nothing.
LEAST_FAULTY = 0.2

#: Seconds after the start: the last schedule is due, the minute's rule is off, the stream mapping is off, the burst is
#: due.
LAST_DUE = 420
RULE_OFF = (70, 250)
MAPPING_OFF = (270, 315)
BURST_DUE = 400


@dataclass(slots=True)
class Posts:
    """The accepted schedules: when each is due, by scheduleId, and how many requests all of them took."""

    due: dict[str, int] = field(default_factory=dict)
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that a run left behind.

    `calls` counts the functions' calls, and `left` the records and messages by the place where none should be.
    """

    start: float
    posts: Posts
    cancelled: Sequence[str]
    arrivals: Arrivals
    journal: Journal
    calls: int
    left: dict[str, int]

    def lateness(self) -> dict[str, float]:
        """Return the seconds from each schedule's pointInTime to its first message."""
        due, times = self.posts.due, self.arrivals.times
        return {schedule_id: min(times[schedule_id]) - due[schedule_id] for schedule_id in times if schedule_id in due}

    def sent_again(self) -> list[tuple[str, str]]:
        """Return the scheduleId and the reason of every message beyond a schedule's first."""
        return [
            (schedule_id, reason)
            for schedule_id, message_ids in self.arrivals.message_ids.items()
            if len(message_ids) > 1 or schedule_id not in self.posts.due
            for reason in self.journal.why_again(schedule_id, message_ids) or [UNEXPLAINED]
        ]


def is_undisturbed(due: float) -> bool:
    """Return whether a schedule due so many seconds after the start meets no outage and no wait for the next tick."""
    return not any(begin <= due <= end + 60 for begin, end in (RULE_OFF, MAPPING_OFF))


def percentiles(lateness: list[float]) -> str:
    """Return median, 99th percentile and worst, in milliseconds."""
    cuts = statistics.quantiles(lateness, n=100, method="inclusive")
    return f"p50 {cuts[49] * 1000:,.0f}, p99 {cuts[98] * 1000:,.0f}, worst {max(lateness) * 1000:,.0f}"


def report(outcome: Outcome) -> tuple[bool, Table]:
    """Return whether the outcome is as it should be, and a table that shows it."""
    posts, journal, late = outcome.posts, outcome.journal, outcome.lateness()
    lost = len(posts.due) - len(late)
    early = sum(seconds < 0 for seconds in late.values())
    sent_again = outcome.sent_again()
    reasons = Counter(reason for _, reason in sent_again)
    unexplained = [schedule_id for schedule_id, reason in sent_again if reason == UNEXPLAINED]
    sent = sum(schedule_id in journal.taken for schedule_id in outcome.cancelled)
    spoiled = journal.faults.total()
    kills = sum(count for fault, count in journal.faults.items() if fault.startswith("killed"))
    due_after = {schedule_id: posts.due[schedule_id] - outcome.start for schedule_id in late}
    undisturbed = [late[schedule_id] for schedule_id, due in due_after.items() if is_undisturbed(due)]
    burst = [late[each] for each in late if posts.due[each] == int(outcome.start) + BURST_DUE]

    table = Table(show_header=False)
    table.add_row("accepted", f"{len(posts.due):,} in {posts.requests:,} requests, {BURST} of them due in one second")
    table.add_row("arrived", f"{len(late):,}")
    table.add_row("lost", f"{lost}" + "".join(f", {count} {where}" for where, count in outcome.left.items() if count))
    table.add_row("early", f"{early}")
    table.add_row("cancelled", f"{len(outcome.cancelled)}, {sent} of them sent all the same")
    table.add_row("sent again", f"{len(sent_again)}, each under its scheduleId")
    for reason, count in reasons.most_common():
        table.add_row("", f"{count}: {reason}")
    for schedule_id in unexplained:
        table.add_row("", journal.story(schedule_id))
    table.add_row("lateness, ms", f"all: {percentiles(list(late.values()))}")
    table.add_row("", f"due while nothing was switched off: {percentiles(undisturbed)}")
    table.add_row("", f"the burst: {percentiles(burst)}")
    table.add_row(
        "calls spoiled", f"{spoiled:,} of {outcome.calls:,} to DynamoDB and SQS, {spoiled / outcome.calls:.0%}"
    )
    for fault, count in journal.faults.most_common():
        table.add_row("", f"{count}: {fault}")

    is_whole = len(posts.due) == SCHEDULES and kills > 0 and spoiled / outcome.calls >= LEAST_FAULTY
    is_good = is_whole and not (lost or early or sent or unexplained or any(outcome.left.values()))
    return is_good, table
