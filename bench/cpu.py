"""2. What the handlers compute beside the boto3 calls that they make, in the processor's time of their own process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench.packages import FAST_TRACK, POST, SWEEP, Function
from bench.processes import CannedAws, FunctionProcess, stream_record
from bench.requests import NOW, SHARDS, post_event
from bench.table import Figure, judged
from task_1minute_enqueuer.sweep import CALLS_IN_FLIGHT

__all__ = ["measure", "ratio_figure"]

_ITEM = "2. CPU, beside bare boto3 calls"
_ROUNDS = 15
_POSTS = 300
_DUE = 5_000
_RECORDS = 2_000
_PAYLOAD = "x" * 298
_GOALS = {POST: 1.4, SWEEP: 1.2, FAST_TRACK: 1.4}

type Document = dict[str, Any]
#: The processor's seconds of the handler, and of the bare calls.
type Pair = tuple[float, float]


class _Case(NamedTuple):
    """A function, and what it is handed in one round, against an AWS that `prepare` puts into the same state."""

    function: Function
    name: str
    schedules: int
    events: list[Document]
    prepare: Callable[[], None]
    threads: int = 1


def measure(folders: dict[Function, Path]) -> Iterator[Figure]:
    """Run handler and bare calls in turn, each against an AWS in the same state."""
    with CannedAws() as aws:

        def empty() -> None:
            aws.do("reset", now=NOW)

        def with_due() -> None:
            aws.do("reset", now=NOW)
            aws.do("load", count=_DUE, shards=SHARDS, due=NOW, payload_bytes=300)

        posts = [post_event(number, NOW + 3_600, _PAYLOAD) for number in range(_POSTS)]
        yield from _figures(aws, folders, _Case(POST, f"{_POSTS} posts", _POSTS, posts, empty))
        sweep = _Case(SWEEP, f"a sweep of {_DUE:,}", _DUE, [{}], with_due, CALLS_IN_FLIGHT)
        yield from _figures(aws, folders, sweep)
        for size in (100, 1_000):
            firsts = range(0, _RECORDS, size)
            removals = [_stream_event("REMOVE", size, first) for first in firsts]
            inserts = [_stream_event("INSERT", size, first) for first in firsts]
            for name, events in ((f"{size:,} removals, sent", removals), (f"{size:,} inserts, deleted", inserts)):
                yield from _figures(aws, folders, _Case(FAST_TRACK, name, _RECORDS, events, empty))


def _stream_event(name: str, count: int, first: int) -> Document:
    payload = f'"{_PAYLOAD}"' if name == "REMOVE" else None
    return {
        "Records": [
            stream_record(number, (name, str(number % SHARDS), f"{NOW + 60:012d}#{number:022d}", payload, NOW))
            for number in range(first, first + count)
        ]
    }


def _figures(aws: CannedAws, folders: dict[Function, Path], case: _Case) -> Iterator[Figure]:
    pairs: list[Pair] = []
    parts: dict[str, float] = {}
    function = case.function
    # A second is a second, and no lead is a round number.
    clock = {"now": NOW + 0.123456, "pace": 1.0}
    with FunctionProcess(function, folders[function], aws.endpoint, source="wall", shards=SHARDS) as process:
        case.prepare()
        process.record(*case.events, **clock)
        for number in range(_ROUNDS + 1):
            case.prepare()
            ours = process.invoke(*case.events, **clock)["cpu_seconds"]
            case.prepare()
            bare = process.replay(case.threads)["cpu_seconds"]
            if number:  # the first warms both up
                pairs.append((ours, bare))
        if case.threads == 1:
            case.prepare()
            parts = process.profile(*case.events, **clock)["parts"]
    yield ratio_figure(function, case.name, case.schedules, pairs, parts)


def ratio_figure(function: Function, name: str, schedules: int, pairs: list[Pair], parts: dict[str, float]) -> Figure:
    """The ratio of each round's two, what one schedule took of each, and where the difference goes."""
    ours, bare = (median(each) / schedules * 1e6 for each in zip(*pairs, strict=True))
    note = f"a schedule: {ours:,.0f} µs, bare {bare:,.0f} µs"
    if parts:
        note += "; the rest: " + ", ".join(f"{part:.0%} {what}" for what, part in parts.items())
    else:
        note += f"; the rest is {ours - bare:,.0f} µs, which a profile of several threads can't break down"
    ratios = [mine / theirs for mine, theirs in pairs]
    return judged(_ITEM, f"{function.name}: {name}", ratios, form=".2f", goal=f"{_GOALS[function]}", note=note)
