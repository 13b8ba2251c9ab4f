"""A sequence of the delayer's calls whose answers must be the same on the in-memory fake, moto and the embedded AWS.

It omits calls that AWS refuses but moto or the embedded AWS accept: more than 25 deletes in a call, and 256 KiB to
1 MiB of messages, which the delayer queue is configured to refuse. It also omits a put that changes nothing, because
only moto puts it into the stream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from botocore.exceptions import ClientError

from delayer.retries import error_code
from tests.support.clock import NOW
from tests.support.stream_records import StreamReader

TABLE = "schedules"


class Time(Protocol):
    """The clock of a played sequence."""

    def __call__(self) -> float:
        """Return the seconds since 1970."""

    def wait(self, seconds: float) -> None:
        """Let this many seconds pass."""


class Clients(NamedTuple):
    """The clients of boto3, or of the fake."""

    dynamodb: Any
    sqs: Any
    s3: Any


class Pace(NamedTuple):
    """The delays of messages and the visibility timeout, in seconds.

    A receive that is up to `margin` late gets the same messages.
    """

    short_delay: int
    long_delay: int
    hidden: int
    margin: int


#: For a fake clock: the times of the real queue.
SLOW = Pace(short_delay=10, long_delay=900, hidden=30, margin=1)
#: For a real clock.
QUICK = Pace(short_delay=4, long_delay=22, hidden=6, margin=2)


def item(shard: int, due: int, payload: str = "1") -> dict[str, Any]:
    """Return a record."""
    return {**key(shard, due), "payload": {"S": payload}}


def key(shard: int, due: int) -> dict[str, Any]:
    """Return a record's key."""
    return {"shard": {"N": str(shard)}, "due": {"S": f"{due:012d}#a"}}


def query(shard: int, end: int) -> dict[str, Any]:
    """Return the parameters of a query."""
    return {
        "TableName": TABLE,
        "ExpressionAttributeNames": {"#shard": "shard"},
        "KeyConditionExpression": "#shard = :shard AND due < :end",
        "ExpressionAttributeValues": {":shard": {"N": str(shard)}, ":end": {"S": f"{end:012d}"}},
        "ProjectionExpression": "#shard, due",
    }


def between(shard: int, first: int, end: int, most: int) -> dict[str, Any]:
    """Return the parameters of a query of a range."""
    return {
        **query(shard, end),
        "KeyConditionExpression": "#shard = :shard AND due BETWEEN :first AND :end",
        "ExpressionAttributeValues": {
            ":shard": {"N": str(shard)}, ":first": {"S": f"{first:012d}"}, ":end": {"S": f"{end:012d}"},
        },
        "Limit": most,
    }  # fmt: skip


