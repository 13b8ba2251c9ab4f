"""Post schedules to a local stack, and receive their messages."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from tools.local.stack import Stack
from tools.project import FAST_TRACK, SWEEP, CommandError

_CONSUMERS = 4


@dataclass(slots=True)
class Posted:
    """A schedule that was accepted."""

    name: str
    schedule_id: str
    point_in_time: int


@dataclass(slots=True)
class Arrivals:
    """The messages that the consumers received."""

    #: Every time of arrival by scheduleId, in seconds since 1970.
    times: dict[str, list[float]] = field(default_factory=dict)
    #: The MessageIds by scheduleId: SQS may hand one message out twice.
    message_ids: dict[str, set[str]] = field(default_factory=dict)
    #: The path of each schedule, from the functions' logs: "fast track" or "sweep".
    paths: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hear(self, message: Any, at: float) -> None:
        """Add a message of SQS."""
        schedule_id = message["MessageAttributes"]["scheduleId"]["StringValue"]
        with self._lock:
            self.message_ids.setdefault(schedule_id, set()).add(message["MessageId"])
        self.add(schedule_id, at)

    def add(self, schedule_id: str, at: float) -> None:
        """Add an arrival of a schedule's message."""
        with self._lock:
            self.times.setdefault(schedule_id, []).append(at)

    def lateness_ms(self, posted: Posted) -> float | None:
        """Return the milliseconds from the pointInTime to the first arrival; negative: early, None: not arrived."""
        times = self.times.get(posted.schedule_id)
        return None if not times else (times[0] - posted.point_in_time) * 1000


@contextlib.contextmanager
def consuming(stack: Stack, arrivals: Arrivals) -> Iterator[None]:
    """Receive and delete messages, on several threads, until the end of the block."""
    url = stack.outputs["delayer_queue_url"]
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
                    arrivals.hear(message, at)
                    queue.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            except Exception as error:  # noqa: BLE001  (a consumer goes on after any error)
                if not is_over.is_set():
                    print(f"a consumer's call failed and is repeated: {error}", file=sys.stderr)
                    is_over.wait(1)

    threads = [threading.Thread(target=consume, daemon=True) for _ in range(_CONSUMERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join(timeout=5)


def read_paths(stack: Stack, arrivals: Arrivals) -> None:
    """Read from the functions' logs which of them handed each schedule over."""
    logs = stack.client("logs")
    for name, path in ((FAST_TRACK, "fast track"), (SWEEP, "sweep")):
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=stack.outputs["log_group_names"][name])
        for event in (event for page in pages for event in page["events"]):
            if '"handed over"' in event["message"]:
                for schedule_id in json.loads(event["message"])["schedule_ids"]:
                    arrivals.paths.setdefault(schedule_id, path)


def post(stack: Stack, name: str, point_in_time: int, payload: Any) -> Posted:
    """Post a schedule. Raises CommandError if the API refuses it."""
    answer = stack.post(json.dumps(_document(point_in_time, payload)).encode())
    if answer.status != HTTPStatus.CREATED:
        raise CommandError(f"the API answered the schedule {name!r} with {answer.status}: {answer.body}")
    return Posted(name, answer.body["scheduleId"], point_in_time)


def post_many(stack: Stack, name: str, point_in_time: int, payloads: Iterable[Any]) -> list[Posted]:
    """Post schedules in one request. Raises CommandError if the API refuses one."""
    answer = stack.post(json.dumps([_document(point_in_time, payload) for payload in payloads]).encode())
    results: list[Any] = answer.body["results"] if answer.status == HTTPStatus.OK else [{"status": answer.status}]
    for result in results:
        if result["status"] != HTTPStatus.CREATED:
            raise CommandError(f"the API answered one of the schedules {name!r} with {result}")
    return [Posted(name, result["scheduleId"], point_in_time) for result in results]


def _document(point_in_time: int, payload: Any) -> dict[str, Any]:
    return {"pointInTime": datetime.fromtimestamp(point_in_time, UTC).isoformat(), "payload": payload}


def arriving(arrivals: Arrivals, due: Mapping[str, int], patience: float, aftermath: float) -> Iterator[int]:
    """Yield the number of schedules that have arrived, four times a second, until the end of the wait.

    Args:
        arrivals: grows meanwhile.
        due: the pointInTime of each scheduleId.
        patience: seconds to wait after the last pointInTime.
        aftermath: seconds to wait after the last arrival, so that second deliveries are seen.
    """
    deadline = max(due.values()) + patience
    while time.time() < deadline:
        time.sleep(0.25)
        arrived = sum(schedule_id in arrivals.times for schedule_id in due)
        yield arrived
        if arrived == len(due):
            deadline = min(deadline, time.time() + aftermath)
