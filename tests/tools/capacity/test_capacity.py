"""What make capacity says, against cases that were worked out by hand from the documented limits and prices."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from task_1minute_enqueuer import handler
from tests.support.checkouts import ROOT
from tests.support.property_tests import use_profile
from tools.capacity import cost, model
from tools.capacity.__main__ import main, parse_number
from tools.capacity.book import limits, prices
from tools.capacity.cost import Line, bill, scheduler_bill
from tools.capacity.model import (
    TIMING,
    CapacityError,
    Concurrency,
    Plan,
    Timing,
    Workload,
    concurrency,
    handover_seconds,
    item_bytes,
    message_bytes,
    messages_per_call,
    plan,
    sweep_seconds,
    uses,
    workload,
    write_units,
)
from tools.capacity.report import DOCUMENTED, DOCUMENTED_BYTES, markdown, tables

use_profile()

LARGEST_PAYLOAD = 262_144 - 196

peaks = st.integers(1, 10**8)
sizes = st.integers(1, LARGEST_PAYLOAD)
counts = st.integers(1, 100)


def terraform(name: str, pattern: str) -> int:
    """Return the one number that a pattern finds in a file of modules/delayer."""
    (found,) = re.findall(pattern, (ROOT / "terraform" / "modules" / "delayer" / name).read_text())
    return int(found)


class TestSizes:
    """What a payload becomes."""

    def test_record(self) -> None:
        """By hand: shard 5 + 3, due 3 + (12 + 1 + 22), payload 7 + 300."""
        assert item_bytes(300) == 353

    def test_message(self) -> None:
        """By hand, without payload: a body of 104 (an id of 39 and a time of 20 among it), attributes of 55 and 37."""
        assert message_bytes(0) == 196

    @pytest.mark.parametrize(("size", "units"), [(971, 1), (972, 2), (261_948, 256)])
    def test_write_units(self, size: int, units: int) -> None:
        """Every begun KB is one: 971 + 53 are 1,024 bytes, and 261,948 + 53 are 255.9 KB."""
        assert write_units(size) == units

    @pytest.mark.parametrize(("size", "messages"), [(300, 10), (26_018, 10), (26_019, 9), (LARGEST_PAYLOAD, 1)])
    def test_messages_of_a_call(self, size: int, messages: int) -> None:
        """Ten, or as many as 262,144 bytes hold: a tenth of that is 26,214, less 196."""
        assert messages_per_call(size) == messages


#: What the fast track computes for a message, 145 µs, with the 512 of 1,769 MB that are a processor.
SENDING = 145e-6 * 1_769 / 512

#: The wait for the next poll, and what came in that quarter of a second: a partition takes 250 small records, which two
#: lanes send: 125 each, in 13 calls.
LAST = 0.25 + 0.13 + 125 * SENDING


class TestHandover:
    """When the last of a burst is in the queue. Each case: two calls, 0.02 s; the deletes; and the last sends."""

    @pytest.mark.parametrize(("shards", "seconds"), [(1, 100 + 2 * 17), (4, 25), (16, 10), (64, 10)])
    def test_one_worker(self, shards: int, seconds: float) -> None:
        """One worker deletes from up to 16 partitions in turn, 1,000 a second each: 100 s, 25 s, 6.25 s.

        A sweep has 43 s of its minute, so that 100 s are three sweeps with two pauses of 17 s. It computes 100 µs for
        each record, so that it takes 10 s at least.
        """
        expected = 0.02 + seconds + LAST
        assert handover_seconds(100_000, 300, shards, 1) == pytest.approx(expected)

    @pytest.mark.parametrize(("shards", "seconds"), [(4, 25), (16, 6.25), (64, 10 * 13 / 64)])
    def test_five_workers(self, shards: int, seconds: float) -> None:
        """The busiest of five has 1 of 4 shards or 4 of 16, each at 1,000 a second; or 13 of 64, at 100 µs a record."""
        expected = 0.02 + seconds + LAST
        assert handover_seconds(100_000, 300, shards, 5) == pytest.approx(expected)

    def test_little_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """With 512 MB the same computing lasts 3.46 times as long: 35 s for 100,000, however many shards."""
        monkeypatch.setattr(model, "SWEEP_MEMORY_MB", 512)
        expected = 0.02 + 10 * 1_769 / 512 + LAST
        assert handover_seconds(100_000, 300, 16, 1) == pytest.approx(expected)

    def test_new_table(self) -> None:
        """4,000 write units a second in all, however many shards and workers: 25 s."""
        assert handover_seconds(100_000, 300, 64, 64, partitions=4) == pytest.approx(0.02 + 25 + LAST)

    def test_large_payloads(self) -> None:
        """100 of 250,000 bytes: 245 units a delete, 25 in each of 4 shards with a worker each; a send carries one."""
        assert handover_seconds(100, 250_000, 4, 4) == pytest.approx(0.02 + 25 * 245 / 1_000 + 0.25 + 0.01 + SENDING)

    def test_many_empty_shards(self) -> None:
        """A DescribeTable and 1,000 Queries at 10 ms: the least that a sweep by one worker takes."""
        assert sweep_seconds(0, 300, 1_000, 1) == pytest.approx(10.01)

    def test_one_lane_falls_behind_a_partition(self) -> None:
        """10,000 of one shard, which takes 10 s to delete them: one lane takes 15 s, ten lanes wait for the partition.

        A lane takes 1 ms of a call and 0.5 ms of computing for each. The last poll finds 250 for one lane, 25 for ten.
        """
        one, ten = (handover_seconds(10_000, 300, 1, 1, parallelization_factor=factor) for factor in (1, 10))
        assert one == pytest.approx(10_000 * (0.001 + SENDING) + 0.25 + 0.25 + 250 * SENDING)
        assert ten == pytest.approx(0.02 + 10 + 0.25 + 0.03 + 25 * SENDING)

    @given(sizes)
    def test_default_lanes_keep_up_with_a_partition(self, size: int) -> None:
        """Whatever the payload, a shard's lanes send a record in less time than its partition takes to delete it."""
        sent = (TIMING.call_seconds / messages_per_call(size) + SENDING) / model.PARALLELIZATION_FACTOR
        assert sent < write_units(size) / 1_000

    @given(peaks, sizes, counts, counts, st.integers(1, 10**6))
    def test_more_is_never_sooner(self, peak: int, size: int, shards: int, workers: int, more: int) -> None:
        """A larger burst takes as long or longer."""
        assert handover_seconds(peak + more, size, shards, workers) >= handover_seconds(peak, size, shards, workers)

    @given(peaks, sizes, sizes, counts, counts)
    def test_larger_is_never_sooner(self, peak: int, size: int, other: int, shards: int, workers: int) -> None:
        """So does a larger payload, but for the last lane, which has fewer of them to send: up to 125, in 13 calls."""
        small, large = sorted((size, other))
        sooner = handover_seconds(peak, small, shards, workers) - handover_seconds(peak, large, shards, workers)
        assert sooner <= LAST - 0.25

    @given(peaks, sizes, counts, counts)
    def test_a_worker_more_is_never_later(self, peak: int, size: int, shards: int, workers: int) -> None:
        """One more worker takes as long or less, and one without a shard changes nothing."""
        with_more = handover_seconds(peak, size, shards, workers + 1)
        assert with_more <= handover_seconds(peak, size, shards, workers) + 1e-9
        if workers >= shards:
            assert with_more == handover_seconds(peak, size, shards, workers)

    @given(peaks, sizes, counts, counts)
    def test_no_partition_is_overrun(self, peak: int, size: int, shards: int, workers: int) -> None:
        """In no time are more units deleted than its partitions take."""
        seconds = handover_seconds(peak, size, shards, workers)
        assert peak * write_units(size) <= shards * 1_000 * seconds


