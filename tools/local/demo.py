"""make demo: run the delayer on this machine, and watch schedules arrive. PICTURE=demo.svg records the end of it."""

import io
import json
import os
import re
import time
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from rich.console import Console
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from tools import terminal
from tools.local.arrivals import Arrivals, accepted, arriving, consuming, post
from tools.local.stack import INTERRUPTED, Answer, Stack, stack_in
from tools.project import FAST_TRACK, SWEEP, WORK, CommandError

#: SQS delays by whole seconds, so a message may arrive up to a second after its pointInTime; the rest is for handing it
#: on. Anything later is not on time.
ON_TIME_MS = 1_500

_DUE_ALREADY = "due before its post"


class Posted(NamedTuple):
    """Schedules that were accepted in one request, and are due in one second."""

    name: str
    point_in_time: int
    schedule_ids: list[str]

    def lateness_ms(self, arrivals: Arrivals) -> list[float]:
        """Return the milliseconds from the pointInTime to each first arrival, least first: negative ones are early."""
        arrived = (arrivals[each][0].at for each in self.schedule_ids if each in arrivals)
        return sorted((at - self.point_in_time) * 1000 for at in arrived)


def post_all(stack: Stack, console: Console) -> list[Posted]:
    """Post the schedules of the demonstration, and one that is refused. Raises CommandError at another answer."""
    now = int(time.time())
    schedules: list[tuple[Any, ...]] = [
        (_DUE_ALREADY, now - 1, {"demo": "posted too late by its sender, and sent at once"}),
        ("in 10 s", now + 10, {"demo": "inside the delayer period", "naïve": "Grüße, 世界"}),
        ("in 20 s", now + 20, {"demo": "inside the delayer period"}),
        # The local delayer period is 60 s.
        ("in 75 s", now + 75, {"demo": "only the sweep can pick this up"}),
        ("in 85 s", now + 85, {"demo": "only the sweep can pick this up"}),
        ("burst", now + 35, *({"demo": "one of many in the same second", "number": number} for number in range(101))),
    ]
    posted = [_post(stack, *schedule) for schedule in schedules]
    count, burst = sum(len(each.schedule_ids) for each in posted), len(posted[-1].schedule_ids)
    _say(console, f"Posted {count} schedules, {burst} of them in one request: all were accepted.")
    refused = stack.post(b'{"pointInTime": "2027-02-30T10:00:00Z", "payload": null}')
    why = _expect(refused, HTTPStatus.BAD_REQUEST)["detail"]
    _say(console, f"Posted one for 30 February: it was refused (400: {why}).")
    return posted


def _post(stack: Stack, name: str, due: int, *payloads: Any) -> Posted:
    answer = post(stack, due, payloads)
    if len(accepted(answer)) < len(payloads):
        raise CommandError(f"the API answered the schedule {name!r} with {answer.status}: {answer.body}")
    return Posted(name, due, accepted(answer))


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True)


def manage(stack: Stack, console: Console) -> None:
    """Post a schedule, list it, look it up and cancel it. Raises CommandError at another answer than expected."""
    due = int(time.time()) + 3_600
    (schedule_id,) = _post(stack, "to be cancelled", due, {"demo": "cancelled"}).schedule_ids
    start = f"{datetime.fromtimestamp(due, UTC):%Y-%m-%dT%H:%M:%SZ}"
    page = _expect(stack.request("GET", f"?{urlencode({'from': start})}"), HTTPStatus.OK)
    if [each["scheduleId"] for each in page["schedules"]] != [schedule_id]:
        raise CommandError(f"the list from {start} is not the one schedule that is due then: {page}")
    found = _expect(stack.request("GET", f"/{schedule_id}"), HTTPStatus.OK)
    _say(console, f"Listed and looked up one that is due in an hour: its payload is {found['payload']}.")
    _expect(stack.request("DELETE", f"/{schedule_id}"), HTTPStatus.NO_CONTENT)
    why = _expect(stack.request("GET", f"/{schedule_id}"), HTTPStatus.NOT_FOUND)["detail"]
    _say(console, f"Cancelled it (204). Looked up again: {why} (404).\n")


def _expect(answer: Answer, status: HTTPStatus) -> Any:
    if answer.status != status:
        raise CommandError(f"the API answered {answer.status}, not {status.value}: {answer.body}")
    return answer.body


def read_paths(stack: Stack) -> dict[str, str]:
    """Return which function handed each schedule over ("fast track" or "sweep"), by scheduleId, from the logs."""
    logs = stack.client("logs")
    paths: dict[str, str] = {}
    for name, path in ((SWEEP, "sweep"), (FAST_TRACK, "fast track")):
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=stack.outputs["log_group_names"][name])
        for event in (event for page in pages for event in page["events"]):
            if '"handed over"' in event["message"]:
                paths |= dict.fromkeys(json.loads(event["message"])["schedule_ids"], path)
    return paths


