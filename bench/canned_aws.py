"""A canned AWS in its own process, so that its work is not measured as the handlers'.

It answers the delayer's calls in DynamoDB's and SQS's JSON protocol on a free loopback port, counts the requests, and
enforces the limit that bounds a burst: the write units of DynamoDB's partitions. It keeps
the table's stream for the benchmark to hand on.

`python -m bench.canned_aws` prints its endpoint. Then each line of standard input is a command of the benchmark,
{"do": <method of Account>, ...}, answered by a line; the end of standard input ends it.

tests/support/memory_aws.py can't replace it: it stores messages for a consumer and checks every expression, in the same
process as the handler that is measured here, and has neither throttling nor latency.
"""

import asyncio
import contextlib
import json
import math
import random
import re
import sys
import time
from bisect import bisect_left, bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

TABLE = "schedules"
STREAM_ARN = f"arn:aws:dynamodb:us-east-1:123456789012:table/{TABLE}/stream/2026-01-01T00:00:00.000"

#: A page of a Query ends after this much was read (Amazon DynamoDB API reference, Query).
_PAGE_BYTES = 1_048_576
#: A write costs a unit for each started KB (Amazon DynamoDB developer guide, "read and write operations").
_UNIT_BYTES = 1_024
#: Amazon DynamoDB API reference, BatchWriteItem; Amazon SQS API reference, SendMessageBatch.
_MOST_WRITES, _MOST_MESSAGES, _MOST_MESSAGE_BYTES, _MOST_DELAY_SECONDS = 25, 10, 262_144, 900

type Document = dict[str, Any]
#: Status and document.
type Answer = tuple[int, Document]
#: An entry in the stream: event name, shard, due, the old payload, time.
type Written = tuple[str, str, str, str | None, float]

_STREAM = {"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"}
_DESCRIBED: Answer = (200, {"Table": {"StreamSpecification": _STREAM, "LatestStreamArn": STREAM_ARN}})
_THROTTLED: Answer = (400, {"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"})
_REFUSED: Answer = (400, {"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"})
_UNKNOWN: Answer = (400, {"__type": "com.amazon.coral.service#UnknownOperationException"})
_INVALID: Answer = (400, {"__type": "com.amazon.coral.validate#ValidationException"})


class _Items:
    """The payloads of one partition key by their sort keys, which are also kept in order."""

    def __init__(self) -> None:
        self.payloads: dict[str, str] = {}
        self.order: list[str] = []


class _Partition:
    """The write units of one of DynamoDB's partitions."""

    def __init__(self) -> None:
        self._units, self._units_at = 0.0, -math.inf

    def take_units(self, units: int, per_second: float, now: float) -> bool:
        """Take so many units if there are as many. Those of one second are kept."""
        left, self._units_at = min(per_second, self._units + (now - self._units_at) * per_second), now
        is_enough = left >= units
        self._units = left - units if is_enough else left
        return is_enough


