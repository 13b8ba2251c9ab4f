"""The commands that make runs. An interruption that a command does not handle ends it in one line."""

import sys
from types import TracebackType

_show = sys.excepthook


def _show_in_a_line(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print("Interrupted.", file=sys.stderr)
    else:
        _show(kind, error, traceback)


sys.excepthook = _show_in_a_line
