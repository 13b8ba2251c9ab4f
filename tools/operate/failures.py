"""make failures: list the records and messages that could not be handled or consumed, and why. Nothing is changed."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from delayer.schedules import Schedule, format_point_in_time
from tools.operate.environment import Environment, find_environment
from tools.operate.kept import Kept, Record, list_bucket, read_objects
from tools.terminal import main, open_console

#: The most rows that are shown of each place. The counts are of all.
_MOST_ROWS = 200

#: How long a message that is peeked at is hidden from others: long enough to list all of them, each once.
PEEK_SECONDS = 30


def show(environment: Environment, console: Console) -> None:
    """List the failure bucket and the dead-letter queue. Raises CommandError, ClientError, BotoCoreError."""
    bucket = environment.outputs["failure_bucket_name"]
    s3 = environment.client("s3")
    listed = list_bucket(s3, bucket)
    if listed:
        console.print(bucket_table(read_objects(s3, bucket, listed), bucket))
    _print_count(console, len(listed), "object", "in the failure bucket")
    _show_dead_letters(environment.client("sqs"), environment.outputs["delayer_dead_letter_queue_url"], console)


def bucket_table(kept: Iterable[Kept], bucket: str) -> Table:
    """Return a table with a row for each record, up to a limit."""
    table = _table(f"Failure bucket {bucket}", islice(chain.from_iterable(map(_rows, kept)), _MOST_ROWS))
    if len(table.rows) == _MOST_ROWS:
        table.caption = f"The first {_MOST_ROWS} records are shown."
    return table


def _rows(kept: Kept) -> Iterator[tuple[str, ...]]:
    for identity in map(_identify, kept.records) if kept.records else [("(unknown)", "")]:
        yield *identity, _format(kept.listed.since), f"{kept.reason}\n{kept.listed.key}"


def _identify(record: Record) -> tuple[str, str]:
    """Return a record's scheduleId and pointInTime, or its event ID if its key is not a schedule's."""
    try:
        key = record["dynamodb"]["Keys"]
        schedule = Schedule(int(key["shard"]["N"]), key["due"]["S"], payload="")
        return schedule.schedule_id, format_point_in_time(schedule.point_in_time)
    except (AttributeError, KeyError, TypeError, ValueError):
        return f"(event {record['eventID']})", ""


def _show_dead_letters(sqs: Any, url: str, console: Console) -> None:
    """Peek at the messages: they are received and not deleted, so they are visible again after PEEK_SECONDS."""
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
    total = max(len(seen), sum(queue_depths(sqs, url).values()))
    if seen:
        console.print(_table("Dead-letter queue of the delayer queue", map(_dead_letter, seen.values())))
    _print_count(console, total, "message", "in the dead-letter queue, by SQS's own estimate")
    if seen:
        console.print(
            f"{len(seen)} of them were received to be listed here. None was deleted: they are visible again in "
            f"{PEEK_SECONDS} s. Since: when it entered the delayer queue."
        )


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
        _format(datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)),
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
    console.print(f"{count or 'No'} {verb} {where}.", highlight=False)


def _format(at: datetime) -> str:
    return format_point_in_time(int(at.timestamp()))


if __name__ == "__main__":
    main("make failures", lambda environment: show(find_environment(environment), open_console()))