class Account:
    """One table with a stream, and one queue. Answers hold only what the handlers read."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._operations: dict[str, Callable[[Document], Answer]] = {
            "BatchWriteItem": self._batch_write_item,
            "DeleteItem": lambda request: self._write(request["Key"]),
            "DescribeTable": lambda _request: _DESCRIBED,
            "GetItem": self._get_item,
            "PutItem": lambda request: self._write(request["Item"]),
            "Query": self._query,
            "SendMessageBatch": self._send_message_batch,
        }
        self.reset()

    # The benchmark's commands.

    def reset(
        self,
        *,
        now: float = 0.0,
        pace: float = 0.0,
        latency: float = 0.0,
        writes_per_second: float | None = None,
        partitions: int | None = None,
    ) -> Document:
        """Empty the account, and set the clock to `now`.

        In a second, the clock advances by `pace` seconds. `latency` and `writes_per_second` (of a partition; None for
        no limit) are in the clock's seconds. The partition keys share so many `partitions`, or have one each.
        """
        self._items: dict[str, _Items] = defaultdict(_Items)
        self._partitions: dict[int, _Partition] = defaultdict(_Partition)
        self._partition_count = partitions
        self._stream: list[Written] = []
        self._requests: Counter[str] = Counter()
        self._entries: Counter[str] = Counter()
        self._sent: set[str] = set()
        self._keys_read = 0
        self._writes_per_second = writes_per_second
        self._pace = pace
        self.wait_seconds = latency / pace if pace else 0.0
        return self.set_time(now=now)

    def set_time(self, *, now: float) -> Document:
        """Set the clock."""
        self._now, self._begun = now, self._clock()
        return {}

    def load(self, *, count: int, shards: int, due: int, payload_bytes: int) -> Document:
        """Put so many schedules, all due at once, into the table, with JSON strings as payloads."""
        payload = json.dumps("x" * (payload_bytes - 2))
        chance = random.Random(count)
        for _ in range(count):
            unique = f"{chance.getrandbits(132):033x}"[:22]
            items = self._items[str(chance.randrange(shards))]
            items.payloads[f"{due:012d}#{unique}"] = payload
        for items in self._items.values():
            items.order = sorted(items.payloads)
        return {}

    def records(self) -> Document:
        """Return the stream since the last call."""
        records, self._stream = self._stream, []
        return {"records": records}

    def counted(self) -> Document:
        """Return requests and entries by operation, the keys read, and how many schedules were sent and are left."""
        return {
            "requests": dict(self._requests),
            "entries": dict(self._entries),
            "sent": len(self._sent),
            "keys_read": self._keys_read,
            "left": sum(len(items.payloads) for items in self._items.values()),
        }

    # The handlers' calls.

    def answer(self, operation: str, request: Document) -> Answer:
        """Count a request and answer it. An operation that the delayer must not call is refused."""
        self._requests[operation] += 1
        make = self._operations.get(operation)
        return make(request) if make else _UNKNOWN

    def _write(self, item: Document) -> Answer:
        """Put a new item, or delete an existing one, if the key comes without a payload."""
        shard, due = item["shard"]["N"], item["due"]["S"]
        is_put = "payload" in item
        items = self._items[shard]
        old = items.payloads.get(due)
        now = self._time()
        if self._writes_per_second is not None:
            number = int(shard)
            partition = self._partitions[number % self._partition_count if self._partition_count else number]
            units = -(-_size(due, item["payload"]["S"] if is_put else old or "") // _UNIT_BYTES)
            if not partition.take_units(units, self._writes_per_second, now):
                return _THROTTLED
        if is_put == (old is not None):
            return _REFUSED
        if is_put:
            items.payloads[due] = item["payload"]["S"]
            insort(items.order, due)
        else:
            del items.payloads[due]
            del items.order[bisect_left(items.order, due)]
        self._stream.append(("INSERT" if is_put else "REMOVE", shard, due, old, now))
        return 200, {}

    def _batch_write_item(self, request: Document) -> Answer:
        [(table, requests)] = request["RequestItems"].items()
        self._entries["BatchWriteItem"] += len(requests)
        items = [
            each["PutRequest"]["Item"] if "PutRequest" in each else each["DeleteRequest"]["Key"] for each in requests
        ]
        if len({(item["shard"]["N"], item["due"]["S"]) for item in items}) < len(items) or len(items) > _MOST_WRITES:
            return _INVALID
        # A put of an existing record and a delete of a missing one change nothing.
        unprocessed = [each for each, item in zip(requests, items, strict=True) if self._write(item) is _THROTTLED]
        if len(unprocessed) == len(requests):
            return _THROTTLED
        return 200, {"UnprocessedItems": {table: unprocessed} if unprocessed else {}}

    def _get_item(self, request: Document) -> Answer:
        key = request["Key"]
        payload = self._items[key["shard"]["N"]].payloads.get(key["due"]["S"])
        return 200, {} if payload is None else {"Item": key | {"payload": {"S": payload}}}

    def _query(self, request: Document) -> Answer:
        # With a filter or without an end it would read the pending schedules, too.
        if "FilterExpression" in request or ":end" not in request.get("KeyConditionExpression", ""):
            return _INVALID
        values = request["ExpressionAttributeValues"]
        shard = values[":shard"]["N"]
        items = self._items[shard]
        after = request.get("ExclusiveStartKey", {}).get("due", {}).get("S", "")
        first = values.get(":first", {}).get("S", "")
        begin = bisect_right(items.order, max(after, first))
        end = bisect_left(items.order, values[":end"]["S"])
        keys: list[Document] = []
        size = 0
        for due in items.order[begin:end]:
            if size >= _PAGE_BYTES or len(keys) == request.get("Limit"):
                break
            size += _size(due, items.payloads[due])
            keys.append({"shard": {"N": shard}, "due": {"S": due}})
        self._keys_read += len(keys)
        return 200, {"Items": keys} | ({"LastEvaluatedKey": keys[-1]} if len(keys) < end - begin else {})

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
        self._sent |= {entry["MessageAttributes"]["scheduleId"]["StringValue"] for entry in entries}
        return 200, {"Successful": [{"Id": entry["Id"], "MessageId": entry["Id"]} for entry in entries]}

    def _time(self) -> float:
        return self._now + (self._clock() - self._begun) * self._pace


def _size(due: str, payload: str) -> int:
    # A number of up to three digits has three bytes (Amazon DynamoDB developer guide, "item sizes and formats").
    return len("shard") + 3 + len("due") + len(due) + len("payload") + len(payload)


async def _answer_connection(account: Account, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of a kept HTTP/1.1 connection in turn, each after the account's latency."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            [operation] = re.findall(r"(?im)^x-amz-target: *\w+\.(\w+)", head)
            [length] = re.findall(r"(?im)^content-length: *(\d+)", head)
            status, document = account.answer(operation, json.loads(await reader.readexactly(int(length))))
            if account.wait_seconds:
                await asyncio.sleep(account.wait_seconds)
            body = json.dumps(document).encode()
            head_of_answer = b"HTTP/1.1 %d .\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n"
            writer.write(head_of_answer % (status, len(body)) + body)


async def _serve() -> None:
    account = Account()
    server = await asyncio.start_server(partial(_answer_connection, account), "127.0.0.1", 0)
    print(json.dumps({"endpoint": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"}), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        print(json.dumps(getattr(account, command.pop("do"))(**command)), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve())
