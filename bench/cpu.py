"""The processor's time of the handlers, beside the boto3 calls that they make."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from api_schedule_post.request import CALLS_IN_FLIGHT as POST_CALLS_IN_FLIGHT
from bench.canned_aws import Document
from bench.events import NOW, PAYLOAD, SHARDS, array_event, post_event, stream_record
from bench.processes import CannedAws
from bench.table import Figure, unbounded
from task_1minute_enqueuer.sweep import CALLS_IN_FLIGHT
from tools.project import FAST_TRACK, POST, SWEEP

_ROUNDS = 15
_POSTS, _ARRAY, _DUE, _RECORDS = 300, 1_000, 5_000, 2_000


class Case(NamedTuple):
    """A function, its events of one round, and how many due schedules they find."""

    function: str
    name: str
    schedules: int
    events: Sequence[Document]
    due: int = 0
    threads: int = 1
    goal: float = 1.4


def measure(folder: Path) -> Iterator[Figure]:
    """Run handler and bare calls in turn, each against an AWS in the same state."""
    posts = [post_event(number, NOW + 3_600) for number in range(_POSTS)]
    array = [array_event(range(_ARRAY), NOW + 3_600)]
    cases = [
        Case(POST, f"{_POSTS} posts", _POSTS, posts),
        # One call stores 25 schedules of an array, so that reading and checking them weighs more.
        Case(POST, f"an array of {_ARRAY:,}", _ARRAY, array, threads=POST_CALLS_IN_FLIGHT, goal=1.6),
        # A sweep's calls have 25 entries each and little to decide.
        Case(SWEEP, f"a sweep of {_DUE:,}", _DUE, [{}], _DUE, CALLS_IN_FLIGHT, goal=1.2),
    ]
    for size in (100, 1_000):
        for event_name, doing, payload in (
            ("REMOVE", "removals, sent", f'"{PAYLOAD}"'),
            ("INSERT", "inserts, deleted", None),
        ):
            records = [
                stream_record(
                    number, (event_name, str(number % SHARDS), f"{NOW + 60:012d}#{number:022d}", payload, NOW)
                )
                for number in range(_RECORDS)
            ]
            events = [{"Records": records[first : first + size]} for first in range(0, _RECORDS, size)]
            cases.append(Case(FAST_TRACK, f"{size:,} {doing}", _RECORDS, events))
    with CannedAws(folder) as aws:
        for case in cases:
            yield _measure(case, aws)


def _measure(case: Case, aws: CannedAws) -> Figure:
    pairs = []
    # Leads are measured in fractions of a second, as on Lambda.
    clock = {"now": NOW + 0.123456, "pace": 1.0}

    def prepare() -> None:
        aws.ask("reset", now=NOW)
        aws.ask("load", count=case.due, shards=SHARDS, due=NOW, payload_bytes=300)

    with aws.start(case.function) as process:
        prepare()
        process.ask("record", events=case.events, **clock)
        for number in range(_ROUNDS + 1):
            prepare()
            ours = process.ask("invoke", events=case.events, **clock)["cpu_seconds"]
            prepare()
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
