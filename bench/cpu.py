"""The processor's time of the handlers, beside the boto3 calls that they make."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from api_schedule_post.request import CALLS_IN_FLIGHT as POST_CALLS_IN_FLIGHT
from bench.deployed import FAST_TRACK, POST, SWEEP
from bench.processes import CannedAws, FunctionProcess
from bench.requests import NOW, SHARDS, array_event, post_event
from bench.stream import stream_record
from bench.table import Figure, unbounded
from task_1minute_enqueuer.sweep import CALLS_IN_FLIGHT

_ROUNDS = 15
_POSTS = 300
_ARRAY = 1_000
_DUE = 5_000
_RECORDS = 2_000
_PAYLOAD = "x" * 298
#: A sweep's calls have 25 entries each and little to decide.
_SWEEP_GOAL = 1.2
#: One call stores 25 schedules of an array, so that reading and checking them weighs more.
_ARRAY_GOAL = 1.6

type Document = dict[str, Any]


class Case(NamedTuple):
    """A function, its events of one round, and how to bring the AWS into the same state before each."""

    function: str
    name: str
    schedules: int
    events: Sequence[Document]
    prepare: Callable[[], object]
    threads: int = 1
    goal: float = 1.4


def measure(folders: Mapping[str, Path]) -> Iterator[Figure]:
    """Run handler and bare calls in turn, each against an AWS in the same state."""
    with CannedAws() as aws:

        def empty() -> None:
            aws.ask("reset", now=NOW)

        def with_due() -> None:
            aws.ask("reset", now=NOW)
            aws.ask("load", count=_DUE, shards=SHARDS, due=NOW, payload_bytes=300)

        posts = [post_event(number, NOW + 3_600, _PAYLOAD) for number in range(_POSTS)]
        array = [array_event(range(_ARRAY), NOW + 3_600, _PAYLOAD)]
        cases = [
            Case(POST, f"{_POSTS} posts", _POSTS, posts, empty),
            Case(POST, f"an array of {_ARRAY:,}", _ARRAY, array, empty, POST_CALLS_IN_FLIGHT, _ARRAY_GOAL),
            Case(SWEEP, f"a sweep of {_DUE:,}", _DUE, [{}], with_due, CALLS_IN_FLIGHT, _SWEEP_GOAL),
        ]
        for size in (100, 1_000):
            for event_name, doing in (("REMOVE", "removals, sent"), ("INSERT", "inserts, deleted")):
                events = [_stream_event(event_name, size, first) for first in range(0, _RECORDS, size)]
                cases.append(Case(FAST_TRACK, f"{size:,} {doing}", _RECORDS, events, empty))
        for case in cases:
            yield _measure(case, aws, folders[case.function])


def _stream_event(name: str, count: int, first: int) -> Document:
    payload = f'"{_PAYLOAD}"' if name == "REMOVE" else None
    return {
        "Records": [
            stream_record(number, (name, str(number % SHARDS), f"{NOW + 60:012d}#{number:022d}", payload, NOW))
            for number in range(first, first + count)
        ]
    }


def _measure(case: Case, aws: CannedAws, folder: Path) -> Figure:
    pairs = []
    # Leads are measured in fractions of a second, as on Lambda.
    clock = {"now": NOW + 0.123456, "pace": 1.0}
    with FunctionProcess(case.function, folder, aws.endpoint, shards=SHARDS) as process:
        case.prepare()
        process.ask("record", events=case.events, seconds=60, **clock)
        for number in range(_ROUNDS + 1):
            case.prepare()
            ours = process.invoke(*case.events, **clock)["cpu_seconds"]
            case.prepare()
            bare = process.ask("replay", threads=case.threads)["cpu_seconds"]
            if number:  # the first warms both up
                pairs.append((ours, bare))
    return ratio_figure(case, pairs)


def ratio_figure(case: Case, pairs: Sequence[tuple[float, float]]) -> Figure:
    """Return the ratios of the rounds' CPU seconds, handler to bare calls. The note has both per schedule."""
    ours, bare = (median(each) / case.schedules * 1e6 for each in zip(*pairs, strict=True))
    note = f"{ours:,.0f} µs per schedule, bare calls {bare:,.0f} µs"
    ratios = [mine / theirs for mine, theirs in pairs]
    name = f"{case.function}: {case.name}, CPU of handler / bare calls"
    return unbounded(name, ratios, form=".2f", goal=f"{case.goal}", note=note)
