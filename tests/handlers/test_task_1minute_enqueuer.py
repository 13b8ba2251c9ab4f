"""The sweep with a table on moto."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from moto.dynamodb.models.table import StreamRecord
from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords

from delayer.retries import RESERVE_SECONDS
from task_1minute_enqueuer.handler import SweepError
from task_1minute_enqueuer.sweep import CALLS_IN_FLIGHT
from tests.support.clock import NOW
from tests.support.delayer import DELAYER_PERIOD, SHARDS, Delayer, ids
from tests.support.failures import client_error
from tests.support.printed import Printed

type ReadPrinted = Callable[[], Printed]

YEAR = 31_536_000


def deleted_keys(delayer: Delayer) -> list[list[tuple[str, str]]]:
    """Return the keys of each BatchWriteItem so far."""
    return [
        [
            (request["DeleteRequest"]["Key"]["shard"]["N"], request["DeleteRequest"]["Key"]["due"]["S"])
            for requests in call["RequestItems"].values()
            for request in requests
        ]
        for call in delayer.calls.of("BatchWriteItem")
    ]


class TestDueRecords:
    """Exactly the records that have entered the delayer period are deleted."""

    def test_records_within_the_delayer_period_are_deleted(self, delayer: Delayer) -> None:
        """GIVEN schedules around the end of the delayer period WHEN swept THEN exactly those within it are deleted."""
        due = [delayer.schedule(seconds) for seconds in (0, 1, 60, DELAYER_PERIOD - 1, DELAYER_PERIOD)]
        pending = [delayer.schedule(seconds) for seconds in (DELAYER_PERIOD + 1, DELAYER_PERIOD + 60, YEAR)]
        delayer.store(*due, *pending)
        delayer.sweep()
        assert delayer.stored_ids() == ids(pending)

    def test_delayer_period_starts_at_the_next_whole_second(self, delayer: Delayer) -> None:
        """A fraction of the current second is rounded up, so that no record waits another minute."""
        last = delayer.schedule(DELAYER_PERIOD + 1)
        delayer.store(last)
        delayer.clock.move_to(NOW + 0.25)
        delayer.sweep()
        assert delayer.records() == []

    def test_overdue_records_are_deleted(self, delayer: Delayer) -> None:
        """In other schedulers, a lower bound of "now" in the query orphans records that an outage made overdue."""
        delayer.store(*[delayer.schedule(-seconds) for seconds in (1, 60, 3_600, 86_400, 40 * YEAR)])
        delayer.sweep()
        assert delayer.records() == []

    def test_every_shard_is_swept(self, delayer: Delayer) -> None:
        """GIVEN due schedules in all shards WHEN swept THEN none is left, after one query per shard."""
        delayer.store(*[delayer.schedule(60, shard=shard) for shard in range(SHARDS) for _ in range(3)])
        delayer.sweep()
        assert delayer.records() == []
        assert len(delayer.calls.of("Query")) == SHARDS

    def test_every_page_is_read(self, delayer: Delayer) -> None:
        """Other schedulers read only the first page, which ends at 1 MB of records."""
        delayer.store(*[delayer.schedule(60, payload=f'"{"x" * 250_000}"', shard=0) for _ in range(13)])
        delayer.sweep()
        assert delayer.records() == []
        assert len(delayer.calls.of("Query")) >= 3 + SHARDS

    def test_sweep_without_due_records_makes_no_write(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """It costs one query per shard. Other schedulers scan the whole table every minute."""
        delayer.store(delayer.schedule(YEAR))
        delayer.sweep()
        assert [call.operation for call in delayer.calls.made] == ["DescribeTable", *["Query"] * SHARDS]
        assert printed().values() == {"SchedulesSwept": [0], "SchedulesLeft": [0], "SweepsCutShort": [0]}

    def test_queries_read_only_keys(self, delayer: Delayer) -> None:
        """Expressions name the keys, without DynamoDB's reserved words."""
        delayer.store(delayer.schedule(60))
        delayer.sweep()
        for query in delayer.calls.of("Query"):
            names = query["ExpressionAttributeNames"]
            projected = query["ProjectionExpression"].split(", ")
            assert {names.get(name, name) for name in projected} == {"shard", "due"}
            words = f"{query['ProjectionExpression']} {query['KeyConditionExpression']}".replace(",", " ").split()
            reserved = set(ReservedKeywords.get_reserved_keywords()) - {"AND"}
            assert not {word.upper() for word in words} & reserved


