"""What the commands show while they work, and how they end."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import NoReturn, Self

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from tools.deploy.terraform import TerraformError
from tools.processes import hear_interrupts

__all__ = ["open_console", "run", "shown_progress"]

#: Where nobody looks at a terminal, lines are long enough not to be broken.
_FILE_WIDTH = 220

#: Where lines are printed, one comes at least so often.
_LINE_SECONDS = 4.0


class _Lines:
    """Progress as lines: one for each new step, and then one every few seconds."""

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


class _Counted(TextColumn):
    """How much is done of how much, where that is counted."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.completed:.0f}/{task.total:.0f}" if task.total else "")


@contextlib.contextmanager
def shown_progress(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Show steps as they are reported: a line that changes, or lines where the console is no terminal that can."""
    if not console.is_terminal:
        with _Lines(console) as lines:
            yield lines
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), _Counted(""), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)
        steps: list[str] = []

        def report(step: str, done: int, total: int) -> None:
            if [step] != steps:
                steps[:] = [step]
                progress.reset(task, description=step)
            progress.update(task, completed=done, total=total or None)

        yield report


def open_console() -> Console:
    """Return the console on the standard output: a terminal only if its lines can be changed once they are printed."""
    is_changeable = sys.stdout.isatty() and os.environ.get("TERM") not in (None, "", "dumb", "unknown")
    return Console(force_terminal=is_changeable, width=None if sys.stdout.isatty() else _FILE_WIDTH)


def run(command: str, action: Callable[[Console], bool]) -> NoReturn:
    """Run a command to its exit status: 0 if it answers True, 1 if not or if it failed, 130 if it was interrupted."""
    hear_interrupts()
    try:
        sys.exit(0 if action(open_console()) else 1)
    except (TerraformError, OSError, BotoCoreError, ClientError) as error:
        # The others: the embedded AWS was ended by someone else, the disk is full, build/ belongs to another user.
        print(f"{command}: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(f"{command}: interrupted, and everything it started was ended", file=sys.stderr)
        sys.exit(130)
