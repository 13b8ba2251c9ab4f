"""What each lever of ADR 19 saves: the figure before it, and the figure now."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from bench.canned_aws import Document
from bench.cpu import DUE, POSTS, Case, removals
from bench.events import NOW, post_event, stream_record
from bench.processes import CannedAws, Process
from bench.table import Figure, at_most, unbounded
from tools.project import FAST_TRACK, POST

_ROUNDS = 9
#: Logged bytes before a post was one document, and before counts of zero were left out.
_POST_BEFORE, _INSERTS_BEFORE = 418, 246


def measure(folder: Path) -> Iterator[Figure]:
    """Run each handler with default clients and its own in turn, and count the bytes that it logs."""
    inserted = stream_record(1, ("INSERT", "3", f"{NOW + 86_400:012d}#{1:022d}", None, NOW))
    with CannedAws(folder) as aws:
        for case in (POSTS, DUE, removals(1_000)):
            yield clients_figure(case, _pairs(aws, case))
        with aws.start(POST) as post, aws.start(FAST_TRACK) as fast_track:
            yield log_figure("a post", _logged_bytes(post, post_event(0, NOW + 3_600)), _POST_BEFORE, 310)
            yield log_figure(
                "a batch of inserts", _logged_bytes(fast_track, {"Records": [inserted]}), _INSERTS_BEFORE, 0
            )


def _pairs(aws: CannedAws, case: Case) -> list[tuple[float, float]]:
    """Return the CPU seconds of each round, before and now."""
    with aws.start(case.function, has_default_clients=True) as before, aws.start(case.function) as now:
        return [(case.run(aws, before), case.run(aws, now)) for _ in range(_ROUNDS + 1)][1:]  # the first warms both up


def _logged_bytes(process: Process, event: Document) -> int:
    return int(process.ask("invoke", events=[event], now=NOW)["logged_bytes"])


def clients_figure(case: Case, pairs: Sequence[tuple[float, float]]) -> Figure:
    """Return the ratios of the rounds' CPU seconds, own clients to default ones. The note has both per schedule."""
    before, now = (median(each) / case.schedules * 1e6 for each in zip(*pairs, strict=True))
    note = f"{now:,.0f} µs per schedule, before {before:,.0f} µs"
    ratios = [mine / default for default, mine in pairs]
    return unbounded(f"{case.function}: {case.name}, CPU of own clients / default ones", ratios, form=".2f", note=note)


def log_figure(what: str, logged: int, before: int, most: int) -> Figure:
    """Return the bytes that an invocation logs, with those before the levers in the note."""
    return at_most(f"bytes that {what} logs", logged, most, note=f"before: {before}")
