"""5. A burst: a hundred thousand schedules due in one second, through the real handlers and DynamoDB's limits.

The time of a burst is not the machine's. A function has the part of a processor that its memory buys on Lambda, so a
sweep's clock goes as much faster than the wall's as a whole processor is more than that, and the canned AWS keeps its
limits and its latency by the same clock. The fast track has one thread: its clock adds what it computes, slowed down in
the same way, to the latency of its calls. Sweep workers share no shard and executions of the fast track no queue of
records, so they are run one after the other, and side by side by their clocks.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from bench.bursts_picture import draw
from bench.packages import FAST_TRACK, ROOT, SWEEP, Function
from bench.processes import CannedAws, FunctionProcess, stream_record
from bench.stream import lane
from bench.table import Figure, at_most
from tools.capacity.declared import (
    BATCH_RECORDS,
    DELAYER_PERIOD_SECONDS,
    FAST_TRACK_MEMORY_MB,
    PARALLELIZATION_FACTOR,
    SWEEP_MEMORY_MB,
    SWEEP_TIMEOUT_SECONDS,
)
from tools.capacity.model import TIMING, handover_seconds, processors

__all__ = ["Burst", "Record", "figures", "lanes_to_play", "measure"]

_ITEM = "5. Bursts"
SCHEDULES = 100_000
_SHARDS, _WORKERS = (4, 16, 64), (1, 5)
_PAYLOAD_BYTES = 300
_PICTURE = ROOT / "docs" / "bursts.svg"

#: 2026-11-22T09:00:00Z, when the minute's rule ticks.
_TICK = 1_795_338_000
#: How long after the tick all is due: it entered the delayer period 59 s before.
DUE_AFTER_TICK = DELAYER_PERIOD_SECONDS - 59

#: How much faster a function's clock goes than this machine's, for it has but a part of a processor.
_SWEEP_PACE, _FAST_TRACK_PACE = 1 / processors(SWEEP_MEMORY_MB), 1 / processors(FAST_TRACK_MEMORY_MB)
_MOST_MEMORY_BYTES = 256 * 2**20
#: One DynamoDB partition's (Amazon DynamoDB developer guide, "partitions"), and what a call takes inside a region.
_WRITES_PER_SECOND = 1_000
_LATENCY_SECONDS = TIMING.call_seconds
#: Lambda asks a shard of a stream four times a second (AWS Lambda developer guide, "DynamoDB").
_POLL_SECONDS = TIMING.poll_seconds
#: In terraform/modules/delayer/stream_dynamodb_fasttrack_enqueuer.tf.
_FAST_TRACK_TIMEOUT_SECONDS = 60
#: A sweep after these would come too late.
_MOST_TICKS = 14
#: Of the executions of the fast track, those whose last records come last are played, until they have had so many; in
#: one case all are. More would take minutes and end no later.
_PLAYED = 15_000
_ALL_PLAYED = (16, 5)
#: In one case, whose partitions write all that they can from the first second to the last, the same records are handed
#: on with each of these parallelization factors; in the others with Terraform's default.
_COMPARED = (4, 1)
_FACTORS = (1, 2, 4, 10)

type Document = dict[str, Any]
#: What the canned AWS writes to the stream: event name, shard, due, payload, when.
type Record = tuple[str, str, str, str, float]


@dataclass(slots=True)
class Burst:
    """What came of one case. Times are in seconds after the tick."""

    shards: int
    workers: int
    parallelization_factor: int = PARALLELIZATION_FACTOR
    #: When each record was deleted, in order.
    deleted_at: list[float] = field(default_factory=list)
    ticks: int = 0
    #: Deleted records that were played to the fast track, in how many executions, how many schedules were sent of them,
    #: by how many messages, and in how many calls.
    played: int = 0
    executions: int = 0
    sent: int = 0
    messages: int = 0
    send_calls: int = 0
    last_entered: float = 0.0
    sweep_memory_bytes: int = 0
    fast_track_memory_bytes: int = 0


def measure(folders: dict[Function, Path]) -> Iterator[Figure]:
    """Play every case, and draw them."""
    bursts = []
    with CannedAws() as aws:
        for shards, workers in product(_SHARDS, _WORKERS):
            begun = time.monotonic()
            swept = Burst(shards, workers)
            records = _sweep(aws, folders[SWEEP], swept)
            for factor in _FACTORS if (shards, workers) == _COMPARED else (PARALLELIZATION_FACTOR,):
                burst = replace(swept, parallelization_factor=factor)
                _hand_on(aws, folders[FAST_TRACK], burst, records)
                bursts.append(burst)
                yield from figures(burst, time.monotonic() - begun)
                begun = time.monotonic()
    for name, memory in (
        ("sweep", max(burst.sweep_memory_bytes for burst in bursts)),
        ("fast track", max(burst.fast_track_memory_bytes for burst in bursts)),
    ):
        yield at_most(_ITEM, f"{name}: memory, MiB", memory / 2**20, _MOST_MEMORY_BYTES / 2**20)
    deployed = [burst for burst in bursts if burst.parallelization_factor == PARALLELIZATION_FACTOR]
    draw(_PICTURE, deployed, DUE_AFTER_TICK)


def _sweep(aws: CannedAws, folder: Path, burst: Burst) -> list[Record]:
    """Sweep every minute until nothing is left; what the stream has got then."""
    aws.do("reset", now=_TICK, pace=_SWEEP_PACE, latency=_LATENCY_SECONDS, writes_per_second=_WRITES_PER_SECOND)
    aws.do("load", count=SCHEDULES, shards=burst.shards, due=_TICK + DUE_AFTER_TICK, payload_bytes=_PAYLOAD_BYTES)
    # A worker with one shard waits for its partition, nine tenths of the time: then all can be played at once.
    at_once = burst.workers if burst.shards <= burst.workers else 1
    with ExitStack() as processes, ThreadPoolExecutor(at_once) as pool:
        played = [
            processes.enter_context(
                FunctionProcess(SWEEP, folder, aws.endpoint, source="wall", shards=burst.shards)
            )
            for _ in range(at_once)
        ]  # fmt: skip
        while aws.do("counted")["left"] and burst.ticks < _MOST_TICKS:
            now = _TICK + 60 * burst.ticks

            def sweep(worker: int, now: int = now) -> int:
                event = {"worker": worker, "workers": burst.workers}
                clock = {"now": now, "pace": _SWEEP_PACE}
                answer = played[worker % at_once].invoke(event, seconds=SWEEP_TIMEOUT_SECONDS, **clock)
                return int(answer["memory_bytes"])

            for first in range(0, burst.workers, at_once):
                aws.do("set_time", now=now)
                burst.sweep_memory_bytes = max(pool.map(sweep, range(first, first + at_once)))
            burst.ticks += 1
    records = [tuple(record) for record in aws.do("records")["records"]]
    records.sort(key=lambda record: record[-1])
    burst.deleted_at = [at - _TICK for *_, at in records]
    return records


def lanes_to_play(
    records: list[Record], shards: int, most: int, parallelization_factor: int = PARALLELIZATION_FACTOR
) -> list[list[Record]]:
    """Return each execution's records, in order: of those whose last record comes last, until they have `most`."""
    lanes: dict[int, list[Record]] = defaultdict(list)
    for record in records:
        lanes[lane(int(record[1]), record[2], shards, parallelization_factor)].append(record)
    latest = sorted(lanes.values(), key=lambda of_lane: of_lane[-1][-1], reverse=True)
    played: list[list[Record]] = []
    while latest and sum(map(len, played)) < most:
        played.append(latest.pop(0))
    return played


