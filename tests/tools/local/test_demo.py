"""The demonstration's table, verdict and picture, and that it leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console
from rich.table import Table

from tools.local import demo, stack
from tools.local.arrivals import Arrival, Arrivals
from tools.local.demo import Posted, judge, view
from tools.local.stack import Answer, Stack
from tools.project import ROOT, CommandError

NOW = 1_790_000_000


@pytest.fixture
def posted() -> list[Posted]:
    """A schedule by itself, and two that are due together."""
    return [Posted("in 10 s", NOW, ["a"]), Posted("burst", NOW + 5, ["b", "c"])]


def arrived(**lateness_seconds: float) -> Arrivals:
    """Return arrivals by scheduleId, so many seconds after each was due."""
    return {
        schedule_id: [Arrival((NOW if schedule_id == "a" else NOW + 5) + lateness, "m")]
        for schedule_id, lateness in lateness_seconds.items()
    }


def rows(posted: list[Posted], arrivals: Arrivals, **paths: str) -> list[list[str]]:
    """Return the cells of the table's rows."""
    console = Console(file=StringIO(), width=120)
    console.print(view(posted, arrivals, paths))
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown(console).splitlines() if "│" in line]


def shown(console: Console) -> str:
    """Return all that was printed."""
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


class TestTable:
    """A row for each schedule, and one for all of a burst."""

    def test_arrived_schedule_has_times_lateness_and_path(self, posted: list[Posted]) -> None:
        """A burst has the least and the most lateness, and every path."""
        arrivals = arrived(a=0.25, b=0.5, c=0.875)
        assert rows(posted, arrivals, a="fast track", b="sweep", c="fast track") == [
            ["in 10 s", "14:13:20", "14:13:20.250", "250 ms", "fast track"],
            ["2 in one second", "14:13:25", "2 of 2", "500 to 875 ms", "fast track, sweep"],
        ]

    def test_rows_are_in_the_order_of_their_times(self, posted: list[Posted]) -> None:
        """The order of the posts doesn't matter."""
        assert [row[1] for row in rows(posted[::-1], {})] == ["14:13:20", "14:13:25"]

    def test_incomplete_burst_shows_how_many_arrived(self, posted: list[Posted]) -> None:
        """The lateness is that of those that arrived."""
        assert rows(posted, arrived(b=0.5))[1][2:4] == ["1 of 2", "500 ms"]

    def test_early_arrival_is_negative_and_red(self, posted: list[Posted]) -> None:
        """Also if the rest of its burst is on time; an arrival on time has no such colour."""
        column = view(posted, arrived(a=0.25, b=-0.003, c=0.5), {}).columns[3]
        assert [(str(cell), getattr(cell, "style", "")) for cell in column.cells] == [
            ("250 ms", ""), ("-3 to 500 ms", "bold red"),
        ]  # fmt: skip

    def test_schedule_that_is_overdue_has_no_negative_wait(self) -> None:
        """A schedule that has not arrived has no lateness either."""
        assert rows([Posted("overdue", NOW - 10**9, ["a"])], {})[0][2:] == ["in 0 s", "", ""]


