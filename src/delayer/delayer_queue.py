"""The delayer queue: the only module that knows SQS."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from delayer.clients import make_client
from delayer.retries import (
    CALL_ERRORS,
    MAX_ATTEMPTS,
    OutOfTimeError,
    Pause,
    Remaining,
    call_with_retries,
    error_code,
    wait_before_retry,
)
from delayer.schedules import MAX_DELAY_SECONDS, MAX_MESSAGE_BYTES, Message, delay_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef, SendMessageBatchResultTypeDef

__all__ = ["BYTES_PER_CALL", "MESSAGES_PER_CALL", "DelayerQueue", "Unsent", "batches", "queue_client"]

#: The most entries that one SendMessageBatch accepts (Amazon SQS API reference, SendMessageBatch).
MESSAGES_PER_CALL = 10

#: The most bytes in one SendMessageBatch. SQS accepts more, but with the limit of a single message no batch is refused,
#: whatever the queue's settings are.
BYTES_PER_CALL = MAX_MESSAGE_BYTES

#: Error codes of SQS that blame the message itself, so that no retry can help (SendMessageBatch, "Errors"). SQS also
#: uses InvalidParameterValue for other parameters. The failure bucket then gets a record that is in order, with the
#: error.
_CONTENT_ERRORS = frozenset(
    {
        "BatchRequestTooLong",
        "InvalidAttributeValue",
        "InvalidMessageContents",
        "InvalidParameterValue",
    }
)


#: Why a message is left when SQS has accepted or refused all that it could.
_NO_ANSWER = f"due in more than {MAX_DELAY_SECONDS} s by the sender's clock, or not mentioned in the answers of SQS"


class Unsent(NamedTuple):
    """Why a message was not sent, and whether the message itself is at fault, so that no retry can help."""

    reason: str
    permanent: bool = False


def queue_client() -> SQSClient:
    """Return a client for sending from one thread."""
    client: SQSClient = make_client("sqs", connections=1)
    return client


def batches[Item](items: Sequence[Item], message_of: Callable[[Item], Message]) -> Iterator[Sequence[Item]]:
    """Yield the items of each call, in order: as many as MESSAGES_PER_CALL and BYTES_PER_CALL allow."""
    start = size = 0
    for position, item in enumerate(items):
        size_bytes = message_of(item).size_bytes
        if position > start and (position - start == MESSAGES_PER_CALL or size + size_bytes > BYTES_PER_CALL):
            yield items[start:position]
            start, size = position, 0
        size += size_bytes
    if start < len(items):
        yield items[start:]


class DelayerQueue:
    """One delayer queue. `clock` returns the sender's time in seconds since 1970."""

    def __init__(
        self, client: SQSClient, url: str, clock: Callable[[], float] = time.time, pause: Pause = time.sleep
    ) -> None:
        self._client = client
        self._url = url
        self._clock = clock
        self._pause = pause

    def send(self, messages: Sequence[Message], remaining: Remaining) -> dict[int, Unsent]:
        """Send one batch (see `batches`), and return the messages that were not sent, by their index.

        A message becomes visible at its pointInTime. Messages that SQS has not accepted are retried, up to
        MAX_ATTEMPTS times. Errors are returned, not raised.
        """
        unsent, suspects = self._send_together(dict(enumerate(messages)), remaining)
        for index, message in suspects.items():
            alone, _ = self._send_together({index: message}, remaining)
            unsent |= alone
        return unsent

    def _send_together(
        self, left: dict[int, Message], remaining: Remaining
    ) -> tuple[dict[int, Unsent], Mapping[int, Message]]:
        """Send messages in one call, and those that SQS has not accepted in further ones.

        Returns the messages that were not sent, by index, and those to send one by one: SQS has refused a call with
        several of them for the content of one, and does not say which.
        """
        unsent: dict[int, Unsent] = {}
        failures: dict[int, Unsent] = {}
        otherwise = Unsent(_NO_ANSWER)
        for attempt in range(MAX_ATTEMPTS):
            try:
                if attempt:
                    wait_before_retry(attempt - 1, remaining, self._pause)
                answer = call_with_retries(lambda: self._send_once(left), remaining, self._pause)
            except OutOfTimeError:
                otherwise = Unsent("no time was left")
                break
            except CALL_ERRORS as error:
                is_content = error_code(error) in _CONTENT_ERRORS
                if is_content and len(left) > 1:
                    return unsent, left
                failures, otherwise = {}, Unsent(str(error), permanent=is_content)
                break
            for sent in answer["Successful"]:
                del left[int(sent["Id"])]
            for failed in answer["Failed"]:
                index = int(failed["Id"])
                is_content = failed["Code"].rpartition(".")[2] in _CONTENT_ERRORS
                failures[index] = Unsent(f"{failed['Code']}: {failed.get('Message', '')}", permanent=is_content)
                if is_content:
                    unsent[index] = failures[index]
                    del left[index]
            if not left:
                break
        return unsent | {index: failures.get(index, otherwise) for index in left}, {}

    def _send_once(self, left: Mapping[int, Message]) -> SendMessageBatchResultTypeDef:
        """Call SendMessageBatch once with current delays, without the messages that can't be sent yet."""
        now = self._clock()
        entries: list[SendMessageBatchRequestEntryTypeDef] = []
        for index, message in left.items():
            delay = delay_seconds(message.point_in_time, now)
            if delay <= MAX_DELAY_SECONDS:
                attributes = {n: {"DataType": "String", "StringValue": v} for n, v in message.attributes.items()}
                entries.append(
                    {
                        "Id": str(index),
                        "DelaySeconds": delay,
                        "MessageBody": message.body,
                        "MessageAttributes": attributes,  # type: ignore[typeddict-item]
                    }
                )
        if not entries:
            return {"Successful": [], "Failed": []}  # type: ignore[typeddict-item]
        answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        # SQS omits an empty list.
        answer.setdefault("Successful", [])
        answer.setdefault("Failed", [])
        return answer
