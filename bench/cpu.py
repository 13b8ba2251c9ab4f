"""The processor's time of the handlers, beside the calls that they make, made with botocore's default settings."""

from collections.abc import Iterator, Sequence
from itertools import batched
from pathlib import Path
from statistics import median
from typing import NamedTuple

from api_schedule_post.request import CALLS_IN_FLIGHT as POST_CALLS_IN_FLIGHT
from bench.canned_aws import Document
from bench.events import NOW, PAYLOAD, SHARDS, array_event, post_event, stream_record
from bench.processes import CannedAws, Process
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
    goal: float = 1.2

    def run(self, aws: CannedAws, process: Process, do: str = "invoke") -> float:
        """Run a round against an AWS in the same state as before the others; return its CPU seconds."""
        aws.ask("reset", now=NOW)
        aws.ask("load", count=self.due, shards=SHARDS, due=NOW, payload_bytes=300)
        # Leads are measured in fractions of a second, as on Lambda.
        clock = {"now": NOW + 0.123456, "pace": 1.0}
        return float(process.ask(do, events=self.events, threads=self.threads, **clock)["cpu_seconds"])


POSTS = Case(POST, f"{_POSTS} posts", _POSTS, [post_event(number, NOW + 3_600) for number in range(_POSTS)], goal=1.1)
# A sweep's calls have 25 entries each and little to decide.
DUE = Case(SWEEP, f"a sweep of {_DUE:,}", _DUE, [{}], _DUE, CALLS_IN_FLIGHT, goal=1.0)


def removals(in_batch: int) -> Case:
    """Return the case of batches of removals, whose messages are sent."""
    return _stream_case("REMOVE", "removals, sent", f'"{PAYLOAD}"', in_batch)


def _stream_case(event_name: str, doing: str, payload: str | None, in_batch: int) -> Case:
    records = [
        stream_record(number, (event_name, str(number % SHARDS), f"{NOW + 60:012d}#{number:022d}", payload, NOW))
        for number in range(_RECORDS)
    ]
    events = [{"Records": list(batch)} for batch in batched(records, in_batch, strict=False)]
    return Case(FAST_TRACK, f"{in_batch:,} {doing}", _RECORDS, events)


def measure(folder: Path) -> Iterator[Figure]:
    """Run handler and bare calls in turn."""
    array = [array_event(range(_ARRAY), NOW + 3_600)]
    cases = [
        POSTS,
        # One call stores 25 schedules of an array, so that reading and checking them weighs more.
        Case(POST, f"an array of {_ARRAY:,}", _ARRAY, array, threads=POST_CALLS_IN_FLIGHT, goal=1.4),
        DUE,
    ]
    for in_batch in (100, 1_000):
        cases += [removals(in_batch), _stream_case("INSERT", "inserts, deleted", None, in_batch)]
    with CannedAws(folder) as aws:
        for case in cases:
            with aws.start(case.function) as process:
                case.run(aws, process, "record")
                pairs = [(case.run(aws, process), case.run(aws, process, "replay")) for _ in range(_ROUNDS + 1)]
            yield ratio_figure(case, pairs[1:])  # the first warms both up


def ratio_figure(case: Case, pairs: Sequence[tuple[float, float]]) -> Figure:
    """Return the ratios of the rounds' CPU seconds, handler to bare calls. The note has both per schedule."""
    ours, bare = (median(each) / case.schedules * 1e6 for each in zip(*pairs, strict=True))
    note = f"{ours:,.0f} µs per schedule, bare calls {bare:,.0f} µs"
    ratios = [mine / theirs for mine, theirs in pairs]
    name = f"{case.function}: {case.name}, CPU of handler / bare calls with default settings"
    return unbounded(name, ratios, form=".2f", goal=f"{case.goal}", note=note)
