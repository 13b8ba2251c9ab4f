"""The schedule table: the only module that knows DynamoDB.

A record is `shard` (N, the partition key), `due` (S, the sort key, see schedules.due_key) and `payload` (S, JSON text).
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from delayer.retries import (
    CALL_ERRORS,
    OutOfTimeError,
    Pause,
    Remaining,
    call_with_retries,
    client_config,
    error_code,
    wait_before_retry,
)
from delayer.schedules import Schedule, end_of_due, schedule_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, QueryInputTypeDef, WriteRequestUnionTypeDef

__all__ = [
    "DELETES_PER_CALL",
    "Deletion",
    "Key",
    "ScheduleTable",
    "handover_client",
    "posting_client",
    "schedule_from",
    "schedule_ids",
]

#: The most requests that one BatchWriteItem accepts (Amazon DynamoDB API reference, BatchWriteItem).
DELETES_PER_CALL = 25

#: A record's key in DynamoDB's JSON: {"shard": {"N": "7"}, "due": {"S": "001790000000#…"}}.
type Key = dict[str, AttributeValueTypeDef]


class Deletion(NamedTuple):
    """The result of one `ScheduleTable.delete`."""

    #: The keys that are deleted: handed over by this call, or gone before it.
    deleted: Sequence[Key]
    #: The keys that were not deleted.
    left: Sequence[Key]
    #: Why keys are left. None if no time was left.
    error: Exception | None = None


def posting_client() -> DynamoDBClient:
    """Return a client for one PutItem while a caller waits. Its retries end well before the gateway's limit of 30 s."""
    return boto3.client(
        "dynamodb",
        config=Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 3}),
    )


def handover_client(connections: int) -> DynamoDBClient:
    """Return a client for queries and deletes from `connections` threads."""
    return boto3.client("dynamodb", config=client_config(connections))


def schedule_from(image: dict[str, dict[str, str]]) -> Schedule:
    """Return the schedule in a record. Raises KeyError, TypeError or ValueError if an attribute is missing or wrong."""
    return Schedule(int(image["shard"]["N"]), image["due"]["S"], image["payload"]["S"])


def schedule_ids(keys: Iterable[Key]) -> list[str]:
    """Return the scheduleIds of the records with these keys."""
    return [schedule_id(int(key["shard"]["N"]), key["due"]["S"]) for key in keys]


class ScheduleTable:
    """One schedule table. Safe to use from several threads."""

    def __init__(self, client: DynamoDBClient, name: str, pause: Pause = time.sleep) -> None:
        self._client = client
        self._name = name
        self._pause = pause

    def put(self, schedule: Schedule) -> bool:
        """Store a schedule, and return whether it is new: False if a record with its key is already there.

        Raises:
            botocore.exceptions.ClientError, BotoCoreError, botocore.parsers.ResponseParserError: the schedule may or
                may not be stored.
        """
        try:
            self._client.put_item(
                TableName=self._name,
                Item={
                    "shard": {"N": str(schedule.shard)},
                    "due": {"S": schedule.due},
                    "payload": {"S": schedule.payload},
                },
                ConditionExpression="attribute_not_exists(due)",
            )
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def stream_arn(self, remaining: Remaining) -> str | None:
        """Return the ARN of the table's enabled stream, or None. Without one, removals reach nobody.

        Raises the errors of `call_with_retries`.
        """
        answer = call_with_retries(lambda: self._client.describe_table(TableName=self._name), remaining, self._pause)
        table = answer["Table"]
        if not table.get("StreamSpecification", {}).get("StreamEnabled"):
            return None
        return table.get("LatestStreamArn")

    def due_keys(self, shard: int, cutoff: int, remaining: Remaining) -> Iterator[Sequence[Key]]:
        """Yield the keys in `shard` due at or before `cutoff`, earliest first, a page (1 MB of records) at a time.

        There is no lower bound, so records that an outage made overdue are found too. Reads are eventually consistent,
        at half the price: the next minute's sweep finds a record that one of them missed.

        Raises the errors of `call_with_retries`.
        """
        query: QueryInputTypeDef = {
            "TableName": self._name,
            # SHARD is a reserved word of DynamoDB, so expressions need a placeholder.
            "ExpressionAttributeNames": {"#shard": "shard"},
            "KeyConditionExpression": "#shard = :shard AND due < :end",
            "ExpressionAttributeValues": {":shard": {"N": str(shard)}, ":end": {"S": end_of_due(cutoff)}},
            "ProjectionExpression": "#shard, due",
        }
        while True:
            page = call_with_retries(lambda: self._client.query(**query), remaining, self._pause)
            yield page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def delete(self, keys: Sequence[Key], remaining: Remaining) -> Deletion:
        """Delete up to DELETES_PER_CALL distinct keys, with retries until none is left or time is up.

        Deleting a missing key succeeds and puts no record into the stream. Errors are returned, not raised, because
        callers go on with their next keys.
        """
        left = keys
        error = None
        attempt = 0
        try:
            while left := call_with_retries(partial(self._delete_once, left), remaining, self._pause):
                wait_before_retry(attempt, remaining, self._pause)
                attempt += 1
        except OutOfTimeError:
            pass
        except CALL_ERRORS as raised:
            error = raised
        return Deletion([key for key in keys if key not in left] if left else keys, left, error)

    def _delete_once(self, keys: Sequence[Key]) -> Sequence[Key]:
        """Call BatchWriteItem once, and return the keys that were not deleted."""
        requests: list[WriteRequestUnionTypeDef] = [{"DeleteRequest": {"Key": key}} for key in keys]
        answer = self._client.batch_write_item(RequestItems={self._name: requests})
        unprocessed = answer.get("UnprocessedItems", {}).get(self._name, [])
        return [request["DeleteRequest"]["Key"] for request in unprocessed]
