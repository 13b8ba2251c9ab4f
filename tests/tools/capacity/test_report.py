"""The command's output and messages, and the documents that quote the model."""

import re

import pytest

from tests.support.checkouts import ROOT
from tools.capacity import model
from tools.capacity.__main__ import capacity, parse_number
from tools.capacity.declared import API_RATE_LIMIT, PARALLELIZATION_FACTOR
from tools.capacity.model import (
    SEND_COMPUTING_SECONDS,
    Workload,
    handover_seconds,
    processors,
)
from tools.capacity.needs import concurrency
from tools.capacity.report import DOCUMENTED, DOCUMENTED_BYTES, markdown, tables
from tools.project import CommandError


def words(*path: str) -> str:
    """Return a document of docs/ without line breaks."""
    return " ".join((ROOT / "docs").joinpath(*path).read_text(encoding="utf-8").split())


def documented_rows() -> list[dict[str, str]]:
    """Return the rows of the table for docs/scaling.md."""
    heading, _, *rows = ([cell.strip() for cell in line.split("|")] for line in markdown().splitlines())
    return [dict(zip(heading, row, strict=True)) for row in rows]


class TestCommand:
    """make capacity."""

    @pytest.mark.parametrize(
        ("text", "number"),
        [("300", 300), ("100k", 100_000), ("1.5M", 1_500_000), ("2g", 2 * 10**9), ("10_000", 10_000)],
    )
    def test_number_may_have_a_unit(self, text: str, number: int) -> None:
        """Units come in both cases, and digits may be grouped."""
        assert parse_number("RATE", text) == number

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("", "", "", ""), "RATE must be a number like 300, 100k, 1.5M or 2G, and is missing"),
            (("1M",), "PEAK must be a number like 300, 100k, 1.5M or 2G, and is missing"),
            (("many", "1", "1", ""), "RATE must be a number like 300, 100k, 1.5M or 2G, not 'many'"),
            (("-5", "1", "1", ""), "RATE must be a number"),
            (("nan", "1", "1", ""), "RATE must be a number"),
            (("1e9", "1", "1", ""), "RATE must be a number"),
            (("1,5M", "1", "1", ""), "RATE must be a number"),
            (("9999999G", "1", "1", ""), "RATE must be a number"),
            (("0", "1", "1", ""), "RATE must be at least 1 schedule a day"),
            (("10", "0.5", "1", ""), "PEAK must be a whole number, not '0.5'"),
            (("10", "11", "1", ""), "PEAK must be at least 1 and at most the schedules of a day (RATE)"),
            (("10", "1", "0", ""), "SIZE must be 1 to 261,948 bytes"),
            (("10", "1", "261949", ""), "SIZE must be 1 to 261,948 bytes"),
            (("10", "1", "1", "0"), "AHEAD must be more than 0"),
            (("1k", "1", "300", "7", "1001"), "BATCH must be 1 to 1,000 schedules"),
            (("1k", "1", "30k", "7", "200"), "BATCH must be 1 to 139 schedules"),
            (("1k", "1", "300", "7", "0"), "BATCH must be 1 to 1,000 schedules"),
            (("10", "1", "1", "4k"), "AHEAD must be more than 0 and at most 3,653 days, the horizon"),
        ],
    )
    def test_mistake_is_named(self, arguments: tuple[str, ...], sentence: str) -> None:
        """In one sentence that says what is wanted."""
        rate, peak, size, ahead, batch = arguments + ("",) * (5 - len(arguments))
        with pytest.raises(CommandError, match=f"^{re.escape(sentence)}.*$"):
            capacity(rate, peak, size, ahead, batch, table=False)

    def test_tables_show_needs_limits_and_both_bills(self, capsys: pytest.CaptureFixture[str]) -> None:
        """For a million a day."""
        capacity("1M", "100k", "300", "", "", table=False)
        printed = capsys.readouterr().out
        for expected in (
            "1,000,000 schedules a day",
            "134.5 s of the 720 s available: none late",
            "first one hit",
            "aside (see docs/scaling.md)",
            "the delayer, on demand",
            "EventBridge Scheduler",
        ):
            assert expected in printed

    def test_burst_over_a_new_table_is_late(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Ten million due at once take longer than the 720 s there are where the table writes 4,000 units a second."""
        capacity("10G", "10M", "300", "", "", table=False)
        assert "of the 720 s available: SOME LATE" in capsys.readouterr().out


class TestDocuments:
    """The figures that documents quote."""

    def test_scaling_has_the_table(self) -> None:
        """It is the output of `python -m tools.capacity --table`, to the letter."""
        assert markdown() in (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")

    @pytest.mark.parametrize("number", range(len(DOCUMENTED)))
    def test_terminal_and_document_name_the_same_first_limit(self, number: int) -> None:
        """The top row of the terminal's limits is the document's first AWS limit."""
        a_day, peak = DOCUMENTED[number]
        _, limits_table, _ = tables(Workload(a_day, peak, DOCUMENTED_BYTES))
        what, _, _, used, _ = (next(iter(column.cells)) for column in limits_table.columns)
        assert documented_rows()[number]["first AWS limit (used)"] == f"{what} ({used})"

    @pytest.mark.parametrize("shards", [4, 16, 64])
    def test_scaling_has_the_predictions(self, shards: int) -> None:
        """The burst benchmark is compared with them."""
        one, five = (handover_seconds(100_000, 300, shards, workers) for workers in (1, 5))
        assert f"| {shards} | {one:.1f} | {five:.1f} |" in words("scaling.md")

    def test_figures_of_lanes_follow_from_the_model(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The page quotes sends, times and executions."""
        text = words("scaling.md")
        computing = SEND_COMPUTING_SECONDS / processors(512)
        lane, slow_lane = 1 / (0.001 + computing), 1 / (0.002 + computing)
        assert f"One lane sends {lane:.0f} a second, two send {2 * lane:,.0f}" in text
        assert f"20 ms instead of 10 they send {2 * slow_lane:.0f}" in text
        burst = handover_seconds(100_000, 300, 4, 1)
        with monkeypatch.context() as patch:
            patch.setattr(model, "CALL_SECONDS", 0.02)
            slow_burst = handover_seconds(100_000, 300, 4, 1)
        assert f"takes {slow_burst:.0f} s instead of {burst:.0f} over four shards" in text
        two, ten = (sum(concurrency(0, 64, 0, 64, factor).values()) for factor in (PARALLELIZATION_FACTOR, 10))
        assert f"64 stream shards may take {two} of an account's 1,000 executions" in text
        assert f"with ten lanes each they would take {ten}" in text
        assert f"four stream shards take {sum(concurrency(0, 4, 0, 4).values())} of them, a sweep one" in text
        assert text.count("two for each stream shard") == PARALLELIZATION_FACTOR == 2

    def test_deploying_names_the_executions_of_the_environments(self) -> None:
        """`make status` compares the account's limit with the same figures."""
        text = words("operations", "deploying.md")
        dev, new_prod, prod = (
            sum(concurrency(API_RATE_LIMIT, shards, workers, stream_shards).values())
            for shards, workers, stream_shards in ((4, 1, 4), (64, 2, 4), (64, 2, 64))
        )
        assert f"`dev` takes up to {dev}; `prod` up to {new_prod} while its table is new" in text
        assert f"and {prod} once each of its 64 shards has a stream shard" in text

    def test_scaling_names_prods_burst(self) -> None:
        """Two workers with 32 shards each."""
        seconds = handover_seconds(100_000, 300, 64, 2)
        assert f"prod's 64 shards and 2 workers take {seconds:.1f} s" in words("scaling.md")
