"""make redrive: give the failure bucket's stream records back to the fast track, the only function that sends."""

import base64
import contextlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from rich.console import Console

from tools.operate.environment import Environment, find_environment
from tools.operate.failures import FailureBucket, Listed, Record
from tools.project import FAST_TRACK, CommandError
from tools.terminal import main, open_console, shown_progress

#: As many as the stream mapping hands over at once, so the function has time for them.
_MOST_RECORDS = 1000

#: Lambda takes 6 MB in a synchronous invocation (AWS Lambda developer guide, "Lambda quotas"); a record, which
#: DynamoDB limits to 400 KB, is far smaller even with every character escaped.
_MOST_BYTES = 5_000_000

#: After so many calls in a row that handled nothing, the fault is not the records'. Finding one bad record in a full
#: call takes about ten.
_MOST_FAILURES_IN_A_ROW = 20

_MOST_LINES = 20

#: A record to give back, with its object.
type _Given = tuple[Listed, Record]


def parse_since(text: str) -> datetime | None:
    """Return SINCE, RFC 3339 with an offset or a date (midnight in UTC); None if it is empty. Raises CommandError."""
    if not text:
        return None
    with contextlib.suppress(ValueError):
        if re.fullmatch(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d))?", text):
            since = datetime.fromisoformat(text.upper())
            return since if since.tzinfo else since.replace(tzinfo=UTC)
    raise CommandError(
        f"SINCE={text} can't be read: write a date (2026-11-22) or a time with its offset (2026-11-22T09:00:00Z)"
    )


def redrive(environment: Environment, console: Console, since: datetime | None, *, is_dry_run: bool) -> bool:
    """Give back the records in the failure bucket; return whether none stays there.

    An object is deleted after the function has answered all its records as handled. A redrive that is interrupted or
    fails is completed by the next one; at worst it sends twice. Only the versions that were listed are deleted, because
    the function keeps a record that it can never send again, under the same key. Raises CommandError, ClientError and
    BotoCoreError if it could not go on; its progress was printed.
    """
    bucket = FailureBucket(environment)
    listed = bucket.objects(since)
    if not listed:
        is_all = since is None
        console.out("The failure bucket is empty." if is_all else "Nothing in the failure bucket was kept since then.")
        return True
    if is_dry_run:
        console.print(bucket.table(listed))
        console.out(f"{len(listed)} objects would be given back. Nothing was done (DRY_RUN=1).")
        return True
    if any("null" in found.versions for found in listed):
        raise CommandError(
            "the failure bucket has no versioning, so records that are kept again could be lost: run make plan and "
            "make apply, which turn it on"
        )
    return _redrive(environment, bucket, listed, console)


def _redrive(environment: Environment, bucket: FailureBucket, listed: Sequence[Listed], console: Console) -> bool:
    # How many records of each object that was read are not yet handled.
    waiting: Counter[Listed] = Counter()
    handled_ids: list[str] = []
    deleted = 0
    # Why an object stays, by its key.
    left: dict[str, str] = {}

    def records() -> Iterator[_Given]:
        for found, of_object, reason in bucket.read(listed):
            waiting[found] = len(of_object)
            if not of_object:
                left[found.key] = reason
            yield from ((found, record) for record in of_object)

    try:
        with shown_progress(console) as progress:
            for given, problem in _give_back(environment, records()):
                if problem is not None:
                    left[given[0][0].key] = problem
                else:
                    handled_ids += [record["eventID"] for _, record in given]
                    waiting.subtract(found for found, _ in given)
                    whole = {found for found, _ in given if not waiting[found]}
                    errors = bucket.delete(whole)
                    left |= {key: f"handled, but not deleted: {error}" for key, error in errors.items()}
                    deleted += len(whole) - len(errors)
                progress("Giving objects back", deleted + len(left), len(listed))
    finally:
        # Also after an error or Ctrl-C.
        console.out(
            f"{len(handled_ids)} records were handled, and {deleted} of {len(listed)} objects deleted; the others are "
            "still in the bucket."
        )
        _print_left(console, left)
    # The keys under which the function keeps records (stream_dynamodb_fasttrack_enqueuer.failure_bucket).
    keys = {f"fasttrack/{event_id}.json" for event_id in handled_ids}
    again = [found for found in bucket.objects() if found.key in keys]
    kept_again = {found.key: reason for found, _, reason in bucket.read(again)}
    if kept_again:
        console.out("The function can't send these, and kept them again:")
        _print_left(console, kept_again)
    gone = len(listed) - deleted - len(left)
    if gone:
        console.out(f"{gone} objects were gone before they were read: another redrive is running.")
    return not left and not kept_again


