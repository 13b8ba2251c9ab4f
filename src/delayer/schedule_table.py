"""The schedule table: the only module that knows DynamoDB.

A record is `shard` (N, the partition key), `due` (S, the sort key, see schedules.due_key) and `payload` (S, JSON text).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

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

#: The most requests that one BatchWriteItem takes (Amazon DynamoDB API reference, BatchWriteItem).
DELETES_PER_CALL = 25

#: A record's key as DynamoDB writes it: {"shard": {"N": "7"}, "due": {"S": "001790000000#…"}}.
type Key = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Deletion:
    """What became of one call's keys: those left undeleted, and why if it was not for want of time."""

    left: Sequence[Key]
    error: Exception | None = None


def posting_client() -> DynamoDBClient:
    """A client for one PutItem while a caller waits: botocore's own retries, done well before the gateway gives up."""
    return boto3.client(
        "dynamodb",
        config=Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 3}),
    )


def handover_client(connections: int) -> DynamoDBClient:
    """A client for queries and deletes from that many threads."""
    return boto3.client("dynamodb", config=client_config(connections))


def schedule_from(image: dict[str, dict[str, str]]) -> Schedule:
    """The schedule in a whole record. Raises KeyError, TypeError or ValueError if a part is missing."""
    return Schedule(int(image["shard"]["N"]), image["due"]["S"], image["payload"]["S"])


def schedule_ids(keys: Iterable[Key]) -> list[str]:
    """The scheduleIds of the records with these keys."""
    return [schedule_id(int(key["shard"]["N"]), key["due"]["S"]) for key in keys]


class ScheduleTable:
    """One schedule table. Safe to use from several threads."""

    def __init__(self, client: DynamoDBClient, name: str, pause: Pause = time.sleep) -> None:
        self._client = client
        self._name = name
        self._pause = pause

    def put(self, schedule: Schedule) -> bool:
        """Store a schedule unless its key is there already; False if it was.

        Raises:
            botocore.exceptions.ClientError, BotoCoreError: it may or may not have been stored.
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
        """The ARN of the table's enabled stream, or None: then nobody hears of a removal.

        Raises:
            OutOfTimeError, botocore.exceptions.ClientError, BotoCoreError: see call_with_retries.
        """
        answer = call_with_retries(lambda: self._client.describe_table(TableName=self._name), remaining, self._pause)
        table = answer["Table"]
        if not table.get("StreamSpecification", {}).get("StreamEnabled"):
            return None
        return table.get("LatestStreamArn")

    def due_keys(self, shard: int, cutoff: int, remaining: Remaining) -> Iterator[Sequence[Key]]:
        """The keys in `shard` due at or before `cutoff`, earliest first, a page (1 MB of records) at a time.

        There is no lower bound: what an outage made overdue is found like everything else. The read is eventually
        consistent, at half the price: what it misses is found a minute later.

        Raises:
            OutOfTimeError, botocore.exceptions.ClientError, BotoCoreError: see call_with_retries.
        """
        query: QueryInputTypeDef = {
            "TableName": self._name,
            # SHARD is one of DynamoDB's reserved words, which an expression may only name by a substitute.
            "ExpressionAttributeNames": {"#shard": "shard"},
            "KeyConditionExpression": "#shard = :shard AND due < :end",
            "ExpressionAttributeValues": {":shard": {"N": str(shard)}, ":end": {"S": end_of_due(cutoff)}},
            "ProjectionExpression": "#shard, due",
        }
        while True:
            page = call_with_retries(lambda: self._client.query(**query), remaining, self._pause)
            yield page["Items"]  # type: ignore[misc]
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def delete(self, keys: Sequence[Key], remaining: Remaining) -> Deletion:
        """Delete up to DELETES_PER_CALL distinct keys, again and again until none is left or time is up.

        Deleting a key that is not there is no error and raises no stream record. Nothing is raised: whoever deletes
        goes on with the next keys.
        """
        left = keys
        attempt = 0
        try:
            while True:
                requests = {self._name: [{"DeleteRequest": {"Key": key}} for key in left]}
                answer = call_with_retries(
                    lambda: self._client.batch_write_item(RequestItems=requests),  # type: ignore[arg-type]  # noqa: B023
                    remaining,
                    self._pause,
                )
                left = [
                    request["DeleteRequest"]["Key"]  # type: ignore[misc]
                    for unprocessed in answer.get("UnprocessedItems", {}).values()
                    for request in unprocessed
                ]
                if not left:
                    return Deletion(left)
                wait_before_retry(attempt, remaining, self._pause)
                attempt += 1
        except OutOfTimeError:
            return Deletion(left)
        except CALL_ERRORS as error:
            return Deletion(left, error)
