"""The model's figures, against cases worked out by hand from the documented limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.property_tests import use_profile
from tools.capacity import declared
from tools.capacity.book import LIMITS
from tools.capacity.declared import PARALLELIZATION_FACTOR
from tools.capacity.model import (
    CALL_SECONDS,
    Workload,
    handover_seconds,
    item_bytes,
    message_bytes,
    messages_per_call,
    sweep_seconds,
    write_units,
)
from tools.project import CONFIGURATION, CommandError

use_profile()

#: 262,144 bytes of a message, less the 196 beside the payload.
LARGEST_PAYLOAD = 261_948

peaks = st.integers(1, 10**8)
sizes = st.integers(1, LARGEST_PAYLOAD)
counts = st.integers(1, 100)

#: What the fast track computes for a message: 145 µs on a processor, of which 512 MB buy 512/1,769.
SENDING = 145e-6 * 1_769 / 512

#: The wait for the next poll, and for the records of that quarter of a second: a partition deletes 250 small ones, and
#: two lanes send 125 each, in 13 calls.
LAST = 0.25 + 0.13 + 125 * SENDING


class TestSizes:
    """The sizes that follow from a payload's."""

    def test_record_holds_keys_names_and_payload(self) -> None:
        """By hand: shard 5 + 3, due 3 + (12 + 1 + 22), payload 7 + 300."""
        assert item_bytes(300) == 353

    def test_empty_message_has_196_bytes(self) -> None:
        """By hand: a body of 104 (an id of 39 and a time of 20 among it), attributes of 55 and 37."""
        assert message_bytes(0) == 196

    @pytest.mark.parametrize(("size", "units"), [(971, 1), (972, 2), (LARGEST_PAYLOAD, 256)])
    def test_each_started_kb_is_a_write_unit(self, size: int, units: int) -> None:
        """971 + 53 are 1,024 bytes, and 261,948 + 53 are 255.9 KB."""
        assert write_units(size) == units

    @pytest.mark.parametrize(("size", "messages"), [(300, 10), (26_018, 10), (26_019, 9), (LARGEST_PAYLOAD, 1)])
    def test_call_carries_ten_messages_or_256_kb(self, size: int, messages: int) -> None:
        """A tenth of 262,144 bytes is 26,214, less 196."""
        assert messages_per_call(size) == messages

    def test_payload_over_the_largest_raises(self) -> None:
        """The post function accepts no larger one either."""
        assert Workload(1, 1, LARGEST_PAYLOAD).size_bytes == LARGEST_PAYLOAD
        with pytest.raises(CommandError):
            Workload(1, 1, LARGEST_PAYLOAD + 1)


class TestHandover:
    """When the last record of a burst is in the queue: two calls (0.02 s), the deletes, and the last sends."""

    @pytest.mark.parametrize(("shards", "seconds"), [(1, 100 + 2 * 17), (4, 25), (16, 10), (64, 10)])
    def test_one_worker(self, shards: int, seconds: float) -> None:
        """One worker deletes from up to 16 partitions in turn, 1,000 a second each: 100 s, 25 s, 6.25 s.

        A sweep has 43 s of its minute, so 100 s are three sweeps with two pauses of 17 s. It computes 100 µs for each
        record, so it takes at least 10 s.
        """
        assert handover_seconds(100_000, 300, shards, 1) == pytest.approx(0.02 + seconds + LAST)

    @pytest.mark.parametrize(("shards", "seconds"), [(4, 25), (16, 6.25), (64, 10 * 13 / 64)])
    def test_five_workers(self, shards: int, seconds: float) -> None:
        """The busiest of five has 1 of 4 shards or 4 of 16, each at 1,000 a second; or 13 of 64, at 100 µs a record."""
        assert handover_seconds(100_000, 300, shards, 5) == pytest.approx(0.02 + seconds + LAST)

    def test_512_mb_sweep_computes_longer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The same computing takes 3.46 times as long: 35 s for 100,000, however many shards."""
        monkeypatch.setattr(declared, "SWEEP_MEMORY_MB", 512)
        assert handover_seconds(100_000, 300, 16, 1) == pytest.approx(0.02 + 10 * 1_769 / 512 + LAST)

    def test_new_table_takes_4000_units(self) -> None:
        """4,000 write units a second in all, however many shards and workers: 25 s."""
        assert handover_seconds(100_000, 300, 64, 64, partitions=4) == pytest.approx(0.02 + 25 + LAST)

    def test_large_payloads(self) -> None:
        """100 of 250,000 bytes: 245 units a delete, 25 in each of 4 shards with a worker each; a send carries one."""
        assert handover_seconds(100, 250_000, 4, 4) == pytest.approx(0.02 + 25 * 245 / 1_000 + 0.25 + 0.01 + SENDING)

    def test_empty_shards_cost_a_query_each(self) -> None:
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
        sent = (CALL_SECONDS / messages_per_call(size) + SENDING) / PARALLELIZATION_FACTOR
        assert sent < write_units(size) / 1_000

    @given(peaks, sizes, counts, counts, st.integers(1, 10**6))
    def test_larger_burst_is_never_sooner(self, peak: int, size: int, shards: int, workers: int, more: int) -> None:
        """More records take as long or longer."""
        assert handover_seconds(peak + more, size, shards, workers) >= handover_seconds(peak, size, shards, workers)

    @given(peaks, sizes, counts, counts)
    def test_worker_more_is_never_later(self, peak: int, size: int, shards: int, workers: int) -> None:
        """One more worker takes as long or less, and one without a shard changes nothing."""
        with_more = handover_seconds(peak, size, shards, workers + 1)
        assert with_more <= handover_seconds(peak, size, shards, workers) + 1e-9
        if workers >= shards:
            assert with_more == handover_seconds(peak, size, shards, workers)

    @given(peaks, sizes, counts, counts)
    def test_no_partition_is_overrun(self, peak: int, size: int, shards: int, workers: int) -> None:
        """The partitions never delete more units than they can in that time."""
        seconds = handover_seconds(peak, size, shards, workers)
        assert peak * write_units(size) <= shards * 1_000 * seconds

    def test_terraform_allows_as_many_lanes_as_lambda(self) -> None:
        """The variable's validation has the limit of the book."""
        variables = (CONFIGURATION / "modules" / "delayer" / "variables.tf").read_text(encoding="utf-8")
        assert f"var.parallelization_factor <= {LIMITS['stream_lanes'].value}\n" in variables
