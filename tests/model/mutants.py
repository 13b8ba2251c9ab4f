"""Deliberate bugs: those of other schedulers, and possible ones of this code.

Each patches an object of the handlers, as if it had been written that way.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from api_schedule_delete import handler as deleting
from api_schedule_get import handler as reading
from api_schedule_get import request as asking
from api_schedule_post import handler as posting
from api_schedule_post import request
from delayer import api, delayer_queue, listing, schedule_table
from delayer.delayer_queue import DelayerQueue, Unsent
from delayer.listing import Range
from delayer.point_in_time import parse_point_in_time
from delayer.retries import CALL_ERRORS, RESERVE_SECONDS, OutOfTimeError, Remaining
from delayer.schedule_table import Deletion, Key, ScheduleTable, Storing
from delayer.schedules import MAX_DELAY_SECONDS, Message, Schedule, delay_seconds, end_of_due
from stream_dynamodb_fasttrack_enqueuer import handler as stream
from stream_dynamodb_fasttrack_enqueuer import plan as planning
from stream_dynamodb_fasttrack_enqueuer.handler import Handler as FastTrackHandler
from stream_dynamodb_fasttrack_enqueuer.plan import Plan, Record, Unsendable
from task_1minute_enqueuer import handler as task
from task_1minute_enqueuer.sweep import Sweep, shards_of_worker, sweep
from tests.model.system import PERIOD
from tests.support.memory_aws import STREAM_ARN

type Pages = Iterator[Sequence[Key]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A deliberate bug."""

    name: str
    apply: Callable[[pytest.MonkeyPatch], None]


MUTANTS: list[Mutant] = []

_plan = planning.plan
_due_keys = ScheduleTable.due_keys
_delete = ScheduleTable.delete
_put = ScheduleTable.put
_put_many = ScheduleTable.put_many
_keys_between = ScheduleTable.keys_between
_first_due = Range.first_due
_send = DelayerQueue.send
_send_once = DelayerQueue._send_once  # noqa: SLF001
_handle = FastTrackHandler.__call__
_sweep = sweep
_sha256 = hashlib.sha256


def mutant(name: str) -> Callable[[Callable[[pytest.MonkeyPatch], None]], Callable[[pytest.MonkeyPatch], None]]:
    """List a deliberate bug."""

    def listed(apply: Callable[[pytest.MonkeyPatch], None]) -> Callable[[pytest.MonkeyPatch], None]:
        MUTANTS.append(Mutant(name, apply))
        return apply

    return listed


def _work_until_timeout(patch: pytest.MonkeyPatch, module: ModuleType) -> None:
    def time_for_calls(context: Any) -> Remaining:
        return lambda: context.get_remaining_time_in_millis() / 1000 + RESERVE_SECONDS

    patch.setattr(module, "time_for_calls", time_for_calls)


# The sweep.


@mutant("the due query has a lower bound of now")
def _lower_bound(patch: pytest.MonkeyPatch) -> None:
    def due_keys(table: ScheduleTable, shard: int, cutoff: int, remaining: Remaining) -> Pages:
        for page in _due_keys(table, shard, cutoff, remaining):
            yield [key for key in page if key["due"]["S"] >= end_of_due(cutoff - PERIOD - 1)]

    patch.setattr(ScheduleTable, "due_keys", due_keys)


@mutant("only the first page is read")
def _first_page(patch: pytest.MonkeyPatch) -> None:
    def due_keys(table: ScheduleTable, shard: int, cutoff: int, remaining: Remaining) -> Pages:
        yield next(_due_keys(table, shard, cutoff, remaining))

    patch.setattr(ScheduleTable, "due_keys", due_keys)


@mutant("UnprocessedItems are ignored")
def _unprocessed(patch: pytest.MonkeyPatch) -> None:
    def delete(table: ScheduleTable, keys: Sequence[Key], remaining: Remaining) -> Deletion:
        deletion = _delete(table, keys, remaining)
        return deletion if deletion.error else Deletion(keys, [])

    def no_wait(*_arguments: Any) -> None:
        raise OutOfTimeError

    patch.setattr(schedule_table, "wait_before_retry", no_wait)
    patch.setattr(ScheduleTable, "delete", delete)


