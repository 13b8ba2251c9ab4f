"""make cancel: cancel all schedules that are due in a range, after a question. Run again, it goes on."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from functools import partial
from itertools import batched

from rich.console import Console

from delayer.listing import Listed, Range
from delayer.parallel import in_parallel
from delayer.schedule_table import WRITES_PER_CALL, Deletion, ScheduleTable, table_key
from delayer.schedules import CANCELLABLE_SECONDS, format_point_in_time, is_cancelled, point_in_time_of
from tools.operate.environment import Environment, find_environment
from tools.operate.list import parse_range, pending_in
from tools.project import CommandError
from tools.terminal import main, open_console, shown_progress

#: BatchWriteItem calls in flight, as many as a sweep has. A new on-demand table takes 4,000 deletes of small records a
#: second (Amazon DynamoDB developer guide, "on-demand capacity mode"): a hundred thousand take half a minute.
_CALLS_IN_FLIGHT = 8

#: The deletes of a batch are repeated for half of the time until they would count as hand-overs. The last of them may
#: take longer, so the clock is read again after it.
_SECONDS_PER_BATCH = 30.0


def cancel(environment: Environment, console: Console, wanted: Range, *, is_dry_run: bool, is_agreed: bool) -> bool:
    """Cancel the schedules of a range; return whether none is left. Raises CommandError, ClientError, BotoCoreError."""
    clock = _aws_clock(environment)
    earliest = int(clock()) + CANCELLABLE_SECONDS + 1
    if wanted.start < earliest:
        raise CommandError(
            f"FROM must be {format_point_in_time(earliest)} or later: schedules that are due within"
            f" {CANCELLABLE_SECONDS} s are being handed over"
        )
    with shown_progress(console) as progress:
        count = 0
        for count, _ in enumerate(pending_in(environment, wanted), 1):
            progress("Counting schedules", count, 0)
    start, end = format_point_in_time(wanted.start), format_point_in_time(wanted.end)
    title = f"{count:,} schedules due from {start} to before {end}"
    if not count or is_dry_run:
        console.print(f"{title}. Nothing was cancelled.")
        return True
    if not is_agreed:
        _ask(f"{title}, in {environment.name}: no message will be sent for them. Type yes to cancel them: ")
    # Too late: not deleted, because they came too near, or deleted so late that it may count as a hand-over.
    counts: Counter[str] = Counter()
    problem = ""
    table = ScheduleTable(environment.client("dynamodb"), environment.outputs["table_name"])
    batches = batched(pending_in(environment, wanted), WRITES_PER_CALL, strict=False)
    try:
        with shown_progress(console) as progress:
            for counted, error in in_parallel(partial(_delete, table, clock), batches, _CALLS_IN_FLIGHT):
                counts.update(counted)
                problem = error or problem
                progress("Cancelling schedules", counts.total(), count)
    finally:
        # Also after an error or Ctrl-C.
        console.print(f"{counts['cancelled']:,} schedules are cancelled.")
    if counts["too_late"]:
        console.print(f"{counts['too_late']:,} became due too soon meanwhile: expect their messages.")
    if counts["left"]:
        console.out(f"{counts['left']:,} may be left; run the same command again: {problem}")
    return not counts["left"]


def _delete(table: ScheduleTable, clock: Callable[[], float], batch: Sequence[Listed]) -> tuple[Counter[str], str]:
    """Delete schedules, and return what became of them, and why some are left."""
    limit = clock() + CANCELLABLE_SECONDS
    keys = [table_key(each.shard, each.due) for each in batch if point_in_time_of(each.due) > limit]
    deadline = time.monotonic() + _SECONDS_PER_BATCH
    deletion = table.delete(keys, lambda: deadline - time.monotonic()) if keys else Deletion([], [])
    now = clock()
    cancelled = sum(is_cancelled(point_in_time_of(key["due"]["S"]), now) for key in deletion.deleted)
    left = len(deletion.left)
    counted = Counter(cancelled=cancelled, left=left, too_late=len(batch) - cancelled - left)
    return counted, str(deletion.error or "the table was throttled for too long") if left else ""


def _aws_clock(environment: Environment) -> Callable[[], float]:
    """Return AWS's clock, to the second: an operator's may differ by minutes, and AWS's decides."""
    answer = environment.client("dynamodb").describe_table(TableName=environment.outputs["table_name"])
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    ahead = parsedate_to_datetime(date).timestamp() - time.time() if date else 0.0
    return lambda: time.time() + ahead


def _ask(question: str) -> None:
    try:
        answer = input(question)
    except EOFError:
        raise CommandError("there is nobody to ask: set YES=1 to cancel without a question") from None
    if answer.strip().lower() != "yes":
        raise CommandError("nothing was cancelled")


def _main(environment: str, start: str, end: str, *, dry_run: bool, yes: bool) -> bool:
    if not (start and end):
        raise CommandError("FROM and TO are needed, like FROM=2030-01-31T09:00:00Z TO=2030-01-31T10:00:00Z")
    wanted = parse_range(start, end)
    return cancel(find_environment(environment), open_console(), wanted, is_dry_run=dry_run, is_agreed=yes)


if __name__ == "__main__":
    main("make cancel", _main)