def _hand_on(aws: CannedAws, folder: Path, burst: Burst, records: list[Record]) -> None:
    """Hand the records to executions of the fast track, each as its own clock goes."""
    aws.do("reset")
    with FunctionProcess(FAST_TRACK, folder, aws.endpoint, source="process", shards=burst.shards) as process:
        most = SCHEDULES if (burst.shards, burst.workers) == _ALL_PLAYED else _PLAYED
        for of_lane in lanes_to_play(records, burst.shards, most, burst.parallelization_factor):
            burst.played += len(of_lane)
            now, position = 0.0, 0
            while position < len(of_lane):
                now = max(now, of_lane[position][-1] + _POLL_SECONDS)
                batch: list[Document] = []
                while position < len(of_lane) and len(batch) < BATCH_RECORDS and of_lane[position][-1] <= now:
                    batch.append(stream_record(position, of_lane[position]))
                    position += 1
                answer = process.invoke(
                    {"Records": batch},
                    seconds=_FAST_TRACK_TIMEOUT_SECONDS, now=now, pace=_FAST_TRACK_PACE, latency=_LATENCY_SECONDS,
                )  # fmt: skip
                burst.executions += 1
                now = answer["now"]
                burst.fast_track_memory_bytes = answer["memory_bytes"]
            burst.last_entered = max(burst.last_entered, now - _TICK)
    counted = aws.do("counted")
    burst.sent, burst.messages = counted["sent"], counted["entries"]["SendMessageBatch"]
    burst.send_calls = counted["requests"]["SendMessageBatch"]


def figures(burst: Burst, took_seconds: float) -> Iterator[Figure]:
    """When the last one entered the queue, and that each was handed over once."""
    workers = "1 worker" if burst.workers == 1 else f"{burst.workers} workers"
    lanes = "1 lane" if burst.parallelization_factor == 1 else f"{burst.parallelization_factor} lanes"
    case = f"{burst.shards} shards, {workers}, {lanes}"
    predicted = handover_seconds(
        SCHEDULES, _PAYLOAD_BYTES, burst.shards, burst.workers, parallelization_factor=burst.parallelization_factor
    )
    ticks = "1 tick" if burst.ticks == 1 else f"{burst.ticks} ticks"
    yield Figure(
        _ITEM,
        f"{case}: the last entered the queue",
        f"{DUE_AFTER_TICK - burst.last_entered:,.0f} s before its pointInTime",
        "before it",
        burst.last_entered < DUE_AFTER_TICK,
        note=f"swept in {burst.deleted_at[-1]:,.1f} s and {ticks}, in the queue after {burst.last_entered:,.1f} s;"
        f" {burst.sent / burst.send_calls:.1f} messages a send call,"
        f" {burst.played / burst.executions:,.0f} records an execution; make capacity says {predicted:,.1f} s,"
        f" {predicted / burst.last_entered:.2f} of that"
        f" (played in {took_seconds:.0f} s)",
    )
    yield Figure(
        _ITEM,
        f"{case}: deleted once, and sent once",
        f"{len(burst.deleted_at):,}; {burst.sent:,} of {burst.played:,} played",
        "all",
        len(burst.deleted_at) == SCHEDULES and burst.sent == burst.messages == burst.played,
    )
