"""How every command parses its arguments, shows its progress, and ends.

A bare Python can import this: rich is imported only by what draws.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn, Self

from tools.processes import hear_interrupts
from tools.project import CommandError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Progress", "end", "open_console", "parse", "run", "shown_progress"]

#: Shows progress: the step, how much of it is done, and of how much (0 if that is not counted).
type Progress = Callable[[str, int, int], None]

#: The width of output that goes to no terminal: lines are not broken.
_FILE_WIDTH = 220

#: The longest time between two lines of progress where no terminal shows a bar.
_LINE_SECONDS = 4.0


def end(
    command: str,
    action: Callable[[], bool | None],
    *,
    failures: Sequence[type[Exception]] = (),
    interrupted: str = "interrupted",
) -> NoReturn:
    """Run a command and exit: with 0 if it succeeded, 1 if it failed or returned False, 130 if it was interrupted.

    Args:
        command: as the user typed it, like `make plan`; every message begins with it.
        action: does the work.
        failures: exceptions, besides CommandError and OSError, whose message is all that a user needs.
        interrupted: the message after Ctrl-C.
    """
    hear_interrupts()
    expected: tuple[type[Exception], ...] = (CommandError, OSError, *failures)
    try:
        sys.exit(1 if action() is False else 0)
    except expected as error:
        print(f"{command}: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(f"{command}: {interrupted}", file=sys.stderr)
        sys.exit(130)


def run(command: str, action: Callable[[Console], bool | None]) -> NoReturn:
    """`end` a command that draws on a console and calls AWS."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 -- a bare Python has no botocore

    end(
        command,
        lambda: action(open_console()),
        failures=(BotoCoreError, ClientError),
        interrupted="interrupted, and everything it started was ended",
    )


def parse(arguments: Sequence[str], *names: str, switches: Sequence[str] = ()) -> argparse.Namespace:
    """Return a command's arguments by name; a missing one is empty, as an empty variable of make is."""
    parser = argparse.ArgumentParser()
    for name in names:
        parser.add_argument(name, nargs="?", default="")
    for switch in switches:
        parser.add_argument(f"--{switch}", action="store_true")
    return parser.parse_args(arguments)


def open_console() -> Console:
    """Return the console on the standard output, a terminal only if its lines can be changed once they are printed."""
    from rich.console import Console  # noqa: PLC0415 -- a bare Python has no rich

    is_changeable = sys.stdout.isatty() and os.environ.get("TERM") not in (None, "", "dumb", "unknown")
    return Console(force_terminal=is_changeable, width=None if sys.stdout.isatty() else _FILE_WIDTH)


@contextlib.contextmanager
def shown_progress(console: Console) -> Iterator[Progress]:
    """Show steps as they are reported: in a line that changes, or in lines if the console can't do that."""
    if not console.is_terminal:
        with _Lines(console) as lines:
            yield lines
        return
    from rich import progress as bars  # noqa: PLC0415 -- a bare Python has no rich

    columns = (
        bars.SpinnerColumn(), bars.TextColumn("{task.description}"), bars.BarColumn(),
        bars.TextColumn("{task.fields[counted]}"), bars.TimeElapsedColumn(),
    )  # fmt: skip
    with bars.Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None, counted="")
        steps: list[str] = []

        def report(step: str, done: int, total: int) -> None:
            if [step] != steps:
                steps[:] = [step]
                progress.reset(task, description=step)
            counted = f"{done}/{total}" if total else ""
            progress.update(task, completed=done, total=total or None, counted=counted)

        yield report


class _Lines:
    """Print progress: a line for each new step, and then one every few seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._step, self._done, self._total = "", 0, 0
        self._began = self._printed = 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._repeat, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def __call__(self, step: str, done: int, total: int) -> None:
        with self._lock:
            self._done, self._total = done, total
            if step != self._step:
                self._step, self._began = step, time.monotonic()
                self._print(step)

    def _repeat(self) -> None:
        while not self._is_over.wait(0.25):
            with self._lock:
                if self._step and time.monotonic() >= self._printed + _LINE_SECONDS:
                    counted = f"{self._done} of {self._total}, " if self._total else ""
                    self._print(f"{self._step}: {counted}{time.monotonic() - self._began:.0f} s")

    def _print(self, line: str) -> None:
        self._printed = time.monotonic()
        self._console.print(line, highlight=False, soft_wrap=True)
