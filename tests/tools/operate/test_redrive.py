"""make redrive gives records back to the function that sends, and loses none, whatever happens on the way."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from delayer.schedules import Schedule
from tests.support.checkouts import ROOT, clean_environment
from tests.support.clock import NOW
from tests.support.failures import client_error
from tests.support.redriving import Failed, Frozen, failed_environment, frozen_clients
from tests.support.stream_records import Record, StreamRecords
from tools.operate import redrive
from tools.operate.failures import FailureBucket
from tools.operate.redrive import parse_since
from tools.project import CommandError

HOUR = 3_600
DAY = 86_400


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


@pytest.fixture
def made() -> StreamRecords:
    """Return a maker of stream records."""
    return StreamRecords()


def due(failed: Failed, number: int) -> list[Schedule]:
    """Return schedules that are due now."""
    return [failed.delayer.schedule(0) for _ in range(number)]


def corrupt(record: Record) -> Record:
    """Take the payload away, so that the removal can never be sent."""
    del record["dynamodb"]["OldImage"]["payload"]
    return record


def delivered(failed: Failed) -> list[str]:
    """Receive the scheduleIds in the delayer queue."""
    return [message["MessageAttributes"]["scheduleId"]["StringValue"] for message in failed.delayer.receive()]


def refuse(*schedules: Schedule) -> Callable[[dict[str, Any], Callable[[], Any]], Any]:
    """Return a behaviour of the queue that never takes these."""
    refused = {schedule.schedule_id for schedule in schedules}

    def behaviour(parameters: dict[str, Any], go_on: Callable[[], Any]) -> Any:
        entries = parameters["Entries"]
        held = [e for e in entries if e["MessageAttributes"]["scheduleId"]["StringValue"] in refused]
        parameters["Entries"] = [entry for entry in entries if entry not in held]
        answer = go_on() if parameters["Entries"] else {}
        failed = [{"Id": entry["Id"], "SenderFault": False, "Code": "Odd", "Message": "by the test"} for entry in held]
        return answer | ({"Failed": failed} if failed else {})

    return behaviour


class TestHandled:
    """Handled records are in the queue, and no longer in the bucket."""

    def test_both_kinds_of_object_are_sent(self, failed: Failed, made: StreamRecords) -> None:
        """A batch that the mapping gave up and a record that the function kept are sent once; the bucket is empty."""
        schedules = due(failed, 4)
        failed.give_up(*[made.remove(schedule, NOW) for schedule in schedules[:3]])
        own = {"reason": "once", "payload": json.dumps({"Records": [made.remove(schedules[3], NOW)]})}
        failed.put("fasttrack/abc.json", json.dumps(own))
        is_all_done, printed = failed.redrive()
        assert is_all_done
        assert sorted(delivered(failed)) == sorted(schedule.schedule_id for schedule in schedules)
        assert failed.versions() == []
        assert "4 records were handled, and 2 of 2 objects deleted" in printed

    def test_second_redrive_finds_nothing(self, failed: Failed, made: StreamRecords) -> None:
        """Nothing is sent again."""
        failed.give_up(made.remove(due(failed, 1)[0], NOW))
        failed.redrive()
        is_all_done, printed = failed.redrive()
        assert is_all_done
        assert printed == "The failure bucket is empty.\n"
        assert len(delivered(failed)) == 1

    def test_all_versions_of_a_record_are_deleted(self, failed: Failed, made: StreamRecords) -> None:
        """A retried batch keeps a record again under its key; no older version may reappear."""
        document = json.dumps(
            {"reason": "x", "payload": json.dumps({"Records": [made.remove(due(failed, 1)[0], NOW)]})}
        )
        for _ in range(3):
            failed.put("fasttrack/abc.json", document)
        assert failed.redrive()[0]
        assert failed.versions() == []
        assert len(delivered(failed)) == 1

    def test_record_removed_long_ago_is_sent_unless_cancelled(self, failed: Failed, made: StreamRecords) -> None:
        """A schedule handed over days ago is sent late; one that was cancelled then is not, though overdue."""
        handed_over, cancelled = failed.delayer.schedule(60), failed.delayer.schedule(HOUR)
        failed.give_up(made.remove(handed_over, NOW), made.remove(cancelled, NOW))
        failed.delayer.clock.move_to(NOW + 3 * DAY)
        assert failed.redrive()[0]
        assert delivered(failed) == [handed_over.schedule_id]

    def test_record_kept_for_lateness_is_sent(self, failed: Failed, made: StreamRecords) -> None:
        """max_lateness_seconds doesn't apply to a redrive."""
        function = failed.delayer._fast_track  # noqa: SLF001  (the same function with a setting)
        function._settings = replace(function._settings, max_lateness_seconds=60)  # noqa: SLF001
        schedule = failed.delayer.schedule(-61)
        failed.delayer.fast_track({"Records": [made.remove(schedule, NOW - 61)]})
        assert len(failed.object_keys()) == 1
        assert failed.redrive()[0]
        assert delivered(failed) == [schedule.schedule_id]
        assert failed.object_keys() == []

    def test_insertions_are_handed_over(self, failed: Failed, made: StreamRecords) -> None:
        """A batch may hold INSERTs: a record that is still there is handed over."""
        stored = failed.delayer.schedule(60)
        failed.delayer.store(stored)
        failed.give_up(made.insert(stored, NOW), made.insert(failed.delayer.schedule(60), NOW))
        assert failed.redrive()[0]
        assert failed.delayer.records() == []
        assert failed.object_keys() == []

    def test_calls_are_filled(self, failed: Failed, made: StreamRecords, monkeypatch: pytest.MonkeyPatch) -> None:
        """Records of several objects share a call, and a large object is split."""
        monkeypatch.setattr(redrive, "_MOST_RECORDS", 10)
        for number in (4, 4, 13):
            failed.give_up(*[made.remove(schedule, NOW) for schedule in due(failed, number)])
        assert failed.redrive()[0]
        assert [len(event["Records"]) for event in failed.function.events] == [10, 10, 1]
        assert len(delivered(failed)) == 21

    def test_calls_stay_below_lambdas_limit(self, failed: Failed, made: StreamRecords) -> None:
        """Lambda takes 6 MB; the objects hold more."""
        large = [failed.delayer.schedule(0, payload=json.dumps("é" * 40_000)) for _ in range(20)]
        failed.give_up(*[made.remove(schedule, NOW) for schedule in large])
        assert failed.redrive()[0]
        assert len(failed.function.events) == 2
        assert len(delivered(failed)) == 20


