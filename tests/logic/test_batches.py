"""How messages are put into calls."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from delayer.delayer_queue import batches
from delayer.schedules import Message


def messages(*sizes: int) -> list[Message]:
    """Messages of these sizes, told apart by their ids."""
    return [Message(str(position), 0, "", {}, size) for position, size in enumerate(sizes)]


def itself(message: Message) -> Message:
    """Return the message."""
    return message


def lengths(*sizes: int) -> list[int]:
    """How many messages of these sizes each call gets."""
    return [len(batch) for batch in batches(messages(*sizes), itself)]


def test_ten_entries_fill_a_call() -> None:
    """SendMessageBatch takes ten."""
    assert lengths(*[1] * 25) == [10, 10, 5]


def test_262_144_bytes_fill_a_call() -> None:
    """A call is as large as a message may be; a byte more begins the next one."""
    assert lengths(131_072, 131_072, 1) == [2, 1]
    assert lengths(131_072, 131_073, 1) == [1, 2]


def test_the_largest_messages_go_alone() -> None:
    """Each of the largest messages fills a call of its own."""
    assert lengths(262_144, 262_144, 1) == [1, 1, 1]


def test_nothing_makes_no_call() -> None:
    """An empty call would be refused."""
    assert lengths() == []


@given(st.lists(st.integers(1, 262_144), max_size=60))
def test_batches_keep_everything_in_order_within_both_limits(sizes: list[int]) -> None:
    """Whatever the sizes: nothing lost or doubled, order kept, no call over ten entries or over its bytes."""
    every = messages(*sizes)
    parts = list(batches(every, itself))
    assert [message for batch in parts for message in batch] == every
    assert all(1 <= len(batch) <= 10 for batch in parts)
    assert all(sum(message.size_bytes for message in batch) <= 262_144 for batch in parts)


@given(st.lists(st.integers(1, 262_144), max_size=60))
def test_no_call_could_have_taken_the_next_message(sizes: list[int]) -> None:
    """Calls are filled: each ends because the next message would have been too much."""
    parts = list(batches(messages(*sizes), itself))
    for batch, following in pairwise(parts):
        size = sum(message.size_bytes for message in batch)
        assert len(batch) == 10 or size + following[0].size_bytes > 262_144