class TestSweep:
    """What the model says of the sweep, looked up in the sweep."""

    def test_numbers_of_terraform(self) -> None:
        """What the model retypes is what Terraform and the handler say."""
        mapping = "stream_dynamodb_fasttrack_enqueuer.tf"
        period = r'variable "delayer_period_seconds" \{[^}]*?default +=  *(\d+)'
        assert terraform("variables.tf", period) == model.DELAYER_PERIOD_SECONDS
        assert terraform("variables.tf", r"min\((\d+), var\.shard_count\)") == model.MAX_WORKERS
        assert terraform("variables.tf", r"rate_limit +=  *optional\(number, (\d+)\)") == model.API_RATE_LIMIT
        assert terraform("task_1minute_enqueuer.tf", r"timeout_seconds +=  *(\d+)") == model.SWEEP_TIMEOUT_SECONDS
        assert terraform("task_1minute_enqueuer.tf", r"memory_mb +=  *(\d+)") == model.SWEEP_MEMORY_MB
        assert terraform(mapping, r"memory_mb +=  *(\d+)") == model.FAST_TRACK_MEMORY_MB
        assert terraform("api_schedule_post.tf", r"memory_mb +=  *(\d+)") == cost.POST_MEMORY_MB
        assert terraform(mapping, r"batch_size +=  *(\d+)") == model.BATCH_RECORDS
        factor = r'variable "parallelization_factor" \{[^}]*?default +=  *(\d+)'
        assert terraform("variables.tf", factor) == model.PARALLELIZATION_FACTOR
        assert terraform("variables.tf", r"parallelization_factor <= (\d+)") == limits()["stream_lanes"].value
        assert handler.RESERVE_SECONDS == model.SWEEP_RESERVE_SECONDS

    def test_numbers_of_the_monitoring(self) -> None:
        """Every alarm on one metric counts once, those on three and four as often; every metric is in the README."""
        alarms = (ROOT / "terraform/modules/monitoring/alarms.tf").read_text()
        single = re.findall(r"^      metric +=", alarms, re.MULTILINE)
        # The missed sweep's, of one metric, is written among the expressions.
        assert len(single) + 1 + 3 + 4 == cost.ALARM_METRICS
        readme = (ROOT / "README.md").read_text()
        listed = readme[readme.index("Each function counts") : readme.index("Logs name every scheduleId")]
        names = set(re.findall(r"`([A-Z][A-Za-z]+)`", listed))
        assert len(names) == cost.METRICS


