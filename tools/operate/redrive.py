"""make redrive: give the failure bucket's stream records back to the fast track, the only function that sends."""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import re
import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import batched
from typing import Any

from rich.console import Console

from tools.operate.environment import Environment, find_environment
from tools.operate.failures import bucket_table
from tools.operate.kept import Kept, Listed, list_bucket, read_objects
from tools.project import FAST_TRACK, CommandError
from tools.terminal import parse, run, shown_progress

#: As many as the stream mapping hands over at once, so the function has time for them.
_MOST_RECORDS = 1000

#: Lambda takes 6 MB in a synchronous invocation (AWS Lambda developer guide, "Lambda quotas"); a record, which
#: DynamoDB limits to 400 KB, is far smaller even with every character escaped.
_MOST_BYTES = 5_000_000

#: After so many calls in a row that handled nothing, the fault is not the records'. Finding one bad record in a full
#: call takes about ten.
_MOST_FAILURES_IN_A_ROW = 20

#: The most objects that one DeleteObjects takes (Amazon S3 API reference, DeleteObjects).
_WRITES_PER_CALL = 1000

_MOST_LINES = 20

_FUNCTION_ERROR = "the function failed: "


@dataclass(frozen=True, slots=True)
class _Record:
    """A record that is waiting to be given back, as JSON, with its object's key."""

    key: str
    text: str
    sequence_number: str
    event_id: str


@dataclass(slots=True)
class _Outcome:
    """The progress of a redrive. Keys are those of objects."""

    listed: Mapping[str, Listed]
    #: The event IDs of the records that were answered as handled.
    handled: list[str] = field(default_factory=list)
    #: How many records of each object that was read are not yet handled.
    waiting: Counter[str] = field(default_factory=Counter)
    deleted: list[str] = field(default_factory=list)
    #: Why an object stays.
    left: dict[str, str] = field(default_factory=dict)


def parse_since(text: str) -> datetime | None:
    """Return SINCE, which is RFC 3339 with an offset, or a date and so midnight in UTC; None if it is empty.

    Raises:
        CommandError: it is neither.
    """
    if not text:
        return None
    with contextlib.suppress(ValueError):
        if re.fullmatch(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d))?", text):
            since = datetime.fromisoformat(text.upper())
            return since if since.tzinfo else since.replace(tzinfo=UTC)
    raise CommandError(
        f"SINCE={text} can't be read: write a date (2026-11-22) or a time with its offset (2026-11-22T09:00:00Z)"
    )


def redrive(environment: Environment, console: Console, *, since: datetime | None, is_dry_run: bool) -> bool:
    """Give back the records in the failure bucket; return whether none stays there.

    An object is deleted after the function has answered all its records as handled. A redrive that is interrupted or
    fails is completed by the next one; at worst it sends twice. Only the versions that were listed are deleted, because
    the function keeps a record that it can never send again, under the same key.

    Raises:
        CommandError, botocore.exceptions.ClientError, BotoCoreError: it could not go on; its progress was printed.
    """
    bucket, s3 = environment.outputs["failure_bucket_name"], environment.client("s3")
    listed = list_bucket(s3, bucket, since)
    if not listed:
        console.print(
            "The failure bucket is empty." if since is None else "Nothing in the failure bucket was kept since then."
        )
        return True
    if is_dry_run:
        console.print(bucket_table(read_objects(s3, bucket, listed), f"Failure bucket {bucket}"))
        console.print(f"{len(listed)} objects would be given back. Nothing was done (DRY_RUN=1).", highlight=False)
        return True
    if any("null" in found.versions for found in listed):
        raise CommandError(
            "the failure bucket has no versioning, so records that are kept again could be lost: run make plan and "
            "make apply, which turn it on"
        )
    outcome = _Outcome({found.key: found for found in listed})
    try:
        _give_back(environment, outcome, console)
    finally:
        # Also after an error or Ctrl-C.
        console.print(
            f"{len(outcome.handled)} records were handled, and {len(outcome.deleted)} of {len(listed)} objects "
            "deleted; the others are still in the bucket.",
            highlight=False,
        )
        _print_left(console, outcome.left)
    kept_again = _kept_again(s3, bucket, outcome)
    if kept_again:
        console.print("The function can't send these, and kept them again:")
        _print_left(console, kept_again)
    gone = len(listed) - len(outcome.deleted) - len(outcome.left)
    if gone:
        console.print(f"{gone} objects were gone before they were read: another redrive is running.")
    return not outcome.left and not kept_again


