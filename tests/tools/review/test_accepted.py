"""The file of accepted dangers: its entries, its errors, and which dangers they accept."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from tools.project import CommandError
from tools.review.danger import Accepted, Danger, judge, read_accepted

TODAY = date(2026, 11, 25)
DANGER = Danger("sweep-paused", "rule.minute", "No sweep would run.")
ENTRY = Accepted("sweep-paused", "rule.minute", "The stream is recreated tonight.", date(2026, 11, 25))
TEXT = """
[[accepted]]
danger = "sweep-paused"
address = "rule.minute"
reason = "The stream is recreated tonight."
expires = 2026-11-25
"""


class TestFile:
    """The entries of a file."""

    def read(self, folder: Path, text: str) -> list[Accepted]:
        """Return the entries of a file with this text."""
        path = folder / "prod.accepted.toml"
        path.write_text(text)
        return read_accepted(path, "prod.accepted.toml", TODAY)

    def test_missing_file_accepts_nothing(self, tmp_path: Path) -> None:
        """An environment needs no file."""
        assert read_accepted(tmp_path / "none.toml", "none.toml", TODAY) == []

    def test_entry_is_read(self, tmp_path: Path) -> None:
        """An entry names the danger, where, why and until when."""
        assert self.read(tmp_path, TEXT) == [ENTRY]

    def test_entry_lasts_90_days_at_most(self, tmp_path: Path) -> None:
        """Nobody would look again at a danger that is accepted for good."""
        longest = TODAY + timedelta(days=90)
        (entry,) = self.read(tmp_path, TEXT.replace("2026-11-25", str(longest)))
        assert entry.expires == longest
        with pytest.raises(CommandError) as raised:
            self.read(tmp_path, TEXT.replace("2026-11-25", str(longest + timedelta(days=1))))
        assert str(raised.value) == (
            "prod.accepted.toml: entry 1 expires on 2027-02-24: a danger is accepted for at most 90 days, until "
            "2027-02-23"
        )

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("[[accepted]", "prod.accepted.toml is not TOML: "),
            ("accepted = 1", "may hold nothing but entries that begin with [[accepted]]"),
            ("accepted = [1]", "entry 1 is not a table"),
            ("[[ignored]]\nx = 1", "may hold nothing but entries that begin with [[accepted]]"),
            (TEXT.replace("reason", "because"), "entry 1 needs `reason`, a text"),
            (TEXT.replace("The stream is recreated tonight.", " "), "entry 1 needs `reason`, a text"),
            (TEXT.replace("2026-11-25", '"2026-11-25"'), "entry 1 needs `expires`, a date like 2027-01-31"),
            (TEXT.replace("2026-11-25", "2026-11-25T09:00:00Z"), "entry 1 needs `expires`, a date like 2027-01-31"),
            (TEXT + "until = 1", "entry 1 has `until`, which is none of danger, address, reason, expires"),
            (TEXT + TEXT.replace("sweep-paused", "sweep-stopped"), "entry 2 names the danger 'sweep-stopped'"),
        ],
    )
    def test_malformed_file_is_named_with_the_entry(self, tmp_path: Path, text: str, message: str) -> None:
        """One sentence says which entry is wrong and what it needs."""
        with pytest.raises(CommandError) as raised:
            self.read(tmp_path, text)
        assert message in str(raised.value)
        assert "\n" not in str(raised.value)


class TestJudgement:
    """Which dangers stop a plan."""

    def test_entry_accepts_on_its_last_day(self) -> None:
        """It expires at the end of the day."""
        judgement = judge([DANGER], [ENTRY], TODAY)
        assert (judgement.dangers, judgement.accepted) == ([], [(DANGER, ENTRY)])

    def test_expired_entry_accepts_nothing(self) -> None:
        """The day after, the danger stops the plan again."""
        judgement = judge([DANGER], [ENTRY], date(2026, 11, 26))
        assert (judgement.dangers, judgement.accepted, judgement.expired) == ([DANGER], [], [ENTRY])

    @pytest.mark.parametrize(
        "danger", [Danger("sweep-paused", "rule.other", ""), Danger("queue-destroyed", "rule.minute", "")]
    )
    def test_entry_for_another_danger_is_unused(self, danger: Danger) -> None:
        """Both the id and the address must match."""
        judgement = judge([danger], [ENTRY], TODAY)
        assert (judgement.dangers, judgement.unused) == ([danger], [ENTRY])