class TestPlan:
    """Shards, workers and the rest."""

    def test_a_million_a_day(self) -> None:
        """By hand: 23 write units a second all day and 278 for the peak in 360 s are less than half of 1,000.

        So one shard and one worker; its sweep hands the peak over in 134.5 s, of the 360 that are planned. It deletes
        1,000 a second beside 12 puts: twice that are three partitions, and a new table has four. 278 would do.
        """
        planned = plan(workload(1e6, 100e3, 300))
        assert (planned.environments, planned.shards, planned.workers, planned.partitions) == (1, 1, 1, 4)
        assert planned.even_write_units == pytest.approx(2e6 / 86_400)
        assert planned.needed_write_units == pytest.approx(100e3 / 360 + 1e6 / 86_400)
        assert planned.peak_write_units == pytest.approx(1_000 + 1e6 / 86_400)
        assert planned.handover_seconds == pytest.approx(134.463, abs=1e-3)
        assert planned.spare_seconds == pytest.approx(840 - 120 - 134.463, abs=1e-3)
        assert planned.concurrency == Concurrency(post=1, sweep=1, fast_track=2)

    def test_a_million_a_second_is_too_much_for_one(self) -> None:
        """By hand: four would write 500,000 units a second and 6,944 for the peak, at 500 a shard 1,014 shards: five.

        Each of the five writes 400,000 and 5,556: 812 shards. A worker with 16 of them or more deletes 215,000 in half
        of 43 s, of the 12 million of a minute: 56 workers, and with as many shards for each, 15, there are 840.
        """
        planned = plan(workload(86.4e9, 10e6, 300))
        assert (planned.environments, planned.workers, planned.shards) == (5, 56, 840)

    @given(st.integers(1, 10**10), st.floats(0, 1), sizes)
    def test_a_plan_holds_what_it_says(self, a_day: int, part: float, size: int) -> None:
        """The peak is handed over in half of the time there is, a minute's due in half a sweep, by fitting numbers."""
        load = workload(a_day, max(1, int(a_day * part)), size)
        planned = plan(load)
        assert planned.handover_seconds <= 360
        assert planned.minute_seconds <= 43 / 2
        assert planned.workers <= min(100, planned.shards)
        assert planned.shards <= 1_000
        assert planned.partitions >= 4
        assert planned.even_write_units <= 500 * planned.shards

    @given(st.integers(1, 10**10), st.integers(1, 10**10), sizes)
    def test_more_needs_no_fewer(self, one: int, other: int, size: int) -> None:
        """More schedules a day need as many environments or more, and as many workers if it is one."""
        few, many = (plan(workload(a_day, 1, size)) for a_day in sorted((one, other)))
        assert few.environments <= many.environments
        if many.environments == 1:
            assert few.workers <= many.workers