def _give_back(environment: Environment, records: Iterable[_Given]) -> Iterator[tuple[Sequence[_Given], str | None]]:
    """Give records to the function; yield those that it has handled, with None, and each other one, with the reason."""
    function, client = environment.outputs["function_names"][FAST_TRACK], environment.client("lambda")
    calls = _in_calls(records)
    again: list[Sequence[_Given]] = []
    failures_in_a_row = 0
    while call := again.pop() if again else next(calls, None):
        done, reason = _invoke(client, function, call)
        failures_in_a_row = 0 if done else failures_in_a_row + 1
        if failures_in_a_row == _MOST_FAILURES_IN_A_ROW:
            raise CommandError(f"{failures_in_a_row} calls in a row handled nothing, the last one because: {reason}")
        if done is None and len(call) > 1:
            # One bad record may have failed them all: find it.
            middle = len(call) // 2
            again += [call[middle:], call[:middle]]
            continue
        yield (call[:done], None) if done else (call[:1], reason)
        if rest := call[done or 1 :]:
            again.append(rest)


def _invoke(client: Any, function: str, call: Sequence[_Given]) -> tuple[int | None, str]:
    """Call the function with records; return how many of them, from the first on, it handled, and why not the next.

    The number is None if the reason is not that of one record.
    """
    event = json.dumps({"redriven": True, "Records": [record for _, record in call]})
    answer = client.invoke(
        FunctionName=function, InvocationType="RequestResponse", LogType="Tail", Payload=event.encode()
    )
    text = answer["Payload"].read()
    shown = " ".join(text.decode(errors="replace").split())[:300]
    if answer.get("FunctionError"):
        return None, f"the function failed: {shown}"
    try:
        identifiers = {failure["itemIdentifier"] for failure in json.loads(text)["batchItemFailures"]}
    except (KeyError, TypeError, ValueError):
        return None, f"the function's answer can't be read: {shown}"
    if not identifiers:
        return len(call), ""
    for position, (_, record) in enumerate(call):
        if record["dynamodb"]["SequenceNumber"] in identifiers:
            return position, _last_reason(answer.get("LogResult", ""))
    return None, f"the function's answer names none of its records: {shown}"


def _in_calls(records: Iterable[_Given]) -> Iterator[Sequence[_Given]]:
    """Yield the records of each call: as many as _MOST_RECORDS and _MOST_BYTES allow."""
    call: list[_Given] = []
    bytes_left = _MOST_BYTES
    for given in records:
        size_bytes = len(json.dumps(given[1]))
        if call and (len(call) == _MOST_RECORDS or size_bytes > bytes_left):
            yield call
            call, bytes_left = [], _MOST_BYTES
        call.append(given)
        bytes_left -= size_bytes
    if call:
        yield call


def _last_reason(log_tail: str) -> str:
    """Return the last reason in the end of the function's log that Lambda returns."""
    for line in reversed(base64.b64decode(log_tail).decode(errors="replace").splitlines()):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return str(json.loads(line)["reason"])
    return "the function could not handle it; its log says why"


def _print_left(console: Console, left: Mapping[str, str]) -> None:
    for key, reason in islice(left.items(), _MOST_LINES):
        console.out(f"  left: {key}: {reason}")
    if len(left) > _MOST_LINES:
        console.out(f"  and {len(left) - _MOST_LINES} more: make failures lists them")


def _main(environment: str, since: str, *, dry_run: bool) -> bool:
    start = parse_since(since)
    return redrive(find_environment(environment), open_console(), start, is_dry_run=dry_run)


if __name__ == "__main__":
    main("make redrive", _main)
