"""The minute's sweep against a table on moto."""

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
    """The keys of each BatchWriteItem so far."""
    return [
        [
            (request["DeleteRequest"]["Key"]["shard"]["N"], request["DeleteRequest"]["Key"]["due"]["S"])
            for requests in call["RequestItems"].values()
            for request in requests
        ]
        for call in delayer.calls.of("BatchWriteItem")
    ]


class TestWhatIsDue:
    """What has entered the delayer period is deleted, and nothing else."""

    def test_the_delayer_period_decides(self, delayer: Delayer) -> None:
        """GIVEN schedules around the end of the delayer period WHEN swept THEN those within it are gone, the others
        not.
        """
        due = [delayer.schedule(seconds) for seconds in (0, 1, 60, DELAYER_PERIOD - 1, DELAYER_PERIOD)]
        pending = [delayer.schedule(seconds) for seconds in (DELAYER_PERIOD + 1, DELAYER_PERIOD + 60, YEAR)]
        delayer.store(*due, *pending)
        delayer.sweep()
        assert delayer.stored_ids() == ids(pending)

    def test_a_fraction_of_a_second_is_rounded_to_the_next(self, delayer: Delayer) -> None:
        """Whatever is due before the period's end in the current second is due: none waits for another minute."""
        last = delayer.schedule(DELAYER_PERIOD + 1)
        delayer.store(last)
        delayer.clock.move_to(NOW + 0.25)
        delayer.sweep()
        assert delayer.records() == []

    def test_whatever_is_overdue_is_swept(self, delayer: Delayer) -> None:
        """Others get this wrong: a lower bound of "now" in the query orphans whatever an outage made overdue."""
        delayer.store(*[delayer.schedule(-seconds) for seconds in (1, 60, 3_600, 86_400, 40 * YEAR)])
        delayer.sweep()
        assert delayer.records() == []

    def test_every_shard_is_swept(self, delayer: Delayer) -> None:
        """GIVEN due schedules in all shards WHEN swept THEN none is left."""
        delayer.store(*[delayer.schedule(60, shard=shard) for shard in range(SHARDS) for _ in range(3)])
        delayer.sweep()
        assert delayer.records() == []
        assert len(delayer.calls.of("Query")) == SHARDS

    def test_every_page_is_read(self, delayer: Delayer) -> None:
        """Others get this wrong: a page ends at 1 MB of records, and what is due may be many pages."""
        delayer.store(*[delayer.schedule(60, payload=f'"{"x" * 250_000}"', shard=0) for _ in range(13)])
        delayer.sweep()
        assert delayer.records() == []
        assert len(delayer.calls.of("Query")) >= 3 + SHARDS

    def test_nothing_due_deletes_nothing(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """Cost follows what is due: a quiet minute is one query a shard and no write."""
        delayer.store(delayer.schedule(YEAR))
        delayer.sweep()
        assert [call.operation for call in delayer.calls.made] == ["DescribeTable", *["Query"] * SHARDS]
        assert printed().values() == {"SchedulesSwept": [0], "SchedulesLeft": [0], "SweepsCutShort": [0]}

    def test_it_only_queries_and_deletes(self, delayer: Delayer) -> None:
        """Others get this wrong: they scan the whole table every minute. The role allows nothing else than these."""
        delayer.store(*[delayer.schedule(60) for _ in range(30)])
        delayer.sweep()
        assert {call.operation for call in delayer.calls.made} == {"DescribeTable", "Query", "BatchWriteItem"}
        requests = [
            request for call in delayer.calls.of("BatchWriteItem") for request in call["RequestItems"]["schedules"]
        ]
        assert {name for request in requests for name in request} == {"DeleteRequest"}

    def test_only_keys_are_read(self, delayer: Delayer) -> None:
        """The payloads stay where they are: an expression names the keys, and no word that DynamoDB reserves."""
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
    """How the deletes are put into calls."""

    def test_calls_are_filled_across_shards(self, delayer: Delayer) -> None:
        """GIVEN 60 due schedules over four shards WHEN swept THEN three calls of at most 25 distinct keys delete
        them.
        """
        delayer.store(*[delayer.schedule(60) for _ in range(60)])
        delayer.sweep()
        calls = deleted_keys(delayer)
        assert sorted(len(keys) for keys in calls) == [10, 25, 25]
        every = [key for keys in calls for key in keys]
        assert len(set(every)) == len(every) == 60

    def test_a_bounded_number_of_calls_is_in_flight(self, delayer: Delayer) -> None:
        """So many calls go at once, and the next one waits for the first of them to end."""
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

    def test_calls_in_flight_leave_every_removal_in_the_stream_once(
        self, delayer: Delayer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """GIVEN deletes from several threads WHEN they write to the stream at once THEN no removal hides another."""

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

    def test_a_worker_sweeps_its_own_shards(self, delayer: Delayer) -> None:
        """GIVEN due schedules in all shards WHEN worker 1 of 2 sweeps THEN the odd shards are empty, the even
        untouched.
        """
        delayer.store(*[delayer.schedule(60, shard=shard) for shard in range(SHARDS)])
        delayer.sweep({"worker": 1, "workers": 2})
        assert sorted(int(record["shard"]["N"]) for record in delayer.records()) == [0, 2]

    def test_all_workers_sweep_everything(self, delayer: Delayer) -> None:
        """GIVEN due schedules in all shards WHEN every worker has swept THEN none is left, and none was deleted
        twice.
        """
        delayer.store(*[delayer.schedule(60) for _ in range(40)])
        for worker in range(3):
            delayer.sweep({"worker": worker, "workers": 3})
        assert delayer.records() == []
        assert sum(len(keys) for keys in deleted_keys(delayer)) == 40

    def test_a_plain_tick_is_one_worker_for_all(self, delayer: Delayer) -> None:
        """An event of the rule without an input of its own sweeps every shard."""
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
    def test_a_wrong_event_is_an_error(self, delayer: Delayer, event: dict[str, Any]) -> None:
        """A worker that isn't one of the workers sweeps nothing and says so, before it calls AWS."""
        delayer.store(delayer.schedule(60))
        with pytest.raises(SweepError, match="must be from 0 to workers - 1"):
            delayer.sweep(event)
        assert delayer.calls.made == []


class TestFailures:
    """What fails is tried again, the rest is done all the same, and an error means that something stayed."""

    def test_unprocessed_items_are_deleted_again(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """Others get this wrong: BatchWriteItem may succeed and hand back keys that it has not deleted."""
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
        assert delayer.clock() > NOW  # it has waited before it tried again
        assert printed().total("SchedulesSwept") == 25

    @pytest.mark.parametrize("operation", ["DescribeTable", "Query", "BatchWriteItem"])
    def test_throttles_are_waited_out(self, delayer: Delayer, operation: str) -> None:
        """GIVEN a dozen throttles WHEN swept THEN the sweep waits, tries again and deletes everything."""
        delayer.store(*[delayer.schedule(60) for _ in range(8)])
        delayer.calls.fail(operation, client_error("ThrottlingException"), times=12)
        delayer.sweep()
        assert delayer.records() == []
        assert delayer.clock() > NOW

    def test_a_delete_whose_answer_was_lost_is_no_loss(self, delayer: Delayer) -> None:
        """GIVEN deletes that happen and whose answers are lost WHEN swept THEN each schedule was removed exactly
        once.
        """
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

    def test_a_failed_delete_is_raised_after_the_rest_is_done(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """Others get this wrong: they log a failed sweep, and its error alarm never means anything."""
        delayer.store(*[delayer.schedule(60) for _ in range(75)])
        delayer.calls.fail("BatchWriteItem", client_error("AccessDeniedException"), times=1)
        with pytest.raises(SweepError, match=r"25 records could not be deleted: .*AccessDenied"):
            delayer.sweep()
        assert len(delayer.records()) == 25
        output = printed()
        assert (output.total("SchedulesSwept"), output.total("SchedulesLeft")) == (50, 25)

    def test_a_shard_that_can_not_be_read_stops_no_other(self, delayer: Delayer) -> None:
        """GIVEN one shard whose query fails WHEN swept THEN the others are empty, and the error names the shard."""
        delayer.store(*[delayer.schedule(60, shard=shard) for shard in range(SHARDS)])

        def fail_shard_2(parameters: dict[str, Any], go_on: Callable[[], Any]) -> Any:
            if parameters["ExpressionAttributeValues"][":shard"] == {"N": "2"}:
                raise client_error("InternalServerError", 500)
            return go_on()

        delayer.calls.behave("Query", fail_shard_2)
        with pytest.raises(SweepError, match="shard 2 could not be read"):
            delayer.sweep()
        assert [record["shard"] for record in delayer.records()] == [{"N": "2"}]

    def test_many_errors_are_one_line(self, delayer: Delayer) -> None:
        """An error that befalls every call is told a few times, and how often."""
        delayer.store(*[delayer.schedule(60) for _ in range(200)])
        delayer.calls.fail("BatchWriteItem", client_error("AccessDeniedException"))
        with pytest.raises(SweepError, match=r"; and 3 more$"):
            delayer.sweep()
        assert len(delayer.records()) == 200

    def test_the_next_minute_sweeps_what_stayed(self, delayer: Delayer) -> None:
        """GIVEN a failed sweep WHEN the table is well again THEN the next tick deletes what stayed."""
        delayer.store(*[delayer.schedule(60) for _ in range(30)])
        delayer.calls.fail("BatchWriteItem", client_error("AccessDeniedException"))
        with pytest.raises(SweepError):
            delayer.sweep()
        delayer.calls.heal()
        delayer.sweep()
        assert delayer.records() == []


class TestDeadline:
    """A sweep stops before its function does, and that is no error."""

    @staticmethod
    def take_seconds(delayer: Delayer, operation: str, seconds: float) -> None:
        """Each call of the operation takes that long from now on."""

        def slowly(_parameters: dict[str, Any], go_on: Callable[[], Any]) -> Any:
            delayer.clock.wait(seconds)
            return go_on()

        delayer.calls.behave(operation, slowly)

    def test_it_stops_in_time_and_the_next_one_goes_on(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """GIVEN more than there is time for WHEN swept THEN it ends in time, says what it left, and the next one
        finishes.
        """
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

    def test_shards_that_were_not_reached_are_told(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """GIVEN no time to look into every shard WHEN swept THEN it says so, though nothing was found undeleted."""
        self.take_seconds(delayer, "Query", 4)
        delayer.sweep(seconds=RESERVE_SECONDS + 5)
        output = printed()
        assert (output.total("SchedulesLeft"), output.total("SweepsCutShort")) == (0, 1)
        assert len(delayer.calls.of("Query")) < SHARDS

    def test_endless_throttles_end_with_the_time(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """GIVEN a table that only throttles WHEN swept THEN the sweep ends in time and counts what it left."""
        delayer.store(*[delayer.schedule(60) for _ in range(5)])
        delayer.calls.fail("BatchWriteItem", client_error("ThrottlingException"))
        delayer.sweep(seconds=20)
        output = printed()
        assert (output.total("SchedulesLeft"), output.total("SweepsCutShort")) == (5, 1)
        assert delayer.clock() <= NOW + 20 - RESERVE_SECONDS
        assert len(delayer.records()) == 5

    def test_being_cut_short_every_time_starves_no_shard(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """GIVEN time for one shard a run WHEN it runs every minute THEN each shard comes first in its turn."""
        delayer.store(*[delayer.schedule(-60, shard=shard) for shard in range(SHARDS)])
        self.take_seconds(delayer, "Query", 4)
        for minute in range(SHARDS):
            delayer.clock.move_to(NOW + 60 * minute)
            delayer.sweep(seconds=RESERVE_SECONDS + 5)
        assert printed().values()["SweepsCutShort"] == [1] * SHARDS
        first_of_each_run = delayer.calls.of("Query")
        assert {query["ExpressionAttributeValues"][":shard"]["N"] for query in first_of_each_run[::2]} == set("0123")


class TestStream:
    """After a delete the stream is the only copy: nothing is deleted while nobody listens."""

    @pytest.mark.parametrize("with_stream", [False, True])
    def test_a_table_without_the_configured_stream_is_left_alone(self, delayer: Delayer, *, with_stream: bool) -> None:
        """GIVEN a table restored from a backup (no stream, or another one) WHEN swept THEN it raises and deletes
        nothing.
        """
        delayer.store(*[delayer.schedule(60) for _ in range(3)])
        delayer.restore_table(with_stream=with_stream)
        with pytest.raises(SweepError, match="nothing was deleted"):
            delayer.sweep()
        assert len(delayer.records()) == 3
        assert [call.operation for call in delayer.calls.made] == ["DescribeTable"]

    def test_a_stream_that_was_turned_off_is_none(self, delayer: Delayer) -> None:
        """A table keeps the ARN of its last stream after it was disabled, and nobody hears of a removal."""
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

    def test_a_table_that_can_not_be_described_is_left_alone(self, delayer: Delayer) -> None:
        """Without knowing, nothing is deleted, and the error is raised."""
        delayer.store(delayer.schedule(60))
        delayer.calls.fail("DescribeTable", client_error("AccessDeniedException"))
        with pytest.raises(ClientError, match="AccessDenied"):
            delayer.sweep()
        assert len(delayer.records()) == 1


def test_what_was_handed_over_is_logged_without_payload(delayer: Delayer, printed: ReadPrinted) -> None:
    """Whoever looks for a schedule finds when it was handed over, and never what it holds."""
    schedules = [delayer.schedule(60, payload='"secret"') for _ in range(30)]
    delayer.store(*schedules)
    delayer.sweep()
    output = printed()
    assert {i for log in output.logs for i in log.get("schedule_ids", [])} == ids(schedules)
    assert "secret" not in json.dumps(output.logs)
