"""The fast track, behind a stream mapping as AWS documents it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import given, settings
from hypothesis import strategies as st

from delayer.retries import RESERVE_SECONDS
from delayer.schedules import MAX_MESSAGE_BYTES, Schedule
from tests.support.clock import NOW
from tests.support.delayer import DELAYER_PERIOD, NAMESPACE, Delayer, ids
from tests.support.failures import client_error
from tests.support.printed import Printed
from tests.support.stream_records import Record, StreamRecords

type ReadPrinted = Callable[[], Printed]
type GoOn = Callable[[], Any]

URL = "https://sqs.us-east-1.amazonaws.com"
DAY = 86_400


def removals(delayer: Delayer, *schedules: Schedule) -> list[Record]:
    """Each of the schedules was removed just now."""
    made = StreamRecords()
    return [made.remove(schedule, delayer.clock()) for schedule in schedules]


def received_ids(delayer: Delayer) -> list[str]:
    """The scheduleIds of everything visible, as the consumers read them."""
    return [message["MessageAttributes"]["scheduleId"]["StringValue"] for message in delayer.receive()]


def sent_ids(delayer: Delayer) -> list[str]:
    """The scheduleIds in every try to send, in order."""
    return [entry["MessageAttributes"]["scheduleId"]["StringValue"] for entry in delayer.sent()]


def due_now(delayer: Delayer, number: int) -> list[Schedule]:
    """Schedules that are due now, so that their messages are visible at once."""
    return [delayer.schedule(0) for _ in range(number)]


def refuse(
    *positions_of_each_call: set[str], code: str = "InternalError", sender_fault: bool = False
) -> Callable[[dict[str, Any], GoOn], Any]:
    """SendMessageBatch takes all but the entries with these ids: a set for each call, the last one for all that
    follow.
    """
    answers: list[None] = []

    def behaviour(parameters: dict[str, Any], go_on: GoOn) -> Any:
        refused = positions_of_each_call[min(len(answers), len(positions_of_each_call) - 1)]
        answers.append(None)
        entries = parameters["Entries"]
        parameters["Entries"] = [entry for entry in entries if entry["Id"] not in refused]
        answer = go_on() if parameters["Entries"] else {}
        failed = [
            {"Id": entry["Id"], "SenderFault": sender_fault, "Code": code, "Message": "by the test"}
            for entry in entries
            if entry["Id"] in refused
        ]
        parameters["Entries"] = entries  # so that it is recorded as it was sent
        return answer | ({"Failed": failed} if failed else {})

    return behaviour


def refuse_calls_with(*schedules: Schedule, code: str) -> Callable[[dict[str, Any], GoOn], Any]:
    """SendMessageBatch refuses every call that holds one of these schedules."""

    def behaviour(parameters: dict[str, Any], go_on: GoOn) -> Any:
        held = {entry["MessageAttributes"]["scheduleId"]["StringValue"] for entry in parameters["Entries"]}
        if held & ids(schedules):
            raise client_error(f"AWS.SimpleQueueService.{code}")
        return go_on()

    return behaviour


class TestInsert:
    """For an INSERT within the delayer period the record is deleted, which raises the REMOVE that is sent."""

    def test_within_the_delayer_period_it_is_deleted(self, delayer: Delayer) -> None:
        """GIVEN new records around the period's end WHEN their INSERTs come THEN those within it are gone, others
        stay.
        """
        within = [delayer.schedule(seconds) for seconds in (-60, 0, 60, DELAYER_PERIOD)]
        beyond = [delayer.schedule(seconds) for seconds in (DELAYER_PERIOD + 1, DAY)]
        delayer.store(*within, *beyond)
        delayer.mapping().deliver(delayer.read_stream())
        assert delayer.stored_ids() == ids(beyond)
        assert delayer.sent() == []

    def test_an_insert_sends_nothing_by_itself(self, delayer: Delayer) -> None:
        """GIVEN an INSERT whose record is gone already WHEN it comes THEN nothing is sent: only a REMOVE does that."""
        record = StreamRecords().insert(delayer.schedule(60), delayer.clock())
        delayer.mapping().deliver([record])
        assert delayer.sent() == []
        assert delayer.read_stream() == []

    def test_deletes_are_grouped_and_distinct(self, delayer: Delayer) -> None:
        """One key twice in a call makes DynamoDB reject the whole call, for ever: a batch with duplicates is no
        trouble.
        """
        schedules = [delayer.schedule(60) for _ in range(30)]
        delayer.store(*schedules)
        inserts = delayer.read_stream()
        mapping = delayer.mapping()
        mapping.deliver(inserts[:20] + inserts)
        assert delayer.records() == []
        sizes = [len(call["RequestItems"]["schedules"]) for call in delayer.calls.of("BatchWriteItem")]
        assert sizes == [25, 5]
        assert len(mapping.invocations) == 1

    @pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException", "InternalServerError"])
    def test_a_failed_delete_is_left_to_the_sweep(self, delayer: Delayer, printed: ReadPrinted, code: str) -> None:
        """GIVEN a table that takes no deletes WHEN a batch comes THEN its REMOVEs are sent once and nothing is
        retried.
        """
        stored = delayer.schedule(60)
        delayer.store(stored)
        gone = delayer.schedule(0)
        delayer.calls.fail("BatchWriteItem", client_error(code, 500 if "Server" in code else 400))
        mapping = delayer.mapping()
        mapping.deliver([*delayer.read_stream(), *removals(delayer, gone)])
        assert len(mapping.invocations) == 1
        assert received_ids(delayer) == [gone.schedule_id]
        assert delayer.stored_ids() == {stored.schedule_id}
        assert printed().total("HandoversLeftToSweep") == 1
        delayer.calls.heal()
        delayer.sweep()
        assert delayer.records() == []

    def test_unprocessed_items_are_deleted_again(self, delayer: Delayer) -> None:
        """Others get this wrong: what BatchWriteItem hands back was not deleted."""
        delayer.store(*[delayer.schedule(60) for _ in range(4)])
        answered: list[None] = []

        def hand_back_all_once(parameters: dict[str, Any], go_on: GoOn) -> Any:
            if answered:
                return go_on()
            answered.append(None)
            return {"UnprocessedItems": parameters["RequestItems"]}

        delayer.calls.behave("BatchWriteItem", hand_back_all_once)
        delayer.mapping().deliver(delayer.read_stream())
        assert delayer.records() == []

    def test_removals_are_sent_before_anything_is_deleted(self, delayer: Delayer) -> None:
        """Nothing else holds them, and a slow table must not keep them."""
        delayer.store(delayer.schedule(60))
        delayer.mapping().deliver([*delayer.read_stream(), *removals(delayer, delayer.schedule(0))])
        assert [call.operation for call in delayer.calls.made] == ["SendMessageBatch", "BatchWriteItem"]

    def test_a_key_that_is_not_ours_stays(self, delayer: Delayer) -> None:
        """A record that somebody else put there is neither deleted nor in the way."""
        odd = Schedule(1, "note to self", "1")
        delayer.store(odd)
        mapping = delayer.mapping()
        mapping.deliver(delayer.read_stream())
        assert len(delayer.records()) == len(mapping.invocations) == 1


class TestRemove:
    """For a REMOVE of a schedule that was due, a message is sent."""

    @pytest.mark.parametrize(("ahead", "delay"), [(0, 0), (1, 1), (60, 60), (DELAYER_PERIOD, 840), (900, 900)])
    def test_the_message_becomes_visible_at_its_point_in_time(self, delayer: Delayer, ahead: int, delay: int) -> None:
        """GIVEN a removal WHEN it comes THEN the message is visible at the pointInTime, and not a second before."""
        delayer.mapping().deliver(removals(delayer, delayer.schedule(ahead)))
        assert [entry["DelaySeconds"] for entry in delayer.sent()] == [delay]
        if ahead:
            delayer.clock.move_to(NOW + ahead - 1)
            assert delayer.receive() == []
        delayer.clock.move_to(NOW + ahead)
        assert len(delayer.receive()) == 1

    def test_the_delay_rounds_up(self, delayer: Delayer) -> None:
        """Others get this wrong: floor sends up to a second early."""
        schedule = delayer.schedule(60)
        delayer.clock.move_to(NOW + 0.000_1)
        delayer.mapping().deliver(removals(delayer, schedule))
        assert [entry["DelaySeconds"] for entry in delayer.sent()] == [60]
        delayer.clock.move_to(NOW + 0.999)
        delayer.mapping().deliver(removals(delayer, schedule))
        assert [entry["DelaySeconds"] for entry in delayer.sent()] == [60, 60]

    def test_the_delay_is_taken_when_it_is_sent(self, delayer: Delayer) -> None:
        """GIVEN a queue that throttles for a while WHEN it takes the message THEN the delay counts from then."""
        delayer.calls.fail("SendMessageBatch", client_error("RequestThrottled"), times=9)
        delayer.mapping().deliver(removals(delayer, delayer.schedule(600)))
        waited = delayer.clock() - NOW
        delays = [entry["DelaySeconds"] for entry in delayer.sent()]
        assert len(delays) == 10
        assert delays[0] == 600
        assert 600 - waited <= delays[-1] < 601 - waited < 600

    def test_body_and_attributes(self, delayer: Delayer) -> None:
        """The body is id, time and the payload's very text; id and time are attributes too."""
        schedule = delayer.schedule(0, payload='{"b": 1.10, "a": "\\u00e9é", "n": 12345678901234567890}')
        delayer.mapping().deliver(removals(delayer, schedule))
        [message] = delayer.receive()
        assert message["Body"] == (
            f'{{"scheduleId":"{schedule.schedule_id}","pointInTime":"2026-11-22T09:00:00Z",'
            '"payload":{"b": 1.10, "a": "\\u00e9é", "n": 12345678901234567890}}'
        )
        assert message["MessageAttributes"] == {
            "scheduleId": {"DataType": "String", "StringValue": schedule.schedule_id},
            "pointInTime": {"DataType": "String", "StringValue": "2026-11-22T09:00:00Z"},
        }

    def test_what_is_overdue_is_sent_at_once_and_counted_late(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """Others get this wrong: they drop a removal whose time has passed."""
        overdue = [delayer.schedule(-1), delayer.schedule(-DAY)]
        delayer.mapping().deliver(removals(delayer, *overdue))
        assert [entry["DelaySeconds"] for entry in delayer.sent()] == [0, 0]
        assert set(received_ids(delayer)) == ids(overdue)
        values = printed().values()
        assert (values["SchedulesEnqueued"], values["SchedulesEnqueuedLate"]) == ([2], [2])
        assert values["Lateness"] == [1, DAY]
        assert "Lead" not in values

    def test_a_late_stream_delivers_what_was_due(self, delayer: Delayer) -> None:
        """GIVEN a hand-over that the stream brings a day later WHEN it comes THEN it is sent, late."""
        schedule = delayer.schedule(60)
        records = removals(delayer, schedule)
        delayer.clock.move_to(NOW + DAY - 3_600)
        delayer.mapping(maximum_record_age_seconds=DAY).deliver(records)
        assert received_ids(delayer) == [schedule.schedule_id]

    def test_calls_are_filled_in_order(self, delayer: Delayer) -> None:
        """GIVEN 23 removals WHEN they come THEN three calls send them in the order of the stream."""
        schedules = due_now(delayer, 23)
        delayer.mapping().deliver(removals(delayer, *schedules))
        assert [len(call["Entries"]) for call in delayer.calls.of("SendMessageBatch")] == [10, 10, 3]
        assert sent_ids(delayer) == [schedule.schedule_id for schedule in schedules]

    def test_calls_keep_the_byte_limit(self, delayer: Delayer) -> None:
        """GIVEN removals of 100 KB WHEN they come THEN two of them make a call."""
        schedules = [delayer.schedule(0, payload=f'"{"x" * 100_000}"') for _ in range(5)]
        mapping = delayer.mapping()
        mapping.deliver(removals(delayer, *schedules))
        assert [len(call["Entries"]) for call in delayer.calls.of("SendMessageBatch")] == [2, 2, 1]
        assert len(received_ids(delayer)) == 5
        assert len(mapping.invocations) == 1

    def test_the_ids_of_a_call_are_positions(self, delayer: Delayer) -> None:
        """One id twice in a call makes SQS reject it, for ever: the same schedule twice in a batch is no trouble."""
        schedule = delayer.schedule(0)
        delayer.mapping().deliver(removals(delayer, schedule, schedule, schedule))
        [call] = delayer.calls.of("SendMessageBatch")
        assert [entry["Id"] for entry in call["Entries"]] == ["0", "1", "2"]
        assert received_ids(delayer) == [schedule.schedule_id] * 3


class TestTooLate:
    """With a greatest lateness, what is later than that is kept whole in the failure bucket, and not sent."""

    @pytest.fixture(autouse=True)
    def _limit(self, delayer: Delayer) -> None:
        function = delayer._fast_track  # noqa: SLF001  (the same function with one more setting)
        function._settings = replace(function._settings, max_lateness_seconds=3_600)  # noqa: SLF001

    def test_it_is_kept_with_its_reason_and_counted(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """GIVEN removals around the limit WHEN they come THEN the one beyond it is in the bucket, the rest is sent in
        order.
        """
        within = [delayer.schedule(60), delayer.schedule(-3_600)]
        beyond = delayer.schedule(-3_601)
        records = removals(delayer, within[0], beyond, within[1])
        mapping = delayer.mapping()
        mapping.deliver(records)
        assert sent_ids(delayer) == [schedule.schedule_id for schedule in within]
        [document] = [json.loads(text) for text in delayer.failure_documents()]
        assert document["reason"] == "the schedule is 3601 s late; max_lateness_seconds is 3600"
        assert json.loads(document["payload"]) == {"Records": [records[1]]}
        output = printed()
        assert (output.total("SchedulesFailed"), output.total("SchedulesEnqueued")) == (1, 2)
        assert len(mapping.invocations) == 1

    def test_what_counts_is_the_time_at_which_it_would_be_sent(self, delayer: Delayer) -> None:
        """GIVEN a removal in time WHEN the stream brings it too late THEN it is kept."""
        records = removals(delayer, delayer.schedule(60))
        delayer.clock.move_to(NOW + 60 + 3_600.5)
        delayer.mapping().deliver(records)
        assert delayer.sent() == []
        assert len(delayer.failure_documents()) == 1

    def test_a_cancellation_is_none_of_it(self, delayer: Delayer) -> None:
        """GIVEN a cancellation that is read long after its pointInTime WHEN it comes THEN it is no failure."""
        records = removals(delayer, delayer.schedule(7_200))
        delayer.clock.move_to(NOW + 12 * 3_600)
        delayer.mapping().deliver(records)
        assert delayer.sent() == []
        assert delayer.failure_documents() == []

    def test_what_could_not_be_kept_comes_again(self, delayer: Delayer) -> None:
        """GIVEN a bucket that takes nothing WHEN one too late comes THEN it is the checkpoint: it is nowhere else."""
        delayer.calls.fail("PutObject", client_error("AccessDenied", 403))
        records = removals(delayer, delayer.schedule(0), delayer.schedule(-3_601))
        answer = delayer.fast_track({"Records": records})
        assert answer == {"batchItemFailures": [{"itemIdentifier": records[1]["dynamodb"]["SequenceNumber"]}]}

    def test_what_is_redriven_is_sent_however_late(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """GIVEN an event that says that it is redriven WHEN it comes THEN its lateness is not judged again."""
        schedule = delayer.schedule(-DAY)
        event = {"redriven": True, "Records": removals(delayer, schedule)}
        assert delayer.fast_track(event) == {"batchItemFailures": []}
        assert received_ids(delayer) == [schedule.schedule_id]
        assert printed().total("SchedulesEnqueuedLate") == 1


class TestCancelled:
    """Removed more than 900 s early means cancelled."""

    def test_it_is_counted_and_not_sent(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """GIVEN removals 900 s and 901 s ahead WHEN they come THEN only the first is sent."""
        hand_over, cancellation = delayer.schedule(900), delayer.schedule(901)
        delayer.mapping().deliver(removals(delayer, hand_over, cancellation))
        assert sent_ids(delayer) == [hand_over.schedule_id]
        output = printed()
        assert output.total("SchedulesCancelled") == 1
        assert cancellation.schedule_id in output.text

    def test_a_late_stream_makes_no_delivery_of_it(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """GIVEN a cancellation that the stream brings when it would be due WHEN it comes THEN nothing is sent.

        The time that counts is that of the removal, not that of its processing.
        """
        records = removals(delayer, delayer.schedule(DAY - 7_200))
        delayer.clock.move_to(NOW + DAY - 3_600)
        delayer.mapping(maximum_record_age_seconds=DAY).deliver(records)
        assert delayer.sent() == []
        assert printed().total("SchedulesCancelled") == 1

    def test_it_is_counted_once_though_its_batch_comes_again(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """GIVEN a batch that fails before it WHEN the batch comes again THEN the cancellation is counted then."""
        delayer.calls.behave("SendMessageBatch", refuse({"0"}, {"0"}, {"0"}, {"0"}, {"0"}, set()))
        mapping = delayer.mapping()
        mapping.deliver(removals(delayer, delayer.schedule(0), delayer.schedule(DAY)))
        assert len(mapping.invocations) > 1
        assert printed().total("SchedulesCancelled") == 1


class TestTooEarly:
    """A delay over 900 s by the function's clock is neither sent nor clamped."""

    def test_it_comes_again_until_it_can_be_sent(self, delayer: Delayer) -> None:
        """GIVEN a function's clock behind the table's WHEN a removal comes THEN it is retried, and never sent early."""
        schedule = delayer.schedule(900)
        records = removals(delayer, schedule)
        delayer.clock.move_to(NOW - 30)
        mapping = delayer.mapping(retry_wait_seconds=10)
        mapping.deliver(records)
        [entry] = delayer.sent()
        assert entry["DelaySeconds"] <= 900
        assert len(mapping.invocations) > 2
        delayer.clock.move_to(NOW + 899.9)
        assert delayer.receive() == []
        delayer.clock.move_to(NOW + 901)
        assert received_ids(delayer) == [schedule.schedule_id]

    def test_those_beside_it_are_sent(self, delayer: Delayer) -> None:
        """GIVEN one that is too early in a call WHEN the batch comes THEN what stands before it is sent once."""
        first, early = delayer.schedule(5), delayer.schedule(900)
        records = removals(delayer, first, early)
        delayer.clock.move_to(NOW - 20)
        delayer.mapping(retry_wait_seconds=10).deliver(records)
        assert sent_ids(delayer).count(first.schedule_id) == 1
        assert sent_ids(delayer).count(early.schedule_id) == 1


class TestFailures:
    """Never lost: what SQS has not taken comes again, and what it can never take is kept."""

    def test_failed_entries_are_sent_again(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """Others get this wrong: SendMessageBatch may succeed and name entries that it has not taken."""
        schedules = due_now(delayer, 5)
        delayer.calls.behave("SendMessageBatch", refuse({"1", "3"}, {"3"}, set()))
        mapping = delayer.mapping()
        mapping.deliver(removals(delayer, *schedules))
        assert sorted(received_ids(delayer)) == sorted(ids(schedules))
        assert [[e["Id"] for e in call["Entries"]] for call in delayer.calls.of("SendMessageBatch")] == [
            ["0", "1", "2", "3", "4"],
            ["1", "3"],
            ["3"],
        ]
        assert len(mapping.invocations) == 1
        assert printed().total("SchedulesEnqueued") == 5

    def test_the_first_that_was_never_sent_is_reported(self, delayer: Delayer) -> None:
        """GIVEN an entry that fails every try WHEN the batch ends THEN it is the checkpoint, by its sequence number."""
        records = removals(delayer, *due_now(delayer, 25))
        delayer.calls.behave(
            "SendMessageBatch", refuse(set(), {"2", "7"})
        )  # the first call of ten passes, of the second two entries never do
        answer = delayer.fast_track({"Records": records})
        assert answer == {"batchItemFailures": [{"itemIdentifier": records[12]["dynamodb"]["SequenceNumber"]}]}

    def test_the_checkpoint_is_right_where_calls_are_not_full(self, delayer: Delayer) -> None:
        """GIVEN calls that end at the byte limit WHEN an entry of a later one fails THEN it is the checkpoint."""
        records = removals(delayer, *[delayer.schedule(0, payload=f'"{"x" * 100_000}"') for _ in range(6)])
        delayer.calls.behave("SendMessageBatch", refuse(set(), {"1"}))
        answer = delayer.fast_track({"Records": records})
        assert answer == {"batchItemFailures": [{"itemIdentifier": records[3]["dynamodb"]["SequenceNumber"]}]}

    def test_nothing_before_it_is_sent_again_and_nothing_after_it_is_lost(self, delayer: Delayer) -> None:
        """GIVEN an entry that fails for a while WHEN the mapping has retried THEN each is there, those before it
        once.
        """
        schedules = due_now(delayer, 25)
        delayer.calls.behave("SendMessageBatch", refuse(set(), *[{"2"}] * 5, set()))
        mapping = delayer.mapping()
        mapping.deliver(removals(delayer, *schedules))
        received = received_ids(delayer)
        assert set(received) == ids(schedules)
        assert [len(batch) for batch in mapping.invocations] == [25, 13]
        assert all(received.count(schedule.schedule_id) == 1 for schedule in schedules[:13])

    @pytest.mark.parametrize(
        "error",
        [
            client_error("AccessDenied", 403),
            client_error("AWS.SimpleQueueService.NonExistentQueue"),
            client_error("ServiceUnavailable", 503),
            ReadTimeoutError(endpoint_url=URL),
        ],
        ids=["denied", "no queue", "unavailable", "timeout"],
    )
    def test_a_queue_that_is_down_loses_nothing(self, delayer: Delayer, error: Exception) -> None:
        """GIVEN a queue that fails for a while WHEN it is back THEN every schedule is in it, and none in the bucket."""
        schedules = due_now(delayer, 12)
        delayer.calls.fail("SendMessageBatch", error, times=20)
        mapping = delayer.mapping()
        mapping.deliver(removals(delayer, *schedules))
        assert set(received_ids(delayer)) == ids(schedules)
        assert mapping.discarded == []
        assert delayer.failure_documents() == []

    def test_an_answer_that_was_lost_sends_again(self, delayer: Delayer) -> None:
        """GIVEN a send that happened and whose answer was lost WHEN retried THEN it is there twice, under one id."""
        lost: list[None] = []

        def lose_the_first_answer(_parameters: dict[str, Any], go_on: GoOn) -> Any:
            answer = go_on()
            if not lost:
                lost.append(None)
                raise ReadTimeoutError(endpoint_url=URL)
            return answer

        schedule = delayer.schedule(0)
        delayer.calls.behave("SendMessageBatch", lose_the_first_answer)
        delayer.mapping().deliver(removals(delayer, schedule))
        assert received_ids(delayer) == [schedule.schedule_id] * 2

    def test_a_queue_that_stays_down_ends_in_the_failure_destination(self, delayer: Delayer) -> None:
        """GIVEN a queue that is down for a day WHEN the records get too old THEN the mapping discards them whole."""
        schedule = delayer.schedule(0)
        records = removals(delayer, schedule)
        delayer.calls.fail("SendMessageBatch", client_error("AccessDenied", 403))
        mapping = delayer.mapping(retry_wait_seconds=3_600)
        mapping.deliver(records)
        assert mapping.discarded == records
        assert delayer.receive() == []

    @pytest.mark.parametrize("code", ["InvalidMessageContents", "InvalidParameterValue", "InvalidAttributeValue"])
    def test_what_sqs_can_never_take_is_kept(self, delayer: Delayer, printed: ReadPrinted, code: str) -> None:
        """GIVEN an entry refused for its content WHEN its batch comes THEN its whole record is in the bucket, once, and
        the shard goes on.
        """
        schedules = due_now(delayer, 4)
        records = removals(delayer, *schedules)
        delayer.calls.behave("SendMessageBatch", refuse({"2"}, code=code, sender_fault=True))
        mapping = delayer.mapping()
        mapping.deliver(records)
        assert len(mapping.invocations) == 1
        assert set(received_ids(delayer)) == ids(schedules) - {schedules[2].schedule_id}
        [document] = [json.loads(text) for text in delayer.failure_documents()]
        assert code in document["reason"]
        assert json.loads(document["payload"]) == {"Records": [records[2]]}
        output = printed()
        assert (output.total("SchedulesFailed"), output.total("SchedulesEnqueued")) == (1, 3)

    @pytest.mark.parametrize("code", ["InvalidMessageContents", "BatchRequestTooLong"])
    def test_a_call_refused_for_one_message_sends_the_others(self, delayer: Delayer, code: str) -> None:
        """GIVEN a whole call refused for the content of one WHEN its batch comes THEN that one is kept, the others
        sent.
        """
        schedules = due_now(delayer, 12)
        records = removals(delayer, *schedules)
        delayer.calls.behave("SendMessageBatch", refuse_calls_with(schedules[7], code=code))
        mapping = delayer.mapping()
        mapping.deliver(records)
        assert len(mapping.invocations) == 1
        received = received_ids(delayer)
        assert sorted(received) == sorted(ids(schedules) - {schedules[7].schedule_id})
        [document] = [json.loads(text) for text in delayer.failure_documents()]
        assert json.loads(document["payload"]) == {"Records": [records[7]]}

    def test_a_record_that_can_not_be_read_is_kept(self, delayer: Delayer) -> None:
        """GIVEN removals with something missing or wrong WHEN they come THEN each is in the bucket and the rest is
        sent.
        """
        good = due_now(delayer, 2)
        records = removals(delayer, good[0], *[delayer.schedule(0) for _ in range(6)], good[1])
        del records[1]["dynamodb"]["OldImage"]
        del records[2]["dynamodb"]["OldImage"]["payload"]
        records[3]["dynamodb"]["OldImage"]["due"] = {"S": "tomorrow"}
        records[4]["dynamodb"]["OldImage"]["shard"] = {"S": "1"}
        records[5]["dynamodb"]["OldImage"]["payload"] = {"NULL": True}
        records[6]["dynamodb"]["OldImage"]["shard"] = {"N": "one"}
        mapping = delayer.mapping()
        mapping.deliver(records)
        assert len(mapping.invocations) == 1
        assert set(received_ids(delayer)) == ids(good)
        documents = [json.loads(text) for text in delayer.failure_documents()]
        kept = [record for document in documents for record in json.loads(document["payload"])["Records"]]
        assert sorted(record["eventID"] for record in kept) == sorted(record["eventID"] for record in records[1:7])
        assert all(record in records for record in kept)
        assert all("can't be read" in document["reason"] for document in documents)

    def test_a_record_that_is_too_large_is_kept(self, delayer: Delayer) -> None:
        """GIVEN a payload that no message takes WHEN its removal comes THEN it is in the bucket, the rest is sent."""
        large, good = delayer.schedule(0, payload=f'"{"x" * MAX_MESSAGE_BYTES}"'), delayer.schedule(0)
        records = removals(delayer, large, good)
        delayer.mapping().deliver(records)
        assert received_ids(delayer) == [good.schedule_id]
        [document] = [json.loads(text) for text in delayer.failure_documents()]
        assert "the queue's limit is 262144" in document["reason"]
        assert json.loads(document["payload"]) == {"Records": [records[0]]}

    def test_a_bucket_that_is_down_loses_nothing(self, delayer: Delayer) -> None:
        """GIVEN a record to keep and a bucket that fails WHEN it is back THEN the record is in it, the others are
        sent.
        """
        first, refused, last = due_now(delayer, 3)
        records = removals(delayer, first, refused, last)
        del records[1]["dynamodb"]["OldImage"]
        delayer.calls.fail("PutObject", client_error("AccessDenied", 403), times=3)
        mapping = delayer.mapping()
        mapping.deliver(records)
        assert len(mapping.invocations) > 1
        assert len(delayer.failure_documents()) == 1
        received = received_ids(delayer)
        assert sorted(received) == sorted(ids([first, last]))

    def test_what_stands_after_a_failure_is_not_kept_yet(self, delayer: Delayer) -> None:
        """GIVEN a queue that is down WHEN an unreadable record comes after what can't be sent THEN it is kept once,
        when its turn comes, and not at every retry.
        """
        first, unreadable = due_now(delayer, 2)
        records = removals(delayer, first, unreadable)
        del records[1]["dynamodb"]["OldImage"]
        delayer.calls.fail("SendMessageBatch", client_error("AccessDenied", 403), times=3)
        mapping = delayer.mapping()
        mapping.deliver(records)
        assert len(mapping.invocations) > 3
        assert len(delayer.calls.of("PutObject")) == 1
        assert received_ids(delayer) == [first.schedule_id]

    def test_content_errors_wait_for_the_bucket_too(self, delayer: Delayer) -> None:
        """GIVEN a refused message and no bucket WHEN the batch ends THEN the refused one is the checkpoint."""
        schedules = due_now(delayer, 3)
        records = removals(delayer, *schedules)
        delayer.calls.behave("SendMessageBatch", refuse_calls_with(schedules[1], code="InvalidMessageContents"))
        delayer.calls.fail("PutObject", client_error("AccessDenied", 403))
        answer = delayer.fast_track({"Records": records})
        assert answer == {"batchItemFailures": [{"itemIdentifier": records[1]["dynamodb"]["SequenceNumber"]}]}


class TestDeadline:
    """A timeout would send the whole batch again, so it stops before."""

    def test_it_stops_and_names_the_first_unsent(self, delayer: Delayer) -> None:
        """GIVEN sends that take long WHEN time is nearly up THEN the next unsent one is the checkpoint, in time."""
        records = removals(delayer, *due_now(delayer, 40))

        def slowly(_parameters: dict[str, Any], go_on: GoOn) -> Any:
            delayer.clock.wait(4)
            return go_on()

        delayer.calls.behave("SendMessageBatch", slowly)
        answer = delayer.fast_track({"Records": records}, seconds=RESERVE_SECONDS + 6)
        assert len(delayer.sent()) == 20
        assert answer == {"batchItemFailures": [{"itemIdentifier": records[20]["dynamodb"]["SequenceNumber"]}]}
        assert delayer.clock() < NOW + RESERVE_SECONDS + 6

    def test_throttles_are_waited_out_to_the_deadline_and_no_further(self, delayer: Delayer) -> None:
        """GIVEN a queue that only throttles WHEN time is nearly up THEN the first removal is the checkpoint."""
        records = removals(delayer, *due_now(delayer, 3))
        delayer.calls.fail("SendMessageBatch", client_error("RequestThrottled"))
        answer = delayer.fast_track({"Records": records}, seconds=30)
        assert answer == {"batchItemFailures": [{"itemIdentifier": records[0]["dynamodb"]["SequenceNumber"]}]}
        assert NOW < delayer.clock() <= NOW + 30 - RESERVE_SECONDS

    def test_a_slow_table_does_not_hold_the_stream(self, delayer: Delayer) -> None:
        """GIVEN a table that throttles deletes WHEN INSERTs come THEN a few seconds are spent on them, not all there
        are.
        """
        delayer.store(*[delayer.schedule(60) for _ in range(60)])
        delayer.calls.fail("BatchWriteItem", client_error("ThrottlingException"))
        answer = delayer.fast_track({"Records": delayer.read_stream()}, seconds=300)
        assert answer == {"batchItemFailures": []}
        assert delayer.clock() < NOW + 10


class TestMetrics:
    """What CloudWatch gets."""

    def test_they_are_printed_for_the_function(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """In the namespace of the environment, by the function's name, each with its unit."""
        delayer.mapping().deliver(removals(delayer, delayer.schedule(60), delayer.schedule(-5)))
        [document] = printed().metrics
        [directive] = document["_aws"]["CloudWatchMetrics"]
        assert document["service"] == "stream-dynamodb-fasttrack_enqueuer"
        assert directive["Namespace"] == NAMESPACE
        assert directive["Dimensions"] == [["service"]]
        units = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
        assert units["SchedulesEnqueued"] == units["SchedulesEnqueuedLate"] == units["SchedulesCancelled"] == "Count"
        assert units["Lead"] == units["Lateness"] == "Seconds"

    def test_lead_and_lateness_are_apart(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """CloudWatch gives no percentiles of a metric that is ever negative; to the second is not late."""
        delayer.mapping().deliver(removals(delayer, *[delayer.schedule(s) for s in (840, 0, -1, -3_600)]))
        values = printed().values()
        assert values["SchedulesEnqueuedLate"] == [2]
        assert values["Lead"] == [840, 0]
        assert values["Lateness"] == [1, 3_600]

    def test_they_are_to_the_millisecond(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """Digits that mean nothing are neither kept nor paid for."""
        schedules = [delayer.schedule(60), delayer.schedule(0)]
        delayer.clock.wait(0.123456)
        delayer.mapping().deliver(removals(delayer, *schedules))
        values = printed().values()
        assert (values["Lead"], values["Lateness"]) == ([59.877], [0.123])

    def test_none_is_lost_of_a_large_batch(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """An embedded metric holds a hundred values: more than that are printed in more than one document."""
        delayer.mapping(batch_size=1_000).deliver(removals(delayer, *due_now(delayer, 250)))
        values = printed().values()
        assert len(values["Lead"]) == 250
        assert sum(values["SchedulesEnqueued"]) == 250

    def test_no_payload_is_logged(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """Sent, cancelled, refused or unreadable: the logs name schedules and never hold a payload."""
        schedules = [delayer.schedule(ahead, payload='"secret"') for ahead in (0, 60, DAY, 0, 0)]
        records = removals(delayer, *schedules)
        records[3]["dynamodb"]["OldImage"]["due"] = {"N": "1"}
        records[4]["dynamodb"]["OldImage"]["payload"] = {"B": "secret"}
        delayer.calls.behave("SendMessageBatch", refuse({"1"}, code="InvalidMessageContents", sender_fault=True))
        delayer.mapping().deliver(records)
        output = printed()
        assert schedules[0].schedule_id in output.text
        assert "secret" not in output.text
        assert output.total("SchedulesFailed") == 3


@given(data=st.data())
@settings(max_examples=15)
def test_at_least_once_whatever_fails(delayer: Delayer, data: st.DataObject) -> None:
    """GIVEN any mix of refused entries, refused calls and lost answers WHEN all is done THEN each schedule is there.

    None is early, none is in two minds: what is cancelled is never sent.
    """
    due = [delayer.schedule(data.draw(st.integers(-100, 840))) for _ in range(data.draw(st.integers(1, 30)))]
    cancelled = [delayer.schedule(data.draw(st.integers(1_000, DAY))) for _ in range(data.draw(st.integers(0, 5)))]
    records = removals(delayer, *data.draw(st.permutations(due + cancelled)))
    faults = iter(data.draw(st.lists(st.sampled_from(["ok", "entries", "call", "answer", "raise"]), max_size=12)))
    delivered: dict[str, float] = {}

    def behaviour(parameters: dict[str, Any], go_on: GoOn) -> Any:
        fault = next(faults, "ok")
        refused = {"1", "4"} if fault == "entries" else set()
        if fault == "call":
            raise client_error("ServiceUnavailable", 503)
        if fault == "raise":
            raise client_error("AccessDenied", 403)
        for entry in parameters["Entries"]:
            if entry["Id"] not in refused:
                visible_at = delayer.clock() + entry["DelaySeconds"]
                delivered.setdefault(entry["MessageAttributes"]["scheduleId"]["StringValue"], visible_at)
        answer = refuse(refused)(parameters, go_on)
        if fault == "answer":
            raise ReadTimeoutError(endpoint_url=URL)
        return answer

    delayer.calls.behave("SendMessageBatch", behaviour)
    delayer.mapping(batch_size=data.draw(st.integers(1, 40))).deliver(records)
    assert delivered.keys() == ids(due)
    assert all(delivered[schedule.schedule_id] >= schedule.point_in_time for schedule in due)
