"""make redrive gives records back to the function that sends; nothing is lost, whatever happens on the way."""

from __future__ import annotations

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
from tools.operate.failures import list_bucket
from tools.operate.redrive import parse_since
from tools.project import CommandError
from tools.terminal import run

HOUR = 3_600
DAY = 86_400


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


@pytest.fixture
def made() -> StreamRecords:
    """Makes stream records."""
    return StreamRecords()


def due(failed: Failed, number: int) -> list[Schedule]:
    """Schedules that are due now."""
    return [failed.delayer.schedule(0) for _ in range(number)]


def corrupt(record: Record) -> Record:
    """A removal without a payload: it can never be sent."""
    del record["dynamodb"]["OldImage"]["payload"]
    return record


def delivered(failed: Failed) -> list[str]:
    """The scheduleIds in the delayer queue."""
    return [message["MessageAttributes"]["scheduleId"]["StringValue"] for message in failed.delayer.receive()]


def refuse(*schedules: Schedule) -> Callable[[dict[str, Any], Callable[[], Any]], Any]:
    """The queue never takes these."""
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
    """What the function has handled is in the queue, and no more in the bucket."""

    def test_both_kinds_of_object(self, failed: Failed, made: StreamRecords) -> None:
        """GIVEN a batch that the mapping gave up and a record that the function kept WHEN redriven THEN all are sent,
        each once, and the bucket is empty.
        """
        schedules = due(failed, 4)
        failed.give_up(*[made.remove(schedule, NOW) for schedule in schedules[:3]])
        own = {"reason": "once", "payload": json.dumps({"Records": [made.remove(schedules[3], NOW)]})}
        failed.put("fasttrack/abc.json", json.dumps(own))
        is_all_done, printed = failed.redrive()
        assert is_all_done
        assert sorted(delivered(failed)) == sorted(schedule.schedule_id for schedule in schedules)
        assert failed.versions() == []
        assert "4 records were handled, and 2 of 2 objects deleted" in printed

    def test_again(self, failed: Failed, made: StreamRecords) -> None:
        """What was redriven is not there to be redriven again."""
        failed.give_up(made.remove(due(failed, 1)[0], NOW))
        failed.redrive()
        is_all_done, printed = failed.redrive()
        assert is_all_done
        assert printed == "Nothing lies in the failure bucket.\n"
        assert len(delivered(failed)) == 1

    def test_what_was_kept_several_times_is_gone_with_all_its_versions(
        self, failed: Failed, made: StreamRecords
    ) -> None:
        """A retried batch keeps a record again under its key: no older version of it comes to light."""
        document = json.dumps(
            {"reason": "x", "payload": json.dumps({"Records": [made.remove(due(failed, 1)[0], NOW)]})}
        )
        for _ in range(3):
            failed.put("fasttrack/abc.json", document)
        assert failed.redrive()[0]
        assert failed.versions() == []
        assert len(delivered(failed)) == 1

    def test_removed_long_ago(self, failed: Failed, made: StreamRecords) -> None:
        """What was due when it was removed is sent, days late; what was cancelled then is not, though overdue."""
        handed_over, cancelled = failed.delayer.schedule(60), failed.delayer.schedule(HOUR)
        failed.give_up(made.remove(handed_over, NOW), made.remove(cancelled, NOW))
        failed.delayer.clock.move_to(NOW + 3 * DAY)
        assert failed.redrive()[0]
        assert delivered(failed) == [handed_over.schedule_id]

    def test_later_than_is_allowed(self, failed: Failed, made: StreamRecords) -> None:
        """What was kept for being too late is sent when it is given back."""
        function = failed.delayer._fast_track  # noqa: SLF001  (the same function with a setting)
        function._settings = replace(function._settings, max_lateness_seconds=60)  # noqa: SLF001
        schedule = failed.delayer.schedule(-61)
        failed.delayer.fast_track({"Records": [made.remove(schedule, NOW - 61)]})
        assert len(failed.object_keys()) == 1
        assert failed.redrive()[0]
        assert delivered(failed) == [schedule.schedule_id]
        assert failed.object_keys() == []

    def test_inserts_of_a_batch(self, failed: Failed, made: StreamRecords) -> None:
        """A batch may hold INSERTs: what they name is handed over if it is still there."""
        stored = failed.delayer.schedule(60)
        failed.delayer.store(stored)
        failed.give_up(made.insert(stored, NOW), made.insert(failed.delayer.schedule(60), NOW))
        assert failed.redrive()[0]
        assert failed.delayer.records() == []
        assert failed.object_keys() == []

    def test_calls_are_filled(self, failed: Failed, made: StreamRecords, monkeypatch: pytest.MonkeyPatch) -> None:
        """Records of several objects go together, up to a number, and a large object is given back in parts."""
        monkeypatch.setattr(redrive, "_MOST_RECORDS", 10)
        for number in (4, 4, 13):
            failed.give_up(*[made.remove(schedule, NOW) for schedule in due(failed, number)])
        assert failed.redrive()[0]
        assert [len(event["Records"]) for event in failed.function.events] == [10, 10, 1]
        assert len(delivered(failed)) == 21

    def test_calls_fit(self, failed: Failed, made: StreamRecords) -> None:
        """No call is over the 6 MB that Lambda takes, though what was kept is more."""
        large = [failed.delayer.schedule(0, payload=json.dumps("é" * 40_000)) for _ in range(20)]
        failed.give_up(*[made.remove(schedule, NOW) for schedule in large])
        assert failed.redrive()[0]
        assert len(failed.function.events) == 2
        assert len(delivered(failed)) == 20


