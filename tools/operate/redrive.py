"""make redrive: give the failure bucket's stream records back to the fast track, the only function that sends."""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import batched
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tools.operate.environment import Environment, find_environment
from tools.operate.failures import Kept, Listed, bucket_table, kept_objects, list_bucket
from tools.project import CommandError
from tools.terminal import run

__all__ = ["parse_since", "redrive"]

_FAST_TRACK = "stream-dynamodb-fasttrack_enqueuer"

#: As many as the stream mapping hands over at once: the function has time for them.
_MOST_RECORDS = 1000

#: Lambda takes 6 MB in a synchronous invocation (AWS Lambda developer guide, "Lambda quotas"); a record, which
#: DynamoDB limits to 400 KB, is far smaller even with every character escaped.
_MOST_BYTES = 5_000_000

#: So many calls in a row that handled nothing: it is not the records that are at fault. Finding the one bad record of
#: a full call takes about ten.
_MOST_FAILURES_IN_A_ROW = 20

#: The most objects that one DeleteObjects takes (Amazon S3 API reference, DeleteObjects).
_DELETES_PER_CALL = 1000

_MOST_LINES = 20

_FUNCTION_ERROR = "the function failed: "


@dataclass(slots=True)
class _Object:
    """An object whose records are being given back."""

    listed: Listed
    #: Records that were not yet answered as handled.
    left: int


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A record that is to be given back, as JSON."""

    source: _Object
    text: str
    sequence_number: str
    event_id: str


@dataclass(slots=True)
class Outcome:
    """How far a redrive has come."""

    total: int
    #: The event IDs of the records that were answered as handled.
    handled: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    #: Why an object was left, by its key.
    left: dict[str, str] = field(default_factory=dict)
    gone: int = 0


def parse_since(text: str) -> datetime | None:
    """SINCE as RFC 3339 with an offset, or as a date, at whose midnight in UTC it begins; None if it is empty.

    Raises:
        CommandError: it is neither.
    """
    if not text:
        return None
    with contextlib.suppress(ValueError):
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        if re.fullmatch(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", text):
            return datetime.fromisoformat(text.upper())
    raise CommandError(
        f"SINCE={text} can't be read: write a date (2026-11-22) or a time with its offset (2026-11-22T09:00:00Z)"
    )


def redrive(environment: Environment, console: Console, *, since: datetime | None, is_dry_run: bool) -> bool:
    """Give back what lies in the failure bucket; whether nothing of it is left there.

    An object is deleted when the function has answered all its records as handled, and not before: what is interrupted
    or fails is given back again by the next redrive, and sent twice at worst. Just the versions are deleted that were
    there before, for what the function can never send it keeps anew, under the same key.

    Raises:
        CommandError, botocore.exceptions.ClientError, BotoCoreError: it could go no further; how far it came is said.
    """
    bucket, s3 = environment.outputs["failure_bucket_name"], environment.client("s3")
    listed = list_bucket(s3, bucket, since)
    if not listed:
        console.print("Nothing lies in the failure bucket" + ("." if since is None else " that was kept since then."))
        return True
    if is_dry_run:
        console.print(bucket_table(kept_objects(s3, bucket, listed), f"Failure bucket {bucket}"))
        console.print(f"{len(listed)} objects would be given back. Nothing was done (DRY_RUN=1).", highlight=False)
        return True
    if any("null" in found.versions for found in listed):
        raise CommandError("the failure bucket has no versioning, so what is kept anew can't be told: apply it again")
    outcome = Outcome(len(listed))
    function = environment.outputs["function_names"][_FAST_TRACK]
    try:
        with _progress(console, outcome) as report:
            _give_back(environment, function, listed, outcome, report)
    finally:
        # However it ended: by an error or Ctrl-C, too.
        console.print(
            f"{len(outcome.handled)} records were handled, and {len(outcome.deleted)} of {outcome.total} objects "
            "deleted; every other one is still in the bucket.",
            highlight=False,
        )
        _print_left(console, outcome.left)
    kept_anew = _kept_anew(s3, bucket, outcome)
    if kept_anew:
        console.print("The function can't send these, and kept them anew:")
        _print_left(console, kept_anew)
    if outcome.gone:
        console.print(f"{outcome.gone} objects were gone before they were read: another redrive is at work.")
    return not outcome.left and not kept_anew


def _give_back(
    environment: Environment, function: str, listed: Sequence[Listed], outcome: Outcome, report: Callable[[], None]
) -> None:
    bucket, s3, client = (
        environment.outputs["failure_bucket_name"],
        environment.client("s3"),
        environment.client("lambda"),
    )
    read = 0

    def count(kept: Iterator[Kept]) -> Iterator[Kept]:
        nonlocal read
        for item in kept:
            read += 1
            yield item

    incoming = _waiting(count(kept_objects(s3, bucket, listed)), outcome)
    waiting: deque[_Waiting] = deque()
    most_records = _MOST_RECORDS
    failures_in_a_row = 0
    while chunk := _take(waiting, incoming, most_records):
        done, said = _invoke(client, function, chunk)
        failures_in_a_row = 0 if done else failures_in_a_row + 1
        if failures_in_a_row == _MOST_FAILURES_IN_A_ROW:
            raise CommandError(f"{failures_in_a_row} calls in a row handled nothing, the last one because: {said}")
        if not done and len(chunk) > 1 and said.startswith(_FUNCTION_ERROR):
            # One bad record may have failed them all: find it.
            most_records = len(chunk) // 2
            continue
        for item in chunk[:done]:
            item.source.left -= 1
        outcome.handled += [item.event_id for item in chunk[:done]]
        if not done:
            outcome.left[chunk[0].source.listed.key] = said
        if done:
            most_records = _MOST_RECORDS
        for _ in range(max(done, 1)):
            waiting.popleft()
        _delete(
            s3, bucket, {item.source.listed.key: item.source.listed for item in chunk if not item.source.left}, outcome
        )
        report()
    outcome.gone = outcome.total - read


def _waiting(kept: Iterator[Kept], outcome: Outcome) -> Iterator[_Waiting]:
    for item in kept:
        if item.problem is not None:
            outcome.left[item.listed.key] = item.problem
        source = _Object(item.listed, len(item.records))
        for record in item.records:
            yield _Waiting(source, json.dumps(record), record["dynamodb"]["SequenceNumber"], record["eventID"])


def _take(waiting: deque[_Waiting], incoming: Iterator[_Waiting], most_records: int) -> list[_Waiting]:
    """The records of the next call, which stay in `waiting` until they are done with."""
    size = count = 0
    while count < most_records:
        if count == len(waiting):
            following = next(incoming, None)
            if following is None:
                break
            waiting.append(following)
        size += len(waiting[count].text)
        if count and size > _MOST_BYTES:
            break
        count += 1
    return [waiting[position] for position in range(count)]


def _invoke(client: Any, function: str, chunk: Sequence[_Waiting]) -> tuple[int, str]:
    """Hand the records to the function: how many it has handled, from the first on, and what it says of the next."""
    event = '{"redriven": true, "Records": [%s]}' % ", ".join(item.text for item in chunk)  # noqa: UP031  (braces)
    answer = client.invoke(
        FunctionName=function, InvocationType="RequestResponse", LogType="Tail", Payload=event.encode()
    )
    text = answer["Payload"].read()
    if answer.get("FunctionError"):
        return 0, f"{_FUNCTION_ERROR}{_one_line(text)}"
    try:
        identifiers = {failure["itemIdentifier"] for failure in json.loads(text)["batchItemFailures"]}
    except (KeyError, TypeError, ValueError):
        return 0, f"the function's answer can't be read: {_one_line(text)}"
    failed = [position for position, item in enumerate(chunk) if item.sequence_number in identifiers]
    if identifiers and not failed:
        return 0, f"the function's answer names none of its records: {_one_line(text)}"
    return (failed[0], _last_reason(answer.get("LogResult", ""))) if failed else (len(chunk), "")


def _last_reason(log_tail: str) -> str:
    """What the function's log says last of a reason; of its end, as far as Lambda hands it back."""
    for line in reversed(base64.b64decode(log_tail).decode(errors="replace").splitlines()):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return str(json.loads(line)["reason"])
    return "the function could not handle it; its log says why"