def _give_back(environment: Environment, outcome: _Outcome, console: Console) -> None:
    bucket, s3 = environment.outputs["failure_bucket_name"], environment.client("s3")
    function, client = environment.outputs["function_names"][FAST_TRACK], environment.client("lambda")
    incoming = _records(read_objects(s3, bucket, list(outcome.listed.values())), outcome)
    waiting: deque[_Record] = deque()
    most_records = _MOST_RECORDS
    failures_in_a_row = 0
    with shown_progress(console) as progress:
        while chunk := _take(waiting, incoming, most_records):
            done, reason = _invoke(client, function, chunk)
            failures_in_a_row = 0 if done else failures_in_a_row + 1
            if failures_in_a_row == _MOST_FAILURES_IN_A_ROW:
                raise CommandError(
                    f"{failures_in_a_row} calls in a row handled nothing, the last one because: {reason}"
                )
            if not done and len(chunk) > 1 and reason.startswith(_FUNCTION_ERROR):
                # One bad record may have failed them all: find it.
                most_records = len(chunk) // 2
                continue
            if done:
                most_records = _MOST_RECORDS
                _count_handled(chunk[:done], outcome)
                _delete(s3, bucket, chunk[:done], outcome)
            else:
                outcome.left[chunk[0].key] = reason
            for _ in range(max(done, 1)):
                waiting.popleft()
            progress("Giving objects back", len(outcome.deleted) + len(outcome.left), len(outcome.listed))


def _records(kept: Iterable[Kept], outcome: _Outcome) -> Iterator[_Record]:
    for item in kept:
        key = item.listed.key
        if item.problem is not None:
            outcome.left[key] = item.problem
        outcome.waiting[key] = len(item.records)
        for record in item.records:
            yield _Record(key, json.dumps(record), record["dynamodb"]["SequenceNumber"], record["eventID"])


def _take(waiting: deque[_Record], incoming: Iterator[_Record], most_records: int) -> list[_Record]:
    """Return the records of the next call, which stay in `waiting` until they are done with."""
    chunk: list[_Record] = []
    size = 0
    while len(chunk) < most_records:
        if len(chunk) == len(waiting):
            following = next(incoming, None)
            if following is None:
                break
            waiting.append(following)
        record = waiting[len(chunk)]
        size += len(record.text)
        if chunk and size > _MOST_BYTES:
            break
        chunk.append(record)
    return chunk


def _invoke(client: Any, function: str, chunk: Sequence[_Record]) -> tuple[int, str]:
    """Call the function with records; return how many of them, from the first on, it handled, and why not the next."""
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
    """Return the last reason in the end of the function's log that Lambda returns."""
    for line in reversed(base64.b64decode(log_tail).decode(errors="replace").splitlines()):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return str(json.loads(line)["reason"])
    return "the function could not handle it; its log says why"


def _one_line(text: bytes) -> str:
    return " ".join(text.decode(errors="replace").split())[:300]


def _count_handled(records: Sequence[_Record], outcome: _Outcome) -> None:
    outcome.handled += [record.event_id for record in records]
    outcome.waiting.subtract(record.key for record in records)


def _delete(s3: Any, bucket: str, records: Sequence[_Record], outcome: _Outcome) -> None:
    """Delete the objects of these records that are handled whole: all versions that were listed, and no later one."""
    keys = [key for key in dict.fromkeys(record.key for record in records) if not outcome.waiting[key]]
    identifiers = [{"Key": key, "VersionId": version} for key in keys for version in outcome.listed[key].versions]
    for batch in batched(identifiers, _WRITES_PER_CALL, strict=False):
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": list(batch), "Quiet": True})
        for error in answer.get("Errors", []):
            outcome.left[error["Key"]] = f"handled, but not deleted: {error['Code']}: {error.get('Message', '')}"
    outcome.deleted += [key for key in keys if key not in outcome.left]


def _kept_again(s3: Any, bucket: str, outcome: _Outcome) -> dict[str, str]:
    """Return why the function kept records that it was given, by the new object's key."""
    # The keys under which the function keeps records (stream_dynamodb_fasttrack_enqueuer.failure_bucket).
    keys = {f"fasttrack/{event_id}.json" for event_id in outcome.handled}
    found = [listed for listed in list_bucket(s3, bucket) if listed.key in keys]
    return {kept.listed.key: kept.problem or kept.reason for kept in read_objects(s3, bucket, found)}


def _print_left(console: Console, left: Mapping[str, str]) -> None:
    for key in list(left)[:_MOST_LINES]:
        console.print(f"  left: {key}: {left[key]}", highlight=False, markup=False)
    if len(left) > _MOST_LINES:
        console.print(f"  and {len(left) - _MOST_LINES} more: make failures lists them", highlight=False)


def main(console: Console, arguments: argparse.Namespace) -> bool:
    """Redrive as the command line says. Errors are those of `redrive` and `parse_since`."""
    since = parse_since(arguments.since)
    return redrive(find_environment(arguments.environment), console, since=since, is_dry_run=arguments.dry_run)


if __name__ == "__main__":
    arguments = parse(sys.argv[1:], "environment", "since", switches=["dry-run"])
    run("make redrive", lambda console: main(console, arguments))
