"""make failures lists records and messages that failed, and why, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.clock import NOW
from tests.support.redriving import Failed, Frozen, failed_environment, frozen_clients
from tests.support.stream_records import StreamRecords
from tools.operate import failures
from tools.operate.failures import PEEK_SECONDS


@pytest.fixture(scope="module")
def frozen() -> Iterator[Frozen]:
    """Freeze time for all tests of the file."""
    with frozen_clients() as frozen:
        yield frozen


@pytest.fixture
def failed(frozen: Frozen, monkeypatch: pytest.MonkeyPatch) -> Iterator[Failed]:
    """Return an environment with an empty failure bucket."""
    with failed_environment(frozen, monkeypatch) as failed:
        yield failed


def test_empty_places_are_stated(failed: Failed) -> None:
    """Each of both places has its line."""
    assert failed.list().splitlines() == [
        "No objects are in the failure bucket.",
        "No messages are in the dead-letter queue, by SQS's own estimate.",
    ]


def test_record_kept_by_the_function_has_schedule_and_reason(failed: Failed) -> None:
    """Its row has the scheduleId, both times, the reason and the key."""
    schedule = failed.delayer.schedule(60)
    record = StreamRecords().remove(schedule, NOW)
    del record["dynamodb"]["OldImage"]
    failed.delayer.fast_track({"Records": [record]})
    [key] = failed.object_keys()
    printed = failed.list()
    assert [cell.strip() for cell in row_of(printed, schedule.schedule_id)] == [
        schedule.schedule_id, "2026-11-22T09:01:00Z", "2026-11-22T09:00:00Z",
        "the stream record can't be read: KeyError('OldImage')",
    ]  # fmt: skip
    assert key in printed
    assert "1 object is in the failure bucket." in printed


def test_batch_given_up_by_the_mapping_has_its_condition(failed: Failed) -> None:
    """Every schedule of the batch has a row."""
    made = StreamRecords()
    schedules = [failed.delayer.schedule(0) for _ in range(3)]
    failed.give_up(*[made.remove(schedule, NOW) for schedule in schedules])
    printed = failed.list()
    for schedule in schedules:
        assert row_of(printed, schedule.schedule_id)[3].strip() == (
            "the stream mapping gave it up: RecordAgeExceeded after about 61 calls"
        )


def test_unreadable_object_is_listed(failed: Failed) -> None:
    """Its row has the key; text that looks like markup is shown as it is."""
    failed.put("fasttrack/odd[red].json", '{"payload": "no JSON"}')
    printed = failed.list()
    assert "the object can't be read: JSONDecodeError" in printed
    assert "fasttrack/odd[red].json" in printed


def test_deleted_object_is_not_listed(failed: Failed) -> None:
    """Older versions of an object that was deleted by hand don't count."""
    key = failed.put("fasttrack/x.json", "{}")
    failed.delayer.clock.wait(1)
    failed.s3.delete_object(Bucket="failures", Key=key)
    assert "No objects are in the failure bucket." in failed.list()


def test_long_list_is_cut(failed: Failed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first records are shown, and all objects are counted."""
    monkeypatch.setattr(failures, "_MOST_ROWS", 5)
    made = StreamRecords()
    for _ in range(7):
        failed.give_up(made.remove(failed.delayer.schedule(0), NOW))
    printed = failed.list()
    assert printed.count("RecordAgeExceeded") == 5
    assert "The first 5 records are shown." in printed
    assert "7 objects are in the failure bucket." in printed


def test_dead_letters_are_listed_and_stay(failed: Failed) -> None:
    """They are listed and counted; none is deleted, and all are visible again soon."""
    for number in range(12):
        failed.delayer.sqs.send_message(
            QueueUrl=failed.dead_letters, MessageBody="{}",
            MessageAttributes={
                "scheduleId": {"DataType": "String", "StringValue": f"004-{number}"},
                "pointInTime": {"DataType": "String", "StringValue": "2026-11-22T08:00:00Z"},
            },
        )  # fmt: skip
    printed = failed.list()
    for number in range(12):
        assert [cell.strip() for cell in row_of(printed, f"004-{number} ")] == [
            f"004-{number}", "2026-11-22T08:00:00Z", "2026-11-22T09:00:00Z",
            "a consumer received it as often as the queue allows, and never deleted it",
        ]  # fmt: skip
    assert "12 messages are in the dead-letter queue" in printed
    assert f"None was deleted: they are visible again in {PEEK_SECONDS} s" in printed
    failed.delayer.clock.wait(PEEK_SECONDS + 1)
    assert "12 of them were received" in failed.list()


def row_of(printed: str, text: str) -> list[str]:
    """Return the cells of the table's row with this text."""
    (line,) = (line for line in printed.splitlines() if text in line)
    return line.strip("│ ").split("│")
