"""Make SIGINT interrupt a command, however the command was started. Standard library only."""

from __future__ import annotations

import signal

__all__ = ["hear_interrupts"]


def hear_interrupts() -> None:
    """Restore KeyboardInterrupt on SIGINT, for this process and the processes it starts, if SIGINT is ignored.

    A shell without job control starts its background jobs with SIGINT ignored, and so do nohup and some CI runners.
    Python leaves it ignored, and an ignored signal stays ignored in every child process. Ctrl-C does not reach such a
    job; a `kill -INT` is meant for it. Call this first in every command's main.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
