"""The demonstration's verdict, its table, and the status it ends with."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from io import StringIO
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError
from rich.console import Console

from tests.support.waiting import comes_true
from tools import terminal
from tools.local import demo
from tools.local.demo import Arrivals, Posted, Verdict, conclude, summarize, view
from tools.local.stack import Answer, Stack, end
from tools.project import ROOT, CommandError

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
    return shown(console)


def shown(console: Console) -> str:
    """All that was printed."""
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


class TestVerdict:
    """It is good if all arrived, none early, none twice and nothing else; and on time if none is over 1.5 s late."""

    @pytest.mark.parametrize(("worst", "is_on_time"), [(0.875, True), (1.5, True), (1.501, False), (20, False)])
    def test_all_arrived(self, posted: list[Posted], *, worst: float, is_on_time: bool) -> None:
        """All arrived is good, however late; the worst lateness is shown, and is on time up to 1.5 s."""
        verdict = summarize(posted, arrived(a=0.25, b=0, c=worst))
        assert (verdict.is_good, verdict.is_on_time) == (True, is_on_time)
        expected = f"3 of 3 arrived, 0 early, 0 twice, 0 unknown; worst lateness {worst * 1000:,.0f} ms"
        assert verdict.line.startswith(expected)

    def test_missing(self, posted: list[Posted]) -> None:
        """One that is missing is not good."""
        verdict = summarize(posted, arrived(a=0.25, b=0.5))
        assert not verdict.is_good
        assert verdict.line.startswith("2 of 3 arrived, 0 early, 0 twice, 0 unknown")

    def test_early(self, posted: list[Posted]) -> None:
        """One that is early, by a millisecond, is not good."""
        verdict = summarize(posted, arrived(a=0.25, b=-0.001, c=0.5))
        assert not verdict.is_good
        assert verdict.line.startswith("3 of 3 arrived, 1 early, 0 twice, 0 unknown")

    def test_twice(self, posted: list[Posted]) -> None:
        """One that arrived twice is not good."""
        arrivals = arrived(a=0.25, b=0.5, c=0.5)
        arrivals.add("c", NOW + 6)
        verdict = summarize(posted, arrivals)
        assert not verdict.is_good
        assert verdict.line.startswith("3 of 3 arrived, 0 early, 1 twice, 0 unknown")

    def test_unknown(self, posted: list[Posted]) -> None:
        """A message that nobody asked for is not good."""
        verdict = summarize(posted, arrived(a=0.25, b=0.5, c=0.5, d=0))
        assert not verdict.is_good
        assert verdict.line.startswith("3 of 3 arrived, 0 early, 0 twice, 1 unknown")

    def test_nothing_posted(self) -> None:
        """Where nothing was posted, nothing was shown."""
        assert not summarize([], Arrivals()).is_good

    def test_due_already(self, posted: list[Posted]) -> None:
        """What was due before it was posted is late by its sender, and is no part of the worst lateness."""
        arrivals = arrived(a=0.25, b=0.5, c=0.5)
        arrivals.add("late", NOW + 20)
        verdict = summarize([*posted, Posted("due already", "late", NOW - 1)], arrivals)
        assert verdict.is_good
        assert "worst lateness 500 ms" in verdict.line


class TestConclusion:
    """The last lines: the verdict in its colour, and what to run next."""

    @pytest.fixture
    def console(self) -> Console:
        """A terminal with colours."""
        return Console(file=StringIO(), width=200, force_terminal=True, color_system="standard", legacy_windows=False)

    @pytest.mark.parametrize(
        ("verdict", "colour"),
        [
            (Verdict(is_good=True, is_on_time=True, line="verdict"), 32),
            (Verdict(is_good=True, is_on_time=False, line="verdict"), 33),
            (Verdict(is_good=False, is_on_time=True, line="verdict"), 31),
            (Verdict(is_good=False, is_on_time=False, line="verdict"), 31),
        ],
        ids=["on time", "late", "lost", "lost and late"],
    )
    def test_colour(self, console: Console, verdict: Verdict, colour: int) -> None:
        """Green is for on time, yellow for late, red for what must not happen, which alone is a failure."""
        assert conclude(verdict, console) == verdict.is_good
        assert f"\x1b[1;{colour}m" in shown(console).splitlines()[1]

    def test_busy_machine(self, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        """A late demo says that the machine was too busy, with its load and processors; one on time doesn't."""
        monkeypatch.setattr("os.getloadavg", lambda: (7.25, 3, 2))
        monkeypatch.setattr("os.cpu_count", lambda: 2)
        conclude(Verdict(is_good=True, is_on_time=False, line=""), console)
        said = "too busy to be on time (load average 7.2, 2 processors)"
        assert said in shown(console)
        conclude(Verdict(is_good=True, is_on_time=True, line=""), console)
        assert shown(console).count(said) == 1

    def test_next(self, console: Console) -> None:
        """It ends with what to run next, and with pages that are there."""
        conclude(Verdict(is_good=True, is_on_time=True, line=""), console)
        last = shown(console).splitlines()[-1]
        assert "make local" in last
        for page in ("README.md", "docs/operations/deploying.md"):
            assert page in last
            assert (ROOT / page).exists()
        assert "## Post a schedule" in (ROOT / "README.md").read_text(encoding="utf-8")


