"""Ends a command that is interrupted while its modules are still imported, which takes half a second."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn

__all__ = ["hear"]


def hear(command: str) -> None:
    """End with one sentence on Ctrl-C, until `tools.terminal.run` takes over. Nothing has been started by then."""

    def end(_number: int, _frame: object) -> NoReturn:
        print(f"{command}: interrupted before anything was started", file=sys.stderr)
        sys.exit(130)

    signal.signal(signal.SIGINT, end)
