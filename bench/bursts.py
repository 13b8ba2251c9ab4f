"""Bursts: a hundred thousand schedules or a million due in one second, through the handlers and DynamoDB's limits.

A function has the part of a processor that its memory buys on Lambda. So the sweep's clock runs faster than the wall's
by that factor, and the canned AWS keeps its limits and its latency by the same clock; other load on the machine makes
it slower. The fast track has one thread: its clock adds its computing, slowed down in the same way, to the latency of
its calls. Sweep workers share no shard, and executions of the fast track no records, so they are played one after the
other, each by a clock that begins at the tick.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import accumulate, groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from bench.canned_aws import Written
from bench.events import NEW_TABLE_PARTITIONS, NOW, PARTITION_WRITES_PER_SECOND, lane, stream_record
from bench.processes import CannedAws
from bench.table import Figure, at_least, at_most
from tools.capacity import declared
from tools.capacity.model import CALL_SECONDS, MINUTE_SECONDS, POLL_SECONDS, handover_seconds, processors
from tools.project import FAST_TRACK, SWEEP

_PAYLOAD_BYTES = 300

#: The latest that a tick finds a burst: it entered the delayer period 59 s before.
_DUE_AFTER_TICK = declared.DELAYER_PERIOD_SECONDS - 59
_SWEEP_PACE, _FAST_TRACK_PACE = (
    1 / processors(memory_mb) for memory_mb in (declared.SWEEP_MEMORY_MB, declared.FAST_TRACK_MEMORY_MB)
)
_MOST_MEMORY_MIB = 256

_TIME = itemgetter(-1)


class Case(NamedTuple):
    """The settings of a played environment, and how many schedules are due at once."""

    shards: int
    workers: int
    lanes: int = declared.PARALLELIZATION_FACTOR
    #: DynamoDB's partitions, and so the stream's shards: one for each shard if it is 0.
    partitions: int = 0
    schedules: int = 100_000

    def __str__(self) -> str:
        parts = [f"{self.shards} shards", _plural(self.workers, "worker"), _plural(self.lanes, "lane")]
        if self.partitions:
            parts.append(_plural(self.partitions, "partition"))
        if self.schedules != Case._field_defaults["schedules"]:
            parts.append(f"{self.schedules:,} schedules")
        return ", ".join(parts)


#: Prod's settings on the table as Terraform creates it.
DEPLOYED = Case(64, 2, partitions=NEW_TABLE_PARTITIONS)
#: Only the executions whose records come last are played, up to so many records: the others end sooner. In one case all
#: are played, for minutes.
_PLAYED, _ALL_PLAYED = 15_000, Case(16, 5)
_CASES = (
    # In these, each partition writes all it can until the sweep ends.
    *(Case(4, 1, lanes) for lanes in (1, 2, 4, 10)),
    *(Case(4, 5), Case(16, 1), _ALL_PLAYED, Case(64, 1), Case(64, 5), DEPLOYED),
    # A table with 1,000 provisioned write units.
    Case(16, 1, partitions=1),
)
_MILLION = (Case(64, 2, schedules=1_000_000), Case(64, 5, schedules=1_000_000))


class Swept(NamedTuple):
    """The deletes in the order of their times, the number of sweeps of each worker, and their memory."""

    deletes: list[Written]
    ticks: int
    memory_bytes: int


class Sent(NamedTuple):
    """The played part of the fast track. `seconds` is when the last message entered the queue, after the tick."""

    records: int
    executions: int
    schedules: int
    messages: int
    calls: int
    seconds: float
    memory_bytes: int


def measure(folder: Path) -> Iterator[Figure]:
    """Play every case of a hundred thousand."""
    return _play(folder, _CASES)


def measure_million(folder: Path) -> Iterator[Figure]:
    """Play the cases of a million."""
    return _play(folder, _MILLION)


def _play(folder: Path, cases: Iterable[Case]) -> Iterator[Figure]:
    memory_bytes = {SWEEP: 0, FAST_TRACK: 0}
    with CannedAws(folder) as aws:
        # Cases that differ by their lanes alone share a sweep.
        for swept_case, group in groupby(cases, lambda case: case._replace(lanes=1)):
            swept = _sweep(aws, swept_case)
            memory_bytes[SWEEP] = max(memory_bytes[SWEEP], swept.memory_bytes)
            for case in group:
                sent = _send(aws, case, swept.deletes)
                memory_bytes[FAST_TRACK] = max(memory_bytes[FAST_TRACK], sent.memory_bytes)
                yield from figures(case, swept, sent)
    for function, most in memory_bytes.items():
        yield at_most(f"{function}: memory, MiB", most / 2**20, _MOST_MEMORY_MIB)


def _sweep(aws: CannedAws, case: Case) -> Swept:
    """Sweep every minute until nothing is left, or until the burst is due."""
    limits = {"writes_per_second": PARTITION_WRITES_PER_SECOND, "partitions": case.partitions or None}
    aws.ask("reset", now=NOW, pace=_SWEEP_PACE, latency=CALL_SECONDS, **limits)
    aws.ask("load", count=case.schedules, shards=case.shards, due=NOW + _DUE_AFTER_TICK, payload_bytes=_PAYLOAD_BYTES)
    # Workers with one shard wait for its partition most of the time, so all can be played at once.
    at_once = case.workers if case.shards <= case.workers else 1
    ticks = memory_bytes = 0
    with ExitStack() as stack, ThreadPoolExecutor(at_once) as pool:
        processes = [stack.enter_context(aws.start(SWEEP, shards=case.shards)) for _ in range(at_once)]
        while aws.ask("counted")["left"] and MINUTE_SECONDS * ticks < _DUE_AFTER_TICK:
            clock = {"now": NOW + MINUTE_SECONDS * ticks, "pace": _SWEEP_PACE}
            for first in range(0, case.workers, at_once):
                aws.ask("set_time", now=clock["now"])
                events = [{"worker": first + number, "workers": case.workers} for number in range(at_once)]
                sweeps = [
                    pool.submit(process.ask, "invoke", events=[event], seconds=declared.SWEEP_TIMEOUT_SECONDS, **clock)
                    for process, event in zip(processes, events, strict=True)
                ]
                memory_bytes = max(memory_bytes, *(sweep.result()["memory_bytes"] for sweep in sweeps))
            ticks += 1
    deletes = [tuple(written) for written in aws.ask("records")["records"]]
    return Swept(sorted(deletes, key=_TIME), ticks, memory_bytes)


def lanes_to_play(deletes: list[Written], case: Case, most: int) -> list[list[Written]]:
    """Return each execution's records, in order: first of those that get their last record last, up to `most`."""
    by_lane: dict[int, list[Written]] = defaultdict(list)
    for written in deletes:
        by_lane[lane(written, case.partitions or case.shards, case.lanes)].append(written)
    latest = sorted(by_lane.values(), key=lambda records: _TIME(records[-1]), reverse=True)
    counts_before = accumulate(map(len, latest), initial=0)
    return [records for records, before in zip(latest, counts_before, strict=False) if before < most]


