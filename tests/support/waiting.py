"""Wait for what happens elsewhere: by polling, with one generous limit, so that a slow machine makes no test fail."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Many times what a busy machine needs. Below the time limit of a test, so that the test's own assertion fails first.
_LIMIT_SECONDS = 300


def comes_true(condition: Callable[[], bool]) -> bool:
    """Poll until the condition is true; return whether it became true within the limit."""
    deadline = time.monotonic() + _LIMIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
