"""The fast track, called by a fake stream mapping."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

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
    """Return a record for each schedule, removed now."""
    made = StreamRecords()
    return [made.remove(schedule, delayer.clock()) for schedule in schedules]


def received_ids(delayer: Delayer) -> list[str]:
    """Return the scheduleIds of all visible messages, from the message attribute."""
    return [message["MessageAttributes"]["scheduleId"]["StringValue"] for message in delayer.receive()]


def sent_ids(delayer: Delayer) -> list[str]:
    """Return the scheduleIds of every attempt to send, in order."""
    return [entry["MessageAttributes"]["scheduleId"]["StringValue"] for entry in delayer.sent()]


def due_now(delayer: Delayer, number: int) -> list[Schedule]:
    """Return schedules that are due now, so that their messages are visible at once."""
    return [delayer.schedule(0) for _ in range(number)]


def refuse(
    *positions_of_each_call: set[str], code: str = "InternalError", sender_fault: bool = False
) -> Callable[[dict[str, Any], GoOn], Any]:
    """Make SendMessageBatch refuse entries by their ids: a set for each call, the last one for all later calls."""
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
        parameters["Entries"] = entries  # the recorder keeps this object
        return answer | ({"Failed": failed} if failed else {})

    return behaviour


def refuse_calls_with(*schedules: Schedule, code: str) -> Callable[[dict[str, Any], GoOn], Any]:
    """Make SendMessageBatch refuse every call with one of these schedules."""

    def behaviour(parameters: dict[str, Any], go_on: GoOn) -> Any:
        held = {entry["MessageAttributes"]["scheduleId"]["StringValue"] for entry in parameters["Entries"]}
        if held & ids(schedules):
            raise client_error(f"AWS.SimpleQueueService.{code}")
        return go_on()

    return behaviour


class TestInsert:
    """A record inserted within the delayer period is deleted. Its REMOVE is then sent."""

    def test_insert_within_the_delayer_period_is_deleted(self, delayer: Delayer) -> None:
        """GIVEN records around the period's end WHEN inserted THEN exactly those within it are deleted."""
        within = [delayer.schedule(seconds) for seconds in (-60, 0, 60, DELAYER_PERIOD)]
        beyond = [delayer.schedule(seconds) for seconds in (DELAYER_PERIOD + 1, DAY)]
        delayer.store(*within, *beyond)
        delayer.mapping().deliver(delayer.read_stream())
        assert delayer.stored_ids() == ids(beyond)
        assert delayer.sent() == []

    def test_insert_sends_nothing(self, delayer: Delayer) -> None:
        """GIVEN an INSERT whose record is already deleted WHEN handled THEN nothing is sent: only a REMOVE is."""
        record = StreamRecords().insert(delayer.schedule(60), delayer.clock())
        delayer.mapping().deliver([record])
        assert delayer.sent() == []
        assert delayer.read_stream() == []

    def test_deletes_are_grouped_and_distinct(self, delayer: Delayer) -> None:
        """GIVEN a batch with duplicates WHEN handled THEN no call has a key twice, because DynamoDB would refuse it."""
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
    def test_failed_delete_is_left_to_the_sweep(self, delayer: Delayer, printed: ReadPrinted, code: str) -> None:
        """GIVEN a table that refuses deletes WHEN a batch is handled THEN its REMOVEs are sent, without a retry."""
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
        """Other schedulers ignore that a successful BatchWriteItem may return keys that it has not deleted."""
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
        """The stream has their only copy, and a slow table must not delay them."""
        delayer.store(delayer.schedule(60))
        delayer.mapping().deliver([*delayer.read_stream(), *removals(delayer, delayer.schedule(0))])
        assert [call.operation for call in delayer.calls.made] == ["SendMessageBatch", "BatchWriteItem"]

    def test_record_with_another_kind_of_key_stays(self, delayer: Delayer) -> None:
        """A record that the post function did not insert is not deleted, and does not fail the batch."""
        odd = Schedule(1, "note to self", "1")
        delayer.store(odd)
        mapping = delayer.mapping()
        mapping.deliver(delayer.read_stream())
        assert len(delayer.records()) == len(mapping.invocations) == 1