class TestDemonstration:
    """Whatever happens, the stack is ended."""

    @pytest.fixture
    def folder(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        """The stack's folder, with nothing behind it, and nothing to post or to watch."""
        folder = tmp_path / "build" / "work" / f"demo-{os.getpid()}"

        def start(folder: Path, _progress: object) -> Stack:
            folder.mkdir(parents=True)
            return Stack("", folder, 0, {})

        monkeypatch.setattr(demo, "ROOT", tmp_path)
        monkeypatch.setattr(demo, "start", start)
        monkeypatch.setattr(demo, "consuming", lambda *_: contextlib.nullcontext())
        monkeypatch.setattr(demo, "post_all", lambda *_: [])
        monkeypatch.setattr(demo, "watch", lambda *_: None)
        return folder

    @pytest.mark.parametrize("name", ["consuming", "post_all", "watch", "summarize"])
    def test_interrupted(self, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        """Ctrl-C at any point after the start."""

        def interrupt(*_: object) -> None:
            assert folder.exists()
            raise KeyboardInterrupt

        monkeypatch.setattr(demo, name, interrupt)
        with pytest.raises(KeyboardInterrupt):
            demo.demonstrate(Console(file=StringIO()))
        assert not folder.exists()

    def test_interrupted_while_it_is_ended(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ctrl-C in the midst of the end: it is done again, and whole."""
        calls = 0

        def end_slowly(folder: Path) -> None:
            nonlocal calls
            calls += 1
            if calls == 1:
                raise KeyboardInterrupt
            end(folder)

        monkeypatch.setattr(demo, "end", end_slowly)
        with pytest.raises(KeyboardInterrupt):
            demo.demonstrate(Console(file=StringIO()))
        assert not folder.exists()

    def test_end_is_shown(self, folder: Path) -> None:
        """The end takes a moment, and says so."""
        console = Console(file=StringIO(), width=200)
        demo.demonstrate(console)
        assert "Stopping the embedded AWS\n" in shown(console)
        assert not folder.exists()

    def test_posts_are_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each post is counted as it is made."""
        seen: list[tuple[str, int, int]] = []
        answers = iter([*[Answer(201, {}, {"scheduleId": "s"})] * 106, Answer(400, {}, {"detail": "no such day"})])
        monkeypatch.setattr(Stack, "post", lambda _stack, _body: next(answers))
        console = Console(file=StringIO(), width=200)
        posted = demo.post_all(Stack("", Path(), 0), console, lambda *step: seen.append(step))
        assert seen == [("Posting schedules", number, 106) for number in range(106)]
        assert len(posted) == 106
        assert "answered 400: no such day" in shown(console)

    def test_arrivals_are_lines_where_there_is_no_terminal(
        self, posted: list[Posted], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A log gets lines and one table at the end, and no control characters."""
        monkeypatch.setattr(demo, "_until_complete", lambda *_: iter([0, 2, 3]))
        console = Console(file=StringIO(), width=120, force_terminal=False)
        demo.watch(Stack("", Path(), 0), posted, arrived(a=0.25, b=0.5, c=0.5), console)
        said = shown(console)
        assert said.startswith("Receiving messages\n")
        assert said.count("Schedules and their messages") == 1
        assert "\x1b" not in said


class TestProgress:
    """Steps as a line that changes, or as lines."""

    def test_lines(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A step is a line at once, and the same step again is a line every few seconds, with its count."""
        monkeypatch.setattr(terminal, "_LINE_SECONDS", 0)
        console = Console(file=StringIO(), width=80, force_terminal=False)
        with terminal.shown_progress(console) as progress:
            progress("First", 0, 0)
            progress("Second", 1, 3)
            progress("Second", 2, 3)
            assert comes_true(lambda: "Second: 2 of 3, " in shown(console))
        lines = shown(console).splitlines()
        assert lines[0] == "First"
        assert "Second" in lines[1:]
        assert any(re.fullmatch(r"Second: 2 of 3, \d+ s", line) for line in lines)

    def test_terminal(self) -> None:
        """On a terminal one line is drawn again and again, and is gone at the end."""
        console = Console(file=StringIO(), width=80, force_terminal=True, color_system=None, legacy_windows=False)
        with terminal.shown_progress(console) as progress:
            progress("First", 0, 0)
            progress("Second", 2, 3)
        said = shown(console)
        assert "Second" in said
        assert "2/3" in said
        assert said.endswith("\x1b[2K")

    @pytest.mark.parametrize(
        ("is_tty", "name", "is_terminal"),
        [
            (True, "xterm-256color", True),
            (True, "dumb", False),
            (True, "unknown", False),
            (True, "", False),
            (True, None, False),
            (False, "xterm-256color", False),
        ],
    )
    def test_console(
        self, monkeypatch: pytest.MonkeyPatch, *, is_tty: bool, name: str | None, is_terminal: bool
    ) -> None:
        """A terminal that can't move its cursor is treated like a file, also where colours are forced."""
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.delenv("TERM", raising=False)
        if name is not None:
            monkeypatch.setenv("TERM", name)
        monkeypatch.setattr("sys.stdout.isatty", lambda: is_tty)
        assert terminal.open_console().is_terminal == is_terminal


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

    @pytest.mark.parametrize(("is_good", "status"), [(True, 0), (False, 1)])
    def test_verdict(self, *, is_good: bool, status: int) -> None:
        """A good end is status 0, a bad one 1."""
        with pytest.raises(SystemExit) as caught:
            terminal.run("make demo", lambda _console: is_good)
        assert caught.value.code == status

    @pytest.mark.parametrize(
        ("error", "line"),
        [
            (CommandError("no such thing"), "no such thing"),
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

    def test_interrupted_again(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A second signal, of whatever kind, doesn't keep the command from cleaning up, and is no second line."""
        is_cleaned_up = False

        def wait(_console: Console) -> bool:
            nonlocal is_cleaned_up
            try:
                signal.raise_signal(signal.SIGINT)
            finally:
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    signal.raise_signal(number)
                is_cleaned_up = True
            return True

        with pytest.raises(SystemExit) as caught:
            terminal.run("make demo", wait)
        assert is_cleaned_up
        assert caught.value.code == 130
        assert capsys.readouterr().err == "make demo: interrupted, and everything it started was ended\n"

    def test_interrupted_in_the_background(self) -> None:
        """A shell without job control starts a command in the background with SIGINT ignored; it is heard anyway."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)

        def wait(_console: Console) -> bool:
            signal.raise_signal(signal.SIGINT)
            return True

        with pytest.raises(SystemExit) as caught:
            terminal.run("make demo", wait)
        assert caught.value.code == 130

    def test_nohup(self) -> None:
        """A command that was started by nohup goes on when the terminal is closed."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

        def wait(_console: Console) -> bool:
            signal.raise_signal(signal.SIGHUP)
            return True

        with pytest.raises(SystemExit) as caught:
            terminal.run("make demo", wait)
        assert caught.value.code == 0
