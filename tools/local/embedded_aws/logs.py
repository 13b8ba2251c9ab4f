"""Lets ministack keep every line that a function prints: on a busy machine it takes some for the next call's."""

from __future__ import annotations

import fcntl
import struct
import termios
import time
from typing import Any

__all__ = ["install"]

#: For the thread that reads the pipe to hand its last lines over.
_QUIET_SECONDS = 0.02


def install() -> None:
    """Read a function's pipe to its end before its call is done: it printed before it answered."""
    # Imported here, for ministack reads the environment when it is imported.
    from ministack.core import lambda_runtime  # noqa: PLC0415

    drain = lambda_runtime.Worker._drain_stderr_bounded  # noqa: SLF001 -- it has no other way in

    def drain_all(worker: Any) -> str:
        process = worker._proc  # noqa: SLF001
        while process is not None and process.poll() is None and _waiting_bytes(process.stderr.fileno()):
            time.sleep(0.001)
        return str(drain(worker, idle_confirm=_QUIET_SECONDS))

    lambda_runtime.Worker._drain_stderr_bounded = drain_all  # noqa: SLF001


def _waiting_bytes(pipe: int) -> int:
    size: tuple[int] = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))
    return size[0]
