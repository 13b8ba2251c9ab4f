"""make failures: what could not be handled or consumed, and why."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import batched, chain, islice
from typing import Any

from botocore.exceptions import ClientError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tools.operate.environment import Environment, find_environment
from tools.terminal import run

__all__ = [
    "Kept",
    "Listed",
    "Record",
    "Schedule",
    "bucket_table",
    "kept_objects",
    "list_bucket",
    "schedules_of",
    "show",
]

type Record = dict[str, Any]

#: What is shown of each place; how much there is beyond is told.
_MOST_ROWS = 200

#: How long what is peeked at in the dead-letter queue is hidden from others: long enough not to see it twice.
PEEK_SECONDS = 30

#: Objects read at once, and held in memory: the stream mapping's have up to 6 MB each.
_READERS = 8
_READ_AHEAD = 32


@dataclass(frozen=True, slots=True)
class Listed:
    """A key of the failure bucket, with all versions there are of it, the newest first."""

    key: str
    since: datetime
    versions: Sequence[str]


@dataclass(frozen=True, slots=True)
class Kept:
    """What an object of the failure bucket holds; where it can't be read, why, and no records."""

    listed: Listed
    reason: str = ""
    records: Sequence[Record] = field(default_factory=list)
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """What can be told of a schedule from a stream record of any shape."""

    schedule_id: str
    point_in_time: str


def list_bucket(s3: Any, bucket: str, since: datetime | None = None) -> list[Listed]:
    """What lies in the failure bucket, the oldest first; with `since`, what has been kept from then on."""
    versions: dict[str, list[dict[str, Any]]] = {}
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        # A key's versions come newest first. A newest one that is a deletion is not among them.
        for version in page.get("Versions", []):
            versions.setdefault(version["Key"], []).append(version)
    listed = [
        Listed(key, of_key[0]["LastModified"], [version["VersionId"] for version in of_key])
        for key, of_key in versions.items()
        if of_key[0]["IsLatest"] and (since is None or of_key[0]["LastModified"] >= since)
    ]
    return sorted(listed, key=lambda found: (found.since, found.key))


def kept_objects(s3: Any, bucket: str, listed: Sequence[Listed]) -> Iterator[Kept]:
    """The content of these objects, read while it is asked for. What is there no more is left out."""
    with ThreadPoolExecutor(_READERS) as readers:
        for window in batched(listed, _READ_AHEAD, strict=False):
            for kept in readers.map(lambda found: _read(s3, bucket, found), window):
                if kept is not None:
                    yield kept


def _read(s3: Any, bucket: str, listed: Listed) -> Kept | None:
    try:
        answer = s3.get_object(Bucket=bucket, Key=listed.key, VersionId=listed.versions[0])
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchVersion"):
            return None
        raise
    text = answer["Body"].read()
    try:
        document = json.loads(text)
        records = _records(document)
    except (KeyError, TypeError, ValueError) as error:
        return Kept(listed, problem=f"the object can't be read: {error!r}")
    return Kept(listed, _reason(document), records)


def _records(document: Mapping[str, Any]) -> Sequence[Record]:
    """The records of the event that was kept. Raises KeyError, TypeError or ValueError if it is none."""
    records: Sequence[Record] = json.loads(document["payload"])["Records"]
    if not records:
        raise ValueError("it holds no record")
    for record in records:
        # What the function needs to say which record failed, and where to keep it.
        for value in (record["eventID"], record["eventName"], record["dynamodb"]["SequenceNumber"]):
            if not isinstance(value, str):
                raise TypeError(f"{value!r} is no text")
    return records


def _reason(document: Mapping[str, Any]) -> str:
    """Why it was kept: in the function's own words, or by the stream mapping's condition ("Retaining discarded
    records" in the AWS Lambda developer guide).
    """
    if "reason" in document:
        return str(document["reason"])
    context = document.get("requestContext") or {}
    said = f"the stream mapping gave it up: {context.get('condition', 'it does not say why')}"
    if "approximateInvokeCount" in context:
        said += f" after about {context['approximateInvokeCount']} calls"
    function_error = (document.get("responseContext") or {}).get("functionError")
    return f"{said}; function error {function_error}" if function_error else said