class TestLeft:
    """What fails again is left, with what was said; the others are not in its way."""

    def test_what_is_not_sent(self, failed: Failed, made: StreamRecords) -> None:
        """GIVEN a message that the queue doesn't take WHEN redriven THEN its object is left, and the others go."""
        schedules = due(failed, 5)
        keys = [failed.give_up(made.remove(schedule, NOW)) for schedule in schedules]
        failed.delayer.calls.behave("SendMessageBatch", refuse(schedules[2]))
        is_all_done, printed = failed.redrive()
        assert not is_all_done
        assert failed.object_keys() == [keys[2]]
        assert f"left: {keys[2]}: Odd: by the test" in printed
        assert set(delivered(failed)) == {schedule.schedule_id for schedule in schedules} - {schedules[2].schedule_id}

    def test_an_object_stays_until_all_of_it_is_handled(self, failed: Failed, made: StreamRecords) -> None:
        """GIVEN a batch with one that fails WHEN redriven THEN the whole object stays, and the next redrive ends it."""
        schedules = due(failed, 5)
        key = failed.give_up(*[made.remove(schedule, NOW) for schedule in schedules])
        failed.delayer.calls.behave("SendMessageBatch", refuse(schedules[2]))
        assert not failed.redrive()[0]
        assert failed.object_keys() == [key]
        failed.delayer.calls.heal()
        assert failed.redrive()[0]
        assert failed.object_keys() == []
        assert set(delivered(failed)) == {schedule.schedule_id for schedule in schedules}

    def test_what_can_never_be_sent_is_kept_anew(self, failed: Failed, made: StreamRecords) -> None:
        """GIVEN a corrupt record WHEN redriven, twice THEN each time it is kept anew, once, and not asked for again."""
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

    def test_what_the_mapping_gave_up_and_can_never_be_sent(self, failed: Failed, made: StreamRecords) -> None:
        """GIVEN a corrupt record in a batch WHEN redriven THEN the batch is gone, and the record is kept by itself."""
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
    def test_an_object_that_can_not_be_read(self, failed: Failed, made: StreamRecords, text: str) -> None:
        """GIVEN an object that holds no event WHEN redriven THEN it is left and said so, and the others go."""
        odd = failed.put("aws/lambda/odd", text)
        failed.give_up(made.remove(due(failed, 1)[0], NOW))
        is_all_done, printed = failed.redrive()
        assert not is_all_done
        assert failed.object_keys() == [odd]
        assert f"left: {odd}: the object can't be read" in printed
        assert len(delivered(failed)) == 1

    def test_one_record_that_fails_the_function(self, failed: Failed, made: StreamRecords) -> None:
        """GIVEN a record on which the function ends with an error WHEN redriven THEN it is found, and all others go."""
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
    def test_an_answer_that_says_nothing(self, failed: Failed, made: StreamRecords, answer: str) -> None:
        """What was not answered as handled is not deleted."""
        key = failed.give_up(made.remove(due(failed, 1)[0], NOW))
        failed.function.before = lambda _event: {"StatusCode": 200, "Payload": io.BytesIO(answer.encode())}
        is_all_done, printed = failed.redrive()
        assert not is_all_done
        assert failed.object_keys() == [key]
        assert f"left: {key}: the function's answer" in printed

    def test_a_function_that_handles_nothing_is_not_called_for_ever(self, failed: Failed, made: StreamRecords) -> None:
        """GIVEN a queue that is down WHEN much is redriven THEN it ends after 20 calls, and all is still there."""
        for schedule in due(failed, 60):
            failed.give_up(made.remove(schedule, NOW))
        failed.delayer.calls.fail("SendMessageBatch", client_error("AccessDenied", 403))
        with pytest.raises(CommandError, match=r"20 calls in a row handled nothing, the last one because: .*AccessDen"):
            failed.redrive()
        assert len(failed.object_keys()) == 60

    def test_what_could_not_be_deleted(
        self, failed: Failed, made: StreamRecords, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where the caller may not delete, that is said; the record is sent again by the next redrive."""
        key = failed.give_up(made.remove(due(failed, 1)[0], NOW))
        error = {"Key": key, "Code": "AccessDenied", "Message": "no"}
        monkeypatch.setattr(failed.s3, "delete_objects", lambda **_parameters: {"Errors": [error]}, raising=False)
        is_all_done, printed = failed.redrive()
        assert not is_all_done
        assert f"left: {key}: handled, but not deleted: AccessDenied: no" in printed
        assert "0 of 1 objects deleted" in printed

    def test_a_bucket_without_versions(self, failed: Failed, made: StreamRecords) -> None:
        """Where what is kept anew would take the old object's place unseen, nothing is begun."""
        failed.s3.put_bucket_versioning(Bucket="failures", VersioningConfiguration={"Status": "Suspended"})
        failed.give_up(made.remove(due(failed, 1)[0], NOW))
        with pytest.raises(CommandError, match="the failure bucket has no versioning"):
            failed.redrive()
        assert failed.function.events == []


class TestInterrupted:
    """It may end at any moment: what was not answered is still there."""

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), client_error("AccessDeniedException", 403, "Invoke")])
    def test_before_a_call(
        self, failed: Failed, made: StreamRecords, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str], error: BaseException,
    ) -> None:  # fmt: skip
        """GIVEN an end before the second call WHEN it comes THEN the first call's objects are gone, the others are
        there, how far it came is said, and the next redrive does the rest.
        """
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

    def test_between_the_answer_and_the_deletion(
        self, failed: Failed, made: StreamRecords, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What was sent and not deleted is sent once more, under the same id: at least once."""
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

    def test_two_at_once(self, failed: Failed, made: StreamRecords) -> None:
        """GIVEN a redrive during whose call another one runs WHEN both end THEN all is delivered, twice at worst, and
        what can't be sent is kept, once more for each.
        """
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

    def test_what_another_one_has_done_is_no_error(self, failed: Failed, made: StreamRecords) -> None:
        """An object that is gone before it is read is left out, and that is said."""
        keys = [failed.give_up(made.remove(schedule, NOW)) for schedule in due(failed, 2)]

        def list_and_lose(*arguments: Any) -> Any:
            found = list_bucket(*arguments)
            for version in failed.s3.list_object_versions(Bucket="failures").get("Versions", []):
                if version["Key"] == keys[0]:
                    failed.s3.delete_object(Bucket="failures", Key=keys[0], VersionId=version["VersionId"])
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(redrive, "list_bucket", list_and_lose)
            is_all_done, printed = failed.redrive()
        assert is_all_done
        assert "1 objects were gone before they were read: another redrive is at work." in printed
        assert len(delivered(failed)) == 1


class TestOptions:
    """SINCE and DRY_RUN."""

    def test_since(self, failed: Failed, made: StreamRecords) -> None:
        """Only what has been kept from then on is given back."""
        old = failed.give_up(made.remove(due(failed, 1)[0], NOW))
        failed.delayer.clock.move_to(NOW + DAY)
        new = due(failed, 1)[0]
        failed.give_up(made.remove(new, NOW + DAY))
        assert failed.redrive(since=parse_since("2026-11-23"))[0]
        assert failed.object_keys() == [old]
        assert delivered(failed) == [new.schedule_id]
        assert failed.redrive(since=datetime.fromtimestamp(NOW + 2 * DAY, UTC)) == (
            True, "Nothing lies in the failure bucket that was kept since then.\n",
        )  # fmt: skip

    def test_dry_run(self, failed: Failed, made: StreamRecords) -> None:
        """It lists, calls nothing and deletes nothing."""
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
        """A date begins at midnight UTC."""
        assert parse_since(text) == since

    @pytest.mark.parametrize("text", ["yesterday", "2026-11-22T09:00:00", "2026-02-30", "20261122", "2026-W47"])
    def test_any_other_since_is_refused(self, text: str) -> None:
        """A time without an offset could be meant anywhere."""
        with pytest.raises(CommandError, match=f"^SINCE={text} can't be read: write a date"):
            parse_since(text)


@pytest.mark.parametrize("command", ["failures", "redrive"])
def test_a_command_fails_with_one_line(command: str) -> None:
    """Without an environment, one line says which there are, and there is no traceback."""
    done = subprocess.run(  # noqa: S603 -- our own command
        [sys.executable, "-m", f"tools.operate.{command}", ""],
        cwd=ROOT, env=clean_environment(), check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == f"make {command}: no environment is named: give ENV= one of dev, staging, prod, local\n"


def test_what_aws_refuses_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A missing permission ends it with what AWS says."""

    def refuse_all(_console: object) -> bool:
        raise client_error("AccessDenied", 403, "ListObjectVersions")

    with pytest.raises(SystemExit) as ended:
        run("make redrive", refuse_all)
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("make redrive: An error occurred (AccessDenied) when calling the ListObjectVersions")
