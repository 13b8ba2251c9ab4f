"""An in-memory fake of the AWS calls that the delayer makes: one table with a stream, one queue and one bucket.

The model (tests/model) needs it for millions of calls: a call takes microseconds, where moto takes milliseconds, each
call can fail in any way, and runs are deterministic. It understands only the delayer's own calls. The contract in
`aws_contract.py` compares it with moto (tests/model/test_memory_aws.py) and with the embedded AWS
(tests/end_to_end/test_stand_in.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.support.failures import client_error

STREAM_ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/schedules/stream/2026-01-01T00:00:00.000"

#: The limits of BatchWriteItem, SendMessageBatch and a message (the services' API references).
_WRITES_PER_CALL = 25
_ENTRIES_PER_CALL = 10
_BYTES_PER_CALL = 262_144
_LONGEST_DELAY_SECONDS = 900

#: The only supported expressions are those of the delayer.
_CONDITION = "attribute_not_exists(due)"
_IS_THERE = "attribute_exists(due)"
_DUE = "#shard = :shard AND due < :end"
_BETWEEN = "#shard = :shard AND due BETWEEN :first AND :end"
_PROJECTION = "#shard, due"

type Record = dict[str, Any]
type Operation = Callable[[dict[str, Any]], dict[str, Any]]
#: Takes an operation, its parameters and a function that makes the call. It answers or raises in place of the call.
type Through = Callable[[str, dict[str, Any], Callable[[], Any]], Any]


@dataclass(slots=True)
class QueuedMessage:
    """A message in the queue."""

    #: Grows with every message and stream record, so that it shows their order.
    number: int
    schedule_id: str
    body: str
    delay_seconds: int
    visible_at: float
    receives: int = 0


class Client:
    """A client with a method for each operation, like those of boto3."""

    def __init__(self, through: Through, **operations: Operation) -> None:
        for name, operation in operations.items():
            setattr(self, name, self._method(through, name, operation))

    @staticmethod
    def _method(through: Through, name: str, operation: Operation) -> Callable[..., Any]:
        def call(**parameters: Any) -> Any:
            return through(name, parameters, lambda: operation(parameters))

        return call


class MemoryAws:
    """An account. `clock` returns AWS's time in seconds since 1970."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        page_bytes: int = 1_048_576,
        stream_shards: int = 1,
        visibility_timeout_seconds: float = 30,
        most_receives: int = 1_000,
    ) -> None:
        self._clock = clock
        self._page_bytes = page_bytes
        self._visibility_timeout_seconds = visibility_timeout_seconds
        self._most_receives = most_receives
        self._numbers = count(1)
        #: The items by partition key and sort key.
        self.items: dict[str, dict[str, dict[str, Any]]] = {}
        #: The table's stream by shard. All records of a partition key are in the same shard.
        self.streams: list[list[Record]] = [[] for _ in range(stream_shards)]
        self.stream_arn: str | None = STREAM_ARN
        #: The messages by receipt handle.
        self.queued: dict[str, QueuedMessage] = {}
        #: All messages sent so far.
        self.sent: list[QueuedMessage] = []
        self.dead: list[QueuedMessage] = []
        self.objects: dict[str, bytes] = {}
        #: The errors of malformed calls.
        self.refused: list[str] = []
        #: The items that an eventually consistent query reads, if set.
        self.stale_items: dict[str, dict[str, dict[str, Any]]] | None = None

    def dynamodb(self, through: Through) -> Any:
        """Return a DynamoDB client."""
        return Client(
            through,
            put_item=self.put_item,
            get_item=self.get_item,
            query=self.query,
            batch_write_item=self.batch_write_item,
            delete_item=self.delete_item,
            describe_table=self.describe_table,
        )

    def sqs(self, through: Through) -> Any:
        """Return an SQS client."""
        return Client(
            through,
            send_message_batch=self.send_message_batch,
            receive_message=self.receive_message,
            delete_message=self.delete_message,
        )

    def s3(self, through: Through) -> Any:
        """Return an S3 client."""
        return Client(through, put_object=self.put_object)

    # DynamoDB.

    def put_item(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Store an item. The stream gets an INSERT, or a MODIFY if there was another item."""
        condition = parameters.get("ConditionExpression")
        assert condition in (None, _CONDITION), condition
        item = parameters["Item"]
        shard, due = item["shard"]["N"], item["due"]["S"]
        old = self.items.get(shard, {}).get(due)
        if old is not None and condition is not None:
            raise client_error("ConditionalCheckFailedException", operation="PutItem")
        self.items.setdefault(shard, {})[due] = item
        if old != item:
            self._write_to_stream("INSERT" if old is None else "MODIFY", item, old)
        return {}

    def get_item(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return an item, if it is there."""
        assert parameters["ConsistentRead"]
        item = self.items.get(parameters["Key"]["shard"]["N"], {}).get(parameters["Key"]["due"]["S"])
        return {} if item is None else {"Item": item}

    def query(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return a page of keys, sorted."""
        is_range = parameters["KeyConditionExpression"] == _BETWEEN
        assert is_range or parameters["KeyConditionExpression"] == _DUE
        assert parameters["ProjectionExpression"] == _PROJECTION
        assert parameters["ExpressionAttributeNames"] == {"#shard": "shard"}
        values = parameters["ExpressionAttributeValues"]
        after = parameters.get("ExclusiveStartKey", {}).get("due", {}).get("S", "")
        first = values[":first"]["S"] if is_range else ""
        most = parameters.get("Limit")
        items = (self.items if self.stale_items is None else self.stale_items).get(values[":shard"]["N"], {})
        end = values[":end"]["S"]
        keys: list[dict[str, Any]] = []
        size = 0
        answer: dict[str, Any] = {"Items": keys}
        for due in sorted(
            due for due in items if after < due and first <= due and (due < end or (is_range and due == end))
        ):
            if size >= self._page_bytes:
                answer["LastEvaluatedKey"] = keys[-1]
                break
            size += _size(items[due])
            keys.append({"shard": values[":shard"], "due": {"S": due}})
            if len(keys) == most:  # DynamoDB does not look whether there are more
                answer["LastEvaluatedKey"] = keys[-1]
                break
        return answer | {"Count": len(keys), "ScannedCount": len(keys)}

    def batch_write_item(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Put and delete items."""
        [requests] = parameters["RequestItems"].values()
        keys = [
            request["DeleteRequest"]["Key"] if "DeleteRequest" in request else request["PutRequest"]["Item"]
            for request in requests
        ]
        if len({(key["shard"]["N"], key["due"]["S"]) for key in keys}) < len(keys) or len(keys) > _WRITES_PER_CALL:
            self._refuse("ValidationException", "BatchWriteItem")
        for request in requests:
            if "DeleteRequest" in request:
                self.delete_item(request["DeleteRequest"])
            else:
                self.put_item(request["PutRequest"])
        return {"UnprocessedItems": {}}

    def delete_item(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Delete an item. A missing item puts no record into the stream."""
        condition = parameters.get("ConditionExpression")
        assert condition in (None, _IS_THERE), condition
        key = parameters["Key"]
        if condition is not None and key["due"]["S"] not in self.items.get(key["shard"]["N"], {}):
            raise client_error("ConditionalCheckFailedException", operation="DeleteItem")
        old = self.items.get(key["shard"]["N"], {}).pop(key["due"]["S"], None)
        if old is not None:
            self._write_to_stream("REMOVE", key, old)
        return {}

    def describe_table(self, _parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the table's stream, if it has one."""
        if self.stream_arn is None:
            return {"Table": {}}
        specification = {"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"}
        return {"Table": {"StreamSpecification": specification, "LatestStreamArn": self.stream_arn}}

    def _write_to_stream(self, event_name: str, item: dict[str, Any], old: dict[str, Any] | None) -> None:
        if self.stream_arn != STREAM_ARN:  # nobody reads another stream
            return
        number = next(self._numbers)
        change = {
            "ApproximateCreationDateTime": int(self._clock()),  # DynamoDB rounds down
            "Keys": {"shard": item["shard"], "due": item["due"]},
            "SequenceNumber": str(number),
            "StreamViewType": "OLD_IMAGE",
        }
        if old is not None:
            change["OldImage"] = old
        shard = int(item["shard"]["N"]) % len(self.streams)
        self.streams[shard].append({"eventID": f"{number:032x}", "eventName": event_name, "dynamodb": change})

    # SQS.

    def send_message_batch(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Accept messages, each visible after its delay."""
        entries = parameters["Entries"]
        if not entries:
            self._refuse("EmptyBatchRequest", "SendMessageBatch")
        if len(entries) > _ENTRIES_PER_CALL:
            self._refuse("TooManyEntriesInBatchRequest", "SendMessageBatch")
        if len({entry["Id"] for entry in entries}) < len(entries):
            self._refuse("BatchEntryIdsNotDistinct", "SendMessageBatch")
        if sum(len(entry["MessageBody"].encode()) for entry in entries) > _BYTES_PER_CALL:
            self._refuse("BatchRequestTooLong", "SendMessageBatch")
        answer: dict[str, Any] = {}
        for entry in entries:
            delay = entry["DelaySeconds"]
            if not 0 <= delay <= _LONGEST_DELAY_SECONDS:
                self.refused.append("InvalidParameterValue of a message")
                failed = {"Id": entry["Id"], "SenderFault": True, "Code": "InvalidParameterValue", "Message": "delay"}
                answer.setdefault("Failed", []).append(failed)
                continue
            identity = entry["MessageAttributes"].get("scheduleId", {}).get("StringValue", "")
            visible_at = self._clock() + delay
            message = QueuedMessage(next(self._numbers), identity, entry["MessageBody"], delay, visible_at)
            self.queued[str(message.number)] = message
            self.sent.append(message)
            answer.setdefault("Successful", []).append({"Id": entry["Id"], "MessageId": str(message.number)})
        return answer

    def receive_message(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return up to MaxNumberOfMessages visible messages, and hide them until the visibility timeout."""
        now = self._clock()
        received: list[dict[str, str]] = []
        for message in [message for message in self.queued.values() if message.visible_at <= now]:
            if len(received) == parameters["MaxNumberOfMessages"]:
                break
            message.receives += 1
            if message.receives > self._most_receives:
                del self.queued[str(message.number)]
                self.dead.append(message)
                continue
            message.visible_at = now + self._visibility_timeout_seconds
            received.append({"Body": message.body, "ReceiptHandle": str(message.number)})
        return {"Messages": received} if received else {}

    def delete_message(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Delete a received message."""
        self.queued.pop(parameters["ReceiptHandle"], None)
        return {}

    # S3.

    def put_object(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Store an object."""
        self.objects[parameters["Key"]] = parameters["Body"]
        return {}

    def _refuse(self, code: str, operation: str) -> None:
        self.refused.append(f"{code} of {operation}")
        raise client_error(code, operation=operation)


def _size(item: dict[str, Any]) -> int:
    return sum(len(name) + len(text) for name, value in item.items() for text in value.values())