def view(posted: list[Posted], arrivals: Arrivals, paths: dict[str, str]) -> Table:
    """Return the table of arrivals in the order of their pointInTimes: a row a schedule, and one for the burst."""
    headers = ("schedule", "due, UTC", "arrived", Column("after its second", justify="right"), "path")
    table = Table(*headers, title="Schedules and their messages", title_justify="left")
    for each in sorted(posted, key=attrgetter("point_in_time")):
        due, count, lateness = each.point_in_time, len(each.schedule_ids), each.lateness_ms(arrivals)
        if not lateness:
            arrived = Text(f"in {max(0, due - time.time()):.0f} s", style="dim")
        elif count == 1:
            arrived = Text(_clock(due + lateness[0] / 1000), style="green")
        else:
            arrived = Text(f"{len(lateness)} of {count}", style="green" if len(lateness) == count else "yellow")
        # The one, or the least and the most.
        ends = [f"{late:,.0f}" for late in dict.fromkeys((*lateness[:1], *lateness[-1:]))]
        after = Text(f"{' to '.join(ends)} ms" if ends else "", "bold red" if lateness and lateness[0] < 0 else "")
        path = ", ".join(sorted({paths[schedule_id] for schedule_id in each.schedule_ids if schedule_id in paths}))
        table.add_row(each.name if count == 1 else f"{count} in one second", _clock(due)[:-4], arrived, after, path)
    return table


def judge(posted: list[Posted], arrivals: Arrivals) -> tuple[bool, Text]:
    """Return whether nothing was lost, early or twice, and the verdict in its colour: why a machine was not on time."""
    lateness = {each.name: each.lateness_ms(arrivals) for each in posted}
    expected = {schedule_id for each in posted for schedule_id in each.schedule_ids}
    arrived = sum(map(len, lateness.values()))
    early = sum(late < 0 for late in chain(*lateness.values()))
    twice = sum(len(of_schedule) > 1 for of_schedule in arrivals.values())
    unknown = len(arrivals.keys() - expected)
    # A schedule that was due before it was posted is late because of its sender.
    worst = max(chain(*(late for name, late in lateness.items() if name != _DUE_ALREADY)), default=0)
    is_good = arrived == len(expected) > 0 and not early and not twice and not unknown
    is_on_time = worst <= ON_TIME_MS
    verdict = Text(
        f"\n{arrived} of {len(expected)} arrived, {early} early, {twice} twice, {unknown} unknown. The latest came "
        f"{worst:,.0f} ms after its second (SQS delays by whole seconds, so up to about 1,000 ms is normal).",
        "bold red" if not is_good else "bold green" if is_on_time else "bold yellow",
    )
    if is_on_time:
        return is_good, verdict
    busy = f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors"
    why = f"\nThat is later than {ON_TIME_MS:,} ms: this machine was too busy to be on time ({busy})."
    return is_good, Text.assemble(verdict, (why, "yellow"))


def draw(path: Path, table: Table, verdict: Text) -> None:
    """Write the table and the verdict as an SVG, as a terminal shows them."""
    console = Console(record=True, file=io.StringIO(), width=88, force_terminal=True, color_system="standard")
    console.print(table, verdict, sep="\n")
    # With a fixed id, because rich names each class after a hash of the content; without fonts, which rich would load
    # from another host.
    svg = console.export_svg(title="make demo", unique_id="demo")
    path.write_text(re.sub(r" *@font-face \{.*?\}\n", "", svg, flags=re.DOTALL), encoding="utf-8")


def watch(stack: Stack, posted: list[Posted], arrivals: Arrivals, console: Console) -> Table:
    """Show the arrivals until all are there and no more came for a while, or patience ends. Return their table."""
    due = {schedule_id: each.point_in_time for each in posted for schedule_id in each.schedule_ids}
    counts = arriving(arrivals, due, patience=30, aftermath=3)
    if console.is_terminal:
        paths: dict[str, str] = {}
        with Live(console=console, refresh_per_second=4, transient=True) as live:
            for number, _ in enumerate(counts):
                if number % 8 == 0:
                    paths = read_paths(stack)
                live.update(view(posted, arrivals, paths))
    else:
        with terminal.shown_progress(console) as progress:
            for arrived in counts:
                progress("Receiving messages", arrived, len(due))
    table = view(posted, arrivals, read_paths(stack))
    console.print(table)
    return table


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).time().isoformat("milliseconds")


def demonstrate(picture: str) -> bool:
    """Run the demonstration, and draw its end; return whether nothing was lost, early or twice. Raises CommandError."""
    path = Path(picture)
    if picture and (path.suffix != ".svg" or not path.parent.is_dir()):
        raise CommandError(f"PICTURE must be an .svg file in a folder that exists, not {picture!r}")
    console = terminal.open_console()
    _say(console, "The delayer on this machine, without an AWS account. This takes three minutes.\n")
    folder = WORK / f"demo-{os.getpid()}"
    with stack_in(folder, terminal.shown_progress(console)) as stack, consuming(stack) as arrivals:
        posted = post_all(stack, console)
        manage(stack, console)
        table = watch(stack, posted, arrivals, console)
    is_good, verdict = judge(posted, arrivals)
    console.print(verdict)
    if picture:
        draw(path, table, verdict)
        _say(console, f"The picture is in {path}.")
    _say(
        console,
        "\nNext: run 'make local', which leaves the same stack running and shows how to post to it. "
        "Requests are in README.md under 'Post a schedule'; docs/operations/deploying.md goes on to AWS.",
    )
    return is_good


if __name__ == "__main__":
    terminal.main("make demo", demonstrate, interrupted=INTERRUPTED)