class TestConcurrency:
    """How many executions an environment takes at once."""

    def test_sum_of_the_functions(self) -> None:
        """500 posts a second at 20 ms each are ten; each sweep is one; four stream shards of two lanes are eight."""
        most = concurrency(500, 16, 3, 4, 2)
        assert most == Concurrency(post=10, sweep=3, fast_track=8)
        assert most.total == 21

    def test_stream_shard_without_a_table_shard_takes_none(self) -> None:
        """Of four stream shards, three have nothing to send if the table has one shard."""
        assert concurrency(1, 1, 1, 4, 10).fast_track == 10

    def test_new_account_carries_a_small_environment(self) -> None:
        """Ten executions are enough for four stream shards, a sweep and 20 posts a second; with ten lanes, 42 are."""
        assert concurrency(20, 4, 1, 4).total == 10
        assert concurrency(20, 4, 1, 4, 10).total == 42


class TestLimits:
    """What is hit first."""

    def share(self, load: Workload, planned: Plan, words: str) -> float:
        """What is taken of the one limit with these words."""
        (share,) = [use.share for use in uses(load, planned) if words in use.what]
        return share

    def test_a_billion_a_day(self) -> None:
        """By hand: 11,574 posts a second of API Gateway's 10,000 and of the 500 that the API is set to."""
        load = workload(1e9, 1e6, 300)
        aside = next(use for use in uses(load, plan(load)) if use.is_aside)
        assert aside.what == "the API's own throttling, by default"
        assert aside.share == pytest.approx(11_574.07 / 500, rel=1e-5)
        assert self.share(load, plan(load), "API Gateway") == pytest.approx(1.157407, rel=1e-5)

    def test_little_meets_none(self) -> None:
        """A thousand a day takes less than a twentieth of anything."""
        load = workload(1_000, 100, 300)
        assert all(use.share < 0.05 for use in uses(load, plan(load)))

    def test_first_is_the_nearest_of_aws(self) -> None:
        """AWS's limits come first, the nearest at the top, and those aside after them in the same order."""
        load = workload(100e6, 1e6, 3_000)
        found = uses(load, plan(load))
        assert [use.is_aside for use in found] == [False] * 4 + [True] * 4
        for some in (found[:4], found[4:]):
            shares = [use.share for use in some]
            assert shares == sorted(shares, reverse=True)

    @pytest.mark.parametrize("number", range(len(DOCUMENTED)))
    def test_terminal_and_document_name_the_same_first_limit(self, number: int) -> None:
        """The row at the top of the terminal's limits is the one under "hit first" in docs/scaling.md."""
        heading, _, *rows = ([cell.strip() for cell in line.split("|")] for line in markdown().splitlines())
        documented = rows[number][heading.index("hit first")]
        a_day, peak = DOCUMENTED[number]
        _, limits_table, _ = tables(workload(a_day, peak, DOCUMENTED_BYTES))
        what, _, _, taken, _ = (next(iter(column.cells)) for column in limits_table.columns)
        assert documented == f"{what}: {taken}"

    def test_each_has_its_source(self) -> None:
        """Every limit says where it is from."""
        assert all(limit.source.startswith("https://") and limit.value > 0 for limit in limits().values())