def _send(aws: CannedAws, case: Case, deletes: list[Written]) -> Sent:
    """Hand the deletes on to executions of the fast track, each by its own clock."""
    aws.ask("reset")
    clock = {"pace": _FAST_TRACK_PACE, "latency": CALL_SECONDS}
    lanes = lanes_to_play(deletes, case, case.schedules if case == _ALL_PLAYED else _PLAYED)
    executions = memory_bytes = 0
    ends = []
    with aws.start(FAST_TRACK, source="process", shards=case.shards) as process:
        for records in lanes:
            now, position = 0.0, 0
            while position < len(records):
                now = max(now, records[position][-1] + POLL_SECONDS)
                most = min(len(records), position + declared.BATCH_RECORDS)
                end = bisect_right(records, now, position, most, key=_TIME)
                event = {"Records": [stream_record(number, records[number]) for number in range(position, end)]}
                timeout = declared.FAST_TRACK_TIMEOUT_SECONDS
                answer = process.ask("invoke", events=[event], seconds=timeout, now=now, **clock)
                now, memory_bytes, position = answer["now"], answer["memory_bytes"], end
                executions += 1
            ends.append(now - NOW)
    counted = aws.ask("counted")
    messages, calls = counted["entries"]["SendMessageBatch"], counted["requests"]["SendMessageBatch"]
    return Sent(sum(map(len, lanes)), executions, counted["sent"], messages, calls, max(ends), memory_bytes)


def figures(case: Case, swept: Swept, sent: Sent) -> Iterator[Figure]:
    """Yield how soon the whole burst was in the queue, and whether each schedule was deleted and sent once."""
    predicted = handover_seconds(
        case.schedules,
        _PAYLOAD_BYTES,
        case.shards,
        case.workers,
        partitions=case.partitions or None,
        parallelization_factor=case.lanes,
    )
    messages = sent.messages / sent.calls
    note = (
        f"swept in {swept.deletes[-1][-1] - NOW:,.1f} s ({_plural(swept.ticks, 'tick')});"
        f" {messages:.1f} messages per send call, {sent.records / sent.executions:,.0f} records per"
        f" execution; make capacity predicts {predicted:,.1f} s, {predicted / sent.seconds:.2f} times as long"
    )
    yield at_most(f"{case}: all in the queue after, s", sent.seconds, _DUE_AFTER_TICK, form=",.1f", note=note)
    yield Figure(
        f"{case}: deleted once, sent once",
        f"{len(swept.deletes):,}; {sent.schedules:,} of {sent.records:,} played",
        "all",
        len(swept.deletes) == case.schedules and sent.schedules == sent.messages == sent.records,
    )
    if case == DEPLOYED:
        yield at_least(f"{case}, prod on a new table: messages per send call", messages, 9.5, form=".2f")


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
