"""The schedules of an environment that are due in the range of FROM and TO, read as the API's list reads them."""

from __future__ import annotations

from collections.abc import Iterator

from delayer.listing import Listed, Range, pending
from delayer.point_in_time import parse_point_in_time
from delayer.schedule_table import ScheduleTable
from delayer.schedules import LAST_POINT_IN_TIME
from tools.operate.environment import Environment
from tools.project import SWEEP, CommandError

#: A throttled call is repeated without end, because a command can be interrupted and run again.
_TIME_LEFT_SECONDS = 60.0

#: So many keys of each shard are read at once, up to the thousand of one query.
_KEYS_PER_SHARD = 600


def parse_range(start: str, end: str) -> Range:
    """Return the range from FROM to before TO, which are RFC 3339 with an offset. An empty one leaves the range open.

    Raises:
        CommandError: a time can't be read, or FROM is after TO.
    """
    found = Range(_parse("FROM", start, 0), _parse("TO", end, LAST_POINT_IN_TIME + 1))
    if found.start > found.end:
        raise CommandError(f"FROM={start} is after TO={end}: a range goes from the earlier time to the later one")
    return found


def _parse(name: str, text: str, default: int) -> int:
    try:
        return min(max(0, parse_point_in_time(text)), LAST_POINT_IN_TIME + 1) if text else default
    except ValueError as error:
        raise CommandError(f"{name}={text} {error}") from None


def table_of(environment: Environment) -> ScheduleTable:
    """Return the environment's schedule table."""
    return ScheduleTable(environment.client("dynamodb"), environment.outputs["table_name"])


def pending_in(environment: Environment, wanted: Range) -> Iterator[Listed]:
    """Yield the pending schedules of a range in order. Raises ClientError, BotoCoreError."""
    functions, sweep = environment.client("lambda"), environment.outputs["function_names"][SWEEP]
    settings = functions.get_function_configuration(FunctionName=sweep)["Environment"]["Variables"]
    shard_count = int(settings["SHARD_COUNT"])
    expected = _KEYS_PER_SHARD * shard_count
    yield from pending(table_of(environment), shard_count, wanted, expected, lambda: _TIME_LEFT_SECONDS)
