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
    """A clock that is moved, for the stand-in."""

    def __init__(self) -> None:
        self._now = time.time()

    def __call__(self) -> float:
        """Seconds since 1970."""
        return self._now

    def wait(self, seconds: float) -> None:
        """Move it on."""
        self._now += seconds


def without_times(recorded: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """What a stream says but when, for the two sequences are not played at the same time."""
    return [(event, key, old) for event, key, _, old in recorded]


def test_equal_to_the_embedded_aws(stack: Stack) -> None:
    """Answers, errors' codes, stream records and what becomes visible when are the same."""
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
def test_both_refuse_a_delay_that_sqs_refuses(stack: Stack, delay: int) -> None:
    """A message with a negative delay, or one of more than 900 s, is answered as failed, and the others are taken."""
    entries = [entry("wrong", delay), entry("right", 900)]
    for sqs in (MemoryAws(MovedTime()).sqs(answers_at_once), stack.client("sqs")):
        answer = sqs.send_message_batch(QueueUrl=stack.outputs["delayer_queue_url"], Entries=entries)
        assert [(each["Id"], each["Code"]) for each in answer["Failed"]] == [("wrong", "InvalidParameterValue")]
        assert [each["Id"] for each in answer["Successful"]] == ["right"]


def test_a_permission_that_is_added_again_is_no_conflict(stack: Stack) -> None:
    """Word for word the same request, whose answer was lost, succeeds; another one under its name is a conflict."""
    function = stack.outputs["function_names"]["task-1minute-enqueuer"]
    request = {"FunctionName": function, "StatementId": "again", "Action": "lambda:InvokeFunction"}
    functions = stack.client("lambda")
    for _ in range(2):
        functions.add_permission(**request, Principal="events.amazonaws.com")
    with pytest.raises(functions.exceptions.ResourceConflictException):
        functions.add_permission(**request, Principal="s3.amazonaws.com")
    functions.remove_permission(FunctionName=function, StatementId="again")
