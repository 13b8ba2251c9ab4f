"""The bounds of make bench: each way to break one is seen. No times are measured here."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench import __main__ as command
from bench import bursts, cpu, levers, managing, requests, startup
from bench.bursts import DEPLOYED, Case, Sent, Swept
from bench.canned_aws import Written
from bench.events import batches, lane
from bench.startup import Start
from bench.table import Figure, at_least, at_most, show, unbounded
from tools.capacity.declared import BATCH_RECORDS, PARALLELIZATION_FACTOR
from tools.project import CONFIGURATION, FAST_TRACK, POST, SWEEP, CommandError


def bad_names(figures: Iterable[Figure]) -> list[str]:
    """Return the names of the figures that are out of bounds."""
    return [figure.name for figure in figures if not figure.is_good]


class TestTable:
    """Figures and bounds."""

    def test_bound_itself_is_good(self) -> None:
        """Only a value beyond it is out of bounds."""
        assert [at_most("name", value, 1).is_good for value in (0.99, 1.0, 1.01)] == [True, True, False]
        assert [at_least("name", value, 1).is_good for value in (0.99, 1.0, 1.01)] == [False, True, True]

    def test_time_is_never_out_of_bounds(self) -> None:
        """It has a goal, and shows its median and spread."""
        figure = unbounded("name", [9.0, 1.0, 2.0], form=".1f", goal="1.0")
        assert (figure.is_good, figure.value, figure.bound) == (True, "2.0 (1.0 to 9.0)", "goal: 1.0")

    def test_one_bad_figure_fails_the_run_and_is_named(self) -> None:
        """The table marks it, too."""
        good, bad = at_most("small", 1, 2), at_most("large", 3, 2)
        console = Console(width=160)
        with console.capture() as capture:
            assert show({"sizes": [good]}, console)
            assert not show({"sizes": [good, bad]}, console)
        assert capture.get().count("OUT OF BOUNDS: at most 2") == 1
        assert capture.get().endswith("\nOut of bounds: sizes: large\n")

    def test_failed_item_keeps_the_figures_before_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The error is a figure that is out of bounds."""

        def broken(_folder: Path) -> Iterator[Figure]:
            yield Figure("size", "1")
            raise CommandError("the sweep has failed")

        monkeypatch.setitem(command._ITEMS, "bursts", broken)  # noqa: SLF001 -- there is no other way to an item
        first, last = command._measured("bursts", Path())  # noqa: SLF001
        assert (first.name, last.value, last.is_good) == ("size", "the sweep has failed", False)


class TestStream:
    """How the stream is handed on."""

    def test_batch_ends_at_a_thousand_records_or_6_mb(self) -> None:
        """What the mapping and Lambda allow."""
        small = [{"number": number} for number in range(BATCH_RECORDS + 1)]
        assert [len(batch) for batch in batches(small)] == [BATCH_RECORDS, 1]
        large = [{"payload": "x" * 2_500_000} for _ in range(3)]
        assert [len(batch) for batch in batches(large)] == [2, 1]

    @pytest.mark.parametrize("factor", [1, PARALLELIZATION_FACTOR, 10])
    def test_records_spread_over_the_lanes_of_their_stream_shard(self, factor: int) -> None:
        """And over no others."""
        lanes = {lane(("REMOVE", "5", f"{number}", "{}", 0.0), 4, factor) for number in range(1_000)}
        assert lanes == set(range(factor, 2 * factor))


def counted(**requests_made: int) -> dict[str, Any]:
    """Return the canned AWS's counts of a burst in which all goes well."""
    made = {"PutItem": 1_000, "DescribeTable": 1, "Query": 16, "BatchWriteItem": 40, "SendMessageBatch": 101}
    entries = {"BatchWriteItem": 1_000, "SendMessageBatch": 1_000}
    return {"requests": made | requests_made, "entries": entries, "sent": 1_000, "left": 100}


