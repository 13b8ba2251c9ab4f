"""Bursts: a hundred thousand schedules due in one second, through the real handlers and DynamoDB's limits.

A function has the part of a processor that its memory buys on Lambda. So the sweep's clock runs faster than the wall's
by that factor, and the canned AWS keeps its limits and its latency by the same clock; other load on the machine makes
it slower. The fast track has one thread: its clock adds its computing, slowed down in the same way, to the latency of
its calls. Sweep workers share no shard, and executions of the fast track no records, so they are played one after the
other, each by a clock that begins at the tick.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import NamedTuple

from bench.deployed import FAST_TRACK, SWEEP
from bench.processes import CannedAws, FunctionProcess
from bench.stream import Written, lane, stream_record
from bench.table import Figure, at_most
from tools.capacity.declared import (
    BATCH_RECORDS,
    DELAYER_PERIOD_SECONDS,
    FAST_TRACK_MEMORY_MB,
    FAST_TRACK_TIMEOUT_SECONDS,
    PARALLELIZATION_FACTOR,
    SWEEP_MEMORY_MB,
    SWEEP_TIMEOUT_SECONDS,
)
from tools.capacity.model import CALL_SECONDS, POLL_SECONDS, handover_seconds, processors

_SCHEDULES = 100_000
_PAYLOAD_BYTES = 300
_SHARDS, _WORKERS = (4, 16, 64), (1, 5)
#: The numbers of lanes that the case is played with in which each partition writes all it can until the sweep ends. The
#: other cases have Terraform's default.
_LANES, _LANES_CASE = (1, 2, 4, 10), (4, 1)

#: 2026-11-22T09:00:00Z, a tick of the minute's rule.
_TICK = 1_795_338_000
#: The latest that a tick finds a burst: it entered the delayer period 59 s before.
_DUE_AFTER_TICK = DELAYER_PERIOD_SECONDS - 59
#: More ticks than there are before the burst is due.
_MOST_TICKS = 14

_SWEEP_PACE, _FAST_TRACK_PACE = 1 / processors(SWEEP_MEMORY_MB), 1 / processors(FAST_TRACK_MEMORY_MB)
_MOST_MEMORY_MIB = 256
#: Of one DynamoDB partition (Amazon DynamoDB developer guide, "partitions").
_WRITES_PER_SECOND = 1_000
#: Only the executions whose records come last are played, up to so many records: the others end sooner. In one case all
#: are played, for minutes.
_PLAYED, _ALL_PLAYED = 15_000, (16, 5)


class Case(NamedTuple):
    """The settings of a played environment."""

    shards: int
    workers: int
    lanes: int = PARALLELIZATION_FACTOR

    def __str__(self) -> str:
        workers = "1 worker" if self.workers == 1 else f"{self.workers} workers"
        return f"{self.shards} shards, {workers}, {'1 lane' if self.lanes == 1 else f'{self.lanes} lanes'}"


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


def measure(folders: Mapping[str, Path]) -> Iterator[Figure]:
    """Play every case."""
    memory_bytes = {SWEEP: 0, FAST_TRACK: 0}
    with CannedAws() as aws:
        for shards, workers in product(_SHARDS, _WORKERS):
            swept = _sweep(aws, folders[SWEEP], Case(shards, workers))
            memory_bytes[SWEEP] = max(memory_bytes[SWEEP], swept.memory_bytes)
            for lanes in _LANES if (shards, workers) == _LANES_CASE else (PARALLELIZATION_FACTOR,):
                case = Case(shards, workers, lanes)
                sent = _send(aws, folders[FAST_TRACK], case, swept.deletes)
                memory_bytes[FAST_TRACK] = max(memory_bytes[FAST_TRACK], sent.memory_bytes)
                yield from figures(case, swept, sent)
    for function, most in memory_bytes.items():
        yield at_most(f"{function}: memory, MiB", most / 2**20, _MOST_MEMORY_MIB)


def _sweep(aws: CannedAws, folder: Path, case: Case) -> Swept:
    """Sweep every minute until nothing is left."""
    limits = {"latency": CALL_SECONDS, "writes_per_second": _WRITES_PER_SECOND}
    aws.ask("reset", now=_TICK, pace=_SWEEP_PACE, **limits)
    due = _TICK + _DUE_AFTER_TICK
    aws.ask("load", count=_SCHEDULES, shards=case.shards, due=due, payload_bytes=_PAYLOAD_BYTES)
    # Workers with one shard wait for its partition most of the time, so all can be played at once.
    at_once = case.workers if case.shards <= case.workers else 1
    ticks = memory_bytes = 0
    with ExitStack() as stack, ThreadPoolExecutor(at_once) as pool:
        processes = [
            stack.enter_context(FunctionProcess(SWEEP, folder, aws.endpoint, shards=case.shards))
            for _ in range(at_once)
        ]
        while aws.ask("counted")["left"] and ticks < _MOST_TICKS:
            now = _TICK + 60 * ticks

            def sweep(worker: int, now: int = now) -> int:
                event = {"worker": worker, "workers": case.workers}
                process = processes[worker % at_once]
                answer = process.invoke(event, seconds=SWEEP_TIMEOUT_SECONDS, now=now, pace=_SWEEP_PACE)
                return int(answer["memory_bytes"])

            for first in range(0, case.workers, at_once):
                aws.ask("set_time", now=now)
                memory_bytes = max(memory_bytes, *pool.map(sweep, range(first, first + at_once)))
            ticks += 1
    deletes = [tuple(written) for written in aws.ask("records")["records"]]
    return Swept(sorted(deletes, key=lambda written: written[-1]), ticks, memory_bytes)


def lanes_to_play(deletes: list[Written], case: Case, most: int) -> list[list[Written]]:
    """Return each execution's records, in order: first of those that get their last record last, up to `most`."""
    by_lane: dict[int, list[Written]] = defaultdict(list)
    for written in deletes:
        by_lane[lane(written[1], written[2], case.shards, case.lanes)].append(written)
    latest = sorted(by_lane.values(), key=lambda records: records[-1][-1], reverse=True)
    played: list[list[Written]] = []
    while latest and sum(map(len, played)) < most:
        played.append(latest.pop(0))
    return played