class TestVerdict:
    """Good: all arrived, none early, none twice, nothing else. On time: none over 1.5 s late."""

    @pytest.mark.parametrize(("worst", "is_on_time"), [(0.875, True), (1.5, True), (1.501, False), (20, False)])
    def test_all_arrived_is_good(self, posted: list[Posted], *, worst: float, is_on_time: bool) -> None:
        """It is good however late, and on time up to 1.5 s; the line has the worst lateness."""
        is_good, verdict = judge(posted, arrived(a=0.25, b=0, c=worst))
        assert (is_good, "too busy to be on time" not in verdict.plain) == (True, is_on_time)
        assert verdict.plain.startswith(
            f"\n3 of 3 arrived, 0 early, 0 twice, 0 unknown. The latest came {worst * 1000:,.0f} ms after its second"
        )

    def test_anything_wrong_is_bad_and_counted(self, posted: list[Posted]) -> None:
        """One is missing, a millisecond early, there twice (by its schedule), or of a schedule that was not posted."""
        twice = arrived(a=0.25, b=0.5, c=0.5)
        twice["c"].append(Arrival(NOW + 6, "n"))
        for arrivals, counts in (
            (arrived(a=0.25, b=0.5), "2 of 3 arrived, 0 early, 0 twice, 0 unknown"),
            (arrived(a=0.25, b=-0.001, c=0.5), "3 of 3 arrived, 1 early, 0 twice, 0 unknown"),
            (twice, "3 of 3 arrived, 0 early, 1 twice, 0 unknown"),
            (arrived(a=0.25, b=0.5, c=0.5, d=0), "3 of 3 arrived, 0 early, 0 twice, 1 unknown"),
        ):
            is_good, verdict = judge(posted, arrivals)
            assert not is_good
            assert verdict.plain.startswith(f"\n{counts}. ")

    def test_nothing_posted_is_bad(self) -> None:
        """An empty run demonstrates nothing."""
        assert not judge([], {})[0]

    def test_schedule_due_before_its_post_is_not_the_latest(self, posted: list[Posted]) -> None:
        """Its lateness is its sender's."""
        arrivals = arrived(a=0.25, b=0.5, c=0.5)
        arrivals["late"] = [Arrival(NOW + 20, "m")]
        is_good, verdict = judge([*posted, Posted("due before its post", NOW - 1, ["late"])], arrivals)
        assert is_good
        assert "The latest came 500 ms" in verdict.plain

    @pytest.mark.parametrize(
        ("lateness", "colour"),
        [({"c": 0.5}, 32), ({"c": 20}, 33), ({}, 31), ({"d": 20, "c": 20}, 31)],
        ids=["on time", "late", "lost", "unknown and late"],
    )
    def test_verdict_has_its_colour(self, posted: list[Posted], lateness: dict[str, float], colour: int) -> None:
        """Green is on time, yellow is late, red is lost, early or twice."""
        console = Console(file=StringIO(), width=200, force_terminal=True, color_system="standard")
        console.print(judge(posted, arrived(a=0, b=0, **lateness))[1])
        assert f"\x1b[1;{colour}m" in shown(console).splitlines()[1]

    def test_late_verdict_names_the_load(self, posted: list[Posted], monkeypatch: pytest.MonkeyPatch) -> None:
        """A verdict on time doesn't."""
        monkeypatch.setattr("os.getloadavg", lambda: (7.25, 3, 2))
        monkeypatch.setattr("os.cpu_count", lambda: 2)
        _, verdict = judge(posted, arrived(a=0, b=0, c=20))
        assert "too busy to be on time (load average 7.2, 2 processors)" in verdict.plain


