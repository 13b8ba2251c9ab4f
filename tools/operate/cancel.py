"""make cancel: cancel all schedules that are due in a range, after a question. Run again, it goes on."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from itertools import batched

from rich.console import Console

from delayer.listing import Listed, Range
from delayer.parallel import in_parallel
from delayer.schedule_table import WRITES_PER_CALL, Deletion, table_key
from delayer.schedules import CANCELLABLE_SECONDS, format_point_in_time, is_cancelled, point_in_time_of
from tools.operate.due_range import parse_range, pending_in, table_of
from tools.operate.environment import Environment, find_environment
from tools.project import CommandError
from tools.terminal import parse, run, shown_progress

#: BatchWriteItem calls in flight, as many as a sweep has. A new on-demand table takes 4,000 deletes of small records a
#: second (Amazon DynamoDB developer guide, "on-demand capacity mode"): a hundred thousand take half a minute.
_CALLS_IN_FLIGHT = 8

#: The deletes of a batch are repeated for so long, half of the time until they would count as hand-overs. The last of
#: them may take longer, so the clock is read again after it.
_SECONDS_PER_BATCH = 30.0


@dataclass(slots=True)
class _Outcome:
    """The progress of a cancellation."""

    cancelled: int = 0
    #: Not deleted, because they came too near, or deleted so late that it may count as a hand-over.
    too_late: int = 0
    left: int = 0
    errors: list[str] = field(default_factory=list)


def cancel(environment: Environment, console: Console, wanted: Range, *, is_dry_run: bool, is_agreed: bool) -> bool:
    """Cancel the schedules of a range, and return whether none of them is left.

    Raises:
        CommandError: the range begins too early, or the question was not answered with yes.
        botocore.exceptions.ClientError, BotoCoreError: the schedules can't be read; the progress was printed.
    """
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
        console.print(f"{title}. Nothing was cancelled.", highlight=False)
        return True
    if not is_agreed:
        _ask(f"{title}, in {environment.name}: no message will be sent for them. Type yes to cancel them: ")
    outcome = _Outcome()
    try:
        with shown_progress(console) as progress:
            _cancel(environment, wanted, clock, outcome, lambda done: progress("Cancelling schedules", done, count))
    finally:
        # Also after an error or Ctrl-C.
        console.print(f"{outcome.cancelled:,} schedules are cancelled.", highlight=False)
    if outcome.too_late:
        console.print(f"{outcome.too_late:,} became due too soon meanwhile: expect their messages.", highlight=False)
    if outcome.left:
        console.print(
            f"{outcome.left:,} may be left; run the same command again: {outcome.errors[-1]}",
            highlight=False, markup=False,
        )  # fmt: skip
    return not outcome.left


def _cancel(
    environment: Environment,
    wanted: Range,
    clock: Callable[[], float],
    outcome: _Outcome,
    report: Callable[[int], None],
) -> None:
    table = table_of(environment)

    def delete(batch: Sequence[Listed]) -> tuple[int, Deletion, int]:
        limit = clock() + CANCELLABLE_SECONDS
        keys = [table_key(each.shard, each.due) for each in batch if point_in_time_of(each.due) > limit]
        deadline = time.monotonic() + _SECONDS_PER_BATCH
        deletion = table.delete(keys, lambda: deadline - time.monotonic()) if keys else Deletion([], [])
        now = clock()
        cancelled = sum(is_cancelled(point_in_time_of(key["due"]["S"]), now) for key in deletion.deleted)
        return len(batch), deletion, cancelled

    batches = batched(pending_in(environment, wanted), WRITES_PER_CALL, strict=False)
    for batch_size, deletion, cancelled in in_parallel(delete, batches, _CALLS_IN_FLIGHT):
        outcome.cancelled += cancelled
        outcome.left += len(deletion.left)
        outcome.too_late += batch_size - cancelled - len(deletion.left)
        if deletion.left:
            outcome.errors.append(str(deletion.error or "the table was throttled for too long"))
        report(outcome.cancelled + outcome.left + outcome.too_late)


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


def main(console: Console) -> bool:
    """Cancel as the command line says. Errors are those of `cancel` and `parse_range`."""
    arguments = parse(sys.argv[1:], "environment", "start", "end", switches=["dry-run", "yes"])
    if not (arguments.start and arguments.end):
        raise CommandError("FROM and TO are needed, like FROM=2030-01-31T09:00:00Z TO=2030-01-31T10:00:00Z")
    wanted = parse_range(arguments.start, arguments.end)
    environment = find_environment(arguments.environment)
    return cancel(environment, console, wanted, is_dry_run=arguments.dry_run, is_agreed=arguments.yes)


if __name__ == "__main__":
    run("make cancel", main)
