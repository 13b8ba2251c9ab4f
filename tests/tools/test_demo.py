"""The demonstration's verdict, its table, and the status it ends with."""

from __future__ import annotations

import os
import signal
import time
from io import StringIO

import pytest
from botocore.exceptions import EndpointConnectionError
from rich.console import Console

from tools import terminal
from tools.demo import Arrivals, Posted, summarize, view
from tools.terraform import TerraformError

NOW = 1_790_000_000


@pytest.fixture
def posted() -> list[Posted]:
    """A schedule by itself, and two that are due together."""
    return [Posted("in 10 s", "a", NOW), Posted("burst", "b", NOW + 5), Posted("burst", "c", NOW + 5)]


def arrived(**lateness_seconds: float) -> Arrivals:
    """What was received, by scheduleId, so many seconds after it was due."""
    arrivals = Arrivals()
    for schedule_id, lateness in lateness_seconds.items():
        arrivals.add(schedule_id, (NOW if schedule_id == "a" else NOW + 5) + lateness)
    return arrivals


def printed(posted: list[Posted], arrivals: Arrivals) -> str:
    """The table as text."""
    console = Console(file=StringIO(), width=120)
    console.print(view(posted, arrivals))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


class TestVerdict:
    """It is good if all arrived, none early, none twice and nothing else."""

    def test_all_arrived(self, posted: list[Posted]) -> None:
        """All in time is good, and the worst lateness is told."""
        is_good, line = summarize(posted, arrived(a=0.25, b=0, c=0.875))
        assert is_good
        assert line.startswith("3 of 3 arrived, 0 early, 0 twice, 0 unknown; worst lateness 875 ms")

    def test_missing(self, posted: list[Posted]) -> None:
        """One that is missing is not good."""
        is_good, line = summarize(posted, arrived(a=0.25, b=0.5))
        assert not is_good
        assert line.startswith("2 of 3 arrived, 0 early, 0 twice, 0 unknown")

    def test_early(self, posted: list[Posted]) -> None:
        """One that is early, by a millisecond, is not good."""
        is_good, line = summarize(posted, arrived(a=0.25, b=-0.001, c=0.5))
        assert not is_good
        assert line.startswith("3 of 3 arrived, 1 early, 0 twice, 0 unknown")

    def test_twice(self, posted: list[Posted]) -> None:
        """One that arrived twice is not good."""
        arrivals = arrived(a=0.25, b=0.5, c=0.5)
        arrivals.add("c", NOW + 6)
        is_good, line = summarize(posted, arrivals)
        assert not is_good
        assert line.startswith("3 of 3 arrived, 0 early, 1 twice, 0 unknown")

    def test_unknown(self, posted: list[Posted]) -> None:
        """A message that nobody asked for is not good."""
        is_good, line = summarize(posted, arrived(a=0.25, b=0.5, c=0.5, d=0))
        assert not is_good
        assert line.startswith("3 of 3 arrived, 0 early, 0 twice, 1 unknown")

    def test_nothing_posted(self) -> None:
        """Where nothing was posted, nothing was shown."""
        assert not summarize([], Arrivals())[0]

    def test_due_already(self, posted: list[Posted]) -> None:
        """What was due before it was posted is late by its sender, and is no part of the worst lateness."""
        arrivals = arrived(a=0.25, b=0.5, c=0.5)
        arrivals.add("late", NOW + 20)
        is_good, line = summarize([*posted, Posted("due already", "late", NOW - 1)], arrivals)
        assert is_good
        assert "worst lateness 500 ms" in line


class TestTable:
    """A row for each schedule, and one for all of a burst."""

    def test_arrived(self, posted: list[Posted]) -> None:
        """A row says when it was due and when it came, how late, and by which path."""
        arrivals = arrived(a=0.25, b=0.5, c=0.875)
        arrivals.paths |= {"a": "fast track", "b": "sweep", "c": "fast track"}
        rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed(posted, arrivals).splitlines()]
        assert ["in 10 s", "14:13:20", "14:13:20.250", "250", "fast track"] in rows
        assert ["burst of 2", "14:13:25", "2 of 2", "875 at most", "fast track, sweep"] in rows

    def test_part_of_a_burst(self, posted: list[Posted]) -> None:
        """Of a burst, how many have come is told."""
        assert "1 of 2" in printed(posted, arrived(b=0.5))

    def test_not_arrived(self) -> None:
        """What is yet to come has no lateness, and never a negative time to wait."""
        (row,) = (
            line for line in printed([Posted("overdue", "a", NOW - 10**9)], Arrivals()).splitlines() if "over" in line
        )
        assert [cell.strip() for cell in row.split("│")[3:6]] == ["in 0 s", "", ""]


class TestStatus:
    """How a command ends."""

    @pytest.fixture(autouse=True)
    def _restore_handlers(self) -> object:
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        yield
        for number, handler in handlers.items():
            signal.signal(number, handler)

    @pytest.mark.parametrize(("is_good", "status"), [(True, 0), (False, 1)])
    def test_verdict(self, *, is_good: bool, status: int) -> None:
        """A good end is status 0, a bad one 1."""
        with pytest.raises(SystemExit) as caught:
            terminal.run("make demo", lambda _console: is_good)
        assert caught.value.code == status

    @pytest.mark.parametrize(
        ("error", "line"),
        [
            (TerraformError("no such thing"), "no such thing"),
            (PermissionError(13, "Permission denied", "build/work"), "[Errno 13] Permission denied: 'build/work'"),
            (EndpointConnectionError(endpoint_url="http://a"), 'Could not connect to the endpoint URL: "http://a"'),
        ],
        ids=["Terraform", "disk", "embedded AWS"],
    )
    def test_error(self, capsys: pytest.CaptureFixture[str], error: Exception, line: str) -> None:
        """What could not be done is a line that names the command, and status 1."""

        def fail(_console: Console) -> bool:
            raise error

        with pytest.raises(SystemExit) as caught:
            terminal.run("make demo", fail)
        assert caught.value.code == 1
        assert capsys.readouterr().err == f"make demo: {line}\n"

    @pytest.mark.parametrize("on_entry", [signal.default_int_handler, signal.SIG_IGN], ids=["foreground", "background"])
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
    def test_interrupted(
        self, capsys: pytest.CaptureFixture[str], number: signal.Signals, on_entry: signal.Handlers
    ) -> None:
        """Ctrl-C, an ordered end and a closed terminal all let the command clean up, and end it with status 130.

        A background job, which starts with SIGINT ignored, ends the same way.
        """
        signal.signal(signal.SIGINT, on_entry)
        is_cleaned_up = False

        def wait(_console: Console) -> bool:
            nonlocal is_cleaned_up
            try:
                os.kill(os.getpid(), number)
                time.sleep(60)  # interrupted at once; else the command ends with status 0
            finally:
                is_cleaned_up = True
            return True

        with pytest.raises(SystemExit) as caught:
            terminal.run("make demo", wait)
        assert is_cleaned_up
        assert caught.value.code == 130
        assert capsys.readouterr().err == "make demo: interrupted, and everything it started was ended\n"
