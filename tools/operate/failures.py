"""make failures: list the records and messages that could not be handled or consumed, and why. Nothing is changed."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import batched, groupby, islice
from operator import itemgetter
from typing import Any, NamedTuple

from botocore.exceptions import ClientError
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from delayer.retries import error_code
from delayer.schedules import Schedule, format_point_in_time
from tools.operate.environment import Environment, find_environment
from tools.terminal import main, open_console

#: The most rows that are shown of each place. The counts are of all.
_MOST_ROWS = 200

#: How long a message that is peeked at is hidden from others: long enough to list all of them, each once.
PEEK_SECONDS = 30

type Record = dict[str, Any]


class Listed(NamedTuple):
    """A key of the failure bucket, since when it is there, and its versions, the newest first."""

    since: datetime
    key: str
    versions: tuple[str, ...]


class FailureBucket:
    """Stream records that could not be sent. Its methods raise ClientError, BotoCoreError."""

    def __init__(self, environment: Environment) -> None:
        self._s3 = environment.client("s3")
        self._name = environment.outputs["failure_bucket_name"]

    def objects(self, since: datetime | None = None) -> list[Listed]:
        """Return the objects, the oldest first; with `since`, those that were kept from then on."""
        pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=self._name)
        # S3 sorts by key, and a key's versions come newest first. If the newest is a deletion, it is not among them.
        versions = (version for page in pages for version in page.get("Versions", []))
        by_key = [list(group) for _, group in groupby(versions, itemgetter("Key"))]
        return sorted(
            Listed(newest["LastModified"], newest["Key"], tuple(each["VersionId"] for each in (newest, *older)))
            for newest, *older in by_key
            if newest["IsLatest"] and (since is None or newest["LastModified"] >= since)
        )

    def read(self, objects: Iterable[Listed]) -> Iterator[tuple[Listed, Sequence[Record], str]]:
        """Yield each object with its records and why they were kept; or with none, and why it can't be read.

        Objects that are gone by now are left out.
        """
        with ThreadPoolExecutor(8) as readers:
            # At most these are held in memory: the stream mapping's objects have up to 6 MB each.
            for window in batched(objects, 32, strict=False):
                yield from filter(None, readers.map(self._read, window))

    def _read(self, listed: Listed) -> tuple[Listed, Sequence[Record], str] | None:
        try:
            answer = self._s3.get_object(Bucket=self._name, Key=listed.key, VersionId=listed.versions[0])
        except ClientError as error:
            if error_code(error) in ("NoSuchKey", "NoSuchVersion"):
                return None
            raise
        text = answer["Body"].read()
        try:
            document = json.loads(text)
            return listed, _records(document), _reason(document)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return listed, [], f"the object can't be read: {error!r}"

    def delete(self, objects: Iterable[Listed]) -> dict[str, str]:
        """Delete the versions that were listed, and no later one. Return why objects are not deleted, by key."""
        versions = [{"Key": each.key, "VersionId": version} for each in objects for version in each.versions]
        answers = [
            self._s3.delete_objects(Bucket=self._name, Delete={"Objects": list(batch), "Quiet": True})
            # One DeleteObjects takes so many (Amazon S3 API reference, DeleteObjects).
            for batch in batched(versions, 1000, strict=False)
        ]
        errors = (error for answer in answers for error in answer.get("Errors", []))
        return {error["Key"]: f"{error['Code']}: {error.get('Message', '')}" for error in errors}

    def table(self, objects: Iterable[Listed]) -> Table:
        """Return a table with a row for each record, up to a limit."""
        rows = (
            (*identity, format_point_in_time(int(listed.since.timestamp())), f"{reason}\n{listed.key}")
            for listed, records, reason in self.read(objects)
            for identity in (map(_identify, records) if records else [("(unknown)", "")])
        )
        table = _table(f"Failure bucket {self._name}", islice(rows, _MOST_ROWS))
        if len(table.rows) == _MOST_ROWS:
            table.caption = f"The first {_MOST_ROWS} records are shown."
        return table


def _records(document: Mapping[str, Any]) -> Sequence[Record]:
    """Return the records of the event in an object. Raises KeyError, TypeError or ValueError if it is no event."""
    records: Sequence[Record] = json.loads(document["payload"])["Records"]
    if not records:
        raise ValueError("it holds no record")
    for record in records:
        # The function needs these to name a failed record and to keep it.
        _ = record["eventID"], record["eventName"], record["dynamodb"]["SequenceNumber"]
    return records


def _reason(document: Mapping[str, Any]) -> str:
    """Return the function's reason, or the mapping's (AWS Lambda developer guide, "Retaining discarded records")."""
    if "reason" in document:
        return str(document["reason"])
    context = document.get("requestContext") or {}
    condition, calls = context.get("condition", "for no stated reason"), context.get("approximateInvokeCount", "some")
    reason = f"the stream mapping gave it up: {condition} after about {calls} calls"
    function_error = (document.get("responseContext") or {}).get("functionError")
    return f"{reason}; function error {function_error}" if function_error else reason


def show(environment: Environment, console: Console) -> None:
    """List the failure bucket and the dead-letter queue. Raises ClientError, BotoCoreError."""
    bucket = FailureBucket(environment)
    listed = bucket.objects()
    if listed:
        console.print(bucket.table(listed))
    _print_count(console, len(listed), "object", "in the failure bucket")
    sqs, url = environment.client("sqs"), environment.outputs["delayer_dead_letter_queue_url"]
    # They are received and not deleted, so they are visible again after PEEK_SECONDS.
    seen: dict[str, Mapping[str, Any]] = {}
    while len(seen) < _MOST_ROWS:
        answer = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["SentTimestamp"], VisibilityTimeout=PEEK_SECONDS, WaitTimeSeconds=1,
        )  # fmt: skip
        found = {message["MessageId"]: message for message in answer.get("Messages", [])}
        if not found.keys() - seen.keys():
            break
        seen |= found
    if seen:
        console.print(_table("Dead-letter queue of the delayer queue", map(_dead_letter, seen.values())))
    total = max(len(seen), sum(queue_depths(sqs, url).values()))
    _print_count(console, total, "message", "in the dead-letter queue, by SQS's own estimate")
    if seen:
        console.print(
            f"{len(seen)} of them were received to be listed here. None was deleted: they are visible again in "
            f"{PEEK_SECONDS} s. Since: when it entered the delayer queue."
        )


def _identify(record: Record) -> tuple[str, str]:
    """Return a record's scheduleId and pointInTime, or its event ID if its key is not a schedule's."""
    try:
        key = record["dynamodb"]["Keys"]
        schedule = Schedule(int(key["shard"]["N"]), key["due"]["S"], payload="")
        return schedule.schedule_id, format_point_in_time(schedule.point_in_time)
    except (AttributeError, KeyError, TypeError, ValueError):
        return f"(event {record['eventID']})", ""


def queue_depths(sqs: Any, url: str) -> dict[str, int]:
    """Return a queue's messages: "Delayed", "NotVisible" (with a consumer), and "" for the visible ones."""
    prefix = "ApproximateNumberOfMessages"
    names = [f"{prefix}{place}" for place in ("", "Delayed", "NotVisible")]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return {name.removeprefix(prefix): int(found[name]) for name in names}


def _dead_letter(message: Mapping[str, Any]) -> tuple[str, ...]:
    attributes = {name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()}
    return (
        attributes.get("scheduleId", f"(message {message['MessageId']})"),
        attributes.get("pointInTime", ""),
        format_point_in_time(int(message["Attributes"]["SentTimestamp"]) // 1000),
        "a consumer received it as often as the queue allows, and never deleted it",
    )


def _table(title: str, rows: Iterable[Iterable[str]]) -> Table:
    times = [Column(name, no_wrap=True) for name in ("pointInTime", "since")]
    columns = (Column("scheduleId", overflow="fold"), *times, Column("reason", overflow="fold"))
    table = Table(*columns, title=title, title_justify="left", caption_justify="left")
    for row in rows:
        # As text, because a record may hold what looks like markup.
        table.add_row(*map(Text, row))
    return table


def _print_count(console: Console, count: int, noun: str, where: str) -> None:
    verb = f"{noun} is" if count == 1 else f"{noun}s are"
    console.print(f"{count or 'No'} {verb} {where}.")


if __name__ == "__main__":
    main("make failures", lambda environment: show(find_environment(environment), open_console()))