class TestRequests:
    """The counts of a burst."""

    BURST = "1,000 due at once, 100 others pending"

    def test_designed_requests_are_good(self) -> None:
        """However many others are pending."""
        assert bad_names(requests.burst_figures({100: counted(), 10_000: counted() | {"left": 10_000}})) == []

    @pytest.mark.parametrize(
        ("made", "bad"),
        [
            ({"PutItem": 1_001}, "puts per schedule"),
            ({"Query": 17}, BURST),
            ({"DescribeTable": 2}, BURST),
            ({"BatchWriteItem": 41}, "deletes per call"),
            ({"SendMessageBatch": 102}, "messages per send call"),
            ({"Scan": 1}, "scans and other kinds of requests"),
        ],
    )
    def test_one_request_more_is_out_of_bounds(self, made: dict[str, int], bad: str) -> None:
        """Whatever its kind."""
        assert bad_names(requests.burst_figures({100: counted(**made)})) == [bad]

    def test_request_more_because_others_are_pending_is_out_of_bounds(self) -> None:
        """Only the comparison sees it."""
        more = counted(BatchWriteItem=41) | {"left": 10_000}
        figures = requests.burst_figures({100: counted(), 10_000: more})
        assert bad_names(figures) == ["same requests, however many are pending"]

    @pytest.mark.parametrize("changes", [{"sent": 999}, {"left": 99}])
    def test_lost_schedule_is_out_of_bounds(self, changes: dict[str, int]) -> None:
        """One was not sent, or a pending one was deleted."""
        assert bad_names(requests.burst_figures({100: counted() | changes})) == [self.BURST]

    @pytest.mark.parametrize("kind", ["BatchWriteItem", "SendMessageBatch"])
    def test_repeated_deletes_or_sends_are_out_of_bounds(self, kind: str) -> None:
        """Even if the calls are as full as before."""
        twice = counted()
        twice["entries"][kind] *= 2
        twice["requests"][kind] *= 2
        assert bad_names(requests.burst_figures({100: twice})) == [self.BURST]


def test_cpu_ratio_is_the_median_of_the_rounds() -> None:
    """The note has the microseconds of both."""
    case = cpu.Case(SWEEP, "a sweep", 1_000, [], goal=1.2)
    figure = cpu.ratio_figure(case, [(3.0, 1.0), (1.0, 1.0), (2.0, 1.0)])
    assert (figure.value, figure.bound) == ("2.00 (1.00 to 3.00)", "goal: 1.2")
    assert figure.note == "2,000 µs per schedule, bare calls 1,000 µs"


def start(million_instructions: float | None) -> Start:
    """Return a start that took so many."""
    instructions = None if million_instructions is None else round(million_instructions * 1e6)
    return Start(instructions, [0.3, 0.2], 40 * 2**20)


class TestStartup:
    """The instructions of a start."""

    @pytest.mark.parametrize(
        ("function", "million", "plain", "bad"),
        [
            (POST, 850, 4_000, 0),
            (POST, 851, 4_000, 1),
            (FAST_TRACK, 851, 4_000, 1),
            (POST, 251, 1_000, 1),
            (POST, None, None, 1),
        ],
    )
    def test_bounds(self, function: str, million: float | None, plain: float | None, bad: int) -> None:
        """850 million, and 0.25 of a plain package; unmeasured is out of bounds."""
        assert len(bad_names(startup.figures(function, start(million), start(plain)))) == bad

    def test_callgrinds_count_is_parsed(self) -> None:
        """A missing count is an error."""
        assert startup.instructions_in("==7== Collected : 953120464\n==7==\n") == 953_120_464
        with pytest.raises(CommandError, match="callgrind printed no count: no such tool"):
            startup.instructions_in("no such tool")


def test_more_logged_bytes_are_out_of_bounds() -> None:
    """Whatever a post or a batch of inserts logged before."""
    figures = [levers.log_figure("a post", logged, 418, 310) for logged in (310, 311)]
    assert [figure.is_good for figure in figures] == [True, False]


def test_zip_over_5_mb_is_out_of_bounds() -> None:
    """By a byte."""
    figures = list(startup.size_figures({POST: 5_000_000, FAST_TRACK: 5_000_001}))
    assert [figure.is_good for figure in figures] == [True, False]


