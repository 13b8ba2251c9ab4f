"""The requests per schedule, by kind, counted by the canned AWS."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.deployed import FAST_TRACK, FUNCTIONS, POST, SWEEP
from bench.processes import CannedAws, FunctionProcess
from bench.stream import batches, lane, stream_record
from bench.table import Figure, at_least, at_most
from tools.capacity.declared import DELAYER_PERIOD_SECONDS, PARALLELIZATION_FACTOR

#: 2026-11-22T09:00:00Z.
NOW = 1_795_338_000
SHARDS = 16
_BURST = 1_000
_PENDING = (100, 10_000, 100_000)
#: Messages of up to 20 KB.
_PAYLOAD_BYTES = (100, 20_000)
_KINDS = ("PutItem", "DescribeTable", "Query", "BatchWriteItem", "SendMessageBatch")

_TRICKLE = 600
#: The partitions of a new on-demand table (Amazon DynamoDB developer guide, "on-demand capacity mode": 4,000 write
#: units per second at once, 1,000 of each).
_STREAM_SHARDS = 4

type Document = dict[str, Any]


def post_event(number: int, due: int, payload: str) -> Document:
    """Return a request as the gateway hands it on. Its key keeps scheduleId and shard the same in every run."""
    point_in_time = datetime.fromtimestamp(due, UTC).isoformat()
    body = json.dumps({"pointInTime": point_in_time, "payload": payload})
    headers = {"content-type": "application/json", "idempotency-key": f"bench-{number}"}
    return {"version": "2.0", "headers": headers, "body": body, "isBase64Encoded": False}


def array_event(numbers: Iterable[int], due: int, payload: str) -> Document:
    """Return a request for several schedules as the gateway hands it on."""
    events = [post_event(number, due, payload) for number in numbers]
    return events[0] | {"body": f"[{','.join(event['body'] for event in events)}]"}


class _Delayer:
    """The three functions on one canned AWS, with a clock that is set."""

    def __init__(self, aws: CannedAws, functions: Mapping[str, FunctionProcess]) -> None:
        self._aws = aws
        self._functions = functions
        self._records = 0
        self.invocations: Counter[str] = Counter()

    def invoke(self, function: str, events: Iterable[Document], now: float) -> None:
        self._aws.ask("set_time", now=now)
        for event in events:
            self.invocations[function] += 1
            self._functions[function].invoke(event, now=now)

    def run_stream(self, now: float, stream_shards: int | None = None) -> None:
        """Hand the stream on until it is empty: in full batches, or to the lanes of so many stream shards."""
        while written := self._aws.ask("records")["records"]:
            if stream_shards is None:
                # The sweep's threads delete in any order, and the place where a batch has 6 MB must not depend on it.
                written.sort(key=lambda entry: entry[2])
            by_lane = defaultdict(list)
            for entry in written:
                _, shard, due, *_ = entry
                self._records += 1
                record = stream_record(self._records, entry)
                by_lane[lane(shard, due, stream_shards) if stream_shards else 0].append(record)
            for records in by_lane.values():
                self.invoke(FAST_TRACK, ({"Records": batch} for batch in batches(records)), now)


def measure(folders: Mapping[str, Path]) -> Iterator[Figure]:
    """Count the requests of bursts and of a trickle."""
    with ExitStack() as stack:
        aws = stack.enter_context(CannedAws())
        functions = {
            name: stack.enter_context(FunctionProcess(name, folders[name], aws.endpoint)) for name in FUNCTIONS
        }
        yield from burst_figures({pending: _burst(aws, _Delayer(aws, functions), pending) for pending in _PENDING})
        for stream_shards in (_STREAM_SHARDS, SHARDS):
            counted = _burst(aws, _Delayer(aws, functions), _PENDING[0], stream_shards)
            name = f"messages per send call, {PARALLELIZATION_FACTOR} lanes for each of {stream_shards} stream shards"
            yield Figure(name, f"{_per_call(counted, 'SendMessageBatch'):.2f}", note="the mapping's own batches")
        for name, due_in in (("due in an hour, swept", 3_600), ("due in five minutes, fast track", 300)):
            delayer = _Delayer(aws, functions)
            counted = _trickle(aws, delayer, due_in)
            yield trickle_figure(name, counted, delayer.invocations)


def _burst(aws: CannedAws, delayer: _Delayer, pending: int, stream_shards: int | None = None) -> Document:
    aws.ask("reset", now=NOW)
    aws.ask("load", count=pending, shards=SHARDS, due=NOW + 30 * 86_400, payload_bytes=300)
    chance = random.Random(_BURST)
    due = NOW + 3_600
    payloads = ("x" * chance.randint(*_PAYLOAD_BYTES) for _ in range(_BURST))
    delayer.invoke(POST, (post_event(number, due, payload) for number, payload in enumerate(payloads)), NOW)
    delayer.run_stream(NOW)
    tick = due - DELAYER_PERIOD_SECONDS
    delayer.invoke(SWEEP, [{}], tick)
    delayer.run_stream(tick, stream_shards)
    return aws.ask("counted")


def _trickle(aws: CannedAws, delayer: _Delayer, due_in: int) -> Document:
    aws.ask("reset", now=NOW)
    for second in range(NOW, NOW + _TRICKLE + max(0, due_in - DELAYER_PERIOD_SECONDS) + 60):
        if second < NOW + _TRICKLE:
            delayer.invoke(POST, [post_event(second, second + due_in, "x" * 300)], second)
            delayer.run_stream(second, _STREAM_SHARDS)
        # Only the ticks with something due: an idle one is a query for each shard, however many schedules wait.
        if second % 60 == 0 and second > NOW + due_in - DELAYER_PERIOD_SECONDS:
            delayer.invoke(SWEEP, [{}], second)
            delayer.run_stream(second, _STREAM_SHARDS)
    return aws.ask("counted")


def _per_call(counted: Document, kind: str) -> float:
    return float(counted["entries"][kind] / counted["requests"][kind])


def burst_figures(counted: Mapping[int, Document]) -> Iterator[Figure]:
    """Yield the figures of a burst, from the counts by how many other schedules were pending."""
    for pending, of_pending in counted.items():
        requests = of_pending["requests"]
        once = {"BatchWriteItem": _BURST, "SendMessageBatch": _BURST}
        yield Figure(
            f"{_BURST:,} due at once, {pending:,} others pending",
            ", ".join(f"{requests.get(kind, 0):,} {kind}" for kind in _KINDS),
            "each deleted and sent once, one query per shard, the others left",
            of_pending["sent"] == _BURST and of_pending["left"] == pending and of_pending["entries"] == once
            and (requests["Query"], requests["DescribeTable"]) == (SHARDS, 1),
        )  # fmt: skip
    first, *others = counted.values()
    requests = first["requests"]
    yield at_most("puts per schedule", requests["PutItem"] / _BURST, 1, form=".4g")
    yield at_least("deletes per call", _per_call(first, "BatchWriteItem"), 24.9, form=".4g")
    note = "messages up to 20 KB, full stream batches (1,000 records or 6 MB)"
    yield at_least("messages per send call", _per_call(first, "SendMessageBatch"), 9.9, form=".4g", note=note)
    unknown = sorted({kind for each in counted.values() for kind in each["requests"]} - set(_KINDS))
    yield Figure("scans and other kinds of requests", ", ".join(unknown) or "none", "none", not unknown)
    same = all(each["requests"] == requests for each in others)
    yield Figure("same requests, however many are pending", "yes" if same else "no", "yes", same)


def trickle_figure(name: str, counted: Document, invocations: Counter[str]) -> Figure:
    """Return the requests per schedule where they come one a second, so that batching can't help."""
    per_schedule = ", ".join(f"{counted['requests'].get(kind, 0) / _TRICKLE:.2f} {kind}" for kind in _KINDS)
    calls = f"1 post, {invocations[FAST_TRACK] / _TRICKLE:.2f} fast track, {invocations[SWEEP] / _TRICKLE:.3f} sweep"
    return Figure(f"requests per schedule, one a second, {name}", per_schedule, note=f"invocations: {calls}")
