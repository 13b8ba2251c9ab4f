"""How far a sweep reads ahead of its deletes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING, cast

from delayer.schedule_table import DELETES_PER_CALL, Deletion, Key
from task_1minute_enqueuer.sweep import CALLS_IN_FLIGHT, sweep

if TYPE_CHECKING:
    from delayer.schedule_table import ScheduleTable


class Table:
    """One shard with so many pages of a call's keys each; it knows how many were read and not yet deleted."""

    def __init__(self, pages: int) -> None:
        self.pages = pages
        self.most_waiting = 0
        self._waiting = 0
        self._lock = Lock()

    def due_keys(self, *_: object) -> Iterator[Sequence[Key]]:
        """Page after page."""
        for page in range(self.pages):
            with self._lock:
                self._waiting += 1
                self.most_waiting = max(self.most_waiting, self._waiting)
            yield [{"shard": {"N": "0"}, "due": {"S": f"{page}#{key}"}} for key in range(DELETES_PER_CALL)]

    def delete(self, *_: object) -> Deletion:
        """Delete a page."""
        with self._lock:
            self._waiting -= 1
        return Deletion([])


def test_a_sweep_reads_no_more_than_it_can_delete() -> None:
    """GIVEN 50,000 due keys WHEN swept THEN memory holds those of the calls in flight and of the next one only."""
    table = Table(pages=2_000)
    result = sweep(cast("ScheduleTable", table), [0], 0, lambda: 60.0, lambda _keys: None)
    assert result.swept == 2_000 * DELETES_PER_CALL
    assert table.most_waiting <= CALLS_IN_FLIGHT + 1
