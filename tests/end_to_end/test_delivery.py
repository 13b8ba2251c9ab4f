"""Posted schedules arrive as messages at their second, through the real HTTP route, packages and Terraform."""

from __future__ import annotations

import json
import re

from tests.end_to_end.conftest import NOT_DUE, Scenario
from tools.local.stack import Stack

FAST_TRACK = "stream-dynamodb-fasttrack_enqueuer"
SWEEP = "task-1minute-enqueuer"


def test_every_due_schedule_arrives_once(scenario: Scenario) -> None:
    """Each message is received exactly once, on every path and for every kind of post."""
    times = {name: len(scenario.received(name)) for name in scenario.due}
    assert times == {name: 0 if name in NOT_DUE else 1 for name in scenario.due}
    assert len(scenario.messages) == sum(times.values())


def test_no_message_arrives_early(scenario: Scenario) -> None:
    """Every message is received at or after its pointInTime, by the sender's clock."""
    for name in set(scenario.due) - NOT_DUE:
        (message,) = scenario.received(name)
        assert message.at >= scenario.due[name], name


def test_message_has_the_schedule_and_the_unchanged_payload(scenario: Scenario) -> None:
    """Body and attributes contain the schedule; digits, key order and escapes are as posted."""
    (message,) = scenario.received("soon")
    schedule_id = scenario.schedule_id("soon")
    point_in_time = scenario.answers["soon"].body["pointInTime"]
    payload = scenario.payloads["soon"].replace("￿", "\\uffff")
    assert message.body == f'{{"scheduleId":"{schedule_id}","pointInTime":"{point_in_time}","payload":{payload}}}'
    assert message.attributes == {"scheduleId": schedule_id, "pointInTime": point_in_time}


def test_largest_payload_arrives_whole(scenario: Scenario) -> None:
    """Multi-byte text up to the queue's last byte is accepted and delivered; one byte more is refused with 413."""
    (message,) = scenario.received("large")
    assert json.loads(message.body)["payload"] == json.loads(scenario.payloads["large"])
    refused = scenario.answers["one too large"]
    assert refused.status == 413
    assert refused.body["field"] == "payload"


def test_burst_arrives_complete(scenario: Scenario) -> None:
    """A hundred schedules due in the same second all arrive, each once, and none early."""
    numbers = [json.loads(scenario.received(f"burst {number}")[0].body)["payload"]["number"] for number in range(100)]
    assert numbers == list(range(100))


def test_fast_track_hands_over_inside_the_delayer_period(scenario: Scenario) -> None:
    """The fast track deletes records that are due soon; a sweep in the same minute may delete them too."""
    for name in ("overdue", "soon", "large", "burst 0", "burst 99"):
        assert FAST_TRACK in scenario.handed_over_by[scenario.schedule_id(name)]


def test_sweep_hands_over_beyond_the_delayer_period(scenario: Scenario) -> None:
    """The sweep deletes records that were beyond the delayer period: the stream was not read meanwhile."""
    for number in range(3):
        assert SWEEP in scenario.handed_over_by[scenario.schedule_id(f"swept {number}")]


def test_schedules_not_yet_due_stay_in_the_table(scenario: Scenario, stack: Stack) -> None:
    """After sweeps and fast track the table has only the schedules that are due in an hour, each once."""
    left = stack.client("dynamodb").scan(TableName=stack.outputs["table_name"])["Items"]
    expected = [scenario.payloads[name] for name in ("far", "repeated")]
    assert sorted(item["payload"]["S"] for item in left) == sorted(expected)


def test_early_removal_cancels(scenario: Scenario) -> None:
    """docs/api.md's command shows the record; no message was sent for it, and the cancellation was counted."""
    done = scenario.cancellations["cancelled"]
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["payload"]["S"] == scenario.payloads["cancelled"]
    assert scenario.received("cancelled") == []
    assert scenario.counted["SchedulesCancelled"] == 1


def test_record_due_soon_is_not_cancelled(scenario: Scenario) -> None:
    """docs/api.md's command deletes nothing within 960 s of the pointInTime, and the message arrives when due."""
    done = scenario.cancellations["cancelled too late"]
    assert (done.returncode, done.stdout) == (1, "")
    assert "ConditionalCheckFailedException" in done.stderr
    (message,) = scenario.received("cancelled too late")
    assert message.at >= scenario.due["cancelled too late"]
    # The fast track may have deleted it again if it read the INSERT late.
    assert SWEEP in scenario.handed_over_by[scenario.schedule_id("cancelled too late")]


def test_repeated_request_gives_the_same_schedule(scenario: Scenario) -> None:
    """With an Idempotency-Key, a post repeated before the hand-over gets the first post's id."""
    assert scenario.schedule_id("repeated again") == scenario.schedule_id("repeated")


def test_schedule_id_is_safe_in_a_url(scenario: Scenario) -> None:
    """It has at most 80 characters of letters, digits, _ and -, and Location is the schedule's path."""
    for name in scenario.due:
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,80}", scenario.schedule_id(name))
    answer = scenario.answers["soon"]
    assert {k.lower(): v for k, v in answer.headers.items()}["location"] == f"/schedules/{scenario.schedule_id('soon')}"


def test_every_schedule_is_counted(scenario: Scenario) -> None:
    """The sums of the metrics agree with the posts and messages; the schedule posted overdue is the late one."""
    accepted = len(scenario.due) - 1  # one was the same again
    assert scenario.counted["SchedulesAccepted"] == accepted
    assert scenario.counted["SchedulesRepeated"] == 1
    assert scenario.counted["SchedulesRejected"] == 2  # one was the request that woke the function
    assert scenario.counted["SchedulesEnqueued"] == len(scenario.messages)
    # On a slow machine other schedules may be late too.
    assert scenario.counted["SchedulesEnqueuedLate"] >= 1
    assert scenario.counted["SchedulesFailed"] == 1
    swept = sum(SWEEP in functions for functions in scenario.handed_over_by.values())
    assert scenario.counted["SchedulesSwept"] == swept >= 3
    assert scenario.counted["SchedulesLeft"] == 0


def test_unsendable_record_is_kept_whole(scenario: Scenario, stack: Stack) -> None:
    """A removal without a payload is in the failure bucket with its reason, and later records were delivered."""
    assert scenario.messages
    bucket, s3 = stack.outputs["failure_bucket_name"], stack.client("s3")
    (kept,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert kept["Key"].startswith("fasttrack/")
    document = json.loads(s3.get_object(Bucket=bucket, Key=kept["Key"])["Body"].read())
    (record,) = json.loads(document["payload"])["Records"]
    assert "payload" in document["reason"]
    assert record["eventName"] == "REMOVE"
    assert record["dynamodb"]["OldImage"]["due"]["S"].endswith("#corrupt")