def puts(*items: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a BatchWriteItem."""
    return {"RequestItems": {TABLE: [{"PutRequest": {"Item": each}} for each in items]}}


def deletes(*keys: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a BatchWriteItem."""
    return {"RequestItems": {TABLE: [{"DeleteRequest": {"Key": each}} for each in keys]}}


def entry(identity: str, delay: int = 0, body: str = "b") -> dict[str, Any]:
    """Return an entry of SendMessageBatch."""
    attributes = {"scheduleId": {"DataType": "String", "StringValue": identity}}
    return {"Id": identity, "DelaySeconds": delay, "MessageBody": body, "MessageAttributes": attributes}


def answered(call: Any, **parameters: Any) -> Any:
    """Make a call, and return the relevant part of its answer, or the error's code."""
    try:
        answer = call(**parameters)
    except ClientError as error:
        return error_code(error)
    kept = {
        name: answer[name]
        for name in ("Items", "Count", "LastEvaluatedKey", "Item", "UnprocessedItems")
        if name in answer
    }
    if "Table" in answer:
        kept["stream"] = answer["Table"]["StreamSpecification"], "LatestStreamArn" in answer["Table"]
    for name in ("Successful", "Failed"):
        kept[name] = [part["Id"] for part in answer.get(name, [])]
    kept["Messages"] = sorted(message["Body"] for message in answer.get("Messages", []))
    return kept


def play(clients: Clients, url: str, time: Time, pace: Pace) -> list[Any]:
    """Play the sequence, and return the answers."""
    dynamodb, sqs, s3 = clients
    condition = {"TableName": TABLE, "ConditionExpression": "attribute_not_exists(due)"}
    answers = [answered(dynamodb.put_item, Item=item(1, NOW + due), **condition) for due in (5, 3, 4, 900, 3)]
    answers.append(answered(dynamodb.put_item, Item=item(2, NOW, "9" * 300_000), **condition))
    answers += [answered(dynamodb.put_item, Item=item(3, NOW + n, "9" * 300_000), **condition) for n in range(6)]
    answers.append(answered(dynamodb.put_item, TableName=TABLE, Item=item(1, NOW + 5, "2")))
    answers.append(answered(dynamodb.describe_table, TableName=TABLE))
    answers += [answered(dynamodb.query, **query(shard, NOW + end)) for shard in (0, 1, 2) for end in (0, 4, 5, 901)]
    first = dynamodb.query(**query(3, NOW + 100))
    rest = dynamodb.query(**query(3, NOW + 100), ExclusiveStartKey=first["LastEvaluatedKey"])
    answers.append((len(first["Items"]) < 6, first["Items"] + rest["Items"], "LastEvaluatedKey" in rest))
    answers += [
        answered(dynamodb.query, **between(1, NOW + first, NOW + end, most))
        for first, end, most in ((0, 901, 10), (3, 901, 2), (4, 5, 1), (4, 4, 1), (6, 900, 5), (0, 4, 1))
    ]
    answers += [
        answered(dynamodb.get_item, TableName=TABLE, Key=key(shard, NOW + 3), ConsistentRead=True) for shard in (1, 7)
    ]
    time.wait(1.5)
    answers.append(answered(dynamodb.batch_write_item, **puts(item(8, NOW), item(8, NOW + 1))))
    answers.append(answered(dynamodb.batch_write_item, **puts(item(8, NOW), item(8, NOW))))
    is_there = {"TableName": TABLE, "ConditionExpression": "attribute_exists(due)"}
    answers += [answered(dynamodb.delete_item, Key=key(8, NOW), **is_there) for _ in range(2)]
    answers.append(answered(dynamodb.batch_write_item, **deletes(key(1, NOW + 3), key(2, NOW), key(7, NOW))))
    answers.append(answered(dynamodb.batch_write_item, **deletes(key(1, NOW + 3))))
    answers.append(answered(dynamodb.batch_write_item, **deletes(key(1, NOW + 5), key(1, NOW + 5))))
    answers.append(answered(dynamodb.delete_item, TableName=TABLE, Key=key(1, NOW + 5)))
    answers.append(answered(dynamodb.put_item, Item=item(1, NOW + 3), **condition))
    answers.append(answered(dynamodb.query, **query(1, NOW + 901)))

    send = sqs.send_message_batch
    answers.append(answered(send, QueueUrl=url, Entries=[]))
    answers.append(answered(send, QueueUrl=url, Entries=[entry("a"), entry("a")]))
    answers.append(answered(send, QueueUrl=url, Entries=[entry(str(n)) for n in range(11)]))
    answers.append(answered(send, QueueUrl=url, Entries=[entry(str(n), body="x" * 600_000) for n in range(2)]))
    answers.append(
        answered(
            send,
            QueueUrl=url,
            Entries=[entry("a", 0, "A"), entry("b", pace.short_delay, "B"), entry("c", pace.long_delay, "C")],
        )
    )
    sent_at = time()

    def wait_until(seconds: int) -> None:
        # From the time of the send, so that the durations of the calls do not add up.
        time.wait(max(0, sent_at + seconds - time()))

    hidden = pace.hidden + pace.margin
    # Before and at the end of the short delay, when all are visible again, and around the end of the long delay.
    short_end, long_end = pace.short_delay, pace.long_delay
    after_both = long_end + pace.margin
    for seconds in (0, short_end - pace.margin, short_end, short_end + hidden, long_end - pace.margin, after_both):
        wait_until(seconds)
        answers.append(answered(sqs.receive_message, QueueUrl=url, MaxNumberOfMessages=10))
    wait_until(after_both + hidden)
    for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"][:1]:
        answers.append(answered(sqs.delete_message, QueueUrl=url, ReceiptHandle=message["ReceiptHandle"]))
    wait_until(after_both + 2 * hidden)
    answers.append(len(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]))
    answers.append(answered(s3.put_object, Bucket="failures", Key="k", Body=b"text", ContentType="application/json"))
    return answers


def changes(records: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return the event, key, time and old image of stream records."""
    return [
        (
            record["eventName"],
            record["dynamodb"]["Keys"],
            record["dynamodb"]["ApproximateCreationDateTime"],
            record["dynamodb"].get("OldImage"),
        )
        for record in records
    ]


def create(clients: Clients, streams: Any, pace: Pace) -> tuple[str, StreamReader]:
    """Create table, queue and bucket, and return the queue's URL and a reader of the stream."""
    created = clients.dynamodb.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "shard", "AttributeType": "N"},
            {"AttributeName": "due", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "shard", "KeyType": "HASH"}, {"AttributeName": "due", "KeyType": "RANGE"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"},
    )
    queue = clients.sqs.create_queue(QueueName="contract", Attributes={"VisibilityTimeout": str(pace.hidden)})
    clients.s3.create_bucket(Bucket="failures")
    return queue["QueueUrl"], StreamReader(created["TableDescription"]["LatestStreamArn"], streams)


def answers_at_once(_operation: str, _parameters: dict[str, Any], go_on: Callable[[], Any]) -> Any:
    """Make a call without a fault."""
    return go_on()
