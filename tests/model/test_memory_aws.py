"""The in-memory stand-in answers as moto does, to one sequence of the calls that the delayer makes.

Left out is what moto takes and AWS refuses: more than 25 deletes in a call, and between 256 KiB and 1 MiB of messages,
which the delayer queue is configured not to take. So is a put that changes nothing, of which only moto's stream tells.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory
from moto import mock_aws

from delayer.retries import error_code
from tests.model.memory_aws import MemoryAws
from tests.support.clock import NOW, Clock
from tests.support.stream_records import StreamReader

TABLE = "schedules"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """One clock for both, and no account."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with freeze_time(ignore=["_pytest.timing"]) as frozen, mock_aws():
        assert isinstance(frozen, FrozenDateTimeFactory)
        yield Clock(frozen)


def item(shard: int, due: int, payload: str = "1") -> dict[str, Any]:
    """A record."""
    return {**key(shard, due), "payload": {"S": payload}}


def key(shard: int, due: int) -> dict[str, Any]:
    """A record's key."""
    return {"shard": {"N": str(shard)}, "due": {"S": f"{due:012d}#a"}}


def query(shard: int, end: int) -> dict[str, Any]:
    """A query's parameters."""
    return {
        "TableName": TABLE,
        "ExpressionAttributeNames": {"#shard": "shard"},
        "KeyConditionExpression": "#shard = :shard AND due < :end",
        "ExpressionAttributeValues": {":shard": {"N": str(shard)}, ":end": {"S": f"{end:012d}"}},
        "ProjectionExpression": "#shard, due",
    }


def deletes(*keys: dict[str, Any]) -> dict[str, Any]:
    """A BatchWriteItem's parameters."""
    return {"RequestItems": {TABLE: [{"DeleteRequest": {"Key": each}} for each in keys]}}


def entry(identity: str, delay: int = 0, body: str = "b") -> dict[str, Any]:
    """An entry of SendMessageBatch."""
    attributes = {"scheduleId": {"DataType": "String", "StringValue": identity}}
    return {"Id": identity, "DelaySeconds": delay, "MessageBody": body, "MessageAttributes": attributes}


def answered(call: Any, **parameters: Any) -> Any:
    """What matters of an answer, or the error's code."""
    try:
        answer = call(**parameters)
    except ClientError as error:
        return error_code(error)
    kept = {name: answer[name] for name in ("Items", "Count", "LastEvaluatedKey", "UnprocessedItems") if name in answer}
    if "Table" in answer:
        kept["stream"] = answer["Table"]["StreamSpecification"], "LatestStreamArn" in answer["Table"]
    for name in ("Successful", "Failed"):
        kept[name] = [part["Id"] for part in answer.get(name, [])]
    kept["Messages"] = sorted(message["Body"] for message in answer.get("Messages", []))
    return kept


def play(dynamodb: Any, sqs: Any, s3: Any, url: str, clock: Clock) -> list[Any]:
    """The sequence; what was answered."""
    condition = {"TableName": TABLE, "ConditionExpression": "attribute_not_exists(due)"}
    clock.move_to(NOW + 0.75)
    said = [answered(dynamodb.put_item, Item=item(1, NOW + due), **condition) for due in (5, 3, 4, 900, 3)]
    said.append(answered(dynamodb.put_item, Item=item(2, NOW, "9" * 300_000), **condition))
    said += [answered(dynamodb.put_item, Item=item(3, NOW + n, "9" * 300_000), **condition) for n in range(6)]
    said.append(answered(dynamodb.put_item, TableName=TABLE, Item=item(1, NOW + 5, "2")))
    said.append(answered(dynamodb.describe_table, TableName=TABLE))
    said += [answered(dynamodb.query, **query(shard, NOW + end)) for shard in (0, 1, 2) for end in (0, 4, 5, 901)]
    first = dynamodb.query(**query(3, NOW + 100))
    rest = dynamodb.query(**query(3, NOW + 100), ExclusiveStartKey=first["LastEvaluatedKey"])
    said.append((len(first["Items"]) < 6, first["Items"] + rest["Items"], "LastEvaluatedKey" in rest))
    clock.wait(1.5)
    said.append(answered(dynamodb.batch_write_item, **deletes(key(1, NOW + 3), key(2, NOW), key(7, NOW))))
    said.append(answered(dynamodb.batch_write_item, **deletes(key(1, NOW + 3))))
    said.append(answered(dynamodb.batch_write_item, **deletes(key(1, NOW + 5), key(1, NOW + 5))))
    said.append(answered(dynamodb.delete_item, TableName=TABLE, Key=key(1, NOW + 5)))
    said.append(answered(dynamodb.put_item, Item=item(1, NOW + 3), **condition))
    said.append(answered(dynamodb.query, **query(1, NOW + 901)))

    send = sqs.send_message_batch
    said.append(answered(send, QueueUrl=url, Entries=[]))
    said.append(answered(send, QueueUrl=url, Entries=[entry("a"), entry("a")]))
    said.append(answered(send, QueueUrl=url, Entries=[entry(str(n)) for n in range(11)]))
    said.append(answered(send, QueueUrl=url, Entries=[entry(str(n), body="x" * 600_000) for n in range(2)]))
    said.append(answered(send, QueueUrl=url, Entries=[entry("a", 0, "A"), entry("b", 10, "B"), entry("c", 900, "C")]))
    for wait in (0, 9.5, 0.5, 31, 848, 11):
        clock.wait(wait)
        said.append(answered(sqs.receive_message, QueueUrl=url, MaxNumberOfMessages=10))
    clock.wait(31)
    for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"][:1]:
        said.append(answered(sqs.delete_message, QueueUrl=url, ReceiptHandle=message["ReceiptHandle"]))
    clock.wait(31)
    said.append(len(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]))
    said.append(answered(s3.put_object, Bucket="failures", Key="k", Body=b"text", ContentType="application/json"))
    return said


def changes(records: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What a stream says: what happened, to which key, when, and what had been there."""
    return [
        (
            record["eventName"],
            record["dynamodb"]["Keys"],
            record["dynamodb"]["ApproximateCreationDateTime"],
            record["dynamodb"].get("OldImage"),
        )
        for record in records
    ]


def test_equal_to_moto(clock: Clock) -> None:
    """Answers, errors' codes, stream records and what becomes visible when are the same."""
    dynamodb, sqs, s3 = boto3.client("dynamodb"), boto3.client("sqs"), boto3.client("s3")
    created = dynamodb.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "shard", "AttributeType": "N"},
            {"AttributeName": "due", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "shard", "KeyType": "HASH"}, {"AttributeName": "due", "KeyType": "RANGE"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"},
    )
    url = sqs.create_queue(QueueName="delayer")["QueueUrl"]
    s3.create_bucket(Bucket="failures")
    streams = boto3.client("dynamodbstreams", config=Config(account_id_endpoint_mode="disabled"))
    reader = StreamReader(created["TableDescription"]["LatestStreamArn"], streams)
    moto = play(dynamodb, sqs, s3, url, clock)
    recorded = changes(reader.read())

    memory = MemoryAws(clock)
    said = play(
        memory.dynamodb(lambda _operation, _parameters, go_on: go_on()),
        memory.sqs(lambda _operation, _parameters, go_on: go_on()),
        memory.s3(lambda _operation, _parameters, go_on: go_on()),
        url,
        clock,
    )
    assert said == moto
    assert changes(memory.streams[0]) == recorded
