"""1. The requests that schedules cost, by kind, counted by the canned AWS."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.packages import FAST_TRACK, POST, SWEEP, Function
from bench.processes import CannedAws, FunctionProcess, stream_record
from bench.stream import batches, lane
from bench.table import Figure, at_least, at_most
from tools.capacity.declared import DELAYER_PERIOD_SECONDS, PARALLELIZATION_FACTOR

__all__ = ["BURST", "PENDING", "burst_figures", "measure", "post_event", "trickle_figures"]

_ITEM = "1. Requests"
#: 2026-11-22T09:00:00Z.
NOW = 1_795_338_000
SHARDS = 16
BURST = 1_000
PENDING = (100, 10_000, 100_000)
#: With all that is around it, a payload of the burst makes a message of up to 20 KB.
_PAYLOAD_BYTES = (100, 20_000)
_KINDS = ("PutItem", "DescribeTable", "Query", "BatchWriteItem", "SendMessageBatch")

_TRICKLE = 600
#: A new on-demand table has so many partitions (Amazon DynamoDB developer guide, "on-demand capacity mode": 4,000 write
#: units a second at once, of 1,000 each).
_STREAM_SHARDS = 4

type Document = dict[str, Any]


def post_event(number: int, due: int, payload: str) -> Document:
    """A request as the gateway hands it on. Its key makes the scheduleId, and so the shard, the same in every run."""
    body = json.dumps({"pointInTime": _utc(due), "payload": payload})
    headers = {"content-type": "application/json", "idempotency-key": f"bench-{number}"}
    return {"version": "2.0", "headers": headers, "body": body, "isBase64Encoded": False}


def _utc(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


class _Delayer:
    """The three functions on one canned AWS, with a clock that is set."""

    def __init__(self, aws: CannedAws, functions: dict[Function, FunctionProcess]) -> None:
        self._aws = aws
        self._functions = functions
        self._number = 0
        self.invocations: Counter[Function] = Counter()

    def invoke(self, function: Function, events: Iterable[Document], now: float) -> None:
        self._aws.do("set_time", now=now)
        for event in events:
            self.invocations[function] += 1
            self._functions[function].invoke(event, now=now)

    def read_stream(self) -> list[Document]:
        records = self._aws.do("records")["records"]
        self._number += len(records)
        return [stream_record(self._number + index, record) for index, record in enumerate(records)]

    def run_stream(self, now: float, lanes: int | None = None) -> None:
        """Hand the stream on until it is quiet: in full batches, or to so many executions side by side."""
        while records := self.read_stream():
            if lanes is None:
                # The sweep's threads delete in any order; where a batch has 6 MB must not depend on it.
                records.sort(key=lambda record: record["dynamodb"]["Keys"]["due"]["S"])
            by_lane: dict[int, list[Document]] = defaultdict(list)
            for record in records:
                key = record["dynamodb"]["Keys"]
                by_lane[0 if lanes is None else lane(int(key["shard"]["N"]), key["due"]["S"], lanes)].append(record)
            for share in by_lane.values():
                self.invoke(FAST_TRACK, ({"Records": batch} for batch in batches(share)), now)


def measure(folders: dict[Function, Path]) -> Iterator[Figure]:
    """Count, and compare with the bounds."""
    with (
        CannedAws() as aws,
        FunctionProcess(POST, folders[POST], aws.endpoint, source="wall") as post,
        FunctionProcess(SWEEP, folders[SWEEP], aws.endpoint, source="wall") as sweep,
        FunctionProcess(FAST_TRACK, folders[FAST_TRACK], aws.endpoint, source="wall") as fast_track,
    ):
        functions = {POST: post, SWEEP: sweep, FAST_TRACK: fast_track}
        yield from burst_figures({pending: _burst(aws, _Delayer(aws, functions), pending) for pending in PENDING})
        for stream_shards in (_STREAM_SHARDS, SHARDS):
            counted = _burst(aws, _Delayer(aws, functions), PENDING[0], stream_shards)
            messages = counted["entries"]["SendMessageBatch"] / counted["requests"]["SendMessageBatch"]
            name = f"the same, to {PARALLELIZATION_FACTOR} executions of each of {stream_shards} stream shards"
            yield Figure(_ITEM, name, f"{messages:.2f}", note="as the mapping hands a burst on of which all is there")
        for name, due_in in (("due in an hour, swept", 3_600), ("due in five minutes, fast track", 300)):
            delayer = _Delayer(aws, functions)
            counted = _trickle(aws, delayer, due_in)
            yield from trickle_figures(name, counted, delayer.invocations)


def _burst(aws: CannedAws, delayer: _Delayer, pending: int, stream_shards: int | None = None) -> Document:
    aws.do("reset", now=NOW)
    aws.do("load", count=pending, shards=SHARDS, due=NOW + 30 * 86_400, payload_bytes=300)
    chance = random.Random(BURST)
    due = NOW + 3_600
    payloads = ("x" * chance.randint(*_PAYLOAD_BYTES) for _ in range(BURST))
    delayer.invoke(POST, (post_event(number, due, payload) for number, payload in enumerate(payloads)), NOW)
    delayer.run_stream(NOW)
    tick = due - DELAYER_PERIOD_SECONDS
    delayer.invoke(SWEEP, [{}], tick)
    delayer.run_stream(tick, stream_shards)
    return aws.do("counted")


def _trickle(aws: CannedAws, delayer: _Delayer, due_in: int) -> Document:
    aws.do("reset", now=NOW)
    for second in range(NOW, NOW + _TRICKLE + max(0, due_in - DELAYER_PERIOD_SECONDS) + 60):
        if second < NOW + _TRICKLE:
            delayer.invoke(POST, [post_event(second, second + due_in, "x" * 300)], second)
            delayer.run_stream(second, _STREAM_SHARDS)
        # Only the ticks that something is due at: a quiet one is a query a shard, however many there are.
        if second % 60 == 0 and second > NOW + due_in - DELAYER_PERIOD_SECONDS:
            delayer.invoke(SWEEP, [{}], second)
            delayer.run_stream(second, _STREAM_SHARDS)
    return aws.do("counted")


def burst_figures(counted: dict[int, Document]) -> Iterator[Figure]:
    """Of a burst of BURST schedules, by how many others were pending."""
    for pending, of_pending in counted.items():
        requests = of_pending["requests"]
        once = {"BatchWriteItem": BURST, "SendMessageBatch": BURST}
        yield Figure(
            _ITEM,
            f"{BURST:,} due at once, {pending:,} others pending",
            ", ".join(f"{requests.get(kind, 0):,} {kind}" for kind in _KINDS),
            "each deleted and sent once, a query a shard, the others left",
            of_pending["sent"] == BURST and of_pending["left"] == pending and of_pending["entries"] == once
            and (requests["Query"], requests["DescribeTable"]) == (SHARDS, 1),
        )  # fmt: skip
    first, *others = counted.values()
    requests, entries = first["requests"], first["entries"]
    yield at_most(_ITEM, "puts a schedule", requests["PutItem"] / BURST, 1, form=".2f")
    yield at_least(_ITEM, "deletes a call", entries["BatchWriteItem"] / requests["BatchWriteItem"], 24.9, form=".2f")
    messages = entries["SendMessageBatch"] / requests["SendMessageBatch"]
    note = "messages up to 20 KB, full stream batches (1,000 records or 6 MB)"
    yield at_least(_ITEM, "messages a send call", messages, 9.9, form=".2f", note=note)
    unknown = sorted({kind for each in counted.values() for kind in each["requests"]} - set(_KINDS))
    yield Figure(_ITEM, "Scan, or anything else", ", ".join(unknown) or "none", "none", not unknown)
    same = all(each["requests"] == requests for each in others)
    yield Figure(_ITEM, "the same requests, whatever is pending", "yes" if same else "no", "yes", same)


def trickle_figures(name: str, counted: Document, invocations: Counter[Function]) -> Iterator[Figure]:
    """Of schedules that come one a second: what one costs where batching can't help."""
    requests = counted["requests"]
    per_schedule = ", ".join(f"{requests.get(kind, 0) / _TRICKLE:.2f} {kind}" for kind in _KINDS)
    calls = f"{invocations[FAST_TRACK] / _TRICKLE:.2f} of the fast track, {invocations[SWEEP] / _TRICKLE:.3f} sweeps"
    yield Figure(_ITEM, f"one a second, {name}: each costs", per_schedule, note=f"invocations: 1 post, {calls}")
