"""Grouping of messages into SendMessageBatch calls."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from delayer.delayer_queue import batches
from delayer.schedules import Message


def messages(*sizes: int) -> list[Message]:
    """Return messages of these sizes, each with another id."""
    return [Message(str(position), 0, "", {}, size) for position, size in enumerate(sizes)]


def itself(message: Message) -> Message:
    """Return the message."""
    return message


def lengths(*sizes: int) -> list[int]:
    """Return the number of messages in each call."""
    return [len(batch) for batch in batches(messages(*sizes), itself)]


def test_call_has_at_most_10_messages() -> None:
    """SendMessageBatch accepts ten entries."""
    assert lengths(*[1] * 25) == [10, 10, 5]


def test_call_has_at_most_262_144_bytes() -> None:
    """A message that would make the call one byte larger starts the next call."""
    assert lengths(131_072, 131_072, 1) == [2, 1]
    assert lengths(131_072, 131_073, 1) == [1, 2]


def test_largest_messages_are_sent_alone() -> None:
    """A message of the maximum size fills a call."""
    assert lengths(262_144, 262_144, 1) == [1, 1, 1]


def test_no_messages_make_no_call() -> None:
    """SQS refuses an empty call."""
    assert lengths() == []


@given(st.lists(st.integers(1, 262_144), max_size=60))
def test_batches_keep_messages_order_and_limits(sizes: list[int]) -> None:
    """For any sizes, no message is lost or repeated, their order is kept, and no call exceeds a limit."""
    every = messages(*sizes)
    parts = list(batches(every, itself))
    assert [message for batch in parts for message in batch] == every
    assert all(1 <= len(batch) <= 10 for batch in parts)
    assert all(sum(message.size_bytes for message in batch) <= 262_144 for batch in parts)


@given(st.lists(st.integers(1, 262_144), max_size=60))
def test_calls_are_filled(sizes: list[int]) -> None:
    """A call ends only if the next message would exceed a limit."""
    parts = list(batches(messages(*sizes), itself))
    for batch, following in pairwise(parts):
        size = sum(message.size_bytes for message in batch)
        assert len(batch) == 10 or size + following[0].size_bytes > 262_144