class TestBursts:
    """A burst is in the queue in time, and nothing of it is lost."""

    CASE = Case(16, 1)
    DELETES: tuple[Written, ...] = tuple(
        ("REMOVE", f"{number % 16}", f"{number}", "{}", 1_795_338_000 + number / 5_000) for number in range(100_000)
    )
    SWEPT = Swept(list(DELETES), ticks=1, memory_bytes=0)
    SENT = Sent(
        records=5_000, executions=50, schedules=5_000, messages=5_000, calls=500, seconds=21.0, memory_bytes=0
    )  # fmt: skip

    def test_figures_read_at_a_glance(self) -> None:
        """Seconds from the tick to the queue, and the seconds there are."""
        in_time, whole = bursts.figures(self.CASE, self.SWEPT, self.SENT)
        assert in_time.name == "16 shards, 1 worker, 2 lanes: all in the queue after, s"
        assert (in_time.value, in_time.bound, in_time.is_good) == ("21.0", "at most 781.0", True)
        assert in_time.note.startswith(
            "swept in 20.0 s (1 tick); 10.0 messages per send call, 100 records per execution"
        )
        assert whole.is_good

    def test_message_after_its_point_in_time_is_out_of_bounds(self) -> None:
        """The burst is due 781 s after the tick."""
        in_time, _ = bursts.figures(self.CASE, self.SWEPT, self.SENT._replace(seconds=781.1))
        assert not in_time.is_good

    @pytest.mark.parametrize(
        ("swept", "sent"),
        [
            (SWEPT, SENT._replace(schedules=4_999)),
            (SWEPT, SENT._replace(messages=5_001)),
            (SWEPT._replace(deletes=SWEPT.deletes[1:]), SENT),
        ],
    )
    def test_lost_or_repeated_schedule_is_out_of_bounds(self, swept: Swept, sent: Sent) -> None:
        """One was not sent, sent twice, or not deleted."""
        assert [figure.is_good for figure in bursts.figures(self.CASE, swept, sent)] == [True, False]

    def test_calls_that_are_too_empty_are_out_of_bounds(self) -> None:
        """In the case that is deployed."""
        figures = [
            list(bursts.figures(DEPLOYED, self.SWEPT, self.SENT._replace(calls=calls)))[-1] for calls in (526, 527)
        ]
        assert [figure.is_good for figure in figures] == [True, False]

    def test_deployed_case_is_prods(self) -> None:
        """Its shards and workers."""
        prod = (CONFIGURATION / "environments" / "prod.tfvars").read_text(encoding="utf-8")
        assert re.search(rf"^shard_count = {DEPLOYED.shards}$", prod, re.MULTILINE)
        assert re.search(rf"^sweep_workers = {DEPLOYED.workers}$", prod, re.MULTILINE)

    def test_executions_that_end_last_are_played(self) -> None:
        """Each execution's records are in order, and enough are played."""
        deletes = list(self.DELETES[:1_000])
        played = bursts.lanes_to_play(deletes, Case(4, 1), 100)
        assert 100 <= sum(map(len, played)) < 300
        assert played[0][-1] == deletes[-1]
        assert all(records == sorted(records, key=lambda record: record[-1]) for records in played)
        assert [len(bursts.lanes_to_play(deletes, Case(4, 1, lanes), 10_000)) for lanes in (1, 10)] == [4, 40]


def test_page_of_the_list_is_bounded() -> None:
    """One query per shard, few keys, and the same however many schedules are pending."""
    good: dict[str, Any] = {"requests": {"Query": 16}, "keys_read": 192}
    assert bad_names(managing.page_figures({100: good, 1_000: good})) == []
    many = good | {"requests": {"Query": 17}}
    assert len(bad_names(managing.page_figures({100: good, 1_000: many}))) == 1
    assert len(bad_names(managing.page_figures({100: good | {"keys_read": 500}}))) == 1
    assert len(bad_names(managing.page_figures({100: good | {"requests": {"Scan": 1, "Query": 16}}}))) == 1
