"""The model's in-memory fake of AWS gives the same answers as the embedded AWS, and the embedded AWS those of AWS."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.support.aws_contract import QUICK, Clients, answers_at_once, changes, create, entry, play
from tests.support.memory_aws import MemoryAws
from tools.local.stack import Stack


class RealTime:
    """The clock of this machine, for the embedded AWS."""

    def __call__(self) -> float:
        """Return the seconds since 1970."""
        return time.time()

    def wait(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class MovedTime:
    """A clock that the test moves, for the stand-in."""

    def __init__(self) -> None:
        self._now = time.time()

    def __call__(self) -> float:
        """Seconds since 1970."""
        return self._now

    def wait(self, seconds: float) -> None:
        """Move it on."""
        self._now += seconds


def without_times(recorded: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return a stream without its times, because the two sequences are not played at the same time."""
    return [(event, key, old) for event, key, _, old in recorded]


def test_stand_in_answers_as_the_embedded_aws(stack: Stack) -> None:
    """Answers, error codes, stream records and the visibility of messages are the same."""
    clients = Clients(stack.client("dynamodb"), stack.client("sqs"), stack.client("s3"))
    url, reader = create(clients, stack.client("dynamodbstreams"), QUICK)
    embedded = play(clients, url, RealTime(), QUICK)
    recorded = changes(reader.read())

    moved = MovedTime()
    memory = MemoryAws(moved, visibility_timeout_seconds=QUICK.hidden)
    in_memory = Clients(memory.dynamodb(answers_at_once), memory.sqs(answers_at_once), memory.s3(answers_at_once))
    assert play(in_memory, url, moved, QUICK) == embedded
    assert without_times(changes(memory.streams[0])) == without_times(recorded)


@pytest.mark.parametrize("delay", [-1, 901])
def test_invalid_delay_is_refused_by_both(stack: Stack, delay: int) -> None:
    """A message with a delay below 0 or above 900 s fails, and the others are accepted."""
    entries = [entry("wrong", delay), entry("right", 900)]
    for sqs in (MemoryAws(MovedTime()).sqs(answers_at_once), stack.client("sqs")):
        answer = sqs.send_message_batch(QueueUrl=stack.outputs["delayer_queue_url"], Entries=entries)
        assert [(each["Id"], each["Code"]) for each in answer["Failed"]] == [("wrong", "InvalidParameterValue")]
        assert [each["Id"] for each in answer["Successful"]] == ["right"]


def test_repeated_permission_is_no_conflict(stack: Stack) -> None:
    """An identical request, as after a lost answer, succeeds; a different one under the same name is a conflict."""
    function = stack.outputs["function_names"]["task-1minute-enqueuer"]
    request = {"FunctionName": function, "StatementId": "again", "Action": "lambda:InvokeFunction"}
    functions = stack.client("lambda")
    for _ in range(2):
        functions.add_permission(**request, Principal="events.amazonaws.com")
    with pytest.raises(functions.exceptions.ResourceConflictException):
        functions.add_permission(**request, Principal="s3.amazonaws.com")
    functions.remove_permission(FunctionName=function, StatementId="again")
