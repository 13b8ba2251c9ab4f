"""make list: print the pending schedules that are due in a range, in the order of pointInTime."""

import os
import sys
from collections.abc import Iterator

from delayer.listing import Listed, Range, pending
from delayer.point_in_time import parse_point_in_time
from delayer.schedule_table import ScheduleTable
from delayer.schedules import LAST_POINT_IN_TIME, format_point_in_time, point_in_time_of
from tools.operate.environment import Environment, find_environment
from tools.project import CommandError
from tools.terminal import main

#: So many keys of each shard are read at once, up to the thousand of one query.
_KEYS_PER_SHARD = 600


def parse_range(start: str, end: str) -> Range:
    """Return the range from FROM to before TO. An empty one leaves the range open. Raises CommandError."""
    found = Range(_parse("FROM", start, 0), _parse("TO", end, LAST_POINT_IN_TIME + 1))
    if found.start > found.end:
        raise CommandError(f"FROM={start} is after TO={end}: a range goes from the earlier time to the later one")
    return found


def _parse(name: str, text: str, default: int) -> int:
    try:
        return min(max(0, parse_point_in_time(text)), LAST_POINT_IN_TIME + 1) if text else default
    except ValueError as error:
        raise CommandError(f"{name}={text} {error}") from None


def pending_in(environment: Environment, wanted: Range) -> Iterator[Listed]:
    """Return the pending schedules of a range in order, as the API lists them. Raises ClientError, BotoCoreError."""
    table = ScheduleTable(environment.client("dynamodb"), environment.outputs["table_name"])
    shard_count = int(environment.sweep_settings()["SHARD_COUNT"])
    # There is always time left to repeat a throttled call, because a command can be interrupted and run again.
    return pending(table, shard_count, wanted, _KEYS_PER_SHARD * shard_count, lambda: 60.0)


def show(environment: str, start: str, end: str) -> None:
    """Print a line for each schedule of a range. Raises CommandError, ClientError, BotoCoreError."""
    wanted = parse_range(start, end)
    count = 0
    try:
        for listed in pending_in(find_environment(environment), wanted):
            print(format_point_in_time(point_in_time_of(listed.due)), listed.schedule_id)
            count += 1
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, like head, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    print(f"{count:,} schedules", file=sys.stderr)


if __name__ == "__main__":
    main("make list", show)
