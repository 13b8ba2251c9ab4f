"""What make bench makes of what it has measured: the counting, the bounds, the exit status and the table. No times."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET
from zipfile import ZipFile

import pytest
from rich.console import Console

from bench import __main__ as bench_main
from bench import builds, bursts, cpu, lateness, requests, startup
from bench.bursts import Burst, lanes_to_play
from bench.bursts_picture import picture_of
from bench.canned_aws import Account
from bench.packages import FAST_TRACK, POST, ROOT, SWEEP, Function
from bench.processes import BenchError
from bench.startup import Start
from bench.stream import batches, lane
from bench.table import Figure, at_least, at_most, judged, table_of, verdict
from tools.capacity.declared import BATCH_RECORDS, PARALLELIZATION_FACTOR
from tools.capacity.model import handover_seconds
from tools.local.demo import Arrivals, Posted

NOW = 1_795_338_000


class Clock:
    """Moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def loaded(clock: Clock, count: int, **reset: Any) -> tuple[Account, list[dict[str, Any]]]:
    """An account with so many schedules in one shard that are due, and their keys."""
    account = Account(clock)
    account.reset(now=NOW, **reset)
    account.load(count=count, shards=1, due=NOW, payload_bytes=300)
    return account, keys_of(account)


def keys_of(account: Account) -> list[dict[str, Any]]:
    """All keys that are due in shard 0, from every page."""
    query: dict[str, Any] = {
        "ExpressionAttributeValues": {":shard": {"N": "0"}, ":end": {"S": f"{NOW + 1:012d}"}},
        "KeyConditionExpression": "#shard = :shard AND due < :end",
    }
    keys: list[dict[str, Any]] = []
    while True:
        _, page = account.answer("Query", query)
        keys += page["Items"]
        if "LastEvaluatedKey" not in page:
            return keys
        query["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def delete(account: Account, keys: list[dict[str, Any]]) -> tuple[int, int]:
    """The answer's status, and how many keys it leaves."""
    requests = [{"DeleteRequest": {"Key": key}} for key in keys]
    status, answer = account.answer("BatchWriteItem", {"RequestItems": {"schedules": requests}})
    return status, len(answer.get("UnprocessedItems", {}).get("schedules", []))


class TestCannedAws:
    """What the handlers are measured against."""

    def test_requests_are_counted_by_kind(self) -> None:
        """Requests and what is in them are counted, also those that it doesn't know."""
        account, keys = loaded(Clock(), 30)
        delete(account, keys[:25])
        delete(account, keys[25:])
        assert account.answer("Scan", {})[0] == 400
        counted = account.counted()
        assert counted["requests"] == {"Query": 1, "BatchWriteItem": 2, "Scan": 1}
        assert counted["entries"] == {"BatchWriteItem": 30}
        assert counted["left"] == 0

    def test_a_query_has_pages(self) -> None:
        """A page ends at 1 MB of records, and the next begins after it."""
        account, keys = loaded(Clock(), 5_000)
        assert len({key["due"]["S"] for key in keys}) == 5_000
        assert account.counted()["requests"]["Query"] == 2

    def test_a_partition_writes_so_many_units_a_second(self) -> None:
        """What is beyond them is unprocessed, a call of which nothing is done is throttled, and later it goes on."""
        clock = Clock()
        account, keys = loaded(clock, 40, pace=1.0, writes_per_second=10)
        assert delete(account, keys[:20]) == (200, 10)
        assert delete(account, keys[20:]) == (400, 0)
        clock.now += 0.5
        assert delete(account, keys[20:]) == (200, 15)
        clock.now += 100  # no more than a second's is kept
        assert delete(account, keys[25:]) == (200, 5)

    def test_deletes_are_in_the_stream(self) -> None:
        """Each removal is there once, with the payload and the time; deleting what isn't there is not."""
        clock = Clock()
        account, keys = loaded(clock, 2, pace=2.0)
        clock.now += 3
        delete(account, keys)
        delete(account, keys)
        records = account.records()["records"]
        assert [(name, shard, due) for name, shard, due, _, _ in records] == [
            ("REMOVE", key["shard"]["N"], key["due"]["S"]) for key in keys
        ]
        assert {at for *_, at in records} == {NOW + 6}
        assert len(records[0][3]) == 300
        assert account.records()["records"] == []

    def test_what_aws_refuses(self) -> None:
        """Too many deletes or messages a call, a key or an id twice, a long delay, a filter, or no end of the keys."""
        account, keys = loaded(Clock(), 30)
        assert delete(account, keys[:26])[0] == 400
        assert delete(account, [keys[0], keys[0]])[0] == 400
        assert account.counted()["left"] == 30

        def send(count: int = 1, *, same: bool = False, **changes: Any) -> int:
            entry = {"DelaySeconds": 900, "MessageBody": "x", "MessageAttributes": {"scheduleId": {"StringValue": "a"}}}
            entries = [entry | {"Id": "0" if same else f"{number}"} | changes for number in range(count)]
            return account.answer("SendMessageBatch", {"Entries": entries})[0]

        assert send(10) == 200
        refused = [send(11), send(2, same=True), send(DelaySeconds=901), send(10, MessageBody="x" * 26_215)]
        assert refused == [400] * 4
        values = {":shard": {"N": "0"}, ":end": {"S": "1"}}
        without_end = {"ExpressionAttributeValues": values, "KeyConditionExpression": "shard = :shard"}
        filtered = without_end | {"KeyConditionExpression": "shard = :shard AND due < :end", "FilterExpression": "x"}
        assert [account.answer("Query", query)[0] for query in (without_end, filtered)] == [400, 400]

    def test_a_second_put_is_refused(self) -> None:
        """The condition holds: a key is put once."""
        account = Account(Clock())
        put = {"Item": {"shard": {"N": "1"}, "due": {"S": "1#a"}, "payload": {"S": "{}"}}}
        assert [account.answer("PutItem", put)[0] for _ in range(2)] == [200, 400]


def test_an_item_that_does_not_work_keeps_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was measured before it is shown, it is out of bounds with what it said, and there is no traceback."""

    def broken(_folders: dict[Function, Path]) -> Iterator[Figure]:
        yield Figure("builds", "size", "1")
        raise BenchError("the sweep has failed")

    monkeypatch.setitem(bench_main._ITEMS, "builds", broken)  # noqa: SLF001 -- there is no other way to an item
    first, last = bench_main._measured("builds", {})  # noqa: SLF001
    assert (first.name, last.value, last.is_good) == ("size", "the sweep has failed", False)


class TestStream:
    """How the stream is handed on."""

    def test_batches_are_full(self) -> None:
        """A thousand records, or 6 MB."""
        small = [{"number": number} for number in range(BATCH_RECORDS + 1)]
        assert [len(batch) for batch in batches(small)] == [BATCH_RECORDS, 1]
        large = [{"payload": "x" * 2_500_000} for _ in range(3)]
        assert [len(batch) for batch in batches(large)] == [2, 1]
        assert list(batches([])) == []

    @pytest.mark.parametrize("factor", [1, 2, 4, 10])
    def test_a_key_stays_in_its_lane(self, factor: int) -> None:
        """A shard's records are spread over the executions that read its stream shard, and over no others."""
        lanes = {lane(5, f"{number}", 4, factor) for number in range(1_000)}
        assert lanes == set(range(factor, 2 * factor))

    def test_lanes_by_default_are_those_of_terraform(self) -> None:
        """Without a factor, a stream shard has as many lanes as an environment that sets none."""
        assert {lane(0, f"{number}", 4) for number in range(1_000)} == set(range(PARALLELIZATION_FACTOR))


class TestBounds:
    """What decides the exit status."""

    @pytest.mark.parametrize(("value", "is_good"), [(0.99, True), (1.0, True), (1.01, False)])
    def test_a_most(self, value: float, is_good: bool) -> None:  # noqa: FBT001
        """The bound itself is good."""
        assert at_most("item", "name", value, 1, form=".2f").is_good is is_good

    @pytest.mark.parametrize(("value", "is_good"), [(0.99, False), (1.0, True), (1.01, True)])
    def test_a_least(self, value: float, is_good: bool) -> None:  # noqa: FBT001
        """The bound itself is good."""
        assert at_least("item", "name", value, 1, form=".2f").is_good is is_good

    def test_a_time_is_never_out_of_bounds(self) -> None:
        """It has a goal, and its median and spread are shown."""
        figure = judged("item", "name", [9.0, 1.0, 2.0], form=".1f s", goal="1.0 s")
        assert (figure.is_good, figure.value, figure.bound) == (True, "2.0 s (1.0 s to 9.0 s)", "(goal: 1.0 s)")

    def test_one_figure_out_of_bounds_fails_all(self) -> None:
        """The status is 1, and what is at fault is named."""
        good, bad = at_most("sizes", "small", 1, 2), at_most("sizes", "large", 3, 2)
        assert verdict([good])[0]
        is_good, why = verdict([good, bad])
        assert not is_good
        assert "sizes, large" in why
        assert "small" not in why

    def test_the_table_marks_it(self) -> None:
        """Every figure is there under its item, with its bound, and what is out of bounds says so."""
        figures = [at_most("sizes", "large", 3, 2, form=",.0f MB"), Figure("times", "start", "1 s")]
        console = Console(width=160)
        with console.capture() as capture:
            console.print(table_of(figures))
        text = capture.get()
        assert "OUT OF BOUNDS: at most 2 MB" in text
        assert text.index("sizes") < text.index("3 MB") < text.index("times") < text.index("1 s")


def counted(**requests_made: int) -> dict[str, Any]:
    """What the canned AWS counts for a burst in which all goes well."""
    made = {"PutItem": 1_000, "DescribeTable": 1, "Query": 16, "BatchWriteItem": 40, "SendMessageBatch": 101}
    entries = {"BatchWriteItem": 1_000, "SendMessageBatch": 1_000}
    return {"requests": made | requests_made, "entries": entries, "sent": 1_000, "left": 100}


def bad_names(of: dict[int, dict[str, Any]]) -> list[str]:
    """The figures of a burst that are out of bounds."""
    return [figure.name for figure in requests.burst_figures(of) if not figure.is_good]


class TestRequests:
    """Requests are counted, and each way to need more of them is seen."""

    def test_all_is_well(self) -> None:
        """GIVEN what the design says WHEN judged THEN nothing is out of bounds."""
        assert bad_names({100: counted(), 10_000: counted() | {"left": 10_000}}) == []

    @pytest.mark.parametrize(
        ("made", "bad"),
        [
            ({"PutItem": 1_001}, ["puts a schedule"]),
            ({"Query": 17}, ["1,000 due at once, 100 others pending"]),
            ({"DescribeTable": 2}, ["1,000 due at once, 100 others pending"]),
            ({"BatchWriteItem": 41}, ["deletes a call"]),
            ({"SendMessageBatch": 102}, ["messages a send call"]),
            ({"Scan": 1}, ["Scan, or anything else"]),
        ],
    )
    def test_more_requests(self, made: dict[str, int], bad: list[str]) -> None:
        """One request more of any kind than the bound allows is out of bounds."""
        assert bad_names({100: counted(**made)}) == bad

    def test_more_with_more_pending(self) -> None:
        """A request more because others are pending is seen."""
        more = counted(BatchWriteItem=41) | {"left": 10_000}
        assert bad_names({100: counted(), 10_000: more}) == ["the same requests, whatever is pending"]

    def test_lost_or_taken_too_many(self) -> None:
        """A schedule that was not sent, or another that was deleted, makes the run bad."""
        assert bad_names({100: counted() | {"sent": 999}}) == ["1,000 due at once, 100 others pending"]
        assert bad_names({100: counted() | {"left": 99}}) == ["1,000 due at once, 100 others pending"]

    @pytest.mark.parametrize("kind", ["BatchWriteItem", "SendMessageBatch"])
    def test_twice(self, kind: str) -> None:
        """All deleted or sent twice, in calls as full as before, is seen."""
        twice = counted()
        twice["entries"][kind] *= 2
        twice["requests"][kind] *= 2
        assert bad_names({100: twice}) == ["1,000 due at once, 100 others pending"]

    def test_a_trickle_is_told_per_schedule(self) -> None:
        """What one costs has no bound."""
        invocations = Counter({FAST_TRACK: 1_200, SWEEP: 11})
        [figure] = requests.trickle_figures("swept", counted(PutItem=600), invocations)
        assert figure.is_good
        assert "1.00 PutItem" in figure.value
        assert "2.00 of the fast track" in figure.note


def start(million_instructions: float | None) -> Start:
    """A start that took so many."""
    instructions = None if million_instructions is None else round(million_instructions * 1e6)
    return Start(instructions, [0.3, 0.2], 40 * 2**20)


class TestStartup:
    """Instructions are held to bounds, and time and memory are told."""

    @pytest.mark.parametrize(
        ("function", "million", "plain", "bad"),
        [
            (POST, 1_000, 4_000, 0),
            (POST, 1_001, 4_000, 1),
            (FAST_TRACK, 1_050, 4_000, 0),
            (FAST_TRACK, 1_051, 4_000, 1),
            (POST, 271, 1_000, 1),
            (POST, None, None, 1),
        ],
    )
    def test_bounds(self, function: Function, million: float | None, plain: float | None, bad: int) -> None:
        """A thousand million, fifty more with a second client, 0.27 of a plain package, and never unmeasured."""
        figures = list(startup.figures(function, start(million), start(plain)))
        assert sum(not figure.is_good for figure in figures) == bad

    def test_callgrind_is_read(self) -> None:
        """Its count is found among what it says; that it says none is an error."""
        assert startup.instructions_in("==7== Collected : 953120464\n==7==\n") == 953_120_464
        with pytest.raises(BenchError, match="callgrind counted nothing: no such tool"):
            startup.instructions_in("no such tool")


class TestBuilds:
    """Sizes are held to a bound, and a change is a change."""

    def test_size(self) -> None:
        """A zip may have 5 MB, and not a byte more."""
        figures = list(builds.size_figures({POST: 5_000_000, FAST_TRACK: 5_000_001}))
        assert [figure.is_good for figure in figures] == [True, False]

    def test_another_dependency(self, tmp_path: Path) -> None:
        """WHEN a dependency is changed THEN its wheel is another, and the one that the lock allows."""
        wheel = tmp_path / "build" / "work" / "cache" / "wheels" / "tiny-1-py3-none-any.whl"
        wheel.parent.mkdir(parents=True)
        with ZipFile(wheel, "w") as archive:
            archive.writestr("tiny/__init__.py", "")
        old = hashlib.sha256(wheel.read_bytes()).hexdigest()
        lock = tmp_path / "requirements.txt"
        lock.write_text(f"tiny==1 --hash=sha256:{old}\n")
        builds.change_dependency(tmp_path, "tiny")
        new = hashlib.sha256(wheel.read_bytes()).hexdigest()
        assert new != old
        assert lock.read_text() == f"tiny==1 --hash=sha256:{new}\n"
        with ZipFile(wheel) as archive:
            assert archive.read("tiny/__init__.py").startswith(b"# Changed at ")


class TestCpu:
    """Times are told, and never held to a bound."""

    def test_ratio(self) -> None:
        """The median of the rounds' ratios is shown beside its goal, and where the difference goes."""
        pairs = [(3.0, 1.0), (1.0, 1.0), (2.0, 1.0)]
        figure = cpu.ratio_figure(SWEEP, "a sweep", 1_000, pairs, {"logs": 0.25, "own": 0.75})
        assert (figure.is_good, figure.value, figure.bound) == (True, "2.00 (1.00 to 3.00)", "(goal: 1.2)")
        assert figure.note == "a schedule: 2,000 µs, bare 1,000 µs; the rest: 25% logs, 75% own"


def burst(**changes: Any) -> Burst:
    """A burst in which all went well."""
    deleted_at = [number / 5_000 for number in range(100_000)]
    facts: dict[str, Any] = {
        "shards": 16, "workers": 1, "deleted_at": deleted_at, "ticks": 1, "played": 5_000, "executions": 50,
        "sent": 5_000, "messages": 5_000, "send_calls": 500, "last_entered": 21.0,
    }  # fmt: skip
    return Burst(**(facts | changes))


class TestBursts:
    """How long before its pointInTime the last one entered the queue, and that none was lost."""

    def test_lead(self) -> None:
        """The lead of the last is told, with what led to it."""
        lead, whole = bursts.figures(burst(), 1)
        assert lead.value == "760 s before its pointInTime"
        assert "swept in 20.0 s and 1 tick, in the queue after 21.0 s; 10.0 messages a send call" in lead.note
        assert "100 records an execution" in lead.note
        assert whole.is_good

    @pytest.mark.parametrize(("factor", "lanes"), [(1, "1 lane"), (10, "10 lanes")])
    def test_figures_name_the_lanes_and_predict_for_them(self, factor: int, lanes: str) -> None:
        """A burst is compared with the model's figure for its own parallelization factor."""
        lead, whole = bursts.figures(burst(shards=4, parallelization_factor=factor), 1)
        assert lead.name.startswith(f"4 shards, 1 worker, {lanes}: ")
        assert whole.name.startswith(f"4 shards, 1 worker, {lanes}: ")
        predicted = handover_seconds(100_000, 300, 4, 1, parallelization_factor=factor)
        assert f"make capacity says {predicted:.1f} s" in lead.note

    def test_one_case_compares_parallelization_factors_over_one_sweep(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """The others play Terraform's default, and only that is drawn."""
        swept: list[tuple[int, int]] = []
        handed_on: list[tuple[int, int, int]] = []

        def sweep(_aws: Any, _folder: Path, of: Burst) -> list[bursts.Record]:
            swept.append((of.shards, of.workers))
            of.deleted_at = [1.0] * 100_000
            return []

        def hand_on(_aws: Any, _folder: Path, of: Burst, _records: list[bursts.Record]) -> None:
            handed_on.append((of.shards, of.workers, of.parallelization_factor))
            of.played = of.executions = of.sent = of.messages = of.send_calls = 1
            of.last_entered = 10.0 * of.parallelization_factor

        monkeypatch.setattr(bursts, "CannedAws", nullcontext)
        monkeypatch.setattr(bursts, "_sweep", sweep)
        monkeypatch.setattr(bursts, "_hand_on", hand_on)
        monkeypatch.setattr(bursts, "_PICTURE", tmp_path / "bursts.svg")
        figures = list(bursts.measure(dict.fromkeys((POST, SWEEP, FAST_TRACK), tmp_path)))
        cases = [(shards, workers) for shards in (4, 16, 64) for workers in (1, 5)]
        assert swept == cases
        compared = [(4, 1, factor) for factor in (1, 2, 4, 10)]
        assert handed_on == compared + [(*case, PARALLELIZATION_FACTOR) for case in cases[1:]]
        assert all(figure.is_good for figure in figures)
        assert (tmp_path / "bursts.svg").read_text().count("<circle") == len(cases)

    @pytest.mark.parametrize("changes", [{"sent": 4_999}, {"messages": 5_001}, {"deleted_at": [1.0] * 99_999}])
    def test_lost(self, changes: dict[str, Any]) -> None:
        """One that was not sent, or sent twice, or not deleted, is out of bounds."""
        assert [figure.is_good for figure in bursts.figures(burst(**changes), 1)] == [True, False]

    def test_late(self) -> None:
        """A burst of which one entered the queue after its pointInTime is out of bounds."""
        lead, _ = bursts.figures(burst(last_entered=781.0), 1)
        assert not lead.is_good

    def test_those_that_end_last_are_played(self) -> None:
        """Each execution's records are in order; first come those whose last record comes last, until enough."""
        records: list[bursts.Record] = [
            ("REMOVE", str(number % 4), f"{number}", "{}", float(number)) for number in range(1_000)
        ]
        played = lanes_to_play(records, 4, 100)
        assert 100 <= sum(map(len, played)) < 300
        assert played[0][-1] == records[-1]
        assert all(of_lane == sorted(of_lane, key=lambda record: record[-1]) for of_lane in played)
        assert sum(map(len, lanes_to_play(records, 4, 10_000))) == 1_000
        assert [len(lanes_to_play(records, 4, 10_000, factor)) for factor in (1, 10)] == [4, 40]

    def test_picture(self) -> None:
        """Every case has a line and a name, and the picture is XML."""
        picture = picture_of([burst(), burst(shards=64, workers=5, last_entered=25.0)], 781)
        root = ET.fromstring(picture)  # noqa: S314 -- our own
        tags = [element.tag.rpartition("}")[2] for element in root.iter()]
        assert (tags.count("polyline"), tags.count("circle")) == (2, 2)
        assert "16 shards, 1 worker" in picture
        assert "64 shards, 5 workers" in picture


class TestLateness:
    """What is made of arrivals."""

    POSTED = (Posted("burst", "a", 100), Posted("burst", "b", 100), Posted("alone", "c", 101))

    def of(self, *arrived: tuple[str, float]) -> list[Figure]:
        """The figures of these arrivals."""
        arrivals = Arrivals()
        for schedule_id, at in arrived:
            arrivals.add(schedule_id, at)
        return list(lateness.figures(self.POSTED, arrivals))

    def test_all_is_well(self) -> None:
        """Each kind has the median, the least and the most of its milliseconds; nothing is out of bounds."""
        found = self.of(("a", 100.5), ("b", 100.75), ("c", 101.001))
        assert [(figure.name, figure.value) for figure in found[:2]] == [
            ("burst: late by, ms", "625 (500 to 750)"),
            ("alone: late by, ms", "1 (1 to 1)"),
        ]
        assert all(figure.is_good for figure in found)

    @pytest.mark.parametrize(
        ("arrived", "name"),
        [
            ([("a", 99.999), ("b", 100.0), ("c", 101.0)], "early"),
            ([("a", 100.0), ("c", 101.0)], "missing"),
            ([("a", 100.0), ("a", 100.1), ("b", 100.0), ("c", 101.0)], "a second time"),
        ],
    )
    def test_bounds(self, arrived: list[tuple[str, float]], name: str) -> None:
        """A message that is early, missing or comes twice fails the benchmark."""
        assert [figure.name for figure in self.of(*arrived) if not figure.is_good] == [name]


def test_figures_of_the_readme() -> None:
    """Every figure that the README quotes is in docs/benchmarks.md."""
    text = (ROOT / "README.md").read_text()
    rows = text[text.index("What `make bench` measures") : text.index("## When to use something else")].splitlines()[4:]
    quoted = [number for row in rows if row for number in re.findall(r"\d[\d,.]*\d", row.split("|")[2])]
    measured = set(re.findall(r"\d[\d,.]*\d", (ROOT / "docs" / "benchmarks.md").read_text()))
    assert len(quoted) >= 10
    assert set(quoted) <= measured