def schedules_of(records: Sequence[Record]) -> Iterator[Schedule]:
    """The schedule of every record, by its key; of one that is no schedule's, its event ID."""
    for record in records:
        try:
            keys = record["dynamodb"]["Keys"]
            seconds, unique = keys["due"]["S"].split("#", 1)
            due = datetime.fromtimestamp(int(seconds), UTC)
            yield Schedule(f"{int(keys['shard']['N']):03d}-{seconds}-{unique}", _time(due))
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
            yield Schedule(f"(event {record['eventID']})", "")


def show(environment: Environment, console: Console) -> bool:
    """List the failure bucket and the dead-letter queue. Raises CommandError, ClientError, BotoCoreError."""
    bucket = environment.outputs["failure_bucket_name"]
    s3 = environment.client("s3")
    listed = list_bucket(s3, bucket)
    if listed:
        console.print(bucket_table(kept_objects(s3, bucket, listed), f"Failure bucket {bucket}"))
    _print_count(console, len(listed), "object lies", "objects lie", "in the failure bucket")
    _show_dead_letters(environment.client("sqs"), environment.outputs["delayer_dead_letter_queue_url"], console)
    return True


def bucket_table(kept: Iterator[Kept], title: str) -> Table:
    """A row for each record, up to a limit."""
    table = _table(title)
    for item, schedule in islice(chain.from_iterable(map(_rows, kept)), _MOST_ROWS):
        reason = f"{item.problem or item.reason}\n{item.listed.key}"
        _add_row(table, schedule.schedule_id, schedule.point_in_time, _time(item.listed.since), reason)
    if len(table.rows) == _MOST_ROWS:
        table.caption = f"The first {_MOST_ROWS} records are shown."
    return table


def _rows(kept: Kept) -> Iterator[tuple[Kept, Schedule]]:
    if kept.problem is not None:
        yield kept, Schedule("(unknown)", "")
    for schedule in schedules_of(kept.records):
        yield kept, schedule


def _show_dead_letters(sqs: Any, url: str, console: Console) -> None:
    """Peek: what is received and not deleted is visible again after PEEK_SECONDS."""
    table = _table("Dead-letter queue of the delayer queue")
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
    for message in seen.values():
        said = {name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()}
        sent = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)
        schedule_id = said.get("scheduleId", f"(message {message['MessageId']})")
        reason = "a consumer received it as often as the queue allows, and never deleted it"
        _add_row(table, schedule_id, said.get("pointInTime", ""), _time(sent), reason)
    attributes = sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    )["Attributes"]
    if seen:
        console.print(table)
    total = max(len(seen), sum(int(number) for number in attributes.values()))
    _print_count(console, total, "message lies", "messages lie", "in the dead-letter queue, by SQS's own estimate")
    if seen:
        console.print(
            f"{len(seen)} of them were received to be listed here. None was deleted: they are visible again in "
            f"{PEEK_SECONDS} s. Since: when it entered the delayer queue."
        )


def _table(title: str) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left")
    table.add_column("scheduleId", overflow="fold")
    table.add_column("pointInTime", no_wrap=True)
    table.add_column("since", no_wrap=True)
    table.add_column("reason", overflow="fold")
    return table


def _add_row(table: Table, *cells: str) -> None:
    # As it is: what a record says is no markup.
    table.add_row(*map(Text, cells))


def _print_count(console: Console, count: int, one: str, many: str, where: str) -> None:
    console.print(f"{count or 'No'} {many if count > 1 else one} {where}.", highlight=False)


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="failures", description=__doc__)
    parser.add_argument("environment", nargs="?", default="")
    options = parser.parse_args()
    run("make failures", lambda console: show(find_environment(options.environment), console))