def _send(aws: CannedAws, folder: Path, case: Case, deletes: list[Written]) -> Sent:
    """Hand the deletes on to executions of the fast track, each by its own clock."""
    aws.ask("reset")
    clock = {"pace": _FAST_TRACK_PACE, "latency": CALL_SECONDS}
    most = _SCHEDULES if (case.shards, case.workers) == _ALL_PLAYED else _PLAYED
    lanes = lanes_to_play(deletes, case, most)
    executions = memory_bytes = 0
    ends = []
    with FunctionProcess(FAST_TRACK, folder, aws.endpoint, source="process", shards=case.shards) as process:
        for records in lanes:
            now, position = 0.0, 0
            while position < len(records):
                now = max(now, records[position][-1] + POLL_SECONDS)
                end = position
                while end < len(records) and end < position + BATCH_RECORDS and records[end][-1] <= now:
                    end += 1
                batch = [stream_record(number, records[number]) for number in range(position, end)]
                answer = process.invoke({"Records": batch}, seconds=FAST_TRACK_TIMEOUT_SECONDS, now=now, **clock)
                now, memory_bytes, position = answer["now"], answer["memory_bytes"], end
                executions += 1
            ends.append(now - _TICK)
    counted = aws.ask("counted")
    messages, calls = counted["entries"]["SendMessageBatch"], counted["requests"]["SendMessageBatch"]
    return Sent(sum(map(len, lanes)), executions, counted["sent"], messages, calls, max(ends), memory_bytes)


def figures(case: Case, swept: Swept, sent: Sent) -> Iterator[Figure]:
    """Yield how soon the whole burst was in the queue, and whether each schedule was deleted and sent once."""
    predicted = handover_seconds(
        _SCHEDULES, _PAYLOAD_BYTES, case.shards, case.workers, parallelization_factor=case.lanes
    )
    note = (
        f"swept in {swept.deletes[-1][-1] - _TICK:,.1f} s ({swept.ticks} tick{'s' if swept.ticks > 1 else ''});"
        f" {sent.messages / sent.calls:.1f} messages per send call, {sent.records / sent.executions:,.0f} records per"
        f" execution; make capacity predicts {predicted:,.1f} s, {predicted / sent.seconds:.2f} times as long"
    )
    yield at_most(f"{case}: all in the queue after, s", sent.seconds, _DUE_AFTER_TICK, form=",.1f", note=note)
    yield Figure(
        f"{case}: deleted once, sent once",
        f"{len(swept.deletes):,}; {sent.schedules:,} of {sent.records:,} played",
        "all",
        len(swept.deletes) == _SCHEDULES and sent.schedules == sent.messages == sent.records,
    )