class TestDemonstration:
    """The stack ends with the demonstration, whatever happens."""

    @pytest.fixture
    def folder(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        """Return the folder of a stack with nothing in it, nothing to post and nothing to watch."""

        def start(folder: Path, *_: object) -> Stack:
            folder.mkdir(parents=True)
            return Stack("", folder, {})

        monkeypatch.setattr(demo, "WORK", tmp_path)
        monkeypatch.setattr(stack, "start", start)
        monkeypatch.setattr(demo, "consuming", lambda *_: contextlib.nullcontext({}))
        monkeypatch.setattr(demo, "post_all", lambda *_: [])
        monkeypatch.setattr(demo, "manage", lambda *_: None)
        monkeypatch.setattr(demo, "watch", lambda *_: Table())
        return tmp_path / f"demo-{os.getpid()}"

    @pytest.mark.parametrize("name", ["consuming", "post_all", "manage", "watch"])
    def test_interruption_removes_the_stack(self, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        """Ctrl-C may come at any point after the start."""

        def interrupt(*_: object) -> None:
            assert folder.exists()
            raise KeyboardInterrupt

        monkeypatch.setattr(demo, name, interrupt)
        with pytest.raises(KeyboardInterrupt):
            demo.demonstrate("")
        assert not folder.exists()

    @pytest.mark.usefixtures("folder")
    def test_end_names_next_steps_that_exist(self, capsys: pytest.CaptureFixture[str]) -> None:
        """The last line names a command, and pages that are there."""
        demo.demonstrate("")
        last = capsys.readouterr().out.splitlines()[-1]
        assert "make local" in last
        for page in ("README.md", "docs/operations/deploying.md"):
            assert page in last
            assert (ROOT / page).exists()
        assert "## Post a schedule" in (ROOT / "README.md").read_text(encoding="utf-8")

    @pytest.mark.usefixtures("folder")
    def test_picture_is_written_and_named(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        """The last lines name the file."""
        demo.demonstrate(f"{tmp_path}/demo.svg")
        assert (tmp_path / "demo.svg").read_text(encoding="utf-8").startswith("<svg")
        assert f"The picture is in {tmp_path / 'demo.svg'}." in capsys.readouterr().out

    def test_posts_are_counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A line has their number, and the next one that one is refused."""
        burst = {"results": [{"status": 201, "scheduleId": "b"}] * 101}
        answers = iter(
            [
                *[Answer(201, {}, {"scheduleId": "s"})] * 5,
                Answer(200, {}, burst),
                Answer(400, {}, {"detail": "no such day"}),
            ]
        )
        monkeypatch.setattr(Stack, "post", lambda *_: next(answers))
        console = Console(file=StringIO(), width=200)
        posted = demo.post_all(Stack("", Path()), console)
        assert sum(len(each.schedule_ids) for each in posted) == 106
        assert "Posted 106 schedules, 101 of them in one request" in shown(console)
        assert "it was refused (400: no such day)" in shown(console)

    def test_managing_lists_looks_up_and_cancels(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """One schedule is found, cancelled, and no longer found; another answer ends the demonstration."""
        gone = Answer(404, {}, {"detail": "it was cancelled"})
        good = [
            Answer(200, {}, {"schedules": [{"scheduleId": "s"}], "cursor": None}),
            Answer(200, {}, {"payload": {"demo": "cancelled"}}),
            Answer(204, {}, ""),
            gone,
        ]
        monkeypatch.setattr(Stack, "post", lambda *_: Answer(201, {}, {"scheduleId": "s"}))
        console = Console(file=StringIO(), width=200)
        answers = iter(good)
        monkeypatch.setattr(Stack, "request", lambda *_: next(answers))
        demo.manage(Stack("", Path()), console)
        assert "Cancelled it (204). Looked up again: it was cancelled (404)." in shown(console)
        for wrong in range(3):
            answers = iter([*good[:wrong], gone])
            with pytest.raises(CommandError, match="the API answered 404"):
                demo.manage(Stack("", Path()), console)

    def test_without_terminal_arrivals_are_lines_and_one_table(
        self, posted: list[Posted], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A log gets no control characters."""
        monkeypatch.setattr(demo, "arriving", lambda *_, **__: iter([0, 2, 3]))
        monkeypatch.setattr(demo, "read_paths", lambda *_: {})
        console = Console(file=StringIO(), width=120, force_terminal=False)
        demo.watch(Stack("", Path()), posted, arrived(a=0.25, b=0.5, c=0.5), console)
        said = shown(console)
        assert said.startswith("Receiving messages\n")
        assert said.count("Schedules and their messages") == 1
        assert "\x1b" not in said


class TestPicture:
    """PICTURE is an SVG of the table and the verdict."""

    def test_picture_is_small_and_shows_table_and_verdict(self, posted: list[Posted], tmp_path: Path) -> None:
        """It is well-formed, the same for the same run, below 40 kB, and loads nothing."""
        arrivals = arrived(a=0.25, b=0.5, c=0.5)
        for name in ("one.svg", "two.svg"):
            demo.draw(tmp_path / name, view(posted, arrivals, {}), judge(posted, arrivals)[1])
        svg = (tmp_path / "one.svg").read_text(encoding="utf-8")
        text = "".join(ET.fromstring(svg).itertext()).replace("\N{NO-BREAK SPACE}", " ")  # noqa: S314 -- our own
        assert "14:13:20.250" in text
        assert "3 of 3 arrived, 0 early" in text
        assert svg == (tmp_path / "two.svg").read_text(encoding="utf-8")
        assert len(svg.encode()) < 40_000
        assert "https://" not in svg.replace("https://www.textualize.io", "")

    def test_argument_is_checked_before_the_run(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """It must be an .svg in a folder that exists."""
        monkeypatch.setattr(demo, "stack_in", lambda *_: pytest.fail("a stack was started"))
        for wrong in ("demo.png", f"{tmp_path}/nowhere/demo.svg", "svg"):
            with pytest.raises(CommandError, match=r"^PICTURE must be an \.svg file in a folder that exists, not "):
                demo.demonstrate(wrong)
