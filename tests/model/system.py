"""The real handlers on the in-memory AWS, with faults, and the invariants that hold after every step."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

from botocore.exceptions import ReadTimeoutError

from api_schedule_post import request
from api_schedule_post.handler import Handler as PostHandler
from api_schedule_post.settings import Settings as PostSettings
from delayer import listing, parallel
from delayer.delayer_queue import DelayerQueue
from delayer.retries import RESERVE_SECONDS
from delayer.schedule_table import ScheduleTable
from delayer.schedules import format_point_in_time
from stream_dynamodb_fasttrack_enqueuer.failure_bucket import FailureBucket
from stream_dynamodb_fasttrack_enqueuer.handler import Handler as FastTrackHandler
from stream_dynamodb_fasttrack_enqueuer.settings import Settings as FastTrackSettings
from task_1minute_enqueuer.handler import Handler as SweepHandler
from task_1minute_enqueuer.handler import SweepError
from task_1minute_enqueuer.settings import Settings as SweepSettings
from tests.model.faults import CALL_SECONDS, Fault, Plan, fault_of
from tests.support.clock import NOW, utc
from tests.support.failures import client_error
from tests.support.http_events import http_event
from tests.support.memory_aws import STREAM_ARN, MemoryAws, QueuedMessage, Record
from tools.local.embedded_aws.stream_mapping import WHOLE_BATCH, ShardMapping, checkpoint

PERIOD = 840
SHARDS = 4
STREAM_SHARDS = 2
LEAD_OF_A_CANCELLATION = 900
ENVIRONMENT = {
    "DELAYER_PERIOD_SECONDS": str(PERIOD),
    "FAILURE_BUCKET_NAME": "failures",
    "HORIZON_SECONDS": str(3_650 * 86_400),
    "METRICS_NAMESPACE": "Delayer",
    "QUEUE_URL": "https://queue",
    "SHARD_COUNT": str(SHARDS),
    "STREAM_ARN": STREAM_ARN,
    "TABLE_NAME": "schedules",
}

#: The precision of sums of current times, in seconds.
_EXACTNESS = 1e-5
#: The longest wait before a retry. With more time left, no work may be given up.
_LONGEST_WAIT_SECONDS = 2.0
#: The number of rounds at the end of a run after which something is stuck.
_MOST_ROUNDS = 400


class Violation(AssertionError):  # noqa: N818  (it is a finding, not an error of the tests)
    """An invariant does not hold."""


class Killed(BaseException):
    """The function's process was killed."""


class Silent:
    """A logger or metrics without output."""

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_arguments, **_named: None


