"""The bills, against amounts worked out by hand from the published prices."""

import math
import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.property_tests import use_profile
from tools.capacity.book import LIMITS, PRICES
from tools.capacity.cost import Bill, Line, bill, scheduler_bill, total
from tools.capacity.model import Workload
from tools.capacity.needs import plan

use_profile()


class TestBook:
    """The prices and limits."""

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
    def test_free_units_and_tiers(self, price: str, units: float, dollars: float) -> None:
        """Free units cost nothing, and each tier has its price."""
        assert PRICES[price].dollars(units) == pytest.approx(dollars)

    def test_every_figure_has_a_source(self) -> None:
        """A price has the page to check it against and a dated text; a limit has a page."""
        for price in PRICES.values():
            assert re.match(r"https://(docs\.)?aws\.amazon\.com/", price.page)
            assert re.search(r"20[12]\d|without a date|NOT CONFIRMED", price.read_in)
        assert all(limit.source.startswith("https://") and limit.value > 0 for limit in LIMITS.values())

    def test_tiers_rise_without_end(self) -> None:
        """The first begins after the free units, and the last has no end."""
        for price in PRICES.values():
            ends = [price.free, *(up_to for up_to, _ in price.tiers)]
            assert ends == sorted(ends)
            assert ends[-1] == math.inf


def bill_of(schedules_per_day: float, peak: float, size_bytes: int) -> Bill:
    """Return the delayer's bill."""
    load = Workload(schedules_per_day, peak, size_bytes)
    return bill(load, plan(load))


def line(lines: Sequence[Line], what: str) -> Line:
    """Return the one line of that name."""
    (found,) = [each for each in lines if each.what == what]
    return found


class TestBill:
    """A month of a million schedules a day, 100,000 of them at one instant, 300 bytes each, 7 days ahead.

    730 hours are 30.41667 days, so 30,416,667 schedules, in 43,800 minutes.
    """

    MILLION = bill_of(1e6, 100e3, 300)

    def test_batches_share_requests_invocations_and_logs(self) -> None:
        """Posted 25 in a request, a 25th of the API's requests and access log, and as many writes."""
        load = Workload(1e6, 100e3, 300, batch=25)
        batched = bill(load, plan(load))
        for what in ("HTTP API", "access log"):
            assert line(batched.common, what).quantity == pytest.approx(line(self.MILLION.common, what).quantity / 25)
        assert batched.on_demand == self.MILLION.on_demand
        posts = 30_416_667
        spared = (
            line(self.MILLION.common, "functions: invocations").quantity
            - line(batched.common, "functions: invocations").quantity
        )
        assert spared == pytest.approx(posts - posts / 25)

    def test_large_request_is_charged_by_512_kb(self) -> None:
        """A thousand schedules of 4,000 bytes are 4,070,000 bytes: eight of API Gateway's requests."""
        load = Workload(1e6, 100e3, 4_000, batch=1_000)
        assert line(bill(load, plan(load)).common, "HTTP API").quantity == pytest.approx(8 * 30_416_667 / 1_000)

    def test_writes(self) -> None:
        """One put and one delete of a unit each, 60,833,333, at 0.625 dollars a million."""
        found = line(self.MILLION.on_demand, "table: a put and a delete each")
        assert found.quantity == pytest.approx(60_833_333.3)
        assert found.dollars == pytest.approx(38.0208, rel=1e-5)

    def test_queries(self) -> None:
        """One shard; 694.4 records of 353 bytes a minute are 59.8 times 4 KB: 60 halves of a unit, 43,800 times."""
        found = line(self.MILLION.on_demand, "table: the sweeps' queries")
        assert found.quantity == 30 * 43_800
        assert found.dollars == pytest.approx(0.16425)

    def test_idle_query_is_half_a_unit(self) -> None:
        """A Query that finds nothing, or less than 4 KB, is half a unit for each shard."""
        assert line(bill_of(1, 1, 300).on_demand, "table: the sweeps' queries").quantity == 0.5 * 43_800

    def test_provisioned(self) -> None:
        """23.15 units for the day and 100,000 / 360 s for the peak are 300.9: 70 % of 430, 730 hours at 0.00065."""
        found = line(self.MILLION.provisioned, "table: write capacity")
        assert found.quantity == 430 * 730
        assert found.dollars == pytest.approx(204.035)

    def test_storage(self) -> None:
        """Seven million of 353 + 100 bytes are 2.953 GB: within the free 25, and recovery at 0.20."""
        assert line(self.MILLION.common, "table: storage").dollars == 0
        assert line(self.MILLION.common, "table: recovery").dollars == pytest.approx(0.5906, rel=1e-3)

    def test_requests(self) -> None:
        """One HTTP request each; receives and deletes in tens, and a long poll every 20 s."""
        assert line(self.MILLION.common, "HTTP API").dollars == pytest.approx(30.41667)
        consuming = line(self.MILLION.common, "queue: the consumer's receives and deletes").quantity
        assert consuming == pytest.approx(2 * 3_041_667 + 131_400, abs=2)

    def test_sends_are_batched(self) -> None:
        """At least one send for ten schedules, and at most one each."""
        assert 30_416_667 / 10 <= line(self.MILLION.common, "queue: sends").quantity <= 30_416_667

    def test_executions(self) -> None:
        """A post each, a sweep a minute, and at most a batch of the stream for each insert and each removal."""
        executions = line(self.MILLION.common, "functions: invocations").quantity
        assert 30_416_667 + 43_800 < executions <= 3 * 30_416_667 + 43_800

    def test_trickle_shares_nothing(self) -> None:
        """Where two seldom come together, a schedule is three executions and one send."""
        common = bill_of(100, 1, 300).common
        schedules = 3_041.667
        assert line(common, "queue: sends").quantity == pytest.approx(schedules, rel=0.04)
        assert line(common, "functions: invocations").quantity == pytest.approx(3 * schedules + 43_800, rel=0.02)

    def test_large_message_is_several_requests(self) -> None:
        """A message of 250,196 bytes is 4 requests of 64 KB to send and 4 to receive, and one to delete."""
        common = bill_of(1_000, 1, 250_000).common
        assert line(common, "queue: sends").quantity == pytest.approx(4 * 30_416.67, rel=1e-3)
        consuming = line(common, "queue: the consumer's receives and deletes").quantity
        assert consuming == pytest.approx(5 * 30_416.67 + 131_400, rel=1e-3)

    def test_scheduler(self) -> None:
        """16,416,667 invocations over the free 14 million at a dollar a million, and a send for each message."""
        lines = scheduler_bill(Workload(1e6, 100e3, 300))
        assert line(lines, "invocations").dollars == pytest.approx(16.41667)
        assert line(lines, "queue: sends").dollars == pytest.approx(0.4 * 29.41667)

    @given(st.integers(1, 10**10), st.integers(1, 10**9), st.integers(1, 261_948))
    def test_more_schedules_never_cost_less(self, a_day: int, more: int, size: int) -> None:
        """Except a thousandth on the delayer, where a further worker makes batches fuller."""
        small, large = bill_of(a_day, 1, size), bill_of(a_day + more, 1, size)
        assert total(large.common, large.on_demand) >= total(small.common, small.on_demand) * 0.999
        of_small, of_large = (scheduler_bill(Workload(count, 1, size)) for count in (a_day, a_day + more))
        assert total(of_large) >= total(of_small)