class TestPrices:
    """The book of prices."""

    @pytest.mark.parametrize(
        ("price", "units", "dollars"),
        [
            ("api_request", 432e6, 418.80),  # 300 x 1.00 + 132 x 0.90: the example of AWS's page
            ("lambda_logs", 60e3, 12_497.50),  # 12,500 dollars of the source's example, less the 5 GB that are free
            ("scheduler_invocation", 14e6, 0),
            ("scheduler_invocation", 15e6, 1),
            ("sqs_request", 1e6, 0),
            ("sqs_request", 101e9, 40_299.60),  # 99,999 million at 0.40 and 1,000 at 0.30
            ("lambda_duration", 400_003, 0.0000400002),
            ("dynamodb_storage", 24, 0),
        ],
    )
    def test_tiers(self, price: str, units: float, dollars: float) -> None:
        """What is free is free, and each tier has its price."""
        assert prices().by_name[price].dollars(units) == pytest.approx(dollars)

    def test_each_has_its_source(self) -> None:
        """Every price says which page it is to be checked against, where it was read, and from when that is."""
        for price in prices().by_name.values():
            assert re.match(r"https://(docs\.)?aws\.amazon\.com/", price.page)
            assert re.search(r"20[12]\d|without a date|NOT CONFIRMED", price.read_in)

    def test_tiers_end(self) -> None:
        """The tiers rise, the last without an end."""
        for price in prices().by_name.values():
            ends = [price.free, *(up_to for up_to, _ in price.tiers)]
            assert ends == sorted(ends)
            assert ends[-1] == math.inf


def line(lines: Sequence[Line], what: str) -> Line:
    """The one line of a bill."""
    (found,) = [each for each in lines if each.what == what]
    return found


