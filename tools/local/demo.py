"""make demo: the whole delayer on this machine, and schedules arriving while one looks on."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tools.local.stack import Progress, Stack, end, start
from tools.project import ROOT, CommandError
from tools.terminal import run, shown_progress

__all__ = ["Arrivals", "Posted", "Verdict", "conclude", "consuming", "post", "read_paths", "summarize"]

#: A delay in SQS is a whole number of seconds, so a message may come up to a second after its pointInTime; the rest is
#: for handing it on. What is later than this is not on the second.
ON_TIME_MS = 1_500

#: Longer than this after the last pointInTime nothing is waited for.
PATIENCE_SECONDS = 30

#: After the last arrival, so that a second delivery would be seen.
AFTERMATH_SECONDS = 3

_BURST = 100
_CONSUMERS = 4


@dataclass(slots=True)
class Posted:
    """A schedule that was accepted."""

    name: str
    schedule_id: str
    point_in_time: int


@dataclass(slots=True)
class Arrivals:
    """What the consumers received, by scheduleId: every time of arrival, in seconds since 1970."""

    times: dict[str, list[float]] = field(default_factory=dict)
    #: Which path each took, read from the functions' logs.
    paths: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hear(self, message: Any, at: float) -> None:
        """One message was received."""
        self.add(message["MessageAttributes"]["scheduleId"]["StringValue"], at)

    def add(self, schedule_id: str, at: float) -> None:
        """A message of this schedule was received."""
        with self._lock:
            self.times.setdefault(schedule_id, []).append(at)

    def lateness_ms(self, posted: Posted) -> float | None:
        """Milliseconds from the pointInTime to the first arrival; negative: early; None: not arrived."""
        times = self.times.get(posted.schedule_id)
        return None if not times else (times[0] - posted.point_in_time) * 1000


@contextlib.contextmanager
def consuming(stack: Stack, arrivals: Arrivals) -> Iterator[None]:
    """Receive and delete messages, on several threads, until the end of the block."""
    url = stack.outputs["delayer_queue_url"]
    is_over = threading.Event()

    def consume() -> None:
        queue = stack.client("sqs")
        while not is_over.is_set():
            try:
                answer = queue.receive_message(
                    QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["scheduleId"], WaitTimeSeconds=1
                )
                at = time.time()
                for message in answer.get("Messages", []):
                    arrivals.hear(message, at)
                    queue.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            except Exception as error:  # noqa: BLE001  (a consumer must go on, whatever a call says)
                if not is_over.is_set():
                    print(f"a consumer's call failed and is tried again: {error}", file=sys.stderr)
                    is_over.wait(1)

    threads = [threading.Thread(target=consume, daemon=True) for _ in range(_CONSUMERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join(timeout=5)


def read_paths(stack: Stack, arrivals: Arrivals) -> None:
    """Learn from the functions' logs who handed each schedule over."""
    logs = stack.client("logs")
    for name, path in (("stream-dynamodb-fasttrack_enqueuer", "fast track"), ("task-1minute-enqueuer", "sweep")):
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=stack.outputs["log_group_names"][name])
        for page in pages:
            for event in page["events"]:
                if '"handed over"' in event["message"]:
                    for schedule_id in json.loads(event["message"])["schedule_ids"]:
                        arrivals.paths.setdefault(schedule_id, path)


def post(stack: Stack, name: str, point_in_time: int, payload: Any) -> Posted:
    """Post a schedule. Raises CommandError if the API doesn't accept it."""
    text = datetime.fromtimestamp(point_in_time, UTC).isoformat()
    answer = stack.post(json.dumps({"pointInTime": text, "payload": payload}).encode())
    if answer.status != 201:  # noqa: PLR2004
        raise CommandError(f"posting {name!r} was answered {answer.status}: {answer.body}")
    return Posted(name, answer.body["scheduleId"], point_in_time)


def post_all(stack: Stack, console: Console, progress: Progress) -> list[Posted]:
    """Post what the demonstration shows. Raises CommandError if the API doesn't answer as it should."""
    posted: list[Posted] = []
    now = int(time.time())

    def add(name: str, point_in_time: int, payload: Any) -> None:
        progress("Posting schedules", len(posted), 5 + _BURST + 1)
        posted.append(post(stack, name, point_in_time, payload))

    period = 60
    add("due already", now - 1, {"demo": "late by its sender's fault, and sent at once"})
    for seconds in (10, 20):
        add(f"in {seconds} s", now + seconds, {"demo": "inside the delayer period", "naïve": "Grüße, 世界"})
    for seconds in (period + 15, period + 25):
        add(f"in {seconds} s", now + seconds, {"demo": "only the sweep can pick this up"})
    for number in range(_BURST + 1):
        add("burst", now + 35, {"demo": f"one of {_BURST + 1} in the same second", "number": number})
    console.print(f"Posted {len(posted)} schedules, all answered 201.")

    refused = stack.post(b'{"pointInTime": "2027-02-30T10:00:00Z", "payload": null}')
    if refused.status != 400:  # noqa: PLR2004
        raise CommandError(f"a pointInTime on 30 February was answered {refused.status}, not 400")
    line = f"Posted one for 30 February, answered {refused.status}: {refused.body['detail']}\n"
    console.print(line, highlight=False, soft_wrap=True)
    return posted


