"""The needs of workloads and their use of limits, against cases worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.property_tests import use_profile
from tools.capacity.book import LIMITS
from tools.capacity.model import Workload
from tools.capacity.needs import concurrency, plan, uses
from tools.project import FAST_TRACK, POST, SWEEP

use_profile()

sizes = st.integers(1, 261_948)


class TestPlan:
    """The shards, workers and executions of a workload."""

    def test_a_million_a_day(self) -> None:
        """By hand: 23 write units a second all day and 278 for the peak in 360 s are less than half of 1,000.

        So one shard and one worker; its sweep hands the peak over in 134.5 s, of the 360 that are planned. It deletes
        1,000 a second beside 12 puts: twice that are three partitions, and a new table has four. 278 would do.
        """
        planned = plan(Workload(1e6, 100e3, 300))
        assert (planned.environments, planned.shards, planned.workers, planned.partitions) == (1, 1, 1, 4)
        assert planned.even_write_units == pytest.approx(2e6 / 86_400)
        assert planned.needed_write_units == pytest.approx(100e3 / 360 + 1e6 / 86_400)
        assert planned.peak_write_units == pytest.approx(1_000 + 1e6 / 86_400)
        assert planned.handover_seconds == pytest.approx(134.463, abs=1e-3)
        assert planned.concurrency == {POST: 1, SWEEP: 1, FAST_TRACK: 2}

    def test_a_million_a_second_needs_five_environments(self) -> None:
        """By hand: four would write 500,000 units a second and 6,944 for the peak, at 500 a shard 1,014 shards: five.

        Each of the five writes 400,000 and 5,556: 812 shards. A worker with 16 of them or more deletes 215,000 in half
        of 43 s, of the 12 million of a minute: 56 workers, and with as many shards for each, 15, there are 840.
        """
        planned = plan(Workload(86.4e9, 10e6, 300))
        assert (planned.environments, planned.workers, planned.shards) == (5, 56, 840)

    @given(st.integers(1, 10**10), st.floats(0, 1), sizes)
    def test_plan_keeps_half_of_every_capacity(self, a_day: int, part: float, size: int) -> None:
        """It hands the peak over in half of the time there is, and a minute's due records in half a sweep."""
        load = Workload(a_day, max(1, int(a_day * part)), size)
        planned = plan(load)
        assert planned.handover_seconds <= 360
        assert planned.minute_seconds <= 43 / 2
        assert planned.workers <= min(100, planned.shards)
        assert planned.shards <= 1_000
        assert planned.partitions >= 4
        assert planned.even_write_units <= 500 * planned.shards

    @given(st.integers(1, 10**10), st.integers(1, 10**10), sizes)
    def test_more_schedules_never_need_less(self, one: int, other: int, size: int) -> None:
        """They need as many environments or more, and as many workers if one environment carries them."""
        few, many = (plan(Workload(a_day, 1, size)) for a_day in sorted((one, other)))
        assert few.environments <= many.environments
        if many.environments == 1:
            assert few.workers <= many.workers

    def test_each_function_has_its_executions(self) -> None:
        """500 posts a second at 20 ms each are ten; each sweep is one; four stream shards of two lanes are eight."""
        assert concurrency(500, 16, 3, 4, 2) == {POST: 10, SWEEP: 3, FAST_TRACK: 8}

    def test_stream_shards_without_our_shards_run_nothing(self) -> None:
        """One shard of the table is in one stream shard, however many the stream has."""
        assert concurrency(0, 1, 1, 4, 10)[FAST_TRACK] == 10


class TestUses:
    """How much a workload uses of each limit."""

    def test_billion_a_day_exceeds_the_api(self) -> None:
        """By hand: 11,574 posts a second of API Gateway's 10,000, and of the 500 that the API is set to."""
        load = Workload(1e9, 1e6, 300)
        shares = {use.what: use.share for use in uses(load, plan(load))}
        assert shares["delayer: default API throttling"] == pytest.approx(11_574.07 / 500, rel=1e-5)
        assert shares[LIMITS["api_requests"].what] == pytest.approx(1.157407, rel=1e-5)

    def test_thousand_a_day_is_near_no_limit(self) -> None:
        """It uses less than a twentieth of each."""
        load = Workload(1_000, 100, 300)
        assert all(use.share < 0.05 for use in uses(load, plan(load)))

    def test_nearest_aws_limit_is_first(self) -> None:
        """AWS's limits come first, those aside after them, each group with the highest share first."""
        load = Workload(100e6, 1e6, 3_000)
        found = uses(load, plan(load))
        assert [use.is_aside for use in found] == [False] * 4 + [True] * 4
        for group in (found[:4], found[4:]):
            shares = [use.share for use in group]
            assert shares == sorted(shares, reverse=True)
