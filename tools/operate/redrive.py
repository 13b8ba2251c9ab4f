"""make redrive: give the failure bucket's stream records back to the fast track, the only function that sends."""

import base64
import contextlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import batched, islice

from rich.console import Console

from tools.operate.environment import Environment, find_environment
from tools.operate.failures import bucket_table
from tools.operate.kept import Listed, Record, list_bucket, read_objects
from tools.project import FAST_TRACK, CommandError
from tools.terminal import Progress, main, open_console, shown_progress

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

#: A record that is to be given back, with its object's key.
type _Given = tuple[str, Record]


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


def redrive(environment: Environment, console: Console, since: datetime | None, *, is_dry_run: bool) -> bool:
    """Give back the records in the failure bucket; return whether none stays there.

    An object is deleted after the function has answered all its records as handled. A redrive that is interrupted or
    fails is completed by the next one; at worst it sends twice. Only the versions that were listed are deleted, because
    the function keeps a record that it can never send again, under the same key.

    Raises:
        CommandError, botocore.exceptions.ClientError, BotoCoreError: it could not go on; its progress was printed.
    """
    bucket, s3 = environment.outputs["failure_bucket_name"], environment.client("s3")
    say = partial(console.print, highlight=False, markup=False)
    listed = list_bucket(s3, bucket, since)
    if not listed:
        say("The failure bucket is empty." if since is None else "Nothing in the failure bucket was kept since then.")
        return True
    if is_dry_run:
        console.print(bucket_table(read_objects(s3, bucket, listed), bucket))
        say(f"{len(listed)} objects would be given back. Nothing was done (DRY_RUN=1).")
        return True
    if any("null" in found.versions for found in listed):
        raise CommandError(
            "the failure bucket has no versioning, so records that are kept again could be lost: run make plan and "
            "make apply, which turn it on"
        )
    redriven = _Redrive(environment, listed)
    try:
        with shown_progress(console) as progress:
            redriven.give_back(progress)
    finally:
        # Also after an error or Ctrl-C.
        say(
            f"{len(redriven.handled)} records were handled, and {redriven.deleted} of {len(listed)} objects deleted; "
            "the others are still in the bucket."
        )
        _print_left(say, redriven.left)
    # The keys under which the function keeps records (stream_dynamodb_fasttrack_enqueuer.failure_bucket).
    keys = {f"fasttrack/{event_id}.json" for event_id in redriven.handled}
    found = [each for each in list_bucket(s3, bucket) if each.key in keys]
    kept_again = {kept.listed.key: kept.reason for kept in read_objects(s3, bucket, found)}
    if kept_again:
        say("The function can't send these, and kept them again:")
        _print_left(say, kept_again)
    gone = len(listed) - redriven.deleted - len(redriven.left)
    if gone:
        say(f"{gone} objects were gone before they were read: another redrive is running.")
    return not redriven.left and not kept_again


class _Redrive:
    """A redrive and its progress. Keys are those of objects."""

    def __init__(self, environment: Environment, listed: Sequence[Listed]) -> None:
        self._bucket = environment.outputs["failure_bucket_name"]
        self._function = environment.outputs["function_names"][FAST_TRACK]
        self._s3 = environment.client("s3")
        self._lambda = environment.client("lambda")
        self._listed = {found.key: found for found in listed}
        #: How many records of each object that was read are not yet handled.
        self._waiting: Counter[str] = Counter()
        #: The event IDs of the records that were answered as handled.
        self.handled: list[str] = []
        #: The number of objects.
        self.deleted = 0
        #: Why an object stays.
        self.left: dict[str, str] = {}

    def give_back(self, progress: Progress) -> None:
        """Give back all records. Raises CommandError, ClientError, BotoCoreError."""
        calls = _in_calls(self._records())
        again: list[Sequence[_Given]] = []
        failures_in_a_row = 0
        while call := again.pop() if again else next(calls, None):
            done, reason = self._invoke(call)
            failures_in_a_row = 0 if done else failures_in_a_row + 1
            if failures_in_a_row == _MOST_FAILURES_IN_A_ROW:
                raise CommandError(
                    f"{failures_in_a_row} calls in a row handled nothing, the last one because: {reason}"
                )
            if done is None and len(call) > 1:
                # One bad record may have failed them all: find it.
                middle = len(call) // 2
                again += [call[middle:], call[:middle]]
                continue
            if done:
                self._count_handled(call[:done])
            else:
                self.left[call[0][0]] = reason
            if rest := call[done or 1 :]:
                again.append(rest)
            progress("Giving objects back", self.deleted + len(self.left), len(self._listed))

    def _records(self) -> Iterator[_Given]:
        for kept in read_objects(self._s3, self._bucket, list(self._listed.values())):
            key = kept.listed.key
            if not kept.records:
                self.left[key] = kept.reason
            self._waiting[key] = len(kept.records)
            yield from ((key, record) for record in kept.records)

    def _invoke(self, call: Sequence[_Given]) -> tuple[int | None, str]:
        """Call the function with records; return how many of them, from the first on, it handled, and why not the next.

        The number is None if the reason is not that of one record.
        """
        event = json.dumps({"redriven": True, "Records": [record for _, record in call]})
        answer = self._lambda.invoke(
            FunctionName=self._function, InvocationType="RequestResponse", LogType="Tail", Payload=event.encode()
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

    def _count_handled(self, records: Sequence[_Given]) -> None:
        """Count records, and delete the objects that are handled whole: all versions listed, and no later one."""
        self.handled += [record["eventID"] for _, record in records]
        self._waiting.subtract(key for key, _ in records)
        keys = {key for key, _ in records if not self._waiting[key]}
        identifiers = [{"Key": key, "VersionId": version} for key in keys for version in self._listed[key].versions]
        for batch in batched(identifiers, _WRITES_PER_CALL, strict=False):
            answer = self._s3.delete_objects(Bucket=self._bucket, Delete={"Objects": list(batch), "Quiet": True})
            for error in answer.get("Errors", []):
                self.left[error["Key"]] = f"handled, but not deleted: {error['Code']}: {error.get('Message', '')}"
        self.deleted += len(keys - self.left.keys())


def _in_calls(records: Iterable[_Given]) -> Iterator[Sequence[_Given]]:
    """Yield the records of each call: as many as _MOST_RECORDS and _MOST_BYTES allow."""
    call: list[_Given] = []
    size = 0
    for given in records:
        size_bytes = len(json.dumps(given))
        if call and (len(call) == _MOST_RECORDS or size + size_bytes > _MOST_BYTES):
            yield call
            call, size = [], 0
        call.append(given)
        size += size_bytes
    if call:
        yield call


def _last_reason(log_tail: str) -> str:
    """Return the last reason in the end of the function's log that Lambda returns."""
    for line in reversed(base64.b64decode(log_tail).decode(errors="replace").splitlines()):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return str(json.loads(line)["reason"])
    return "the function could not handle it; its log says why"


def _print_left(say: Callable[[str], None], left: Mapping[str, str]) -> None:
    for key, reason in islice(left.items(), _MOST_LINES):
        say(f"  left: {key}: {reason}")
    if len(left) > _MOST_LINES:
        say(f"  and {len(left) - _MOST_LINES} more: make failures lists them")


def _main(environment: str, since: str, *, dry_run: bool) -> bool:
    start = parse_since(since)
    return redrive(find_environment(environment), open_console(), start, is_dry_run=dry_run)


if __name__ == "__main__":
    main("make redrive", _main)
