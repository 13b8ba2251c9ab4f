"""A canned AWS in a process of its own, so that what it does is none of the handlers' work.

It speaks DynamoDB's and SQS's JSON protocol on a free port of the loopback interface, as far as the delayer calls them,
counts what it is asked, and holds what bounds a burst: the units that one DynamoDB partition writes in a second, where
every partition key has a partition of its own. What it keeps of the stream is handed to whoever plays the mapping.

`python -m bench.canned_aws` prints its port and ends with its standard input. A POST without a target is the
benchmark's: {"do": …}.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

__all__ = ["STREAM_ARN", "TABLE", "Account"]

TABLE = "schedules"
STREAM_ARN = f"arn:aws:dynamodb:us-east-1:123456789012:table/{TABLE}/stream/2026-01-01T00:00:00.000"

#: A page of a Query ends when it has read so much (Amazon DynamoDB API reference, Query).
_PAGE_BYTES = 1_048_576
#: A write costs a unit for each begun KB (Amazon DynamoDB developer guide, "read and write operations").
_UNIT_BYTES = 1_024
#: What the records that `load` makes are padded with.
_PADDING = "x"

type Document = dict[str, Any]
#: An answer's status and document.
type Answer = tuple[int, Document]

_THROTTLED: Answer = (400, {"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"})
_NOT_NEW: Answer = (400, {"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"})
_UNKNOWN: Answer = (400, {"__type": "com.amazon.coral.service#UnknownOperationException"})
_INVALID: Answer = (400, {"__type": "com.amazon.coral.validate#ValidationException"})

#: Amazon DynamoDB API reference, BatchWriteItem; Amazon SQS API reference, SendMessageBatch.
_MOST_WRITES, _MOST_MESSAGES, _MOST_MESSAGE_BYTES, _MOST_DELAY_SECONDS = 25, 10, 262_144, 900


class _Partition:
    """The records of one partition key, in the order of their sort keys, and the write units that it has left."""

    def __init__(self) -> None:
        self.items: dict[str, str] = {}
        self._order: list[str] = []
        self._is_ordered = True
        self._units = 0.0
        self._units_at: float | None = None

    def put(self, due: str, payload: str) -> None:
        self._is_ordered = self._is_ordered and due in self.items
        self.items[due] = payload

    def between(self, after: str, end: str) -> list[str]:
        """The sort keys after `after` and before `end`."""
        if not self._is_ordered:
            self._order, self._is_ordered = sorted(self.items), True
        keys = self._order[bisect_right(self._order, after) : bisect_left(self._order, end)]
        return [due for due in keys if due in self.items]

    def take_units(self, units: int, per_second: float, now: float) -> bool:
        """Whether there are so many now. Unused ones are kept for a second."""
        elapsed = 1.0 if self._units_at is None else now - self._units_at
        self._units, self._units_at = min(per_second, self._units + elapsed * per_second), now
        if self._units < units:
            return False
        self._units -= units
        return True


class Account:
    """One table with a stream, and one queue. What it answers is as little as the handlers read."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._operations: dict[str, Callable[[Document], Answer]] = {
            "BatchWriteItem": self._batch_write_item,
            "DescribeTable": self._describe_table,
            "PutItem": self._put_item,
            "Query": self._query,
            "SendMessageBatch": self._send_message_batch,
        }
        self.reset()

    # The benchmark's.

    def reset(
        self, *, now: float = 0.0, pace: float = 0.0, latency: float = 0.0, writes_per_second: float | None = None
    ) -> Document:
        """Begin anew: it is `now`, and a second of the clock lasts `pace` seconds. Latency and limits are in these."""
        self._partitions: dict[str, _Partition] = defaultdict(_Partition)
        self._stream: list[tuple[str, str, str, str | None, float]] = []
        self._requests: Counter[str] = Counter()
        self._entries: Counter[str] = Counter()
        self._sent: set[str] = set()
        self._writes_per_second = writes_per_second
        self._pace = pace
        self.wait_seconds = latency / pace if pace else 0.0
        return self.set_time(now=now)

    def set_time(self, *, now: float) -> Document:
        """It is that late now."""
        self._now, self._begun = now, self._clock()
        return {}

    def load(self, *, count: int, shards: int, due: int, payload_bytes: int) -> Document:
        """Put so many schedules into the table that are all due at once, with JSON strings as payloads."""
        payload = json.dumps(_PADDING * (payload_bytes - 2))
        chance = random.Random(count)
        for _ in range(count):
            unique = f"{chance.getrandbits(132):033x}"[:22]
            self._partitions[str(chance.randrange(shards))].put(f"{due:012d}#{unique}", payload)
        return {}

    def records(self) -> Document:
        """What the stream has got since it was last asked: event name, shard, due, the old payload, and when."""
        records, self._stream = self._stream, []
        return {"records": records}

    def counted(self) -> Document:
        """The requests by operation, the entries of those that take several, and what was sent and is left."""
        return {
            "requests": dict(self._requests),
            "entries": dict(self._entries),
            "sent": len(self._sent),
            "left": sum(len(partition.items) for partition in self._partitions.values()),
        }

    # What the handlers call.

    def answer(self, operation: str, request: Document) -> Answer:
        """Answer a request, and count it. Of another operation, too: it is not known here, and must not be made."""
        self._requests[operation] += 1
        make = self._operations.get(operation)
        return _UNKNOWN if make is None else make(request)

    def _put_item(self, request: Document) -> Answer:
        item = request["Item"]
        shard, due, payload = item["shard"]["N"], item["due"]["S"], item["payload"]["S"]
        partition = self._partitions[shard]
        if due in partition.items:
            return _NOT_NEW
        if not self._may_write(partition, due, payload):
            return _THROTTLED
        partition.put(due, payload)
        self._stream.append(("INSERT", shard, due, None, self._time()))
        return 200, {}

    def _query(self, request: Document) -> Answer:
        # Of a filter, or without an end, it would read what is pending, whatever it answers.
        if "FilterExpression" in request or ":end" not in request.get("KeyConditionExpression", ""):
            return _INVALID
        values = request["ExpressionAttributeValues"]
        shard = values[":shard"]["N"]
        partition = self._partitions[shard]
        after = request.get("ExclusiveStartKey", {}).get("due", {}).get("S", "")
        keys: list[Document] = []
        answer: Document = {"Items": keys}
        size = 0
        for due in partition.between(after, values[":end"]["S"]):
            if size >= _PAGE_BYTES:
                answer["LastEvaluatedKey"] = keys[-1]
                break
            size += _size(due, partition.items[due])
            keys.append({"shard": {"N": shard}, "due": {"S": due}})
        return 200, answer | {"Count": len(keys), "ScannedCount": len(keys)}

    def _batch_write_item(self, request: Document) -> Answer:
        [(table, requests)] = request["RequestItems"].items()
        self._entries["BatchWriteItem"] += len(requests)
        keys = [each["DeleteRequest"]["Key"] for each in requests]
        if len({(key["shard"]["N"], key["due"]["S"]) for key in keys}) < len(requests) or len(keys) > _MOST_WRITES:
            return _INVALID
        now = self._time()
        unprocessed = []
        for each, key in zip(requests, keys, strict=True):
            shard, due = key["shard"]["N"], key["due"]["S"]
            partition = self._partitions[shard]
            payload = partition.items.get(due)
            if not self._may_write(partition, due, payload or ""):
                unprocessed.append(each)
            elif payload is not None:
                del partition.items[due]
                self._stream.append(("REMOVE", shard, due, payload, now))
        if len(unprocessed) == len(requests):
            return _THROTTLED
        return 200, {"UnprocessedItems": {table: unprocessed} if unprocessed else {}}

    def _describe_table(self, _request: Document) -> Answer:
        stream = {"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"}
        return 200, {"Table": {"TableName": TABLE, "StreamSpecification": stream, "LatestStreamArn": STREAM_ARN}}

    def _send_message_batch(self, request: Document) -> Answer:
        entries = request["Entries"]
        self._entries["SendMessageBatch"] += len(entries)
        is_valid = (
            len({entry["Id"] for entry in entries}) == len(entries) <= _MOST_MESSAGES
            and all(0 <= entry["DelaySeconds"] <= _MOST_DELAY_SECONDS for entry in entries)
            and sum(len(entry["MessageBody"].encode()) for entry in entries) <= _MOST_MESSAGE_BYTES
        )
        if not is_valid:
            return _INVALID
        successful = []
        for entry in entries:
            self._sent.add(entry["MessageAttributes"]["scheduleId"]["StringValue"])
            successful.append({"Id": entry["Id"], "MessageId": entry["Id"]})
        return 200, {"Successful": successful}

    def _may_write(self, partition: _Partition, due: str, payload: str) -> bool:
        if self._writes_per_second is None:
            return True
        units = -(-_size(due, payload) // _UNIT_BYTES)
        return partition.take_units(units, self._writes_per_second, self._time())

    def _time(self) -> float:
        return self._now + (self._clock() - self._begun) * self._pace


def _size(due: str, payload: str) -> int:
    # A number of up to three digits has three bytes (Amazon DynamoDB developer guide, "item sizes and formats").
    return len("shard") + 3 + len("due") + len(due) + len("payload") + len(payload)


class _Connection(asyncio.Protocol):
    """HTTP/1.1 with kept connections: one request after the other, each with its length."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._received = bytearray()
        self._length = -1
        self._target = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while True:
            if self._length < 0:
                head, end, rest = self._received.partition(b"\r\n\r\n")
                if not end:
                    return
                headers = dict(line.lower().split(b":", 1) for line in bytes(head).split(b"\r\n")[1:])
                self._length = int(headers.get(b"content-length", b"0"))
                self._target = _header(bytes(head), b"x-amz-target")
                self._received = rest
            if len(self._received) < self._length:
                return
            body, self._received = bytes(self._received[: self._length]), self._received[self._length :]
            self._length = -1
            self._answer(json.loads(body or b"{}"))

    def _answer(self, request: Document) -> None:
        if not self._target:
            does = getattr(self._account, request.pop("do"))
            self._send(200, does(**request))
            return
        status, document = self._account.answer(self._target.decode().rpartition(".")[2], request)
        if self._account.wait_seconds:
            loop = asyncio.get_running_loop()
            loop.call_later(self._account.wait_seconds, partial(self._send, status, document))
        else:
            self._send(status, document)

    def _send(self, status: int, document: Document) -> None:
        body = json.dumps(document).encode()
        head = b"HTTP/1.1 %d .\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % (status, len(body)) + body)


def _header(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n")[1:]:
        found, _, value = line.partition(b":")
        if found.lower() == name:
            return value.strip()
    return b""


async def _serve() -> None:
    account = Account()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(account), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    # The benchmark's end of the pipe is closed however the benchmark ends.
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve())
