"""The commands that make runs. One that is interrupted while it still imports its modules ends in a line."""

import sys
from types import TracebackType

_show = sys.excepthook


def _show_in_a_line(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print("Interrupted before anything was started.", file=sys.stderr)
    else:
        _show(kind, error, traceback)


sys.excepthook = _show_in_a_line
