"""Post schedules to a local stack, and receive their messages."""

import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NamedTuple

from tools.local.stack import Answer, Stack


class Arrival(NamedTuple):
    """A message that was received: when, in seconds since 1970. SQS may hand one MessageId out twice."""

    at: float
    message_id: str


#: Every message that the consumers have received, by scheduleId.
type Arrivals = dict[str, list[Arrival]]


def post(stack: Stack, point_in_time: int, payloads: Sequence[Any], headers: Mapping[str, str] | None = None) -> Answer:
    """Post schedules in one request: several as an array."""
    text = datetime.fromtimestamp(point_in_time, UTC).isoformat()
    schedules = [{"pointInTime": text, "payload": payload} for payload in payloads]
    return stack.post(json.dumps(schedules if len(schedules) > 1 else schedules[0]).encode(), headers)


def accepted(answer: Answer) -> list[str]:
    """Return the scheduleIds in an answer to a post."""
    results = answer.body["results"] if answer.status == HTTPStatus.OK else [answer.body]
    return [each["scheduleId"] for each in results if isinstance(each, dict) and "scheduleId" in each]


@contextlib.contextmanager
def consuming(stack: Stack) -> Iterator[Arrivals]:
    """Receive and delete messages, on several threads, until the end of the block."""
    url = stack.outputs["delayer_queue_url"]
    arrivals: Arrivals = {}
    is_over = threading.Event()

    def consume() -> None:
        queue = stack.client("sqs")
        while not is_over.is_set():
            try:
                answer = queue.receive_message(
                    QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["scheduleId"], WaitTimeSeconds=1
                )
                at = time.time()
                for message in answer.get("Messages", []):
                    schedule_id = message["MessageAttributes"]["scheduleId"]["StringValue"]
                    arrivals.setdefault(schedule_id, []).append(Arrival(at, message["MessageId"]))
                    queue.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            except Exception as error:  # noqa: BLE001  (a consumer goes on after any error)
                if not is_over.is_set():
                    print(f"a consumer's call failed and is repeated: {error}", file=sys.stderr)
                    is_over.wait(1)

    with ThreadPoolExecutor(4) as threads, contextlib.ExitStack() as end:
        end.callback(is_over.set)
        for _ in range(4):
            threads.submit(consume)
        yield arrivals


def arriving(arrivals: Arrivals, due: Mapping[str, int], patience: float, aftermath: float) -> Iterator[int]:
    """Yield the number of schedules that have arrived, four times a second. `due` has their pointInTimes.

    It ends `patience` seconds after the last pointInTime, or `aftermath` seconds after the last arrival, so that second
    deliveries are seen.
    """
    deadline = max(due.values()) + patience
    while time.time() < deadline:
        time.sleep(0.25)
        arrived = len(arrivals.keys() & due.keys())
        yield arrived
        if arrived == len(due):
            deadline = min(deadline, time.time() + aftermath)
