"""make failures lists what could not be handled or consumed, and why, and changes nothing."""

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
    """For a whole file of tests."""
    with frozen_clients() as frozen:
        yield frozen


@pytest.fixture
def failed(frozen: Frozen, monkeypatch: pytest.MonkeyPatch) -> Iterator[Failed]:
    """An environment with an empty failure bucket."""
    with failed_environment(frozen, monkeypatch) as failed:
        yield failed


def test_nothing_failed(failed: Failed) -> None:
    """Where nothing lies in either place, that is said."""
    assert failed.list().splitlines() == [
        "No object lies in the failure bucket.",
        "No message lies in the dead-letter queue, by SQS's own estimate.",
    ]


def test_what_the_function_kept(failed: Failed) -> None:
    """Its schedule, when it was due, since when it lies there, why, and under which key."""
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
    assert "1 object lies in the failure bucket." in printed


def test_what_the_mapping_gave_up(failed: Failed) -> None:
    """Every schedule of the batch, with the mapping's condition."""
    made = StreamRecords()
    schedules = [failed.delayer.schedule(0) for _ in range(3)]
    failed.give_up(*[made.remove(schedule, NOW) for schedule in schedules])
    printed = failed.list()
    for schedule in schedules:
        assert row_of(printed, schedule.schedule_id)[3].strip() == (
            "the stream mapping gave it up: RecordAgeExceeded after about 61 calls"
        )


def test_what_is_no_record_is_listed_too(failed: Failed) -> None:
    """An object that can't be read has a row with its key; what looks like markup is shown as it is."""
    failed.put("fasttrack/odd[red].json", '{"payload": "no JSON"}')
    printed = failed.list()
    assert "the object can't be read: JSONDecodeError" in printed
    assert "fasttrack/odd[red].json" in printed


def test_what_was_deleted_is_not_listed(failed: Failed) -> None:
    """Older versions of what was deleted by hand don't count."""
    key = failed.put("fasttrack/x.json", "{}")
    failed.delayer.clock.wait(1)
    failed.s3.delete_object(Bucket="failures", Key=key)
    assert "No object lies in the failure bucket." in failed.list()


def test_a_long_list_is_cut(failed: Failed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many records the first are shown, and all objects are counted."""
    monkeypatch.setattr(failures, "_MOST_ROWS", 5)
    made = StreamRecords()
    for _ in range(7):
        failed.give_up(made.remove(failed.delayer.schedule(0), NOW))
    printed = failed.list()
    assert printed.count("RecordAgeExceeded") == 5
    assert "The first 5 records are shown." in printed
    assert "7 objects lie in the failure bucket." in printed


def test_dead_letters_are_peeked_at(failed: Failed) -> None:
    """Dead messages are listed with their schedules and counted; none is deleted, and all are visible again soon."""
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
    assert "12 messages lie in the dead-letter queue" in printed
    assert f"None was deleted: they are visible again in {PEEK_SECONDS} s" in printed
    failed.delayer.clock.wait(PEEK_SECONDS + 1)
    assert "12 of them were received" in failed.list()


def row_of(printed: str, text: str) -> list[str]:
    """The cells of the table's row with this text."""
    (line,) = (line for line in printed.splitlines() if text in line)
    return line.strip("│ ").split("│")
