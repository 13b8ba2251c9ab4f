"""How late messages are on this machine: the whole stack on the embedded AWS, as `make demo` runs it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.table import Figure, at_most, unbounded
from tools.local.arrivals import Arrivals, Posted, arriving, consuming, post
from tools.local.demo import AFTERMATH_SECONDS, PATIENCE_SECONDS
from tools.local.stack import stack_in
from tools.project import ROOT

__all__ = ["figures", "measure"]

_BURST, _SINGLES = 100, 10
#: All schedules are posted before anything is due.
_AHEAD_SECONDS = 20


def measure(_folders: Mapping[str, Path]) -> Iterator[Figure]:
    """Apply the stack, post a burst and one schedule for each second after it, and receive them."""
    with stack_in(ROOT / "build" / "work" / f"bench-{os.getpid()}", lambda _step, _done, _total: None) as stack:
        arrivals = Arrivals()
        with consuming(stack, arrivals):
            due = int(time.time()) + _AHEAD_SECONDS
            posted = [post(stack, f"a burst of {_BURST}", due, number) for number in range(_BURST)]
            posted += [post(stack, "one a second", due + 1 + number, number) for number in range(_SINGLES)]
            due_by_id = {schedule.schedule_id: schedule.point_in_time for schedule in posted}
            for _ in arriving(arrivals, due_by_id, PATIENCE_SECONDS, AFTERMATH_SECONDS):
                pass
    yield from figures(posted, arrivals)


def figures(posted: Sequence[Posted], arrivals: Arrivals) -> Iterator[Figure]:
    """Yield how late each kind arrived, and how many messages were early, missing or repeated."""
    lateness = [(schedule.name, arrivals.lateness_ms(schedule)) for schedule in posted]
    for name in dict.fromkeys(name for name, _ in lateness):
        late = [found for kind, found in lateness if kind == name and found is not None]
        if late:
            note = "SQS delays by whole seconds: up to 1,000 ms is within the second"
            yield unbounded(f"{name}: late by, ms", late, form=",.0f", note=note)
    arrived = [found for _, found in lateness if found is not None]
    yield at_most("early messages", sum(found < 0 for found in arrived), 0)
    yield at_most("missing messages", len(posted) - len(arrived), 0)
    yield at_most("repeated messages", sum(len(times) - 1 for times in arrivals.times.values()), 0)
