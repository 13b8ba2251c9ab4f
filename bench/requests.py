"""The requests per schedule, by kind, counted by the canned AWS."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from bench.canned_aws import Document
from bench.events import NEW_TABLE_PARTITIONS, NOW, PENDING, SHARDS, batches, lane, post_event, stream_record
from bench.processes import CannedAws, Process
from bench.table import Figure, at_least, at_most
from tools.capacity.declared import DELAYER_PERIOD_SECONDS, PARALLELIZATION_FACTOR
from tools.project import FAST_TRACK, POST, SWEEP

_BURST = 1_000
_TRICKLE = 600
_KINDS = ("PutItem", "DescribeTable", "Query", "BatchWriteItem", "SendMessageBatch")


class _Delayer:
    """The three functions on an empty canned AWS, with a clock that is set."""

    def __init__(self, aws: CannedAws, functions: Mapping[str, Process]) -> None:
        self._aws = aws
        self._functions = functions
        self._records = 0
        self.invocations: Counter[str] = Counter()
        aws.ask("reset")

    def invoke(self, function: str, events: Iterable[Document], now: float) -> None:
        self._aws.ask("set_time", now=now)
        for event in events:
            self.invocations[function] += 1
            self._functions[function].ask("invoke", events=[event], now=now)

    def run_stream(self, now: float, stream_shards: int | None = None) -> None:
        """Hand the stream on until it is empty: in full batches, or to the lanes of so many stream shards."""
        while written := self._aws.ask("records")["records"]:
            if stream_shards is None:
                # The sweep's threads delete in any order, and the place where a batch has 6 MB must not depend on it.
                written.sort(key=lambda entry: entry[2])
            by_lane = defaultdict(list)
            for entry in written:
                self._records += 1
                chosen = lane(entry, stream_shards) if stream_shards else 0
                by_lane[chosen].append(stream_record(self._records, entry))
            for records in by_lane.values():
                self.invoke(FAST_TRACK, ({"Records": batch} for batch in batches(records)), now)

    def burst(self, pending: int, stream_shards: int | None = None) -> Document:
        """Post schedules that are due at once, beside so many others, sweep and send them, and return the counts."""
        self._aws.ask("load", count=pending, shards=SHARDS, due=NOW + 30 * 86_400, payload_bytes=300)
        chance = random.Random(_BURST)
        due = NOW + 3_600
        payloads = ("x" * chance.randint(100, 20_000) for _ in range(_BURST))
        self.invoke(POST, (post_event(number, due, payload) for number, payload in enumerate(payloads)), NOW)
        self.run_stream(NOW)
        tick = due - DELAYER_PERIOD_SECONDS
        self.invoke(SWEEP, [{}], tick)
        self.run_stream(tick, stream_shards)
        return self._aws.ask("counted")

    def trickle(self, due_in: int) -> Document:
        """Post a schedule a second, each due in so many seconds, sweep and send them, and return the counts."""
        for second in range(NOW, NOW + _TRICKLE + max(0, due_in - DELAYER_PERIOD_SECONDS) + 60):
            if second < NOW + _TRICKLE:
                self.invoke(POST, [post_event(second, second + due_in)], second)
                self.run_stream(second, NEW_TABLE_PARTITIONS)
            # Only the ticks with something due: an idle one is a query for each shard, however many schedules wait.
            if second % 60 == 0 and second > NOW + due_in - DELAYER_PERIOD_SECONDS:
                self.invoke(SWEEP, [{}], second)
                self.run_stream(second, NEW_TABLE_PARTITIONS)
        return self._aws.ask("counted")


def measure(folder: Path) -> Iterator[Figure]:
    """Count the requests of bursts and of a trickle."""
    with CannedAws(folder) as aws, ExitStack() as stack:
        functions = {name: stack.enter_context(aws.start(name)) for name in (POST, SWEEP, FAST_TRACK)}
        yield from burst_figures({pending: _Delayer(aws, functions).burst(pending) for pending in PENDING})
        for stream_shards in (NEW_TABLE_PARTITIONS, SHARDS):
            counted = _Delayer(aws, functions).burst(PENDING[0], stream_shards)
            name = f"messages per send call, {PARALLELIZATION_FACTOR} lanes for each of {stream_shards} stream shards"
            yield Figure(name, f"{_per_call(counted, 'SendMessageBatch'):.2f}", note="the mapping's own batches")
        for name, due_in in (("due in an hour, swept", 3_600), ("due in five minutes, fast track", 300)):
            delayer = _Delayer(aws, functions)
            requests, calls = delayer.trickle(due_in)["requests"], delayer.invocations
            # They come one a second, so that batching can't help.
            yield Figure(
                f"requests per schedule, one a second, {name}",
                ", ".join(f"{requests.get(kind, 0) / _TRICKLE:.2f} {kind}" for kind in _KINDS),
                note=f"invocations: 1 post, {calls[FAST_TRACK] / _TRICKLE:.2f} fast track,"
                f" {calls[SWEEP] / _TRICKLE:.3f} sweep",
            )


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
    yield at_most("puts per schedule", first["requests"]["PutItem"] / _BURST, 1, form=".4g")
    yield at_least("deletes per call", _per_call(first, "BatchWriteItem"), 24.9, form=".4g")
    note = "messages up to 20 KB, full stream batches (1,000 records or 6 MB)"
    yield at_least("messages per send call", _per_call(first, "SendMessageBatch"), 9.9, form=".4g", note=note)
    unknown = sorted({kind for each in counted.values() for kind in each["requests"]} - set(_KINDS))
    yield Figure("scans and other kinds of requests", ", ".join(unknown) or "none", "none", not unknown)
    same = all(each["requests"] == first["requests"] for each in others)
    yield Figure("same requests, however many are pending", "yes" if same else "no", "yes", same)