class TestLeft:
    """Records that fail again stay in the bucket, with the error; all others go."""

    def test_record_that_the_queue_refuses_stays(self, failed: Failed, made: StreamRecords) -> None:
        """Its line has SQS's reason; the others are sent."""
        schedules = due(failed, 5)
        keys = [failed.give_up(made.remove(schedule, NOW)) for schedule in schedules]
        failed.delayer.calls.behave("SendMessageBatch", refuse(schedules[2]))
        is_all_done, printed = failed.redrive()
        assert not is_all_done
        assert failed.object_keys() == [keys[2]]
        assert f"left: {keys[2]}: Odd: by the test" in printed
        assert set(delivered(failed)) == {schedule.schedule_id for schedule in schedules} - {schedules[2].schedule_id}

    def test_object_stays_until_all_its_records_are_handled(self, failed: Failed, made: StreamRecords) -> None:
        """One record of the batch fails; the next redrive completes it."""
        schedules = due(failed, 5)
        key = failed.give_up(*[made.remove(schedule, NOW) for schedule in schedules])
        failed.delayer.calls.behave("SendMessageBatch", refuse(schedules[2]))
        assert not failed.redrive()[0]
        assert failed.object_keys() == [key]
        failed.delayer.calls.heal()
        assert failed.redrive()[0]
        assert failed.object_keys() == []
        assert set(delivered(failed)) == {schedule.schedule_id for schedule in schedules}

    def test_record_that_can_never_be_sent_is_kept_again(self, failed: Failed, made: StreamRecords) -> None:
        """Each redrive gives a corrupt record back once, and leaves one version of it."""
        good = due(failed, 1)[0]
        failed.delayer.fast_track({"Records": [corrupt(made.remove(failed.delayer.schedule(0), NOW))]})
        failed.give_up(made.remove(good, NOW))
        [key] = [key for key in failed.object_keys() if key.startswith("fasttrack/")]
        for _ in range(2):
            is_all_done, printed = failed.redrive()
            assert not is_all_done
            assert f"left: {key}: the stream record can't be read: KeyError('payload')" in printed
            assert failed.versions() == [key]
        assert len(failed.function.events) == 2
        assert delivered(failed) == [good.schedule_id]

    def test_corrupt_record_of_a_batch_is_kept_by_itself(self, failed: Failed, made: StreamRecords) -> None:
        """The batch is gone then."""
        good = due(failed, 1)[0]
        failed.give_up(corrupt(made.remove(failed.delayer.schedule(0), NOW)), made.remove(good, NOW))
        is_all_done, _ = failed.redrive()
        assert not is_all_done
        assert [key.split("/")[0] for key in failed.versions()] == ["fasttrack"]
        assert delivered(failed) == [good.schedule_id]

    @pytest.mark.parametrize(
        "text",
        ["", "no JSON", "[]", "{}", '{"payload": 1}', '{"payload": "{}"}', '{"payload": "{\\"Records\\": []}"}',
         '{"payload": "{\\"Records\\": [{\\"eventID\\": \\"1\\"}]}"}', '{"payload": "{\\"Records\\": [1]}"}'],
    )  # fmt: skip
    def test_unreadable_object_stays(self, failed: Failed, made: StreamRecords, text: str) -> None:
        """It holds no event; the others go."""
        odd = failed.put("aws/lambda/odd", text)
        failed.give_up(made.remove(due(failed, 1)[0], NOW))
        is_all_done, printed = failed.redrive()
        assert not is_all_done
        assert failed.object_keys() == [odd]
        assert f"left: {odd}: the object can't be read" in printed
        assert len(delivered(failed)) == 1

    def test_record_that_fails_the_function_is_found(self, failed: Failed, made: StreamRecords) -> None:
        """The function raises an error because of one record of fifty; the others go."""
        schedules = due(failed, 50)
        keys = [failed.give_up(made.remove(schedule, NOW)) for schedule in schedules]
        bad = f'"{schedules[33].due}"'

        def end_with_an_error(event: dict[str, Any]) -> Mapping[str, Any] | None:
            if bad not in json.dumps(event):
                return None
            error = b'{"errorMessage": "no",\n "errorType": "ValueError"}'
            return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": io.BytesIO(error)}

        failed.function.before = end_with_an_error
        is_all_done, printed = failed.redrive()
        assert not is_all_done
        assert failed.object_keys() == [keys[33]]
        assert 'the function failed: {"errorMessage": "no", "errorType": "ValueError"}' in printed
        assert len(set(delivered(failed))) == 49

    @pytest.mark.parametrize("answer", ["null", "[]", '{"batchItemFailures": [{"itemIdentifier": "of another"}]}'])
    def test_unclear_answer_deletes_nothing(self, failed: Failed, made: StreamRecords, answer: str) -> None:
        """Only records that were answered as handled are deleted."""
        key = failed.give_up(made.remove(due(failed, 1)[0], NOW))
        failed.function.before = lambda _event: {"StatusCode": 200, "Payload": io.BytesIO(answer.encode())}
        is_all_done, printed = failed.redrive()
        assert not is_all_done
        assert failed.object_keys() == [key]
        assert f"left: {key}: the function's answer" in printed

    def test_record_that_fails_without_a_reason_stays(self, failed: Failed, made: StreamRecords) -> None:
        """The function's log may hold an empty reason."""
        record = made.remove(due(failed, 1)[0], NOW)
        key = failed.give_up(record)
        answer = {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
        log = base64.b64encode(b'{"reason": ""}').decode()
        failed.function.before = lambda _: {"Payload": io.BytesIO(json.dumps(answer).encode()), "LogResult": log}
        assert not failed.redrive()[0]
        assert failed.object_keys() == [key]

    def test_function_that_handles_nothing_is_called_20_times(self, failed: Failed, made: StreamRecords) -> None:
        """The queue is down; everything stays in the bucket."""
        for schedule in due(failed, 60):
            failed.give_up(made.remove(schedule, NOW))
        failed.delayer.calls.fail("SendMessageBatch", client_error("AccessDenied", 403))
        with pytest.raises(CommandError, match=r"20 calls in a row handled nothing, the last one because: .*AccessDen"):
            failed.redrive()
        assert len(failed.object_keys()) == 60

    def test_object_that_can_not_be_deleted_is_reported(
        self, failed: Failed, made: StreamRecords, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The caller may not delete; the next redrive sends the record again."""
        key = failed.give_up(made.remove(due(failed, 1)[0], NOW))
        error = {"Key": key, "Code": "AccessDenied", "Message": "no"}
        monkeypatch.setattr(failed.s3, "delete_objects", lambda **_parameters: {"Errors": [error]}, raising=False)
        is_all_done, printed = failed.redrive()
        assert not is_all_done
        assert f"left: {key}: handled, but not deleted: AccessDenied: no" in printed
        assert "0 of 1 objects deleted" in printed

    def test_bucket_without_versions_is_refused(self, failed: Failed, made: StreamRecords) -> None:
        """A record that is kept again would replace the old one unseen, so nothing is called."""
        failed.s3.put_bucket_versioning(Bucket="failures", VersioningConfiguration={"Status": "Suspended"})
        failed.give_up(made.remove(due(failed, 1)[0], NOW))
        with pytest.raises(CommandError, match="the failure bucket has no versioning"):
            failed.redrive()
        assert failed.function.events == []


class TestInterrupted:
    """A redrive may end at any moment: records without an answer stay."""

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), client_error("AccessDeniedException", 403, "Invoke")])
    def test_end_before_a_call_leaves_the_rest(
        self, failed: Failed, made: StreamRecords, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str], error: BaseException,
    ) -> None:  # fmt: skip
        """It ends before the second call: the first call's objects are gone, and the next redrive does the rest."""
        monkeypatch.setattr(redrive, "_MOST_RECORDS", 4)
        schedules = due(failed, 10)
        for schedule in schedules:
            failed.give_up(made.remove(schedule, NOW))

        def end(_event: dict[str, Any]) -> None:
            if len(failed.function.events) == 2:
                raise error

        failed.function.before = end
        console = Console(width=200)
        with pytest.raises(type(error)):
            redrive.redrive(failed.environment, console, since=None, is_dry_run=False)
        assert "4 records were handled, and 4 of 10 objects deleted" in capsys.readouterr().out
        assert len(failed.object_keys()) == 6
        assert failed.redrive()[0]
        assert sorted(delivered(failed)) == sorted(schedule.schedule_id for schedule in schedules)

    def test_end_before_the_deletion_sends_again(
        self, failed: Failed, made: StreamRecords, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The record is sent once more, under the same scheduleId."""
        schedule = due(failed, 1)[0]
        failed.give_up(made.remove(schedule, NOW))
        with monkeypatch.context() as patch:
            patch.setattr(
                failed.s3, "delete_objects", lambda **_: (_ for _ in ()).throw(KeyboardInterrupt), raising=False
            )
            with pytest.raises(KeyboardInterrupt):
                failed.redrive()
        assert failed.redrive()[0]
        assert delivered(failed) == [schedule.schedule_id] * 2

    def test_two_redrives_at_once_lose_nothing(self, failed: Failed, made: StreamRecords) -> None:
        """Another one runs during the first one's call: records are sent twice at worst; the corrupt one is kept."""
        good = due(failed, 1)[0]
        failed.delayer.fast_track({"Records": [corrupt(made.remove(failed.delayer.schedule(0), NOW))]})
        failed.give_up(made.remove(good, NOW))
        [own] = [key for key in failed.object_keys() if key.startswith("fasttrack/")]

        def another(_event: dict[str, Any]) -> None:
            failed.function.before = lambda _event: None
            failed.redrive()

        failed.function.before = another
        failed.redrive()
        assert failed.object_keys() == [own]
        assert set(delivered(failed)) == {good.schedule_id}

    def test_object_that_another_redrive_deleted_is_no_error(self, failed: Failed, made: StreamRecords) -> None:
        """It is left out, and counted as gone."""
        keys = [failed.give_up(made.remove(schedule, NOW)) for schedule in due(failed, 2)]

        list_objects = FailureBucket.objects

        def list_and_lose(*arguments: Any) -> Any:
            found = list_objects(*arguments)
            for version in failed.s3.list_object_versions(Bucket="failures").get("Versions", []):
                if version["Key"] == keys[0]:
                    failed.s3.delete_object(Bucket="failures", Key=keys[0], VersionId=version["VersionId"])
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(FailureBucket, "objects", list_and_lose)
            is_all_done, printed = failed.redrive()
        assert is_all_done
        assert "1 objects were gone before they were read: another redrive is running." in printed
        assert len(delivered(failed)) == 1


class TestOptions:
    """SINCE and DRY_RUN."""

    def test_since_leaves_older_objects(self, failed: Failed, made: StreamRecords) -> None:
        """Objects kept from then on are given back."""
        old = failed.give_up(made.remove(due(failed, 1)[0], NOW))
        failed.delayer.clock.move_to(NOW + DAY)
        new = due(failed, 1)[0]
        failed.give_up(made.remove(new, NOW + DAY))
        assert failed.redrive(since=parse_since("2026-11-23"))[0]
        assert failed.object_keys() == [old]
        assert delivered(failed) == [new.schedule_id]
        assert failed.redrive(since=datetime.fromtimestamp(NOW + 2 * DAY, UTC)) == (
            True, "Nothing in the failure bucket was kept since then.\n",
        )  # fmt: skip

    def test_dry_run_only_lists(self, failed: Failed, made: StreamRecords) -> None:
        """It calls and deletes nothing."""
        schedule = due(failed, 1)[0]
        key = failed.give_up(made.remove(schedule, NOW))
        is_all_done, printed = failed.redrive(is_dry_run=True)
        assert is_all_done
        assert schedule.schedule_id in printed
        assert "1 objects would be given back. Nothing was done (DRY_RUN=1)." in printed
        assert failed.object_keys() == [key]
        assert failed.function.events == []

    @pytest.mark.parametrize(
        ("text", "since"),
        [
            ("", None),
            ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
            ("2026-11-22T10:00:00+01:00", datetime(2026, 11, 22, 9, tzinfo=UTC)),
            ("2026-11-22t09:00:00z", datetime(2026, 11, 22, 9, tzinfo=UTC)),
            ("2026-11-22T09:00:00.5Z", datetime(2026, 11, 22, 9, 0, 0, 500_000, tzinfo=UTC)),
        ],
    )
    def test_since_is_rfc_3339_or_a_date(self, text: str, since: datetime | None) -> None:
        """A date means midnight UTC."""
        assert parse_since(text) == since

    @pytest.mark.parametrize("text", ["yesterday", "2026-11-22T09:00:00", "2026-02-30", "20261122", "2026-W47"])
    def test_any_other_since_is_refused(self, text: str) -> None:
        """A time without an offset is ambiguous."""
        with pytest.raises(CommandError, match=f"^SINCE={text} can't be read: write a date"):
            parse_since(text)


@pytest.mark.parametrize("command", ["failures", "redrive"])
def test_missing_environment_is_one_line(command: str) -> None:
    """The line lists the environments; there is no traceback."""
    done = subprocess.run(  # noqa: S603 -- our own command
        [sys.executable, "-m", f"tools.operate.{command}", ""],
        cwd=ROOT, env=clean_environment(PYTHONPATH="src:."), check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == f"make {command}: no environment is named: give ENV= one of dev, staging, prod, local\n"
