"""A canned AWS in its own process, so that its work is not measured as the handlers'.

It answers the delayer's calls in DynamoDB's and SQS's JSON protocol on a free loopback port, counts the requests, and
enforces the limit that bounds a burst: the write units of one DynamoDB partition, one for each partition key. It keeps
the table's stream for the benchmark to hand on.

`python -m bench.canned_aws` prints its endpoint. Then each line of standard input is a command of the benchmark,
{"do": <method of Account>, ...}, answered by a line; the end of standard input ends it.

tests/support/memory_aws.py can't replace it: it stores messages for a consumer and checks every expression, in the same
process as the handler that is measured here, and has neither throttling nor latency.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
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

_THROTTLED: Answer = (400, {"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"})
_REFUSED: Answer = (400, {"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"})
_UNKNOWN: Answer = (400, {"__type": "com.amazon.coral.service#UnknownOperationException"})
_INVALID: Answer = (400, {"__type": "com.amazon.coral.validate#ValidationException"})


class _Partition:
    """The payloads of one partition key by their sort keys, and the write units that are left."""

    def __init__(self) -> None:
        self.items: dict[str, str] = {}
        self._order: list[str] = []
        self._units = 0.0
        self._units_at: float | None = None

    def put(self, due: str, payload: str) -> None:
        self.items[due] = payload
        insort(self._order, due)

    def delete(self, due: str) -> None:
        del self.items[due]
        del self._order[bisect_left(self._order, due)]

    def between(self, after: str, end: str) -> list[str]:
        """Return the sort keys after `after` and before `end`."""
        return self._order[bisect_right(self._order, after) : bisect_left(self._order, end)]

    def take_units(self, units: int, per_second: float, now: float) -> bool:
        """Take so many units if there are as many. Those of one second are kept."""
        elapsed = 1.0 if self._units_at is None else now - self._units_at
        self._units, self._units_at = min(per_second, self._units + elapsed * per_second), now
        if self._units < units:
            return False
        self._units -= units
        return True


class Account:
    """One table with a stream, and one queue. Answers hold only what the handlers read."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._operations: dict[str, Callable[[Document], Answer]] = {
            "BatchWriteItem": self._batch_write_item,
            "DeleteItem": self._delete_item,
            "DescribeTable": self._describe_table,
            "GetItem": self._get_item,
            "PutItem": self._put_item,
            "Query": self._query,
            "SendMessageBatch": self._send_message_batch,
        }
        self.reset()

    # The benchmark's commands.

    def reset(
        self, *, now: float = 0.0, pace: float = 0.0, latency: float = 0.0, writes_per_second: float | None = None
    ) -> Document:
        """Empty the account, and set the clock to `now`.

        In a second, the clock advances by `pace` seconds. `latency` and `writes_per_second` (of a partition; None for
        no limit) are in the clock's seconds.
        """
        self._partitions: dict[str, _Partition] = defaultdict(_Partition)
        self._stream: list[tuple[str, str, str, str | None, float]] = []
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
            self._partitions[str(chance.randrange(shards))].put(f"{due:012d}#{unique}", payload)
        return {}

    def records(self) -> Document:
        """Return the stream since the last call: event name, shard, due, the old payload, and the time of each."""
        records, self._stream = self._stream, []
        return {"records": records}

    def counted(self) -> Document:
        """Return requests and entries by operation, the keys read, and how many schedules were sent and are left."""
        return {
            "requests": dict(self._requests),
            "entries": dict(self._entries),
            "sent": len(self._sent),
            "keys_read": self._keys_read,
            "left": sum(len(partition.items) for partition in self._partitions.values()),
        }

    # The handlers' calls.

    def answer(self, operation: str, request: Document) -> Answer:
        """Count a request and answer it. An operation that the delayer must not call is refused."""
        self._requests[operation] += 1
        make = self._operations.get(operation)
        return _UNKNOWN if make is None else make(request)

    def _put_item(self, request: Document) -> Answer:
        item = request["Item"]
        shard, due, payload = item["shard"]["N"], item["due"]["S"], item["payload"]["S"]
        partition = self._partitions[shard]
        if due in partition.items:
            return _REFUSED
        if not self._may_write(partition, due, payload):
            return _THROTTLED
        partition.put(due, payload)
        self._stream.append(("INSERT", shard, due, None, self._time()))
        return 200, {}

    def _get_item(self, request: Document) -> Answer:
        shard, due = request["Key"]["shard"]["N"], request["Key"]["due"]["S"]
        payload = self._partitions[shard].items.get(due)
        return 200, {} if payload is None else {"Item": request["Key"] | {"payload": {"S": payload}}}

    def _delete_item(self, request: Document) -> Answer:
        shard, due = request["Key"]["shard"]["N"], request["Key"]["due"]["S"]
        partition = self._partitions[shard]
        payload = partition.items.get(due)
        if payload is None:
            return _REFUSED
        if not self._may_write(partition, due, payload):
            return _THROTTLED
        partition.delete(due)
        self._stream.append(("REMOVE", shard, due, payload, self._time()))
        return 200, {}

    def _query(self, request: Document) -> Answer:
        # With a filter or without an end it would read the pending schedules, too.
        if "FilterExpression" in request or ":end" not in request.get("KeyConditionExpression", ""):
            return _INVALID
        values = request["ExpressionAttributeValues"]
        shard = values[":shard"]["N"]
        partition = self._partitions[shard]
        after = request.get("ExclusiveStartKey", {}).get("due", {}).get("S", "")
        first = values.get(":first", {}).get("S", "")
        most = request.get("Limit")
        keys: list[Document] = []
        answer: Document = {"Items": keys}
        size = 0
        for due in partition.between(max(after, first), values[":end"]["S"]):
            if size >= _PAGE_BYTES or len(keys) == most:
                answer["LastEvaluatedKey"] = keys[-1]
                break
            size += _size(due, partition.items[due])
            keys.append({"shard": {"N": shard}, "due": {"S": due}})
        self._keys_read += len(keys)
        return 200, answer | {"Count": len(keys), "ScannedCount": len(keys)}

    def _batch_write_item(self, request: Document) -> Answer:
        [(table, requests)] = request["RequestItems"].items()
        self._entries["BatchWriteItem"] += len(requests)
        puts = [each["PutRequest"]["Item"] if "PutRequest" in each else None for each in requests]
        written = [put or each["DeleteRequest"]["Key"] for put, each in zip(puts, requests, strict=True)]
        keys = [(item["shard"]["N"], item["due"]["S"]) for item in written]
        if len(set(keys)) < len(keys) or len(keys) > _MOST_WRITES:
            return _INVALID
        now = self._time()
        unprocessed = []
        for each, put, (shard, due) in zip(requests, puts, keys, strict=True):
            partition = self._partitions[shard]
            payload = put["payload"]["S"] if put else partition.items.get(due)
            if not self._may_write(partition, due, payload or ""):
                unprocessed.append(each)
            elif put:
                if due not in partition.items:
                    partition.put(due, put["payload"]["S"])
                    self._stream.append(("INSERT", shard, due, None, now))
            elif payload is not None:
                partition.delete(due)
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
        self._sent |= {entry["MessageAttributes"]["scheduleId"]["StringValue"] for entry in entries}
        return 200, {"Successful": [{"Id": entry["Id"], "MessageId": entry["Id"]} for entry in entries]}

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


async def _answer_connection(account: Account, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of a kept HTTP/1.1 connection in turn, each after the account's latency."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            target = re.search(r"(?i)^x-amz-target: *\w+\.(\w+)", head, re.MULTILINE)
            length = re.search(r"(?i)^content-length: *(\d+)", head, re.MULTILINE)
            assert target
            assert length
            request = json.loads(await reader.readexactly(int(length[1])))
            status, document = account.answer(target[1], request)
            if account.wait_seconds:
                await asyncio.sleep(account.wait_seconds)
            body = json.dumps(document).encode()
            kind = b"application/x-amz-json-1.0"
            head_of_answer = b"HTTP/1.1 %d .\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
            writer.write(head_of_answer % (status, kind, len(body)) + body)


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