@mutant("a failed sweep raises no error")
def _not_raised(patch: pytest.MonkeyPatch) -> None:
    def quiet(*arguments: Any) -> Sweep:
        return _sweep(*arguments)._replace(errors=[])

    patch.setattr(task, "sweep", quiet)


@mutant("the sweep does not check the table's stream")
def _no_stream_check(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ScheduleTable, "stream_arn", lambda *_arguments: STREAM_ARN)


@mutant("the sweep only checks that the table has a stream")
def _any_stream(patch: pytest.MonkeyPatch) -> None:
    stream_arn = ScheduleTable.stream_arn
    patch.setattr(ScheduleTable, "stream_arn", lambda *arguments: stream_arn(*arguments) and STREAM_ARN)


@mutant("a worker skips its last shard")
def _forgotten_shard(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(task, "shards_of_worker", lambda *arguments: sorted(shards_of_worker(*arguments))[:-1])


@mutant("the sweep deletes records that are due now, without the delayer period")
def _no_period(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(task, "handover_cutoff", lambda now, _period: math.floor(now))


@mutant("the sweep deletes records due in twice the delayer period")
def _twice_the_period(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(task, "handover_cutoff", lambda now, period: math.ceil(now) + 2 * period)


@mutant("the sweep works until its timeout")
def _no_deadline(patch: pytest.MonkeyPatch) -> None:
    _work_until_timeout(patch, task)


# The fast track: its plan.


@mutant("an overdue removal is dropped")
def _overdue_dropped(patch: pytest.MonkeyPatch) -> None:
    def plan(records: Sequence[Record], now: float, *rest: Any) -> Plan:
        todo = _plan(records, now, *rest)
        return todo._replace(
            steps=[
                step if isinstance(step, Unsendable) else [each for each in step if each.message.point_in_time >= now]
                for step in todo.steps
            ],
        )

    patch.setattr(stream, "plan", plan)


@mutant("a cancellation is decided by the time of processing")
def _processing_time(patch: pytest.MonkeyPatch) -> None:
    def plan(records: Sequence[Record], now: float, *rest: Any) -> Plan:
        aged = [{**each, "dynamodb": {**each["dynamodb"], "ApproximateCreationDateTime": now}} for each in records]
        return _plan(aged, now, *rest)

    patch.setattr(stream, "plan", plan)


@mutant("no removal is a cancellation")
def _no_cancellation(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(planning, "is_cancelled", lambda *_arguments: False)


@mutant("a removal before the delayer period is a cancellation")
def _period_as_lead(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(planning, "is_cancelled", lambda point_in_time, removed_at: point_in_time - removed_at > PERIOD)


@mutant("keys to delete are not distinct")
def _repeated_keys(patch: pytest.MonkeyPatch) -> None:
    def plan(records: Sequence[Record], now: float, *rest: Any) -> Plan:
        todo = _plan(records, now, *rest)
        inserted = [each["dynamodb"]["Keys"] for each in records if each["eventName"] == "INSERT"]
        return todo._replace(handovers=[key for key in inserted if key in todo.handovers])

    patch.setattr(stream, "plan", plan)


@mutant("an unreadable removal is skipped")
def _unreadable_skipped(patch: pytest.MonkeyPatch) -> None:
    def plan(records: Sequence[Record], now: float, *rest: Any) -> Plan:
        todo = _plan(records, now, *rest)
        return todo._replace(steps=[step for step in todo.steps if not isinstance(step, Unsendable)])

    patch.setattr(stream, "plan", plan)


@mutant("an unreadable removal raises")
def _unreadable_raises(patch: pytest.MonkeyPatch) -> None:
    def plan(records: Sequence[Record], now: float, *rest: Any) -> Plan:
        todo = _plan(records, now, *rest)
        if any(isinstance(step, Unsendable) for step in todo.steps):
            raise ValueError
        return todo

    patch.setattr(stream, "plan", plan)


# The fast track: its answer.


@mutant("batchItemFailures is empty")
def _empty_answer(patch: pytest.MonkeyPatch) -> None:
    def handle(function: FastTrackHandler, event: dict[str, Any], context: Any) -> Any:
        _handle(function, event, context)
        return {"batchItemFailures": []}

    patch.setattr(FastTrackHandler, "__call__", handle)


def _answer_shifted(patch: pytest.MonkeyPatch, shift: Callable[[int, int], int]) -> None:
    def handle(function: FastTrackHandler, event: dict[str, Any], context: Any) -> Any:
        answer = _handle(function, event, context)
        numbers = [record["dynamodb"]["SequenceNumber"] for record in event["Records"]]
        for failure in answer["batchItemFailures"]:
            position = shift(numbers.index(failure["itemIdentifier"]), len(numbers))
            failure["itemIdentifier"] = numbers[position]
        return answer

    patch.setattr(FastTrackHandler, "__call__", handle)


@mutant("batchItemFailures names the record after the one that failed")
def _next_record(patch: pytest.MonkeyPatch) -> None:
    _answer_shifted(patch, lambda position, size: min(position + 1, size - 1))


@mutant("batchItemFailures names the first record of the batch")
def _first_record(patch: pytest.MonkeyPatch) -> None:
    _answer_shifted(patch, lambda _position, _size: 0)


@mutant("batchItemFailures names the last of the records that failed")
def _last_failure(patch: pytest.MonkeyPatch) -> None:
    def send(queue: DelayerQueue, messages: Sequence[Message], remaining: Remaining) -> dict[int, Unsent]:
        return dict(sorted(_send(queue, messages, remaining).items())[-1:])

    patch.setattr(DelayerQueue, "send", send)


@mutant("success is reported at the deadline")
def _success_on_deadline(patch: pytest.MonkeyPatch) -> None:
    def send(queue: DelayerQueue, messages: Sequence[Message], remaining: Remaining) -> dict[int, Unsent]:
        unsent = _send(queue, messages, remaining)
        return {index: each for index, each in unsent.items() if each.reason != "no time was left"}

    patch.setattr(DelayerQueue, "send", send)


@mutant("a failed hand-over fails the whole batch")
def _hand_over_raises(patch: pytest.MonkeyPatch) -> None:
    delete = ScheduleTable.delete

    def hand_over(function: FastTrackHandler, keys: Sequence[Key], remaining: Remaining) -> None:
        deletion = delete(function._table, keys[:25], remaining) if keys else None  # noqa: SLF001
        if deletion is not None and deletion.error is not None:
            raise deletion.error

    patch.setattr(FastTrackHandler, "_hand_over", hand_over)


@mutant("the fast track works until its timeout")
def _fast_track_deadline(patch: pytest.MonkeyPatch) -> None:
    _work_until_timeout(patch, stream)


@mutant("a record that can't be kept in the failure bucket is dropped")
def _not_kept(patch: pytest.MonkeyPatch) -> None:
    keep = FastTrackHandler._keep  # noqa: SLF001

    def given_up(*arguments: Any) -> bool:
        keep(*arguments)
        return True

    patch.setattr(FastTrackHandler, "_keep", given_up)


# The queue.


@mutant("the delay is rounded down")
def _floor(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(delayer_queue, "delay_seconds", lambda due, now: max(0, math.floor(due - now)))


@mutant("a delay over 900 is cut to 900")
def _clamped(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(delayer_queue, "delay_seconds", lambda due, now: min(MAX_DELAY_SECONDS, delay_seconds(due, now)))


@mutant("a delay may be negative")
def _negative(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(delayer_queue, "delay_seconds", lambda due, now: math.ceil(due - now))


@mutant("Failed is ignored")
def _failed_ignored(patch: pytest.MonkeyPatch) -> None:
    def send_once(queue: DelayerQueue, left: dict[int, Message]) -> Any:
        answer = _send_once(queue, left)
        return {"Successful": answer["Successful"] + answer["Failed"], "Failed": []}

    patch.setattr(DelayerQueue, "_send_once", send_once)


@mutant("all entries are sent again if some failed")
def _all_again(patch: pytest.MonkeyPatch) -> None:
    def send_once(queue: DelayerQueue, left: dict[int, Message]) -> Any:
        answer = _send_once(queue, left)
        return {**answer, "Successful": []} if answer["Failed"] else answer

    patch.setattr(DelayerQueue, "_send_once", send_once)


@mutant("entry ids are scheduleIds")
def _ids(patch: pytest.MonkeyPatch) -> None:
    def send_once(queue: DelayerQueue, left: dict[int, Message]) -> Any:
        client = queue._client  # noqa: SLF001
        identities = {str(position): message.schedule_id for position, message in left.items()}

        def send_message_batch(**parameters: Any) -> Any:
            entries = [{**entry, "Id": identities[entry["Id"]]} for entry in parameters["Entries"]]
            answer = client.send_message_batch(**{**parameters, "Entries": entries})
            positions = {identity: position for position, identity in identities.items()}
            for part in (*answer.get("Successful", []), *answer.get("Failed", [])):
                part["Id"] = positions[part["Id"]]
            return answer

        queue._client = SimpleNamespace(send_message_batch=send_message_batch)  # type: ignore[assignment]  # noqa: SLF001
        try:
            return _send_once(queue, left)
        finally:
            queue._client = client  # noqa: SLF001

    patch.setattr(DelayerQueue, "_send_once", send_once)


@mutant("the delay is not computed again for a retry")
def _early_delay(patch: pytest.MonkeyPatch) -> None:
    def send(queue: DelayerQueue, messages: Sequence[Message], remaining: Remaining) -> dict[int, Unsent]:
        clock, now = queue._clock, queue._clock()  # noqa: SLF001
        queue._clock = lambda: now  # noqa: SLF001
        try:
            return _send(queue, messages, remaining)
        finally:
            queue._clock = clock  # noqa: SLF001

    patch.setattr(DelayerQueue, "send", send)


@mutant("messages are grouped only by number, not by bytes")
def _no_bytes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(delayer_queue, "BYTES_PER_CALL", 10**9)


@mutant("a message has no scheduleId attribute")
def _no_attribute(patch: pytest.MonkeyPatch) -> None:
    message_of = Schedule.message
    patch.setattr(Schedule, "message", lambda schedule: message_of(schedule)._replace(attributes={}))


# The post.


@mutant("a fraction of a second is rounded down")
def _fraction(patch: pytest.MonkeyPatch) -> None:
    parse = parse_point_in_time
    patch.setattr(request, "parse_point_in_time", lambda text: parse(text.partition(".")[0].rstrip("Z") + "Z"))


@mutant("a schedule that was not stored is accepted")
def _accepted_anyway(patch: pytest.MonkeyPatch) -> None:
    def put(table: ScheduleTable, schedule: Schedule) -> bool:
        try:
            return _put(table, schedule)
        except CALL_ERRORS:
            return True

    patch.setattr(ScheduleTable, "put", put)


@mutant("the digest of an idempotency key ignores the payload")
def _key_alone(patch: pytest.MonkeyPatch) -> None:
    def sha256(text: bytes) -> Any:
        return _sha256(json.dumps(json.loads(text)[:2]).encode())

    patch.setattr(request, "hashlib", SimpleNamespace(sha256=sha256))


@mutant("the idempotency key is ignored")
def _no_key(patch: pytest.MonkeyPatch) -> None:
    def sha256(_text: bytes) -> Any:
        return SimpleNamespace(digest=lambda: random.randbytes(32))

    patch.setattr(request, "hashlib", SimpleNamespace(sha256=sha256))


# Arrays.


@mutant("unprocessed puts are dropped")
def _puts_dropped(patch: pytest.MonkeyPatch) -> None:
    def put_many(table: ScheduleTable, schedules: Sequence[Schedule], remaining: Remaining) -> Storing:
        storing = _put_many(table, schedules, remaining)
        return storing if storing.error else Storing([])

    def no_wait(*_arguments: Any) -> None:
        raise OutOfTimeError

    patch.setattr(schedule_table, "wait_before_retry", no_wait)
    patch.setattr(ScheduleTable, "put_many", put_many)


@mutant("schedules of a failed call are accepted")
def _failed_call_accepted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ScheduleTable, "put_many", lambda *arguments: _put_many(*arguments) and Storing([]))


@mutant("equal schedules of an array are one")
def _equal_items_merged(patch: pytest.MonkeyPatch) -> None:
    def sha256(text: bytes) -> Any:
        return _sha256(json.dumps(json.loads(text)[:3]).encode())

    patch.setattr(request, "hashlib", SimpleNamespace(sha256=sha256))


@mutant("one wrong schedule refuses the whole array")
def _array_refused(patch: pytest.MonkeyPatch) -> None:
    schedules_from_event = request.schedules_from_event

    def all_or_none(*arguments: Any) -> Any:
        found = schedules_from_event(*arguments)
        for problem in [each for each in found if isinstance(each, api.ProblemError)]:
            raise problem
        return found

    patch.setattr(posting, "schedules_from_event", all_or_none)


@mutant("the results of an array are in the order of their keys")
def _results_sorted(patch: pytest.MonkeyPatch) -> None:
    schedules_from_event = request.schedules_from_event

    def in_order(*arguments: Any) -> Any:
        found = schedules_from_event(*arguments)
        return found if isinstance(found, Schedule) else sorted(found, key=lambda each: getattr(each, "due", ""))

    patch.setattr(posting, "schedules_from_event", in_order)


# Cancelling.


@mutant("a schedule can be cancelled until 900 s before its time")
def _no_margin(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(deleting, "CANCELLABLE_SECONDS", MAX_DELAY_SECONDS)


@mutant("the clock is not read again after a cancellation")
def _clock_read_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(deleting, "is_cancelled", lambda *_arguments: True)


@mutant("a missing schedule is cancelled")
def _missing_cancelled(patch: pytest.MonkeyPatch) -> None:
    cancel = ScheduleTable.cancel
    patch.setattr(ScheduleTable, "cancel", lambda *arguments: cancel(*arguments) or True)


@mutant("a cancellation whose answer was lost gives 404")
def _lost_answer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(schedule_table, "is_throttle", lambda _error: True)


@mutant("a cancellation that the table did not confirm gives 204")
def _unconfirmed(patch: pytest.MonkeyPatch) -> None:
    cancel = ScheduleTable.cancel

    def confirmed(*arguments: Any) -> bool:
        try:
            return cancel(*arguments)
        except (OutOfTimeError, *CALL_ERRORS):
            return True

    patch.setattr(ScheduleTable, "cancel", confirmed)


# Reading.


@mutant("a lookup finds what was handed over")
def _found_anyway(patch: pytest.MonkeyPatch) -> None:
    get, kept = ScheduleTable.get, dict[tuple[int, str], Schedule]()

    def remembered(table: ScheduleTable, shard: int, due: str, remaining: Remaining) -> Schedule | None:
        found = get(table, shard, due, remaining) or kept.get((shard, due))
        if found is not None:
            kept[shard, due] = found
        return found

    patch.setattr(ScheduleTable, "get", remembered)


@mutant("a page begins with the last schedule of the page before")
def _border_twice(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Range, "first_due", lambda of, shard: of.after.due if of.after else _first_due(of, shard))


@mutant("a page begins a second after the page before")
def _border_skipped(patch: pytest.MonkeyPatch) -> None:
    def first_due(of: Range, shard: int) -> str:
        return end_of_due(int(of.after.due[:12])) if of.after else _first_due(of, shard)

    patch.setattr(Range, "first_due", first_due)


@mutant("a cursor has no shard")
def _no_shard(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Range, "first_due", lambda of, _shard: _first_due(of, -1))


@mutant("only the first read of each shard is listed")
def _one_read(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ScheduleTable, "keys_between", lambda *arguments: (_keys_between(*arguments)[0], False))


@mutant("schedules are listed shard by shard")
def _not_merged(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(listing, "heapq", SimpleNamespace(merge=lambda *lists: (each for of in lists for each in of)))


@mutant("the last shard is not listed")
def _shard_not_listed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(listing, "range", lambda count: range(count - 1), raising=False)


@mutant("a range ends a second late")
def _late_end(patch: pytest.MonkeyPatch) -> None:
    page_from_event = asking.page_from_event

    def longer(event: dict[str, Any]) -> Any:
        page = page_from_event(event)
        return page._replace(range=page.range._replace(end=page.range.end + 1))

    patch.setattr(reading, "page_from_event", longer)


@mutant("a cursor is missing after a full page")
def _no_cursor(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reading, "cursor_of", lambda _listed: None)