class TestCalls:
    """Deletes are grouped into calls, and several calls are in flight."""

    def test_calls_are_filled_across_shards(self, delayer: Delayer) -> None:
        """GIVEN 60 due schedules in four shards WHEN swept THEN three calls of at most 25 keys delete them."""
        delayer.store(*[delayer.schedule(60) for _ in range(60)])
        delayer.sweep()
        calls = deleted_keys(delayer)
        assert sorted(len(keys) for keys in calls) == [10, 25, 25]
        every = [key for keys in calls for key in keys]
        assert len(set(every)) == len(every) == 60

    def test_calls_in_flight_are_limited(self, delayer: Delayer) -> None:
        """CALLS_IN_FLIGHT calls run at once, and the next one waits for the first of them to end."""
        delayer.store(*[delayer.schedule(60) for _ in range(25 * (CALLS_IN_FLIGHT + 3))])
        meeting = Barrier(CALLS_IN_FLIGHT)
        arrived: list[None] = []

        def meet(_parameters: dict[str, Any], go_on: Callable[[], Any]) -> Any:
            arrived.append(None)
            if len(arrived) <= CALLS_IN_FLIGHT:
                meeting.wait(timeout=300)  # broken if fewer than these ever go at once
            return go_on()

        delayer.calls.behave("BatchWriteItem", meet)
        delayer.sweep()
        assert delayer.records() == []
        assert delayer.calls.most_in_flight["BatchWriteItem"] == CALLS_IN_FLIGHT

    def test_concurrent_deletes_put_every_removal_into_the_stream(
        self, delayer: Delayer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Only one thread at a time calls moto, because concurrent removals could get the same sequence number."""

        def slow_record(*arguments: Any) -> StreamRecord:
            time.sleep(0.001)  # another thread's turn
            return StreamRecord(*arguments)

        schedules = [delayer.schedule(60) for _ in range(25 * CALLS_IN_FLIGHT)]
        delayer.store(*schedules)
        monkeypatch.setattr("moto.dynamodb.models.table.StreamRecord", slow_record)
        delayer.sweep()
        removed = [record for record in delayer.read_stream() if record["eventName"] == "REMOVE"]
        assert len(removed) == len(schedules)


class TestWorkers:
    """Several workers share the shards."""

    def test_worker_sweeps_its_own_shards(self, delayer: Delayer) -> None:
        """GIVEN due schedules in all shards WHEN worker 1 of 2 sweeps THEN only the odd shards are empty."""
        delayer.store(*[delayer.schedule(60, shard=shard) for shard in range(SHARDS)])
        delayer.sweep({"worker": 1, "workers": 2})
        assert sorted(int(record["shard"]["N"]) for record in delayer.records()) == [0, 2]

    def test_all_workers_together_sweep_all_shards(self, delayer: Delayer) -> None:
        """GIVEN due schedules in all shards WHEN all workers sweep THEN each record is deleted once."""
        delayer.store(*[delayer.schedule(60) for _ in range(40)])
        for worker in range(3):
            delayer.sweep({"worker": worker, "workers": 3})
        assert delayer.records() == []
        assert sum(len(keys) for keys in deleted_keys(delayer)) == 40

    def test_event_without_a_worker_sweeps_all_shards(self, delayer: Delayer) -> None:
        """The event of a rule without an input counts as a single worker."""
        delayer.store(*[delayer.schedule(60) for _ in range(8)])
        delayer.sweep({"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}})
        assert delayer.records() == []

    @pytest.mark.parametrize(
        "event",
        [
            {"worker": 2, "workers": 2},
            {"worker": -1, "workers": 2},
            {"worker": 0, "workers": 0},
            {"worker": "0", "workers": "2"},
            {"worker": 0.0, "workers": 2},
            {"worker": True, "workers": 2},
            {"worker": None, "workers": 2},
            {"worker": 1},
        ],
    )
    def test_invalid_worker_raises_an_error(self, delayer: Delayer, event: dict[str, Any]) -> None:
        """AWS is not called."""
        delayer.store(delayer.schedule(60))
        with pytest.raises(SweepError, match="must be from 0 to workers - 1"):
            delayer.sweep(event)
        assert delayer.calls.made == []


class TestFailures:
    """Failed calls are retried, one error does not stop the rest, and a raised error means that records stayed."""

    def test_unprocessed_items_are_deleted_again(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """Other schedulers ignore that a successful BatchWriteItem may return keys that it has not deleted."""
        delayer.store(*[delayer.schedule(60) for _ in range(25)])
        answers: list[None] = []

        def hand_back_half(parameters: dict[str, Any], go_on: Callable[[], Any]) -> Any:
            answers.append(None)
            if len(answers) > 3:
                return go_on()
            requests = parameters["RequestItems"]["schedules"]
            half = len(requests) // 2
            parameters["RequestItems"] = {"schedules": requests[:half]}
            return go_on() | {"UnprocessedItems": {"schedules": requests[half:]}}

        delayer.calls.behave("BatchWriteItem", hand_back_half)
        delayer.sweep()
        assert delayer.records() == []
        assert delayer.clock() > NOW  # it waited before the retry
        assert printed().total("SchedulesSwept") == 25

    @pytest.mark.parametrize("operation", ["DescribeTable", "Query", "BatchWriteItem"])
    def test_throttled_calls_are_retried(self, delayer: Delayer, operation: str) -> None:
        """GIVEN a dozen throttled calls WHEN swept THEN the sweep waits, retries and deletes every record."""
        delayer.store(*[delayer.schedule(60) for _ in range(8)])
        delayer.calls.fail(operation, client_error("ThrottlingException"), times=12)
        delayer.sweep()
        assert delayer.records() == []
        assert delayer.clock() > NOW

    def test_delete_with_a_lost_answer_removes_once(self, delayer: Delayer) -> None:
        """GIVEN a successful delete with a lost answer WHEN retried THEN the stream has each removal once."""
        delayer.store(*[delayer.schedule(60) for _ in range(5)])
        lost: list[None] = []

        def lose_the_first_answer(_parameters: dict[str, Any], go_on: Callable[[], Any]) -> Any:
            answer = go_on()
            if not lost:
                lost.append(None)
                raise ReadTimeoutError(endpoint_url="https://dynamodb.us-east-1.amazonaws.com")
            return answer

        delayer.calls.behave("BatchWriteItem", lose_the_first_answer)
        delayer.sweep()
        assert [record["eventName"] for record in delayer.read_stream()] == ["INSERT"] * 5 + ["REMOVE"] * 5

    def test_failed_delete_raises_after_the_rest_is_deleted(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """Other schedulers only log a failed sweep, so that no alarm notices it."""
        delayer.store(*[delayer.schedule(60) for _ in range(75)])
        delayer.calls.fail("BatchWriteItem", client_error("AccessDeniedException"), times=1)
        with pytest.raises(SweepError, match=r"25 records could not be deleted: .*AccessDenied"):
            delayer.sweep()
        assert len(delayer.records()) == 25
        output = printed()
        assert (output.total("SchedulesSwept"), output.total("SchedulesLeft")) == (50, 25)

    def test_unreadable_shard_does_not_stop_the_others(self, delayer: Delayer) -> None:
        """GIVEN a shard whose query fails WHEN swept THEN the others are empty, and the error names the shard."""
        delayer.store(*[delayer.schedule(60, shard=shard) for shard in range(SHARDS)])

        def fail_shard_2(parameters: dict[str, Any], go_on: Callable[[], Any]) -> Any:
            if parameters["ExpressionAttributeValues"][":shard"] == {"N": "2"}:
                raise client_error("InternalServerError", 500)
            return go_on()

        delayer.calls.behave("Query", fail_shard_2)
        with pytest.raises(SweepError, match="shard 2 could not be read"):
            delayer.sweep()
        assert [record["shard"] for record in delayer.records()] == [{"N": "2"}]

    def test_many_errors_are_counted_in_one_line(self, delayer: Delayer) -> None:
        """The message has the first five errors and the number of the others."""
        delayer.store(*[delayer.schedule(60) for _ in range(200)])
        delayer.calls.fail("BatchWriteItem", client_error("AccessDeniedException"))
        with pytest.raises(SweepError, match=r"; and 3 more$"):
            delayer.sweep()
        assert len(delayer.records()) == 200

    def test_next_sweep_deletes_the_records_that_stayed(self, delayer: Delayer) -> None:
        """GIVEN a failed sweep WHEN the table recovers THEN the next sweep deletes the rest."""
        delayer.store(*[delayer.schedule(60) for _ in range(30)])
        delayer.calls.fail("BatchWriteItem", client_error("AccessDeniedException"))
        with pytest.raises(SweepError):
            delayer.sweep()
        delayer.calls.heal()
        delayer.sweep()
        assert delayer.records() == []


class TestDeadline:
    """A sweep stops before its function's timeout, which is not an error."""

    @staticmethod
    def take_seconds(delayer: Delayer, operation: str, seconds: float) -> None:
        """Make each call of the operation take this long."""

        def slowly(_parameters: dict[str, Any], go_on: Callable[[], Any]) -> Any:
            delayer.clock.wait(seconds)
            return go_on()

        delayer.calls.behave(operation, slowly)

    def test_sweep_stops_in_time_and_the_next_one_continues(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """GIVEN too many records for one sweep WHEN swept THEN the rest is counted, and the next sweep deletes it."""
        delayer.store(*[delayer.schedule(60) for _ in range(500)])
        self.take_seconds(delayer, "BatchWriteItem", 3)
        delayer.sweep(seconds=30)

        left = len(delayer.records())
        assert 0 < left < 500
        assert delayer.clock() < NOW + 30
        output = printed()
        assert output.total("SchedulesSwept") == 500 - left
        assert output.total("SchedulesLeft") <= left
        assert output.total("SweepsCutShort") == 1
        delayer.calls.heal()
        delayer.sweep()
        assert delayer.records() == []

    def test_sweep_that_did_not_read_every_shard_is_cut_short(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """GIVEN no time to read every shard WHEN swept THEN SweepsCutShort is 1, although no record was left."""
        self.take_seconds(delayer, "Query", 4)
        delayer.sweep(seconds=RESERVE_SECONDS + 5)
        output = printed()
        assert (output.total("SchedulesLeft"), output.total("SweepsCutShort")) == (0, 1)
        assert len(delayer.calls.of("Query")) < SHARDS

    def test_throttles_until_the_deadline_cut_the_sweep_short(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """GIVEN a table that throttles every delete WHEN swept THEN the sweep ends in time and counts the records."""
        delayer.store(*[delayer.schedule(60) for _ in range(5)])
        delayer.calls.fail("BatchWriteItem", client_error("ThrottlingException"))
        delayer.sweep(seconds=20)
        output = printed()
        assert (output.total("SchedulesLeft"), output.total("SweepsCutShort")) == (5, 1)
        assert delayer.clock() <= NOW + 20 - RESERVE_SECONDS
        assert len(delayer.records()) == 5

    def test_sweeps_that_are_always_cut_short_reach_every_shard(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """GIVEN time for one shard per sweep WHEN swept every minute THEN each shard is the first one once."""
        delayer.store(*[delayer.schedule(-60, shard=shard) for shard in range(SHARDS)])
        self.take_seconds(delayer, "Query", 4)
        for minute in range(SHARDS):
            delayer.clock.move_to(NOW + 60 * minute)
            delayer.sweep(seconds=RESERVE_SECONDS + 5)
        assert printed().values()["SweepsCutShort"] == [1] * SHARDS
        first_of_each_run = delayer.calls.of("Query")
        assert {query["ExpressionAttributeValues"][":shard"]["N"] for query in first_of_each_run[::2]} == set("0123")


class TestStream:
    """After a delete, the stream has the only copy: nothing is deleted unless the fast track reads the stream."""

    @pytest.mark.parametrize("with_stream", [False, True])
    def test_table_without_the_configured_stream_is_not_swept(self, delayer: Delayer, *, with_stream: bool) -> None:
        """GIVEN a table restored from a backup (no stream, or another one) WHEN swept THEN an error is raised."""
        delayer.store(*[delayer.schedule(60) for _ in range(3)])
        delayer.restore_table(with_stream=with_stream)
        with pytest.raises(SweepError, match="nothing was deleted"):
            delayer.sweep()
        assert len(delayer.records()) == 3
        assert [call.operation for call in delayer.calls.made] == ["DescribeTable"]

    def test_table_with_a_disabled_stream_is_not_swept(self, delayer: Delayer) -> None:
        """A table keeps the ARN of its last stream when the stream is disabled."""
        delayer.store(delayer.schedule(60))

        def say_disabled(_parameters: dict[str, Any], go_on: Callable[[], Any]) -> Any:
            answer = go_on()
            del answer["Table"]["StreamSpecification"]
            assert answer["Table"]["LatestStreamArn"] == delayer.stream_arn
            return answer

        delayer.calls.behave("DescribeTable", say_disabled)
        with pytest.raises(SweepError, match="nothing was deleted"):
            delayer.sweep()
        assert len(delayer.records()) == 1

    def test_table_that_can_not_be_described_is_not_swept(self, delayer: Delayer) -> None:
        """The error is raised."""
        delayer.store(delayer.schedule(60))
        delayer.calls.fail("DescribeTable", client_error("AccessDeniedException"))
        with pytest.raises(ClientError, match="AccessDenied"):
            delayer.sweep()
        assert len(delayer.records()) == 1


def test_handed_over_ids_are_logged_without_payload(delayer: Delayer, printed: ReadPrinted) -> None:
    """The logs show when a schedule was handed over, but not its payload."""
    schedules = [delayer.schedule(60, payload='"secret"') for _ in range(30)]
    delayer.store(*schedules)
    delayer.sweep()
    output = printed()
    assert {i for log in output.logs for i in log.get("schedule_ids", [])} == ids(schedules)
    assert "secret" not in json.dumps(output.logs)