def _one_line(text: bytes) -> str:
    return " ".join(text.decode(errors="replace").split())[:300]


def _delete(s3: Any, bucket: str, handled: dict[str, Listed], outcome: Outcome) -> None:
    """Delete all versions that were listed of these keys, and none that came since."""
    identifiers = [{"Key": key, "VersionId": version} for key, found in handled.items() for version in found.versions]
    for batch in batched(identifiers, _DELETES_PER_CALL, strict=False):
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": list(batch), "Quiet": True})
        for error in answer.get("Errors", []):
            outcome.left[error["Key"]] = f"handled, but not deleted: {error['Code']}: {error.get('Message', '')}"
    outcome.deleted += [key for key in handled if key not in outcome.left]


def _kept_anew(s3: Any, bucket: str, outcome: Outcome) -> dict[str, str]:
    """Why the function kept what it was given, by the new object's key."""
    # Where the function keeps a record.
    keys = {f"fasttrack/{event_id}.json" for event_id in outcome.handled}
    found = [listed for listed in list_bucket(s3, bucket) if listed.key in keys]
    return {kept.listed.key: kept.problem or kept.reason for kept in kept_objects(s3, bucket, found)}


def _print_left(console: Console, left: dict[str, str]) -> None:
    for key in list(left)[:_MOST_LINES]:
        console.print(f"  left: {key}: {left[key]}", highlight=False, markup=False)
    if len(left) > _MOST_LINES:
        console.print(f"  and {len(left) - _MOST_LINES} more; make failures lists them", highlight=False)


@contextlib.contextmanager
def _progress(console: Console, outcome: Outcome) -> Iterator[Callable[[], None]]:
    """A bar of the objects done with; on what is no terminal, a line after each call."""

    def done() -> int:
        return len(outcome.deleted) + len(outcome.left)

    if not console.is_terminal:
        yield lambda: console.print(f"  {done()} of {outcome.total} objects", highlight=False)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Giving back what the failure bucket holds", total=outcome.total)
        yield lambda: progress.update(task, completed=done())


def main() -> None:
    """The command line: an environment, since when, and whether only to list."""
    parser = argparse.ArgumentParser(prog="redrive", description=__doc__)
    parser.add_argument("environment", nargs="?", default="")
    parser.add_argument("--since", default="")
    parser.add_argument("--dry-run", action="store_true")
    options = parser.parse_args()

    def action(console: Console) -> bool:
        since = parse_since(options.since)
        return redrive(find_environment(options.environment), console, since=since, is_dry_run=options.dry_run)

    run("make redrive", action)


if __name__ == "__main__":
    main()
