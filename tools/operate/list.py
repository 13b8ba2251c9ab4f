"""make list: print the pending schedules that are due in a range, in the order of pointInTime."""

from __future__ import annotations

import os
import sys

from rich.console import Console

from delayer.schedules import format_point_in_time, point_in_time_of
from tools.operate.due_range import parse_range, pending_in
from tools.operate.environment import find_environment
from tools.terminal import parse, run


def main(_console: Console) -> None:
    """Print a line for each schedule as the command line says. Raises CommandError, ClientError, BotoCoreError."""
    arguments = parse(sys.argv[1:], "environment", "start", "end")
    wanted = parse_range(arguments.start, arguments.end)
    count = 0
    try:
        for listed in pending_in(find_environment(arguments.environment), wanted):
            print(format_point_in_time(point_in_time_of(listed.due)), listed.schedule_id)
            count += 1
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, like head, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    print(f"{count:,} schedules", file=sys.stderr)


if __name__ == "__main__":
    run("make list", main)
