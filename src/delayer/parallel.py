"""Calls in parallel, with a limit."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["in_parallel"]


def in_parallel[Item, Result](function: Callable[[Item], Result], items: Iterable[Item], most: int) -> Iterator[Result]:
    """Call the function with each item, `most` at once, and yield the results as they come.

    The next item is taken when a call has ended, so that items are not read long before they are used.
    """
    calls: set[Future[Result]] = set()
    with ThreadPoolExecutor(most) as pool:
        for item in items:
            if len(calls) == most:
                done, calls = wait(calls, return_when=FIRST_COMPLETED)
                yield from (call.result() for call in done)
            calls.add(pool.submit(function, item))
        yield from (call.result() for call in wait(calls).done)