class TestRemove:
    """A removed schedule that was due is sent."""

    @pytest.mark.parametrize(("ahead", "delay"), [(0, 0), (1, 1), (60, 60), (DELAYER_PERIOD, 840), (900, 900)])
    def test_message_becomes_visible_at_its_point_in_time(self, delayer: Delayer, ahead: int, delay: int) -> None:
        """GIVEN a removal WHEN sent THEN the message is visible at the pointInTime, and not a second before."""
        delayer.mapping().deliver(removals(delayer, delayer.schedule(ahead)))
        assert [entry["DelaySeconds"] for entry in delayer.sent()] == [delay]
        if ahead:
            delayer.clock.move_to(NOW + ahead - 1)
            assert delayer.receive() == []
        delayer.clock.move_to(NOW + ahead)
        assert len(delayer.receive()) == 1

    def test_delay_is_rounded_up(self, delayer: Delayer) -> None:
        """Other schedulers round down, so that messages are up to a second early."""
        schedule = delayer.schedule(60)
        delayer.clock.move_to(NOW + 0.000_1)
        delayer.mapping().deliver(removals(delayer, schedule))
        assert [entry["DelaySeconds"] for entry in delayer.sent()] == [60]
        delayer.clock.move_to(NOW + 0.999)
        delayer.mapping().deliver(removals(delayer, schedule))
        assert [entry["DelaySeconds"] for entry in delayer.sent()] == [60, 60]

    def test_delay_is_computed_at_each_attempt(self, delayer: Delayer) -> None:
        """GIVEN a queue that throttles WHEN it accepts the message at last THEN the delay is shorter by the wait."""
        delayer.calls.fail("SendMessageBatch", client_error("RequestThrottled"), times=9)
        delayer.mapping().deliver(removals(delayer, delayer.schedule(600)))
        waited = delayer.clock() - NOW
        delays = [entry["DelaySeconds"] for entry in delayer.sent()]
        assert len(delays) == 10
        assert delays[0] == 600
        assert 600 - waited <= delays[-1] < 601 - waited < 600

    def test_message_has_body_and_attributes(self, delayer: Delayer) -> None:
        """The body has the id, the time and the unchanged payload. The id and the time are attributes, too."""
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

    def test_overdue_schedule_is_sent_at_once_and_counted_late(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """Other schedulers drop a removal whose time has passed."""
        overdue = [delayer.schedule(-1), delayer.schedule(-DAY)]
        delayer.mapping().deliver(removals(delayer, *overdue))
        assert [entry["DelaySeconds"] for entry in delayer.sent()] == [0, 0]
        assert set(received_ids(delayer)) == ids(overdue)
        values = printed().values()
        assert (values["SchedulesEnqueued"], values["SchedulesEnqueuedLate"]) == ([2], [2])
        assert values["Lateness"] == [1, DAY]
        assert "Lead" not in values

    def test_removal_in_a_late_stream_is_sent(self, delayer: Delayer) -> None:
        """GIVEN a hand-over that the stream delivers a day later WHEN handled THEN it is sent, late."""
        schedule = delayer.schedule(60)
        records = removals(delayer, schedule)
        delayer.clock.move_to(NOW + DAY - 3_600)
        delayer.mapping(maximum_record_age_seconds=DAY).deliver(records)
        assert received_ids(delayer) == [schedule.schedule_id]

    def test_calls_are_filled_in_order(self, delayer: Delayer) -> None:
        """GIVEN 23 removals WHEN handled THEN three calls send them in the order of the stream."""
        schedules = due_now(delayer, 23)
        delayer.mapping().deliver(removals(delayer, *schedules))
        assert [len(call["Entries"]) for call in delayer.calls.of("SendMessageBatch")] == [10, 10, 3]
        assert sent_ids(delayer) == [schedule.schedule_id for schedule in schedules]

    def test_calls_keep_the_byte_limit(self, delayer: Delayer) -> None:
        """GIVEN removals of 100 KB WHEN handled THEN each call has at most two of them."""
        schedules = [delayer.schedule(0, payload=f'"{"x" * 100_000}"') for _ in range(5)]
        mapping = delayer.mapping()
        mapping.deliver(removals(delayer, *schedules))
        assert [len(call["Entries"]) for call in delayer.calls.of("SendMessageBatch")] == [2, 2, 1]
        assert len(received_ids(delayer)) == 5
        assert len(mapping.invocations) == 1

    def test_entry_ids_of_a_call_are_positions(self, delayer: Delayer) -> None:
        """GIVEN the same schedule several times WHEN sent THEN no call has an id twice: SQS would refuse it."""
        schedule = delayer.schedule(0)
        delayer.mapping().deliver(removals(delayer, schedule, schedule, schedule))
        [call] = delayer.calls.of("SendMessageBatch")
        assert [entry["Id"] for entry in call["Entries"]] == ["0", "1", "2"]
        assert received_ids(delayer) == [schedule.schedule_id] * 3


class TestTooLate:
    """With max_lateness_seconds, later schedules are kept in the failure bucket instead of sent."""

    @pytest.fixture(autouse=True)
    def _limit(self, delayer: Delayer) -> None:
        function = delayer._fast_track  # noqa: SLF001  (the same handler with one more setting)
        function._settings = replace(function._settings, max_lateness_seconds=3_600)  # noqa: SLF001

    def test_late_record_is_kept_with_the_reason_and_counted(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """GIVEN removals around the limit WHEN handled THEN the one beyond it is kept, and the others are sent."""
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

    def test_lateness_is_measured_at_the_time_of_sending(self, delayer: Delayer) -> None:
        """GIVEN a removal in time WHEN the stream delivers it too late THEN it is kept."""
        records = removals(delayer, delayer.schedule(60))
        delayer.clock.move_to(NOW + 60 + 3_600.5)
        delayer.mapping().deliver(records)
        assert delayer.sent() == []
        assert len(delayer.failure_documents()) == 1

    def test_late_cancellation_is_not_kept(self, delayer: Delayer) -> None:
        """GIVEN a cancellation that is read long after its pointInTime WHEN handled THEN nothing is sent or kept."""
        records = removals(delayer, delayer.schedule(7_200))
        delayer.clock.move_to(NOW + 12 * 3_600)
        delayer.mapping().deliver(records)
        assert delayer.sent() == []
        assert delayer.failure_documents() == []

    def test_late_record_that_can_not_be_kept_is_retried(self, delayer: Delayer) -> None:
        """GIVEN a bucket that fails WHEN a late record is handled THEN it is reported as failed, and not lost."""
        delayer.calls.fail("PutObject", client_error("AccessDenied", 403))
        records = removals(delayer, delayer.schedule(0), delayer.schedule(-3_601))
        answer = delayer.fast_track({"Records": records})
        assert answer == {"batchItemFailures": [{"itemIdentifier": records[1]["dynamodb"]["SequenceNumber"]}]}

    def test_redriven_schedule_is_sent_however_late(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """GIVEN an event with `redriven` WHEN handled THEN the limit does not apply."""
        schedule = delayer.schedule(-DAY)
        event = {"redriven": True, "Records": removals(delayer, schedule)}
        assert delayer.fast_track(event) == {"batchItemFailures": []}
        assert received_ids(delayer) == [schedule.schedule_id]
        assert printed().total("SchedulesEnqueuedLate") == 1


class TestCancelled:
    """A removal more than 900 s before the pointInTime is a cancellation."""

    def test_cancellation_is_counted_and_not_sent(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """GIVEN removals 900 s and 901 s ahead WHEN handled THEN only the first is sent."""
        hand_over, cancellation = delayer.schedule(900), delayer.schedule(901)
        delayer.mapping().deliver(removals(delayer, hand_over, cancellation))
        assert sent_ids(delayer) == [hand_over.schedule_id]
        output = printed()
        assert output.total("SchedulesCancelled") == 1
        assert cancellation.schedule_id in output.text

    def test_cancellation_in_a_late_stream_is_not_sent(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """GIVEN a cancellation that the stream delivers close to its pointInTime WHEN handled THEN nothing is sent.

        The time of the removal counts, not the time of its processing.
        """
        records = removals(delayer, delayer.schedule(DAY - 7_200))
        delayer.clock.move_to(NOW + DAY - 3_600)
        delayer.mapping(maximum_record_age_seconds=DAY).deliver(records)
        assert delayer.sent() == []
        assert printed().total("SchedulesCancelled") == 1

    def test_cancellation_in_a_retried_batch_is_counted_once(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """GIVEN a failure before the cancellation WHEN the batch is retried THEN the cancellation is counted then."""
        delayer.calls.behave("SendMessageBatch", refuse({"0"}, {"0"}, {"0"}, {"0"}, {"0"}, set()))
        mapping = delayer.mapping()
        mapping.deliver(removals(delayer, delayer.schedule(0), delayer.schedule(DAY)))
        assert len(mapping.invocations) > 1
        assert printed().total("SchedulesCancelled") == 1


class TestTooEarly:
    """A schedule due in more than 900 s by the function's clock is not sent yet."""

    def test_schedule_is_retried_until_it_can_be_sent(self, delayer: Delayer) -> None:
        """GIVEN a function's clock behind the table's WHEN a removal is handled THEN it is retried, and not early."""
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

    def test_schedules_in_the_same_call_are_sent_once(self, delayer: Delayer) -> None:
        """GIVEN a schedule that can't be sent yet WHEN its batch is retried THEN the one before it is sent once."""
        first, early = delayer.schedule(5), delayer.schedule(900)
        records = removals(delayer, first, early)
        delayer.clock.move_to(NOW - 20)
        delayer.mapping(retry_wait_seconds=10).deliver(records)
        assert sent_ids(delayer).count(first.schedule_id) == 1
        assert sent_ids(delayer).count(early.schedule_id) == 1


class TestFailures:
    """Nothing is lost: unsent removals are retried, and those that can never be sent are kept."""

    def test_failed_entries_are_sent_again(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """Other schedulers ignore that a successful SendMessageBatch may report failed entries."""
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

    def test_first_unsent_removal_is_reported(self, delayer: Delayer) -> None:
        """GIVEN entries that always fail WHEN the batch ends THEN the first one's sequence number is reported."""
        records = removals(delayer, *due_now(delayer, 25))
        delayer.calls.behave(
            "SendMessageBatch", refuse(set(), {"2", "7"})
        )  # the first call of ten succeeds, two entries of the second never do
        answer = delayer.fast_track({"Records": records})
        assert answer == {"batchItemFailures": [{"itemIdentifier": records[12]["dynamodb"]["SequenceNumber"]}]}

    def test_first_unsent_removal_after_calls_that_are_not_full_is_reported(self, delayer: Delayer) -> None:
        """GIVEN calls that end at the byte limit WHEN an entry of a later call fails THEN it is reported."""
        records = removals(delayer, *[delayer.schedule(0, payload=f'"{"x" * 100_000}"') for _ in range(6)])
        delayer.calls.behave("SendMessageBatch", refuse(set(), {"1"}))
        answer = delayer.fast_track({"Records": records})
        assert answer == {"batchItemFailures": [{"itemIdentifier": records[3]["dynamodb"]["SequenceNumber"]}]}

    def test_retry_repeats_nothing_before_the_failure_and_loses_nothing_after_it(self, delayer: Delayer) -> None:
        """GIVEN an entry that fails for a while WHEN retried THEN all arrive, and those before it once."""
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
    def test_queue_that_fails_for_a_while_loses_nothing(self, delayer: Delayer, error: Exception) -> None:
        """GIVEN a queue that fails WHEN it recovers THEN every schedule is in it, and none in the bucket."""
        schedules = due_now(delayer, 12)
        delayer.calls.fail("SendMessageBatch", error, times=20)
        mapping = delayer.mapping()
        mapping.deliver(removals(delayer, *schedules))
        assert set(received_ids(delayer)) == ids(schedules)
        assert mapping.discarded == []
        assert delayer.failure_documents() == []

    def test_send_with_a_lost_answer_is_repeated(self, delayer: Delayer) -> None:
        """GIVEN a successful send with a lost answer WHEN retried THEN there are two messages with the same id."""
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

    def test_records_that_get_too_old_go_to_the_failure_destination(self, delayer: Delayer) -> None:
        """GIVEN a queue that fails for a day WHEN records get too old THEN the mapping discards them whole."""
        schedule = delayer.schedule(0)
        records = removals(delayer, schedule)
        delayer.calls.fail("SendMessageBatch", client_error("AccessDenied", 403))
        mapping = delayer.mapping(retry_wait_seconds=3_600)
        mapping.deliver(records)
        assert mapping.discarded == records
        assert delayer.receive() == []

    @pytest.mark.parametrize("code", ["InvalidMessageContents", "InvalidParameterValue", "InvalidAttributeValue"])
    def test_message_refused_for_its_content_is_kept(self, delayer: Delayer, printed: ReadPrinted, code: str) -> None:
        """GIVEN an entry refused for its content WHEN handled THEN its record is kept once, without a retry."""
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
    def test_call_refused_for_one_message_sends_the_others(self, delayer: Delayer, code: str) -> None:
        """GIVEN a call refused for the content of one message WHEN handled THEN it is kept, and the others are sent."""
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

    def test_unreadable_record_is_kept(self, delayer: Delayer) -> None:
        """GIVEN removals with missing or wrong attributes WHEN handled THEN each is kept, and the others are sent."""
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

    def test_record_that_is_too_large_is_kept(self, delayer: Delayer) -> None:
        """GIVEN a payload too large for a message WHEN removed THEN its record is kept, and the others are sent."""
        large, good = delayer.schedule(0, payload=f'"{"x" * MAX_MESSAGE_BYTES}"'), delayer.schedule(0)
        records = removals(delayer, large, good)
        delayer.mapping().deliver(records)
        assert received_ids(delayer) == [good.schedule_id]
        [document] = [json.loads(text) for text in delayer.failure_documents()]
        assert "the queue's limit is 262144" in document["reason"]
        assert json.loads(document["payload"]) == {"Records": [records[0]]}

    def test_bucket_that_fails_for_a_while_loses_nothing(self, delayer: Delayer) -> None:
        """GIVEN a bucket that fails WHEN it recovers THEN the record is in it, and each other schedule is sent once."""
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

    def test_unreadable_record_after_a_failure_is_kept_once(self, delayer: Delayer) -> None:
        """GIVEN a queue that fails WHEN an unreadable record follows an unsent one THEN retries don't keep it again."""
        first, unreadable = due_now(delayer, 2)
        records = removals(delayer, first, unreadable)
        del records[1]["dynamodb"]["OldImage"]
        delayer.calls.fail("SendMessageBatch", client_error("AccessDenied", 403), times=3)
        mapping = delayer.mapping()
        mapping.deliver(records)
        assert len(mapping.invocations) > 3
        assert len(delayer.calls.of("PutObject")) == 1
        assert received_ids(delayer) == [first.schedule_id]

    def test_refused_message_that_can_not_be_kept_is_retried(self, delayer: Delayer) -> None:
        """GIVEN a refused message and a bucket that fails WHEN handled THEN the message's record is reported."""
        schedules = due_now(delayer, 3)
        records = removals(delayer, *schedules)
        delayer.calls.behave("SendMessageBatch", refuse_calls_with(schedules[1], code="InvalidMessageContents"))
        delayer.calls.fail("PutObject", client_error("AccessDenied", 403))
        answer = delayer.fast_track({"Records": records})
        assert answer == {"batchItemFailures": [{"itemIdentifier": records[1]["dynamodb"]["SequenceNumber"]}]}


class TestDeadline:
    """The function stops before its timeout, after which Lambda would retry the whole batch."""

    def test_first_unsent_removal_at_the_deadline_is_reported(self, delayer: Delayer) -> None:
        """GIVEN slow sends WHEN time is nearly up THEN the function ends in time and reports the first unsent one."""
        records = removals(delayer, *due_now(delayer, 40))

        def slowly(_parameters: dict[str, Any], go_on: GoOn) -> Any:
            delayer.clock.wait(4)
            return go_on()

        delayer.calls.behave("SendMessageBatch", slowly)
        answer = delayer.fast_track({"Records": records}, seconds=RESERVE_SECONDS + 6)
        assert len(delayer.sent()) == 20
        assert answer == {"batchItemFailures": [{"itemIdentifier": records[20]["dynamodb"]["SequenceNumber"]}]}
        assert delayer.clock() < NOW + RESERVE_SECONDS + 6

    def test_throttled_sends_are_retried_until_the_deadline(self, delayer: Delayer) -> None:
        """GIVEN a queue that throttles every call WHEN time is nearly up THEN the first removal is reported."""
        records = removals(delayer, *due_now(delayer, 3))
        delayer.calls.fail("SendMessageBatch", client_error("RequestThrottled"))
        answer = delayer.fast_track({"Records": records}, seconds=30)
        assert answer == {"batchItemFailures": [{"itemIdentifier": records[0]["dynamodb"]["SequenceNumber"]}]}
        assert NOW < delayer.clock() <= NOW + 30 - RESERVE_SECONDS

    def test_throttled_deletes_end_after_a_few_seconds(self, delayer: Delayer) -> None:
        """GIVEN a table that throttles deletes WHEN INSERTs are handled THEN they don't hold up the stream."""
        delayer.store(*[delayer.schedule(60) for _ in range(60)])
        delayer.calls.fail("BatchWriteItem", client_error("ThrottlingException"))
        answer = delayer.fast_track({"Records": delayer.read_stream()}, seconds=300)
        assert answer == {"batchItemFailures": []}
        assert delayer.clock() < NOW + 10


class TestMetrics:
    """Metrics and logs for CloudWatch."""

    def test_metrics_have_namespace_function_and_units(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """The dashboard and the alarms use them."""
        delayer.mapping().deliver(removals(delayer, delayer.schedule(60), delayer.schedule(-5)))
        [document] = printed().metrics
        [directive] = document["_aws"]["CloudWatchMetrics"]
        assert document["service"] == "stream-dynamodb-fasttrack_enqueuer"
        assert directive["Namespace"] == NAMESPACE
        assert directive["Dimensions"] == [["service"]]
        units = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
        assert units["SchedulesEnqueued"] == units["SchedulesEnqueuedLate"] == "Count"
        assert units["Lead"] == units["Lateness"] == "Seconds"

    def test_batch_that_counts_nothing_prints_nothing(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """Zeros would be paid for: one document for most batches of insertions."""
        delayer.store(delayer.schedule(3_600))
        delayer.mapping().deliver(delayer.read_stream())
        assert printed().text == ""

    def test_lead_and_lateness_are_separate_metrics(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """CloudWatch has no percentiles for a metric with negative values. A lead of 0 is not late."""
        delayer.mapping().deliver(removals(delayer, *[delayer.schedule(s) for s in (840, 0, -1, -3_600)]))
        values = printed().values()
        assert values["SchedulesEnqueuedLate"] == [2]
        assert values["Lead"] == [840, 0]
        assert values["Lateness"] == [1, 3_600]

    def test_lead_and_lateness_are_in_milliseconds(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """Further digits would cost log volume."""
        schedules = [delayer.schedule(60), delayer.schedule(0)]
        delayer.clock.wait(0.123456)
        delayer.mapping().deliver(removals(delayer, *schedules))
        values = printed().values()
        assert (values["Lead"], values["Lateness"]) == ([59.877], [0.123])

    def test_large_batch_prints_all_values(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """An embedded metric holds a hundred values, so more values need several documents."""
        delayer.mapping(batch_size=1_000).deliver(removals(delayer, *due_now(delayer, 250)))
        values = printed().values()
        assert len(values["Lead"]) == 250
        assert sum(values["SchedulesEnqueued"]) == 250

    def test_no_payload_is_logged(self, delayer: Delayer, printed: ReadPrinted) -> None:
        """For sent, cancelled, refused and unreadable records, the logs have ids and no payload."""
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
