"""The delayer queue: the only module that knows SQS."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import boto3

from delayer.retries import (
    CALL_ERRORS,
    MAX_ATTEMPTS,
    OutOfTimeError,
    Pause,
    Remaining,
    call_with_retries,
    client_config,
    error_code,
    wait_before_retry,
)
from delayer.schedules import MAX_DELAY_SECONDS, MAX_MESSAGE_BYTES, Message, delay_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef, SendMessageBatchResultTypeDef

__all__ = ["BYTES_PER_CALL", "MESSAGES_PER_CALL", "DelayerQueue", "Unsent", "batches", "queue_client"]

#: The most entries that one SendMessageBatch takes (Amazon SQS API reference, SendMessageBatch).
MESSAGES_PER_CALL = 10

#: The most bytes in one SendMessageBatch: no more than the queue takes in one message, so that no setting of the
#: queue's can refuse a batch.
BYTES_PER_CALL = MAX_MESSAGE_BYTES

#: What SQS answers, or botocore before it, where the message itself is at fault and no retry can help
#: (SendMessageBatch, "Errors"). SQS says InvalidParameterValue of other parameters, too: such a record is kept whole,
#: with what was said.
_CONTENT_ERRORS = frozenset(
    {
        "BatchRequestTooLong",
        "InvalidAttributeValue",
        "InvalidMessageContents",
        "InvalidParameterValue",
        "ParamValidationError",
    }
)


@dataclass(frozen=True, slots=True)
class Unsent:
    """A message that was not sent: its position in what `send` was given, why, and whether no retry can help."""

    position: int
    reason: str
    permanent: bool = False


def queue_client() -> SQSClient:
    """A client for sending from one thread."""
    return boto3.client("sqs", config=client_config(connections=1))


def batches(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """The messages of each call, in order: as many as MESSAGES_PER_CALL and BYTES_PER_CALL allow."""
    start = size = 0
    for position, message in enumerate(messages):
        if position > start and (position - start == MESSAGES_PER_CALL or size + message.size_bytes > BYTES_PER_CALL):
            yield messages[start:position]
            start, size = position, 0
        size += message.size_bytes
    if start < len(messages):
        yield messages[start:]


class DelayerQueue:
    """One delayer queue. `clock` reads the sender's clock, in seconds since 1970."""

    def __init__(
        self, client: SQSClient, url: str, clock: Callable[[], float] = time.time, pause: Pause = time.sleep
    ) -> None:
        self._client = client
        self._url = url
        self._clock = clock
        self._pause = pause

    def send(self, messages: Sequence[Message], remaining: Remaining) -> list[Unsent]:
        """Send one batch (see `batches`), each message to become visible at its pointInTime; returns what was not sent.

        What SQS does not say it has taken is tried again, a bounded number of times. A failed call raises nothing: its
        messages are returned.
        """
        left = dict(enumerate(messages))
        unsent: list[Unsent] = []
        reasons: dict[int, str] = {}
        for attempt in range(MAX_ATTEMPTS):
            try:
                if attempt:
                    wait_before_retry(attempt - 1, remaining, self._pause)
                answer = call_with_retries(lambda: self._send_once(left), remaining, self._pause)
            except OutOfTimeError:
                reasons = dict.fromkeys(left, "no time was left") | reasons
                break
            except CALL_ERRORS as error:
                if error_code(error) in _CONTENT_ERRORS:
                    return unsent + self._send_singly(left, str(error), remaining)
                reasons |= dict.fromkeys(left, str(error))
                break
            for sent in answer["Successful"]:
                del left[int(sent["Id"])]
            for failed in answer["Failed"]:
                position = int(failed["Id"])
                reasons[position] = f"{failed['Code']}: {failed.get('Message', '')}"
                if failed["Code"].rpartition(".")[2] in _CONTENT_ERRORS:
                    unsent.append(Unsent(position, reasons[position], permanent=True))
                    del left[position]
            if not left:
                return unsent
        still_early = f"due in more than {MAX_DELAY_SECONDS} s by the sender's clock, or SQS gave no answer for it"
        return unsent + [Unsent(position, reasons.get(position, still_early)) for position in left]

    def _send_once(self, left: Mapping[int, Message]) -> SendMessageBatchResultTypeDef:
        """One try of what is left, with delays taken now. What is still too early is left out, for the next try."""
        now = self._clock()
        entries: list[SendMessageBatchRequestEntryTypeDef] = []
        for position, message in left.items():
            delay = delay_seconds(message.point_in_time, now)
            if delay <= MAX_DELAY_SECONDS:
                attributes = {n: {"DataType": "String", "StringValue": v} for n, v in message.attributes.items()}
                entries.append(
                    {
                        "Id": str(position),
                        "DelaySeconds": delay,
                        "MessageBody": message.body,
                        "MessageAttributes": attributes,  # type: ignore[typeddict-item]
                    }
                )
        if not entries:
            return {"Successful": [], "Failed": []}  # type: ignore[typeddict-item]
        answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        # SQS leaves out whichever of the two lists is empty.
        answer.setdefault("Successful", [])
        answer.setdefault("Failed", [])
        return answer

    def _send_singly(self, left: Mapping[int, Message], reason: str, remaining: Remaining) -> list[Unsent]:
        """The whole call was refused for the content of one message: find it, and send the others."""
        if len(left) == 1:
            return [Unsent(position, reason, permanent=True) for position in left]
        return [
            replace(unsent, position=position)
            for position, message in left.items()
            for unsent in self.send([message], remaining)
        ]