class _InlineExecutor(Executor):
    """An executor that runs functions at once, in the caller's thread, so that runs are deterministic."""

    def __init__(self, _workers: int) -> None:
        pass

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Run the function. A kill is raised in the handler."""
        future: Future[Any] = Future()
        future.set_result(function(*arguments, **named))
        return future


@contextmanager
def deterministic() -> Iterator[None]:
    """Make the handlers use one thread, and `random`, which hypothesis seeds for each run."""
    with (
        patch.object(listing, "ThreadPoolExecutor", _InlineExecutor),
        patch.object(parallel, "ThreadPoolExecutor", _InlineExecutor),
        patch.object(request, "secrets", SimpleNamespace(token_bytes=random.randbytes)),
    ):
        yield


@dataclass(slots=True)
class Clock:
    """The clock of AWS."""

    now: float = float(NOW)

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@dataclass(slots=True)
class Invocation:
    """An invocation of a handler."""

    function: str
    plan: Plan
    deadline: float
    calls: dict[str, int] = field(default_factory=dict)
    #: The sender's time at the start of the last call.
    sender_now: float = 0.0
    #: The ids of the messages that SQS has confirmed.
    confirmed: set[str] = field(default_factory=set)
    #: Whether a query read an earlier state.
    is_stale: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """The promise to a caller whose request was accepted."""

    point_in_time: int
    payload: str


@lru_cache(maxsize=65_536)
def schedule_id_of(shard: str, due: str) -> str:
    """Return the scheduleId of a key, built as documented."""
    return f"{int(shard):03d}-{due.replace('#', '-', 1)}"


def _key_id(record: Record) -> str:
    keys = record["dynamodb"]["Keys"]
    return schedule_id_of(keys["shard"]["N"], keys["due"]["S"])


class System:
    """The delayer, its callers, its consumer, and AWS between them.

    The invariants: each accepted schedule is in the table, the stream, the queue, the dead-letter queue or the failure
    bucket, or was received or cancelled; no message is early, late without a fault, cancelled or changed; no call is
    malformed; no function exceeds its timeout; and no error is hidden.
    """

    def __init__(self, *, batch_size: int = 100, page_bytes: int = 1_048_576) -> None:
        self.clock = Clock()
        self.aws = MemoryAws(self.clock, page_bytes=page_bytes, stream_shards=STREAM_SHARDS, most_receives=5)
        self.mappings = [ShardMapping(stream, batch_size) for stream in self.aws.streams]
        self.skews = {"post": 0.0, "sweep": 0.0, "fast track": 0.0}
        self.violations: list[str] = []
        self.accepted: dict[str, Accepted] = {}
        self.requests: dict[tuple[str, str, float], str] = {}
        self.cancelled: set[str] = set()
        #: The last number in the stream when a cancellation was confirmed, by scheduleId.
        self.promised: dict[str, int] = {}
        self.received: set[str] = set()
        self.kept_ids: set[str] = set()
        #: The removals in the stream by scheduleId, and the number of records read of each of its shards.
        self._removals: dict[str, list[dict[str, Any]]] = {}
        self._removals_read = [0] * STREAM_SHARDS
        self._last_inserted: dict[str, int] = {}
        self._last_sent: dict[str, int] = {}
        self._audited = 0
        self._invocation: Invocation | None = None
        #: The latest time at which each of these must be visible if no fault happens from now on.
        self._latest: dict[str, float] = {}
        self._corrupted = 0
        self._build()

    def _build(self) -> None:
        silent: Any = Silent()
        dynamodb, sqs = self.aws.dynamodb(self._call), self.aws.sqs(self._call)
        failures = FailureBucket("failures", self.clock.wait)
        failures._client = self.aws.s3(self._call)  # noqa: SLF001  (made at first use)
        table = ScheduleTable(dynamodb, "schedules", self.clock.wait)
        self._post = PostHandler(
            settings=PostSettings.from_environment(ENVIRONMENT),
            table=table,
            clock=lambda: self._clock_of("post"),
            logger=silent,
            metrics=silent,
        )
        self._sweep = SweepHandler(
            settings=SweepSettings.from_environment(ENVIRONMENT),
            table=table,
            clock=lambda: self._clock_of("sweep"),
            logger=silent,
            metrics=silent,
        )
        self._fast_track = FastTrackHandler(
            settings=FastTrackSettings.from_environment(ENVIRONMENT),
            table=table,
            queue=DelayerQueue(sqs, "https://queue", lambda: self._clock_of("fast track"), self.clock.wait),
            failures=failures,
            clock=lambda: self._clock_of("fast track"),
            logger=silent,
            metrics=silent,
        )

    def _clock_of(self, function: str) -> float:
        return self.clock.now + self.skews[function]

    # Actions.

    def post(self, due_in: float, payload: str, key: str | None, plan: Plan) -> None:
        """Post a schedule that is due in this many seconds."""
        self.post_at(self.clock.now + due_in, payload, key, plan)

    def post_at(self, instant: float, payload: str, key: str | None, plan: Plan = ()) -> None:
        """Post a schedule for an instant, and check the answer."""
        instant = round(instant, 3)
        event = http_event(
            f'{{"pointInTime": "{utc(instant)}", "payload": {payload}}}',
            None if key is None else {"idempotency-key": key},
        )
        with self._invoking("post", plan, 30) as invocation:
            try:
                answer = self._post(event, self._context(invocation))
            except (Killed, Exception):  # noqa: BLE001  (the gateway answers 500 to any error)
                return
        status = answer["statusCode"]
        if status == 201:
            self._accept(json.loads(answer["body"])["scheduleId"], math.ceil(instant), payload)
            if key is not None:
                again = self.requests.setdefault((key, payload, instant), json.loads(answer["body"])["scheduleId"])
                self._check(again == json.loads(answer["body"])["scheduleId"], "a repeated request got another id")
        elif status != 503:
            self._check(not invocation.calls, "a rejected request reached the table")
            self._check(instant < self._clock_of("post") - 59, f"a good request was answered {status}")

    def tick(self, event: dict[str, Any], plan: Plan = (), timeout: float = 60) -> None:
        """Run a sweep, and check that it deletes every due record or reports why not."""
        now = self._clock_of("sweep")
        worker, workers = event.get("worker", 0), event.get("workers", 1)
        is_read = self.aws.stream_arn == STREAM_ARN
        due = {
            (shard, key)
            for shard, items in self.aws.items.items()
            if int(shard) % workers == worker
            for key in items
            if int(key.partition("#")[0]) <= now + PERIOD
        }
        with self._invoking("sweep", plan, timeout) as invocation:
            try:
                self._sweep(event, self._context(invocation))
            except Killed:
                return
            except SweepError:
                self._check(bool(plan) or not is_read, "a sweep failed without a failed call")
                return
            except Exception as error:  # noqa: BLE001  (any error fails the function)
                self._check(bool(plan), f"a sweep raised {error!r} without a failed call")
                return
        left = invocation.deadline - self.clock.now - RESERVE_SECONDS
        if left > _LONGEST_WAIT_SECONDS and not invocation.is_stale:
            stayed = [key for shard, key in due if key in self.aws.items.get(shard, {})]
            self._check(
                not stayed, f"a sweep with time left did not delete {len(stayed)} due records, and raised no error"
            )

    def deliver(self, shard: int, plan: Plan = (), timeout: float = 60, *, is_answer_lost: bool = False) -> None:
        """Deliver the next batch of a shard, if there is one, to the fast track."""
        mapping = self.mappings[shard]
        batch = mapping.next_batch(self.clock.now)
        if not batch:
            return
        with self._invoking("fast track", plan, timeout) as invocation:
            try:
                answer: Any = self._fast_track({"Records": batch}, self._context(invocation))
                retry_from = checkpoint(batch, answer)
            except Killed:
                retry_from = WHOLE_BATCH
            except Exception as error:  # noqa: BLE001  (any error fails the function)
                self._check(condition=False, text=f"the fast track raised {error!r}")
                retry_from = WHOLE_BATCH
            else:
                if retry_from is not None:
                    self._check_checkpoint(batch[retry_from], invocation)
        if is_answer_lost:
            retry_from = WHOLE_BATCH
        self._audit_kept()
        for record in mapping.finish(retry_from):
            self._check_done(record)
        if retry_from is not None:
            self.clock.wait(1)

    def is_read(self, shard: int) -> bool:
        """Return whether a shard of the stream is read to its end."""
        return next(self.mappings[shard].unread(), None) is None

    def remove(self, index: int) -> None:
        """Delete a record: a cancellation if early enough, otherwise a hand-over."""
        keys = [(shard, due) for shard, items in sorted(self.aws.items.items()) for due in sorted(items)]
        if keys and self.aws.stream_arn == STREAM_ARN:
            self._remove(*keys[index % len(keys)])

    def remove_ahead(self, lead: float) -> None:
        """Wait until the next record is due in this many seconds, and delete it."""
        waiting = [
            (due, shard)
            for shard, items in self.aws.items.items()
            for due in items
            if int(due.partition("#")[0]) - lead >= self.clock.now
        ]
        if waiting and self.aws.stream_arn == STREAM_ARN:
            due, shard = min(waiting)
            self.clock.now = int(due.partition("#")[0]) - lead
            self.pass_time(0)
            self._remove(shard, due)

    def _remove(self, shard: str, due: str) -> None:
        if int(due.partition("#")[0]) - int(self.clock.now) > LEAD_OF_A_CANCELLATION:
            self.cancelled.add(schedule_id_of(shard, due))
        self.aws.delete_item({"Key": {"shard": {"N": shard}, "due": {"S": due}}})

    def corrupt(self, due_in: int) -> None:
        """Write a record without a payload."""
        self._corrupted += 1
        due = f"{int(self.clock.now) + due_in:012d}#corrupt{self._corrupted}"
        self.aws.put_item({"Item": {"shard": {"N": str(self._corrupted % SHARDS)}, "due": {"S": due}}})

    def replace_table(self, stream_arn: str | None) -> None:
        """Restore the table from a backup, without a stream or with another one, if the stream is read to its end."""
        if all(self.is_read(shard) for shard in range(STREAM_SHARDS)):
            self.aws.stream_arn = stream_arn

    def consume(self, *, is_crashing: bool) -> None:
        """Receive all messages, and delete them. A crashing consumer does not delete, and receives only once."""
        while messages := self.aws.receive_message({"MaxNumberOfMessages": 10}).get("Messages"):
            for message in messages:
                body = json.loads(message["Body"])
                due = self.accepted.get(body["scheduleId"])
                if due is not None:
                    sender = self.clock.now + self.skews["fast track"] + 4  # the skew may have changed since
                    self._check(due.point_in_time <= sender, "a message was received early")
                if not is_crashing:
                    self.received.add(body["scheduleId"])
                    self.aws.delete_message({"ReceiptHandle": message["ReceiptHandle"]})
            if is_crashing:
                break

    def pass_time(self, seconds: float) -> None:
        """Let time pass. Old records leave the stream."""
        self.clock.wait(seconds)
        for mapping in self.mappings:
            mapping.discard_old(self.clock.now)

    def settle(self) -> None:
        """Run without faults to the end, and check that every schedule arrives, in time if possible."""
        self.aws.stream_arn = STREAM_ARN
        safe = self.clock.now + LEAD_OF_A_CANCELLATION + 120
        for shard, items in self.aws.items.items():
            for due in items:
                point_in_time = int(due.partition("#")[0])
                if point_in_time > safe:
                    self._latest[schedule_id_of(shard, due)] = point_in_time + 3
        for _ in range(_MOST_ROUNDS):
            self._deliver_all()
            pending = [int(due.partition("#")[0]) for items in self.aws.items.values() for due in items]
            if self.violations or not pending:
                break
            next_minute = self.clock.now // 60 * 60 + 60
            self.clock.now = max(next_minute, float((min(pending) - PERIOD) // 60 * 60 - 60))
            self.tick({})
        else:
            self._check(condition=False, text=f"{len(pending)} records are never handed over")
        self._check_after_step()
        if self.aws.queued:
            self.clock.now = max(self.clock.now, *(message.visible_at for message in self.aws.queued.values())) + 1
            self.consume(is_crashing=False)
        dead = {message.schedule_id for message in self.aws.dead}
        missing = self.accepted.keys() - self.received - self.cancelled - self.kept_ids - dead - self._discarded()
        self._check(not missing, f"{len(missing)} accepted schedules did not arrive")

    def _deliver_all(self) -> None:
        for _ in range(_MOST_ROUNDS):
            if self.violations or not any(mapping.next_batch(self.clock.now) for mapping in self.mappings):
                return
            for shard in range(STREAM_SHARDS):
                self.deliver(shard)
        self._check(condition=False, text="a shard of the stream is blocked")

    # Invariants.

    def check(self) -> None:
        """Raise Violation if an invariant does not hold."""
        if not self.violations:
            self._check_after_step()
        if self.violations:
            raise Violation(self.violations[0])

    def _check(self, condition: bool, text: str) -> None:  # noqa: FBT001
        if not condition:
            self.violations.append(text)

    def _check_after_step(self) -> None:
        self._check(not self.aws.refused, f"AWS refused a malformed call: {self.aws.refused[:1]}")
        present = {schedule_id_of(shard, due) for shard, items in self.aws.items.items() for due in items}
        present.update(message.schedule_id for message in self.aws.queued.values())
        present.update(message.schedule_id for message in self.aws.dead)
        lost = self.accepted.keys() - present - self.received - self.cancelled - self.kept_ids
        if lost:
            for mapping in self.mappings:
                lost -= {_key_id(record) for record in mapping.unread() if record["eventName"] == "REMOVE"}
            lost -= self._discarded()
        self._check(not lost, f"{len(lost)} accepted schedules are lost")

    def _discarded(self) -> set[str]:
        return {_key_id(record) for mapping in self.mappings for record in mapping.discarded}

    def _accept(self, schedule_id: str, point_in_time: int, payload: str) -> None:
        promise = Accepted(point_in_time, payload)
        known = self.accepted.setdefault(schedule_id, promise)
        self._check(known.payload == payload, "two payloads were accepted with the same id")
        self._check(known.point_in_time == point_in_time, "two instants were accepted with the same id")
        named = int(schedule_id.split("-")[1])
        self._check(named == point_in_time, "an accepted schedule is due at another second than requested")

    def _check_checkpoint(self, record: Record, invocation: Invocation) -> None:
        if record["eventName"] != "REMOVE":
            self._check(condition=False, text="the reported record is not a removal")
        else:
            self._check(_key_id(record) not in invocation.confirmed, "the reported record was sent")

    def _check_done(self, record: Record) -> None:
        """Check that a record was handled when the mapping continues after it."""
        if record["eventName"] != "REMOVE" or f"fasttrack/{record['eventID']}.json" in self.aws.objects:
            return
        change, identity = record["dynamodb"], _key_id(record)
        if "payload" not in change["OldImage"]:
            self._check(condition=False, text="an unreadable removal was dropped")
            return
        due = int(change["Keys"]["due"]["S"].partition("#")[0])
        if due - change["ApproximateCreationDateTime"] > LEAD_OF_A_CANCELLATION:
            return
        is_sent = self._last_sent.get(identity, 0) > int(change["SequenceNumber"])
        self._check(is_sent, "a due removal was not sent")

    def _audit_kept(self) -> None:
        for key, body in self.aws.objects.items():
            [record] = json.loads(json.loads(body)["payload"])["Records"]
            self._check(key == f"fasttrack/{record['eventID']}.json", "a kept record has the key of another")
            self.kept_ids.add(_key_id(record))

    def _audit_removals(self) -> None:
        for shard, stream in enumerate(self.aws.streams):
            for record in stream[self._removals_read[shard] :]:
                if record["eventName"] == "REMOVE":
                    self._removals.setdefault(_key_id(record), []).append(record["dynamodb"])
                else:
                    self._last_inserted[_key_id(record)] = int(record["dynamodb"]["SequenceNumber"])
            self._removals_read[shard] = len(stream)

    def _audit_sent(self, invocation: Invocation) -> None:
        if len(self.aws.sent) == self._audited:
            return
        self._audit_removals()
        for message in self.aws.sent[self._audited :]:
            self._check_message(message, invocation)
            self._last_sent[message.schedule_id] = message.number
        self._audited = len(self.aws.sent)

    def _check_message(self, message: QueuedMessage, invocation: Invocation) -> None:
        identity = message.schedule_id
        removed = self._removals.get(identity)
        if not removed:
            self._check(condition=False, text="a message was sent without a removal")
            return
        change = removed[-1]
        point_in_time = int(change["Keys"]["due"]["S"].partition("#")[0])
        leads = [point_in_time - each["ApproximateCreationDateTime"] for each in removed]
        self._check(min(leads) <= LEAD_OF_A_CANCELLATION, "a cancelled schedule was sent")
        is_posted_again = self._last_inserted.get(identity, 0) > self.promised.get(identity, -1)
        self._check(is_posted_again, "a schedule was sent whose cancellation was confirmed")
        self._check(identity not in invocation.confirmed or len(removed) > 1, "a confirmed message was sent again")
        delay = max(0, math.ceil(point_in_time - invocation.sender_now))
        self._check(message.delay_seconds >= delay, f"a message is {delay - message.delay_seconds} s early")
        self._check(message.delay_seconds <= delay, f"a message is {message.delay_seconds - delay} s late")
        latest = self._latest.get(identity)
        if latest is not None:
            self._check(message.visible_at <= latest + _EXACTNESS, "a schedule arrives late without a fault")
        text = (
            f'{{"scheduleId":"{identity}","pointInTime":"{format_point_in_time(point_in_time)}",'
            f'"payload":{change["OldImage"]["payload"]["S"]}}}'
        )
        self._check(message.body == text, "a message's body differs from the stored schedule")
        promise = self.accepted.get(identity)
        if promise is not None:
            self._check(change["OldImage"]["payload"]["S"] == promise.payload, "a payload was changed")

    # Calls and their faults.

    @contextmanager
    def _invoking(self, function: str, plan: Plan, timeout: float) -> Iterator[Invocation]:
        outer = self._invocation
        self._invocation = Invocation(function, plan, self.clock.now + timeout)
        try:
            yield self._invocation
        finally:
            self._invocation = outer

    def _context(self, invocation: Invocation) -> Any:
        return SimpleNamespace(
            get_remaining_time_in_millis=lambda: round((invocation.deadline - self.clock.now) * 1000)
        )

    def _call(self, operation: str, parameters: dict[str, Any], go_on: Callable[[], Any]) -> Any:
        invocation = cast("Invocation", self._invocation)
        nth = invocation.calls.get(operation, 0)
        invocation.calls[operation] = nth + 1
        fault = fault_of(invocation.plan, operation, nth)
        invocation.sender_now = self._clock_of("fast track")
        try:
            return self._faulty(operation, parameters, go_on, fault, invocation)
        finally:
            self.clock.wait(CALL_SECONDS)
            if self.clock.now > invocation.deadline:
                self._check(condition=False, text=f"the {invocation.function} exceeded its timeout")
            self._audit_sent(invocation)

    def _faulty(  # noqa: C901, PLR0912  (a case for each fault)
        self,
        operation: str,
        parameters: dict[str, Any],
        go_on: Callable[[], Any],
        fault: Fault | None,
        invocation: Invocation,
    ) -> Any:
        match fault:
            case Fault.KILLED_BEFORE:
                raise Killed
            case Fault.KILLED_AFTER:
                go_on()
                raise Killed
            case Fault.THROTTLED:
                raise client_error("ThrottlingException")
            case Fault.FAILED:
                raise client_error("InternalServerError", 500)
            case Fault.DENIED:
                raise client_error("AccessDeniedException")
            case Fault.CUT_OFF:
                go_on()
                self.clock.wait(4)
                raise ReadTimeoutError(endpoint_url="https://aws")
            case Fault.SLOW:
                self.clock.wait(4)
            case Fault.STALLED:
                self.clock.wait(65)
            case Fault.OVERLAPPED:
                self.tick({})
            case Fault.STALE:
                invocation.is_stale = True
                self.aws.stale_items = self._half(self.aws.items)
                try:
                    return go_on()
                finally:
                    self.aws.stale_items = None
            case Fault.PARTIAL | Fault.NONE_TAKEN | Fault.CONTENT_REFUSED:
                return self._partial(operation, parameters, fault, invocation)
            case _:
                pass
        answer = go_on()
        self._confirm(operation, parameters, answer, invocation)
        return answer

    @staticmethod
    def _half(items: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {shard: {due: of[due] for due in sorted(of)[::2]} for shard, of in deepcopy(items).items()}

    def _partial(
        self,
        operation: str,
        parameters: dict[str, Any],
        fault: Fault,
        invocation: Invocation,
    ) -> Any:
        if operation == "batch_write_item":
            [(table, requests)] = parameters["RequestItems"].items()
            taken, left = _split(requests, fault)
            if taken:
                self.aws.batch_write_item({"RequestItems": {table: taken}})
            return {"UnprocessedItems": {table: left} if left else {}}
        taken, left = _split(parameters["Entries"], fault)
        answer = self.aws.send_message_batch({**parameters, "Entries": taken}) if taken else {}
        code = "InvalidMessageContents" if fault is Fault.CONTENT_REFUSED else "InternalError"
        failed = [{"Id": entry["Id"], "SenderFault": False, "Code": code, "Message": ""} for entry in left]
        self._confirm(operation, parameters, answer, invocation)
        return answer | ({"Failed": failed + answer.get("Failed", [])} if failed else {})

    def _confirm(self, operation: str, parameters: dict[str, Any], answer: Any, invocation: Invocation) -> None:
        if operation != "send_message_batch":
            return
        # Messages of this call are checked before they count as confirmed.
        self._audit_sent(invocation)
        taken = {sent["Id"] for sent in answer.get("Successful", [])}
        for entry in parameters["Entries"]:
            if entry["Id"] in taken:
                invocation.confirmed.add(entry["MessageAttributes"].get("scheduleId", {}).get("StringValue", ""))


def _split(entries: Sequence[Any], fault: Fault) -> tuple[list[Any], list[Any]]:
    """Return the entries that the service processes, and the others."""
    if fault is Fault.NONE_TAKEN:
        return [], list(entries)
    if fault is Fault.CONTENT_REFUSED:
        return list(entries[1:]), list(entries[:1])
    return list(entries[::2]), list(entries[1::2])
