"""make demo: run the delayer on this machine, and watch schedules arrive. PICTURE=demo.svg records the end of it."""

from __future__ import annotations

import io
import os
import re
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tools.local.arrivals import Arrivals, Posted, arriving, consuming, post, post_many, read_paths
from tools.local.stack import Answer, Stack, start, stop, warm_up
from tools.project import WORK, CommandError
from tools.terminal import Progress, parse, run, shown_progress

#: SQS delays by whole seconds, so a message may arrive up to a second after its pointInTime; the rest is for handing it
#: on. Anything later is not on time.
ON_TIME_MS = 1_500

#: How long to wait for messages after the last pointInTime.
PATIENCE_SECONDS = 30

#: How long to wait after the last arrival, so that second deliveries are seen.
AFTERMATH_SECONDS = 3

_BURST = 101
_AN_HOUR = 3_600
_DUE_ALREADY = "due before its post"
_PICTURE_COLUMNS = 88


def post_all(stack: Stack, console: Console, progress: Progress) -> list[Posted]:
    """Post the schedules of the demonstration, and one that is refused. Raises CommandError at another answer."""
    now = int(time.time())
    schedules: list[tuple[str, int, Any]] = [
        (_DUE_ALREADY, now - 1, {"demo": "posted too late by its sender, and sent at once"}),
        ("in 10 s", now + 10, {"demo": "inside the delayer period", "naïve": "Grüße, 世界"}),
        ("in 20 s", now + 20, {"demo": "inside the delayer period"}),
        # The local delayer period is 60 s.
        ("in 75 s", now + 75, {"demo": "only the sweep can pick this up"}),
        ("in 85 s", now + 85, {"demo": "only the sweep can pick this up"}),
    ]
    posted: list[Posted] = []
    for schedule in schedules:
        progress("Posting schedules", len(posted), len(schedules) + _BURST)
        posted.append(post(stack, *schedule))
    burst = ({"demo": "one of many in the same second", "number": n} for n in range(_BURST))
    posted += post_many(stack, "burst", now + 35, burst)
    console.print(
        f"Posted {len(posted)} schedules, {_BURST} of them in one request: all were accepted.", highlight=False
    )

    refused = stack.post(b'{"pointInTime": "2027-02-30T10:00:00Z", "payload": null}')
    if refused.status != 400:  # noqa: PLR2004
        raise CommandError(f"the API answered a pointInTime on 30 February with {refused.status}, not 400")
    line = f"Posted one for 30 February: it was refused ({refused.status}: {refused.body['detail']}).\n"
    console.print(line.rstrip(), highlight=False, soft_wrap=True)
    return posted


def manage(stack: Stack, console: Console) -> None:
    """Post a schedule, list it, look it up and cancel it. Raises CommandError at another answer than expected."""
    due = int(time.time()) + _AN_HOUR
    cancelled = post(stack, "to be cancelled", due, {"demo": "cancelled"})
    start = f"{datetime.fromtimestamp(due, UTC):%Y-%m-%dT%H:%M:%SZ}"
    page = _expect(stack.request("GET", f"?{urlencode({'from': start})}"), HTTPStatus.OK)
    if [each["scheduleId"] for each in page["schedules"]] != [cancelled.schedule_id]:
        raise CommandError(f"the list from {start} is not the one schedule that is due then: {page}")
    found = _expect(stack.request("GET", f"/{cancelled.schedule_id}"), HTTPStatus.OK)
    line = f"Listed and looked up one that is due in an hour: its payload is {found['payload']}."
    console.print(line, highlight=False)
    _expect(stack.request("DELETE", f"/{cancelled.schedule_id}"), HTTPStatus.NO_CONTENT)
    why = _expect(stack.request("GET", f"/{cancelled.schedule_id}"), HTTPStatus.NOT_FOUND)["detail"]
    console.print(f"Cancelled it (204). Looked up again: {why} (404).\n", highlight=False, soft_wrap=True)


def _expect(answer: Answer, status: HTTPStatus) -> Any:
    if answer.status != status:
        raise CommandError(f"the API answered {answer.status}, not {status.value}: {answer.body}")
    return answer.body


def view(posted: list[Posted], arrivals: Arrivals) -> Table:
    """Return the table of arrivals in the order of their pointInTimes: a row a schedule, and one for the burst."""
    table = Table(title="Schedules and their messages", title_justify="left")
    for column in ("schedule", "due, UTC", "arrived"):
        table.add_column(column)
    table.add_column("after its second", justify="right")
    table.add_column("path")
    groups: dict[str, list[Posted]] = {}
    for schedule in sorted(posted, key=lambda schedule: schedule.point_in_time):
        groups.setdefault(schedule.name, []).append(schedule)
    for name, group in groups.items():
        lateness = sorted(late for schedule in group if (late := arrivals.lateness_ms(schedule)) is not None)
        paths = sorted({arrivals.paths[s.schedule_id] for s in group if s.schedule_id in arrivals.paths})
        due = group[0].point_in_time
        if not lateness:
            arrived = Text(f"in {max(0, due - time.time()):.0f} s", style="dim")
        elif len(group) == 1:
            arrived = Text(_clock(due + lateness[0] / 1000), style="green")
        else:
            style = "green" if len(lateness) == len(group) else "yellow"
            arrived = Text(f"{len(lateness)} of {len(group)}", style=style)
        table.add_row(
            name if len(group) == 1 else f"{len(group)} in one second", _clock(due)[:-4], arrived, _after(lateness),
            ", ".join(paths),
        )  # fmt: skip
    return table