class TestBill:
    """A month of a million schedules a day, 100,000 of them at one instant, 300 bytes each, 7 days ahead.

    730 hours are 30.41667 days, so 30,416,667 schedules, in 43,800 minutes.
    """

    @pytest.fixture
    def load(self) -> Workload:
        """The workload."""
        return workload(1e6, 100e3, 300)

    def test_writes(self, load: Workload) -> None:
        """One put and one delete of a unit each, 60,833,333, at 0.625 dollars a million."""
        found = line(bill(load, plan(load)).on_demand, "table: a put and a delete each")
        assert found.quantity == pytest.approx(60_833_333.3)
        assert found.dollars == pytest.approx(38.0208, rel=1e-5)

    def test_queries(self, load: Workload) -> None:
        """One shard; 694.4 records of 353 bytes a minute are 59.8 times 4 KB: 60 halves of a unit, 43,800 times."""
        found = line(bill(load, plan(load)).on_demand, "table: the sweeps' queries")
        assert found.quantity == 30 * 43_800
        assert found.dollars == pytest.approx(0.16425)

    def test_idle_queries(self) -> None:
        """A Query that finds nothing, or less than 4 KB, is half a unit for each shard."""
        load = workload(1, 1, 300)
        assert line(bill(load, plan(load)).on_demand, "table: the sweeps' queries").quantity == 0.5 * 43_800

    def test_provisioned(self, load: Workload) -> None:
        """23.15 units for the day and 100,000 / 360 s for the peak are 300.9: 70 % of 430, 730 hours at 0.00065."""
        found = line(bill(load, plan(load)).provisioned, "table: write capacity")
        assert found.quantity == 430 * 730
        assert found.dollars == pytest.approx(204.035)

    def test_storage(self, load: Workload) -> None:
        """Seven million of 353 + 100 bytes are 2.953 GB: within the free 25, and recovery at 0.20."""
        common = bill(load, plan(load)).common
        assert line(common, "table: storage").dollars == 0
        assert line(common, "table: recovery").dollars == pytest.approx(0.5906, rel=1e-3)

    def test_requests(self, load: Workload) -> None:
        """One HTTP request each; receives in tens, deletes one by one, and a long poll every 20 s."""
        common = bill(load, plan(load)).common
        assert line(common, "HTTP API").dollars == pytest.approx(30.41667)
        consuming = line(common, "queue: the consumer's receives and deletes").quantity
        assert consuming == pytest.approx(3_041_667 + 30_416_667 + 131_400, abs=2)

    def test_sends(self, load: Workload) -> None:
        """No fewer than a send for ten, and no more than one each."""
        sends = line(bill(load, plan(load)).common, "queue: sends").quantity
        assert 30_416_667 / 10 <= sends <= 30_416_667

    def test_executions(self, load: Workload) -> None:
        """A post each, a sweep a minute, and a batch of the stream for each record at most: an insert and a removal."""
        executions = line(bill(load, plan(load)).common, "functions: invocations").quantity
        assert 30_416_667 + 43_800 < executions <= 3 * 30_416_667 + 43_800

    def test_trickle(self) -> None:
        """Where seldom two come together, nothing is shared: three executions and one send a schedule, by 2 %."""
        load = workload(100, 1, 300)
        common = bill(load, plan(load)).common
        schedules = 3_041.667
        assert line(common, "queue: sends").quantity == pytest.approx(schedules, rel=0.04)
        assert line(common, "functions: invocations").quantity == pytest.approx(3 * schedules + 43_800, rel=0.02)

    def test_large_payloads(self) -> None:
        """A message of 250,196 bytes is 4 requests of 64 KB to send and 4 to receive, and one to delete."""
        load = workload(1_000, 1, 250_000)
        common = bill(load, plan(load)).common
        assert line(common, "queue: sends").quantity == pytest.approx(4 * 30_416.67, rel=1e-3)
        consuming = line(common, "queue: the consumer's receives and deletes").quantity
        assert consuming == pytest.approx(5 * 30_416.67 + 131_400, rel=1e-3)

    def test_scheduler(self, load: Workload) -> None:
        """16,416,667 invocations over the free 14 million at a dollar a million, and a send for each message."""
        lines = scheduler_bill(load).lines
        assert line(lines, "invocations").dollars == pytest.approx(16.41667)
        assert line(lines, "queue: sends").dollars == pytest.approx(0.4 * 29.41667)

    @given(st.integers(1, 10**10), st.integers(1, 10**9), sizes)
    def test_more_never_costs_less(self, a_day: int, more: int, size: int) -> None:
        """More cost as much or more, of either; by a thousandth less where a further worker makes batches fuller."""
        small, large = workload(a_day, 1, size), workload(a_day + more, 1, size)
        assert scheduler_bill(large).dollars >= scheduler_bill(small).dollars
        assert bill(large, plan(large)).on_demand_dollars >= bill(small, plan(small)).on_demand_dollars * 0.999


