"""What the commands show while they work, and how they end."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from typing import NoReturn

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tools.processes import hear_interrupts
from tools.terraform import TerraformError

__all__ = ["apply_progress", "run"]


@contextlib.contextmanager
def apply_progress(console: Console) -> Iterator[Callable[[int, int], None]]:
    """A bar for Terraform's resources; on what is no terminal, a line now and then."""
    if not console.is_terminal:
        console.print("Starting the embedded AWS and applying the Terraform to it. This takes a minute and a half.")

        def report(created: int, total: int) -> None:
            if created % 10 == 0 or created == total:
                console.print(f"  {created} of {total} resources")

        yield report
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Applying the Terraform to the embedded AWS", total=None)
        yield lambda created, total: progress.update(task, completed=created, total=total)


def run(command: str, action: Callable[[Console], bool]) -> NoReturn:
    """Run a command to its exit status: 0 if it answers True, 1 if not or if it failed, 130 if it was interrupted."""

    def terminated(_number: int, _frame: object) -> NoReturn:
        raise KeyboardInterrupt

    hear_interrupts()
    # A closed terminal ends us too, and what we started has no terminal that would tell it.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, terminated)
    console = Console()
    try:
        sys.exit(0 if action(console) else 1)
    except (TerraformError, OSError, BotoCoreError, ClientError) as error:
        # The others: the embedded AWS was ended by someone else, the disk is full, build/ belongs to another user.
        print(f"{command}: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(f"{command}: interrupted, and everything it started was ended", file=sys.stderr)
        sys.exit(130)
