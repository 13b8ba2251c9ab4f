"""The schedule table: the only module that knows DynamoDB.

A record is `shard` (N, the partition key), `due` (S, the sort key, see schedules.due_key) and `payload` (S, JSON text).
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import ClientError

from delayer.clients import make_client
from delayer.retries import (
    CALL_ERRORS,
    OutOfTimeError,
    Pause,
    Remaining,
    call_with_retries,
    error_code,
    is_throttle,
    wait_before_retry,
)
from delayer.schedules import Schedule, end_of_due, schedule_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, QueryInputTypeDef, WriteRequestUnionTypeDef

__all__ = [
    "WRITES_PER_CALL",
    "Deletion",
    "Key",
    "ScheduleTable",
    "Storing",
    "posting_client",
    "schedule_from",
    "schedule_ids",
    "table_client",
    "table_key",
]

#: The most requests that one BatchWriteItem accepts (Amazon DynamoDB API reference, BatchWriteItem).
WRITES_PER_CALL = 25

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


class Storing(NamedTuple):
    """The result of one `ScheduleTable.put_many`."""

    #: The schedules that may or may not be stored.
    left: Sequence[Schedule]
    #: Why schedules are left. None if no time was left.
    error: Exception | None = None


def posting_client(connections: int) -> DynamoDBClient:
    """Return a client for puts from `connections` threads while a caller waits.

    Its retries of one put end well before the gateway's limit of 30 s.
    """
    client: DynamoDBClient = make_client("dynamodb", connections, read_timeout_seconds=2, attempts=3)
    return client


def table_client(connections: int) -> DynamoDBClient:
    """Return a client for everything but puts, from `connections` threads."""
    client: DynamoDBClient = make_client("dynamodb", connections)
    return client


def table_key(shard: int, due: str) -> Key:
    """Return the key of a record as DynamoDB writes it."""
    return {"shard": {"N": str(shard)}, "due": {"S": due}}


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
                TableName=self._name, Item=_item(schedule), ConditionExpression="attribute_not_exists(due)"
            )
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def put_many(self, schedules: Sequence[Schedule], remaining: Remaining) -> Storing:
        """Store up to WRITES_PER_CALL schedules with distinct keys, with retries until all are or time is up.

        A record with the same key is replaced: it holds the same schedule, because the key is a digest of all that the
        record holds, and the table's stream gets nothing for a record that stays the same. Errors are returned, not
        raised, because other calls go on.
        """
        requests: list[WriteRequestUnionTypeDef] = [{"PutRequest": {"Item": _item(each)}} for each in schedules]
        left, error = self._write(requests, remaining)
        unstored = [request["PutRequest"]["Item"] for request in left]
        return Storing([each for each in schedules if _item(each) in unstored], error)

    def get(self, shard: int, due: str, remaining: Remaining) -> Schedule | None:
        """Return the schedule with this key, if it is pending, by a consistent read.

        Raises the errors of `call_with_retries`, and ValueError or KeyError for a record that is none of ours.
        """
        answer = call_with_retries(
            lambda: self._client.get_item(TableName=self._name, Key=table_key(shard, due), ConsistentRead=True),
            remaining,
            self._pause,
        )
        return schedule_from(answer["Item"]) if "Item" in answer else None  # type: ignore[arg-type]

    def cancel(self, shard: int, due: str, remaining: Remaining) -> bool:
        """Delete the record with this key, and return whether it was there.

        An attempt that failed may still have deleted it: if a later one then finds nothing, the answer is True.

        Raises the errors of `call_with_retries`: the record may or may not be deleted.
        """
        may_be_deleted = False

        def delete() -> bool:
            nonlocal may_be_deleted
            try:
                self._client.delete_item(
                    TableName=self._name, Key=table_key(shard, due), ConditionExpression="attribute_exists(due)"
                )
            except CALL_ERRORS as error:
                if error_code(error) == "ConditionalCheckFailedException":
                    return may_be_deleted
                may_be_deleted = may_be_deleted or not is_throttle(error)
                raise
            return True

        return call_with_retries(delete, remaining, self._pause)

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

    def keys_between(
        self, shard: int, first: str, end: str, most: int, remaining: Remaining
    ) -> tuple[Sequence[Key], bool]:
        """Return up to `most` keys in `shard` from `first` to before `end`, earliest first, and whether there are more.

        `end` must be no key. The read is one eventually consistent query of at most 1 MB of records.

        Raises the errors of `call_with_retries`.
        """
        page = call_with_retries(
            lambda: self._client.query(
                TableName=self._name,
                ExpressionAttributeNames={"#shard": "shard"},
                KeyConditionExpression="#shard = :shard AND due BETWEEN :first AND :end",
                ExpressionAttributeValues={":shard": {"N": str(shard)}, ":first": {"S": first}, ":end": {"S": end}},
                ProjectionExpression="#shard, due",
                Limit=most,
            ),
            remaining,
            self._pause,
        )
        return page["Items"], "LastEvaluatedKey" in page

    def delete(self, keys: Sequence[Key], remaining: Remaining) -> Deletion:
        """Delete up to WRITES_PER_CALL distinct keys, with retries until none is left or time is up.

        Deleting a missing key succeeds and puts no record into the stream. Errors are returned, not raised, because
        callers go on with their next keys.
        """
        requests: list[WriteRequestUnionTypeDef] = [{"DeleteRequest": {"Key": key}} for key in keys]
        unwritten, error = self._write(requests, remaining)
        if not unwritten:
            return Deletion(keys, [])
        undeleted = [request["DeleteRequest"]["Key"] for request in unwritten]
        left = [key for key in keys if key in undeleted]
        return Deletion([key for key in keys if key not in undeleted], left, error)

    def _write(
        self, left: Sequence[WriteRequestUnionTypeDef], remaining: Remaining
    ) -> tuple[Sequence[WriteRequestUnionTypeDef], Exception | None]:
        """Call BatchWriteItem until no request is left or time is up. Return those left, and the last error if any."""
        attempt = 0
        try:
            while left := call_with_retries(partial(self._write_once, left), remaining, self._pause):
                wait_before_retry(attempt, remaining, self._pause)
                attempt += 1
        except OutOfTimeError:
            return left, None
        except CALL_ERRORS as error:
            return left, error
        return [], None

    def _write_once(self, requests: Sequence[WriteRequestUnionTypeDef]) -> Sequence[WriteRequestUnionTypeDef]:
        """Call BatchWriteItem once, and return the requests that were not processed."""
        answer = self._client.batch_write_item(RequestItems={self._name: requests})
        return answer.get("UnprocessedItems", {}).get(self._name, [])


def _item(schedule: Schedule) -> dict[str, AttributeValueTypeDef]:
    return {**table_key(schedule.shard, schedule.due), "payload": {"S": schedule.payload}}