class TestCommand:
    """make capacity."""

    @pytest.mark.parametrize(
        ("text", "number"),
        [("300", 300), ("100k", 100_000), ("1.5M", 1_500_000), ("2g", 2 * 10**9), ("10_000", 10_000)],
    )
    def test_numbers(self, text: str, number: int) -> None:
        """With and without units, and with marks between the digits."""
        assert parse_number("RATE", text) == number

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("", "", "", ""), "RATE has to be a number like 300, 100k, 1.5M or 2G, and none is given"),
            (("1M",), "PEAK has to be a number like 300, 100k, 1.5M or 2G, and none is given"),
            (("many", "1", "1", ""), "RATE has to be a number like 300, 100k, 1.5M or 2G, not 'many'"),
            (("-5", "1", "1", ""), "RATE has to be a number"),
            (("nan", "1", "1", ""), "RATE has to be a number"),
            (("1e9", "1", "1", ""), "RATE has to be a number"),
            (("1,5M", "1", "1", ""), "RATE has to be a number"),
            (("9999999G", "1", "1", ""), "RATE has to be a number"),
            (("0", "1", "1", ""), "RATE has to be at least 1 schedule a day"),
            (("10", "0.5", "1", ""), "PEAK has to be a whole number, not '0.5'"),
            (("10", "11", "1", ""), "PEAK has to be at least 1, and no more than the schedules of a day (RATE)"),
            (("10", "1", "0", ""), "SIZE has to be from 1 to 261,948 bytes"),
            (("10", "1", "261949", ""), "SIZE has to be from 1 to 261,948 bytes"),
            (("10", "1", "1", "0"), "AHEAD has to be more than 0"),
            (("10", "1", "1", "4k"), "AHEAD has to be more than 0 and at most 3,653 days, the horizon"),
        ],
    )
    def test_mistakes(self, arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
        """One sentence on standard error, and 1."""
        assert main(arguments) == 1
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith(f"make capacity: {sentence}")
        assert printed.err.count("\n") == 1

    def test_table(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        """What is needed, which limits are met, and both bills."""
        monkeypatch.setenv("COLUMNS", "200")
        assert main(("1M", "100k", "300", "")) == 0
        printed = capsys.readouterr().out
        for words in (
            "1,000,000 schedules a day",
            "134.5 s",
            "first one hit",
            "aside (see docs/scaling.md)",
            "the delayer, on demand",
            "EventBridge Scheduler",
        ):
            assert words in printed

    def test_too_large_a_payload_raises(self) -> None:
        """The largest payload is the largest that the post function accepts."""
        assert workload(1, 1, LARGEST_PAYLOAD).size_bytes + message_bytes(0) == 262_144
        with pytest.raises(CapacityError):
            workload(1, 1, LARGEST_PAYLOAD + 1)


class TestDocument:
    """docs/scaling.md."""

    TEXT = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")

    def test_table(self) -> None:
        """It has the table of `python -m tools.capacity --table`, to the letter."""
        assert markdown() in self.TEXT

    @pytest.mark.parametrize("shards", [4, 16, 64])
    def test_predictions(self, shards: int) -> None:
        """What the burst benchmark is compared with is what the model predicts."""
        one, five = (handover_seconds(100_000, 300, shards, workers) for workers in (1, 5))
        assert f"| {shards} | {one:.1f} | {five:.1f} |\n" in self.TEXT

    def test_lanes(self) -> None:
        """The page's figures for lanes follow from the model: sends, times and costs."""
        text = " ".join(self.TEXT.split())
        lane = 1 / (0.001 + SENDING)
        assert f"One lane sends {lane:.0f} a second, two send {2 * lane:,.0f}" in text
        slow = Timing(call_seconds=0.02)
        assert f"20 ms instead of 10 they send {2 / (0.002 + SENDING):.0f}" in text
        burst, slow_burst = (handover_seconds(100_000, 300, 4, 1, timing=timing) for timing in (TIMING, slow))
        assert f"takes {slow_burst:.0f} s instead of {burst:.0f} over four shards" in text
        two, ten = (concurrency(0, 64, 0, 64, factor).total for factor in (model.PARALLELIZATION_FACTOR, 10))
        assert f"64 stream shards may take {two} of an account's 1,000 executions" in text
        assert f"with ten lanes each they would take {ten}" in text
        assert f"four stream shards take {concurrency(0, 4, 0, 4).total} of them, a sweep one" in text
        assert text.count("two for each stream shard") + text.count("two of the fast track for each stream shard") == 2

    def test_executions_of_the_environments(self) -> None:
        """What docs/operations/deploying.md says that dev and prod take is what `make status` compares with."""
        text = " ".join((ROOT / "docs" / "operations" / "deploying.md").read_text(encoding="utf-8").split())
        rate = model.API_RATE_LIMIT
        dev, new_prod, prod = (
            concurrency(rate, shards, workers, stream_shards).total
            for shards, workers, stream_shards in ((4, 1, 4), (64, 2, 4), (64, 2, 64))
        )
        assert f"`dev` takes up to {dev}; `prod` up to {new_prod} while its table is new" in text
        assert f"and {prod} once each of its 64 shards has a stream shard" in text

    def test_prod(self) -> None:
        """And what is said of prod: two workers with 32 shards each, and 50,000 records at 100 µs."""
        assert handover_seconds(100_000, 300, 64, 2) == pytest.approx(0.02 + 5 + LAST)
        assert "prod's 64 shards and 2 workers take 5.5 s" in " ".join(self.TEXT.split())