def _after(lateness: list[float]) -> Text:
    """Return the sorted milliseconds as text: the one, or the least and the most. Early ones are negative and red."""
    ends = [f"{late:,.0f}" for late in dict.fromkeys((*lateness[:1], *lateness[-1:]))]
    return Text(f"{' to '.join(ends)} ms" if ends else "", style="bold red" if lateness and lateness[0] < 0 else "")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of the demonstration, with a line for the reader."""

    #: Nothing was lost, early or twice.
    is_good: bool
    is_on_time: bool
    line: str


def summarize(posted: list[Posted], arrivals: Arrivals) -> Verdict:
    """Judge the arrivals."""
    lateness = {schedule.schedule_id: arrivals.lateness_ms(schedule) for schedule in posted}
    arrived = [late for late in lateness.values() if late is not None]
    early = sum(late < 0 for late in arrived)
    twice = sum(len(times) > 1 for times in arrivals.times.values())
    unknown = len(arrivals.times.keys() - lateness.keys())
    # A schedule that was due before it was posted is late because of its sender.
    own = (lateness[schedule.schedule_id] for schedule in posted if schedule.name != _DUE_ALREADY)
    worst = max((late for late in own if late is not None), default=0)
    line = (
        f"{len(arrived)} of {len(posted)} arrived, {early} early, {twice} twice, {unknown} unknown. The latest came "
        f"{worst:,.0f} ms after its second (SQS delays by whole seconds, so up to about 1,000 ms is normal)."
    )
    is_good = len(arrived) == len(posted) > 0 and not early and not twice and not unknown
    return Verdict(is_good, worst <= ON_TIME_MS, line)


def conclude(verdict: Verdict, console: Console) -> None:
    """Print the verdict in its colour, and why a machine was not on time."""
    style = "bold red" if not verdict.is_good else "bold green" if verdict.is_on_time else "bold yellow"
    console.print(f"\n{verdict.line}", style=style, highlight=False)
    if not verdict.is_on_time:
        busy = f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors"
        line = f"That is later than {ON_TIME_MS:,} ms: this machine was too busy to be on time ({busy})."
        console.print(line, style="yellow", highlight=False)


def draw(path: Path, table: Table, verdict: Verdict) -> None:
    """Write the table and the verdict as an SVG, as a terminal shows them."""
    console = Console(
        record=True, file=io.StringIO(), width=_PICTURE_COLUMNS, force_terminal=True, color_system="standard"
    )
    console.print(table)
    conclude(verdict, console)
    # With a fixed id, because rich names each class after a hash of the content; without fonts, which rich would load
    # from another host.
    svg = console.export_svg(title="make demo", unique_id="demo")
    path.write_text(re.sub(r" *@font-face \{.*?\}\n", "", svg, flags=re.DOTALL), encoding="utf-8")


def watch(stack: Stack, posted: list[Posted], arrivals: Arrivals, console: Console) -> None:
    """Show the arrivals until all are there and no more came for a while, or patience ends."""
    due = {schedule.schedule_id: schedule.point_in_time for schedule in posted}
    counts = arriving(arrivals, due, PATIENCE_SECONDS, AFTERMATH_SECONDS)
    if console.is_terminal:
        with Live(view(posted, arrivals), console=console, refresh_per_second=4) as live:
            for number, _ in enumerate(counts):
                if number % 8 == 0:
                    read_paths(stack, arrivals)
                live.update(view(posted, arrivals))
            read_paths(stack, arrivals)
            live.update(view(posted, arrivals))
        return
    with shown_progress(console) as progress:
        for arrived in counts:
            progress("Receiving messages", arrived, len(posted))
    read_paths(stack, arrivals)
    console.print(view(posted, arrivals))


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}.{int(at % 1 * 1000):03d}"


def parse_picture(text: str) -> Path | None:
    """Return PICTURE, or None if it is empty. Raises CommandError if no picture can be written there."""
    path = Path(text)
    if text and (path.suffix != ".svg" or not path.parent.is_dir()):
        raise CommandError(f"PICTURE must be an .svg file in a folder that exists, not {text!r}")
    return path if text else None


def demonstrate(console: Console, picture: Path | None) -> bool:
    """Run the demonstration; return whether nothing was lost, early or twice. Raises CommandError."""
    folder = WORK / f"demo-{os.getpid()}"
    console.print("The delayer on this machine, without an AWS account. This takes three minutes.\n", highlight=False)
    arrivals = Arrivals()
    try:
        with shown_progress(console) as progress:
            stack = start(folder, progress)
            progress("Waking the functions", 0, 0)
            warm_up(stack)
        with consuming(stack, arrivals):
            with shown_progress(console) as progress:
                posted = post_all(stack, console, progress)
            manage(stack, console)
            watch(stack, posted, arrivals, console)
    finally:
        stop(folder)
    verdict = summarize(posted, arrivals)
    conclude(verdict, console)
    if picture is not None:
        draw(picture, view(posted, arrivals), verdict)
        console.print(f"The picture is in {picture}.", highlight=False)
    line = (
        "\nNext: run 'make local', which leaves the same stack running and shows how to post to it. "
        "Requests are in README.md under 'Post a schedule'; docs/operations/deploying.md goes on to AWS."
    )
    console.print(line, highlight=False, soft_wrap=True)
    return verdict.is_good


if __name__ == "__main__":
    arguments = parse(sys.argv[1:], "picture")
    run("make demo", lambda console: demonstrate(console, parse_picture(arguments.picture)))