def view(posted: list[Posted], arrivals: Arrivals) -> Table:
    """The table that is looked at: a row for each schedule, one for all of the burst."""
    table = Table(title="Schedules and their messages", title_justify="left")
    for column in ("schedule", "due", "arrived"):
        table.add_column(column)
    table.add_column("late by, ms", justify="right")
    table.add_column("path")
    for name in dict.fromkeys(schedule.name for schedule in posted):
        group = [schedule for schedule in posted if schedule.name == name]
        lateness = [late for schedule in group if (late := arrivals.lateness_ms(schedule)) is not None]
        paths = sorted({arrivals.paths[s.schedule_id] for s in group if s.schedule_id in arrivals.paths})
        due = group[0].point_in_time
        if not lateness:
            arrived = Text(f"in {max(0, due - time.time()):.0f} s", style="dim")
        elif len(group) == 1:
            arrived = Text(_clock(due + lateness[0] / 1000), style="green")
        else:
            arrived = Text(
                f"{len(lateness)} of {len(group)}", style="green" if len(lateness) == len(group) else "yellow"
            )
        table.add_row(
            name if len(group) == 1 else f"{name} of {len(group)}",
            _clock(due, digits=0),
            arrived,
            f"{max(lateness):.0f}" + (" at most" if len(group) > 1 else "") if lateness else "",
            ", ".join(paths),
        )
    return table


@dataclass(frozen=True, slots=True)
class Verdict:
    """How it went, with a line for the reader."""

    #: Nothing was lost, early or twice.
    is_good: bool
    is_on_time: bool
    line: str


def summarize(posted: list[Posted], arrivals: Arrivals) -> Verdict:
    """Judge what arrived."""
    lateness = {schedule.schedule_id: arrivals.lateness_ms(schedule) for schedule in posted}
    arrived = [late for late in lateness.values() if late is not None]
    early = sum(late < 0 for late in arrived)
    twice = sum(len(times) > 1 for times in arrivals.times.values())
    unknown = len(arrivals.times.keys() - lateness.keys())
    # What was due before it was posted is late by its sender, not by the delayer.
    worst = max(
        (late for s in posted if s.name != "due already" and (late := lateness[s.schedule_id]) is not None), default=0
    )
    line = (
        f"{len(arrived)} of {len(posted)} arrived, {early} early, {twice} twice, {unknown} unknown; "
        f"worst lateness {worst:,.0f} ms (a delay is in whole seconds, so up to 1,000 is on the second)"
    )
    is_good = len(arrived) == len(posted) > 0 and not early and not twice and not unknown
    return Verdict(is_good, worst <= ON_TIME_MS, line)


def conclude(verdict: Verdict, console: Console) -> bool:
    """Say how it went and what to run next; whether nothing was lost, early or twice."""
    style = "bold red" if not verdict.is_good else "bold green" if verdict.is_on_time else "bold yellow"
    console.print(f"\n{verdict.line}", style=style, highlight=False, soft_wrap=True)
    if not verdict.is_on_time:
        busy = f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors"
        line = f"That is later than {ON_TIME_MS:,} ms: this machine was too busy to be on time ({busy})."
        console.print(line, style="yellow", highlight=False, soft_wrap=True)
    line = (
        "\nNext: run 'make local', which leaves the same stack running and shows how to post to it. "
        "Requests are in README.md under 'Post a schedule'; docs/operations/deploying.md goes on to AWS."
    )
    console.print(line, highlight=False, soft_wrap=True)
    return verdict.is_good


def watch(stack: Stack, posted: list[Posted], arrivals: Arrivals, console: Console) -> None:
    """Show the arrivals until all are there and nothing more has come for a while, or patience ends."""
    if console.is_terminal:
        with Live(view(posted, arrivals), console=console, refresh_per_second=4) as live:
            for _ in _until_complete(stack, posted, arrivals):
                live.update(view(posted, arrivals))
        return
    with shown_progress(console) as progress:
        for arrived in _until_complete(stack, posted, arrivals):
            progress("Receiving messages", arrived, len(posted))
    console.print(view(posted, arrivals))


def _until_complete(stack: Stack, posted: list[Posted], arrivals: Arrivals) -> Iterator[int]:
    """Yield how many have arrived, four times a second, with the paths that they took."""
    deadline = max(schedule.point_in_time for schedule in posted) + PATIENCE_SECONDS
    complete_at: float | None = None
    while time.time() < deadline:
        time.sleep(0.25)
        arrived = len(arrivals.times)
        if int(time.time() * 4) % 8 == 0:
            read_paths(stack, arrivals)
        yield arrived
        if arrived >= len(posted):
            complete_at = complete_at or time.time()
            if time.time() > complete_at + AFTERMATH_SECONDS:
                break
    read_paths(stack, arrivals)
    yield len(arrivals.times)


def _clock(at: float, digits: int = 3) -> str:
    text = datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")
    return f"{text}.{int(at % 1 * 1000):03d}" if digits else text


def demonstrate(console: Console) -> bool:
    """Run the demonstration; whether nothing was lost, early or twice. Raises CommandError."""
    folder = ROOT / "build" / "work" / f"demo-{os.getpid()}"
    console.print("The whole delayer on this machine, without an AWS account: three minutes.\n", highlight=False)
    try:
        try:
            with shown_progress(console) as progress:
                stack = start(folder, progress)
            arrivals = Arrivals()
            with consuming(stack, arrivals):
                with shown_progress(console) as progress:
                    posted = post_all(stack, console, progress)
                watch(stack, posted, arrivals, console)
            verdict = summarize(posted, arrivals)
        finally:
            with shown_progress(console) as progress:
                progress("Stopping the embedded AWS", 0, 0)
                end(folder)
    finally:
        # Where an interruption came in the midst of that. No second one comes: see tools.processes.hear_interrupts.
        end(folder)
    return conclude(verdict, console)


if __name__ == "__main__":
    run("make demo", demonstrate)
