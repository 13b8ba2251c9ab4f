"""How every command parses its arguments, shows its progress, and ends. A bare Python without rich can import it."""

import argparse
import contextlib
import inspect
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn

from tools.processes import hear_interrupts
from tools.project import CommandError

if TYPE_CHECKING:
    from rich.console import Console

#: Shows progress: the step, how much of it is done, and of how much (0 if that is not counted).
type Progress = Callable[[str, int, int], None]

#: The longest time between two lines of progress where no terminal shows a bar.
_LINE_SECONDS = 4.0


def main(
    command: str,
    action: Callable[..., bool | None],
    *,
    interrupted: str = "interrupted",
    arguments: Sequence[str] | None = None,
) -> NoReturn:
    """Call `action` with the command line's arguments, and exit: with 0, 1 if it failed or returned False, or 130.

    Its positional parameters get the arguments in order, and "" for a missing one, as an empty variable of make is. A
    keyword-only parameter is a switch: `--offline` sets `is_offline`. The expected errors, and `interrupted` after
    Ctrl-C, are printed as one line that begins with `command`, like `make plan`.
    """
    hear_interrupts()
    parser = argparse.ArgumentParser(prog=command)
    for name, parameter in inspect.signature(action).parameters.items():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            parser.add_argument(f"--{name.removeprefix('is_').replace('_', '-')}", action="store_true", dest=name)
        else:
            parser.add_argument(name, nargs="?", default="")
    try:
        sys.exit(1 if action(**vars(parser.parse_args(arguments))) is False else 0)
    except _expected() as error:
        print(f"{command}: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(f"{command}: {interrupted}", file=sys.stderr)
        sys.exit(130)


def _expected() -> tuple[type[Exception], ...]:
    # A bare Python has no botocore, and what has not imported it raises none of its errors.
    botocore = sys.modules.get("botocore.exceptions")
    return (CommandError, OSError, *((botocore.BotoCoreError, botocore.ClientError) if botocore else ()))


def open_console() -> "Console":
    """Return the console on the standard output, a terminal only if its lines can be changed once they are printed."""
    from rich.console import Console  # noqa: PLC0415 -- a bare Python has no rich

    is_changeable = sys.stdout.isatty() and os.environ.get("TERM") not in (None, "", "dumb", "unknown")
    # Lines in a file are not broken, and numbers have no colours.
    return Console(force_terminal=is_changeable, width=None if sys.stdout.isatty() else 220, highlight=False)


@contextlib.contextmanager
def shown_progress(console: "Console") -> Iterator[Progress]:
    """Show steps as they are reported: in a line that changes, or in lines if the console can't do that."""
    if not console.is_terminal:
        with printed_progress(lambda line: console.print(line, highlight=False, soft_wrap=True)) as report:
            yield report
        return
    from rich import progress as bars  # noqa: PLC0415 -- a bare Python has no rich

    columns = (
        bars.SpinnerColumn(), bars.TextColumn("{task.description}"), bars.BarColumn(),
        bars.TextColumn("{task.fields[counted]}"), bars.TimeElapsedColumn(),
    )  # fmt: skip
    with bars.Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None, counted="")

        def draw(step: str, done: int, total: int) -> None:
            if progress.tasks[0].description != step:
                progress.reset(task, description=step)
            progress.update(task, completed=done, total=total or None, counted=f"{done}/{total}" if total else "")

        yield draw


@contextlib.contextmanager
def printed_progress(show: Callable[[str], None]) -> Iterator[Progress]:
    """Show progress as lines: one for each new step, and then one every few seconds."""
    changed = threading.Condition()
    step, counted, began, is_over = "", "", 0.0, False

    def report(new_step: str, done: int, total: int) -> None:
        nonlocal step, counted, began
        with changed:
            counted = f"{done} of {total}, " if total else ""
            if new_step != step:
                step, began = new_step, time.monotonic()
                show(step)
                changed.notify()

    def repeat() -> None:
        with changed:
            while not is_over:
                if not changed.wait(_LINE_SECONDS) and step:
                    show(f"{step}: {counted}{time.monotonic() - began:.0f} s")

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield report
    finally:
        with changed:
            is_over = True
            changed.notify()
        thread.join()
