"""The functions that manage schedules, on the same in-memory AWS and with the same faults."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from api_schedule_delete.handler import Handler as DeleteHandler
from api_schedule_get.handler import Handler as GetHandler
from api_schedule_get.settings import Settings as GetSettings
from delayer.schedule_table import ScheduleTable
from delayer.schedules import format_point_in_time
from tests.model.faults import Fault, Plan
from tests.model.system import (
    ENVIRONMENT,
    LEAD_OF_A_CANCELLATION,
    SHARDS,
    Killed,
    Silent,
    System,
    schedule_id_of,
)
from tests.support.clock import utc
from tests.support.http_events import http_event, list_event, schedule_event

#: A function that manages schedules may be stopped for a minute and go on (a fault that only its clock shows).
_TIMEOUT = 150.0

#: Schedules come and go after so many pages of a walk, so that it ends.
_DISTURBED_PAGES = 3

#: The schedules of one array: seconds until they are due, and payload.
type Items = Sequence[tuple[float, str]]


class ManagedSystem(System):
    """The delayer with its two functions that manage schedules.

    Its invariants: no message is sent for a schedule whose cancellation was confirmed; a schedule is found if and only
    if it is pending; a walk through the pages of a list meets every schedule that is pending all the time, once and in
    order; and each schedule of an array is answered for itself.
    """

    def __init__(self, *, batch_size: int = 100, page_bytes: int = 1_048_576) -> None:
        super().__init__(batch_size=batch_size, page_bytes=page_bytes)
        self.skews |= {"get": 0.0, "delete": 0.0}
        silent: Any = Silent()
        table = ScheduleTable(self.aws.dynamodb(self._call), "schedules", self.clock.wait)
        self._get = GetHandler(
            settings=GetSettings.from_environment(ENVIRONMENT),
            table=table,
            clock=lambda: self._clock_of("get"),
            logger=silent,
        )
        self._delete = DeleteHandler(table=table, clock=lambda: self._clock_of("delete"), logger=silent)
        #: The ids in the answers to arrays with a key, by key and items with their instants.
        self._arrays: dict[tuple[str, tuple[tuple[float, str], ...]], dict[int, str]] = {}

    # Arrays.

    def post_array(self, items: Items, key: str | None, plan: Plan, now: float | None = None) -> None:
        """Post several schedules in one request, and check the result of each."""
        base = self.clock.now if now is None else now
        instants = [(round(base + due_in, 3), payload) for due_in, payload in items]
        texts = [f'{{"pointInTime": "{utc(instant)}", "payload": {payload}}}' for instant, payload in instants]
        event = http_event(f"[{','.join(texts)}]", None if key is None else {"idempotency-key": key})
        answer = self._asked("post", self._post, event, plan, 30)
        if answer is None:
            return
        if answer["statusCode"] != 200:
            self._check(condition=False, text=f"an array was answered {answer['statusCode']}")
            return
        results = json.loads(answer["body"])["results"]
        self._check(len(results) == len(items), "an array has not as many results as schedules")
        stored: dict[int, str] = {}
        for place, ((instant, payload), result) in enumerate(zip(instants, results, strict=False)):
            if result["status"] == 201:
                stored[place] = result["scheduleId"]
                self._accept(result["scheduleId"], math.ceil(instant), payload)
            elif result["status"] == 503:
                self._check(bool(plan), "a schedule got a 503 without a failed call")
            else:
                self._check(instant < self._clock_of("post") - 59, f"a good schedule was answered {result['status']}")
        self._check(len(set(stored.values())) == len(stored), "two schedules of an array got one id")
        if key is not None:
            before = self._arrays.setdefault((key, tuple(instants)), {})
            self._check(
                all(before.get(place, each) == each for place, each in stored.items()),
                "a repeated array got other ids",
            )
            before |= stored

    def post_array_again(self, index: int) -> None:
        """Repeat an array with its key."""
        arrays = list(self._arrays)
        if arrays:
            key, instants = arrays[index % len(arrays)]
            self.post_array(instants, key, (), now=0.0)

    def write_twins(self, due_in: int) -> None:
        """Write a record with the same `due` into every shard, as repeated requests do while the shards grow."""
        due = f"{int(self.clock.now) + due_in:012d}#twin"
        for shard in range(SHARDS):
            self.aws.put_item({"Item": {"shard": {"N": str(shard)}, "due": {"S": due}, "payload": {"S": "2"}}})

    # Cancelling.

    def cancel_ahead(self, lead: float, plan: Plan) -> None:
        """Wait until the next schedule is due in this many seconds, and cancel it."""
        waiting = [point_in_time for point_in_time, _, _ in self._pending() if point_in_time - lead >= self.clock.now]
        if waiting:
            self.clock.now = min(waiting) - lead
            self.pass_time(0)
            self.cancel([each[0] for each in self._pending()].index(min(waiting)), plan)

    def cancel(self, index: int, plan: Plan, *, is_missing: bool = False) -> None:
        """Cancel a pending schedule, or one that is not there, and check the answer."""
        pending = self._pending()
        if is_missing or not pending:
            point_in_time, identity = int(self.clock.now) + 2_000, f"001-{int(self.clock.now) + 2_000:012d}-missing"
        else:
            point_in_time, shard, due = pending[index % len(pending)]
            identity = schedule_id_of(shard, due)
        was_there = identity in self._present()
        asked_at = self._clock_of("delete")
        answer = self._asked("delete", self._delete, schedule_event("DELETE", identity), plan, _TIMEOUT)
        is_there = identity in self._present()
        self._audit_removals()
        if was_there and not is_there:
            removed = self._removals.get(identity, [{"ApproximateCreationDateTime": 0}])[-1]  # none without a stream
            if point_in_time - removed["ApproximateCreationDateTime"] > LEAD_OF_A_CANCELLATION:
                self.cancelled.add(identity)
        if answer is None:
            return
        status = answer["statusCode"]
        has_overlap = any(fault is Fault.OVERLAPPED for _, _, fault in plan)
        if status == 204:
            may_be_lost = any(fault in (Fault.FAILED, Fault.CUT_OFF) for _, _, fault in plan)
            is_done = not is_there and (was_there or may_be_lost)
            self._check(is_done, "a cancellation was confirmed that deleted nothing")
            self.promised[identity] = self._last_number()
        elif status == 409 and point_in_time - asked_at <= 960:
            self._check(is_there == was_there or has_overlap, "a schedule was deleted that was too late to cancel")
        elif status == 404:
            self._check(not was_there or has_overlap, "a pending schedule was answered 404")
        else:
            self._check(bool(plan), f"a cancellation was answered {status} without a failed call")

    def _last_number(self) -> int:
        last = [each["dynamodb"]["SequenceNumber"] for stream in self.aws.streams for each in stream[-1:]]
        return max(map(int, last), default=0)

    # Reading.

    def look_up(self, index: int, plan: Plan) -> None:
        """Read a schedule that is pending, or was."""
        known = sorted({*self.accepted, *self._present()})
        if not known:
            return
        identity = known[index % len(known)]
        answer = self._asked("get", self._get, schedule_event("GET", identity), plan, 25)
        if answer is None or any(fault is Fault.OVERLAPPED for _, _, fault in plan):
            return
        if answer["statusCode"] == 200:
            if identity not in self._present():
                self._check(condition=False, text="a schedule was found that is not pending")
                return
            shard, due = identity[:3].lstrip("0") or "0", identity[4:].replace("-", "#", 1)
            text = (
                f'{{"scheduleId":"{identity}","pointInTime":"{format_point_in_time(int(due[:12]))}",'
                f'"payload":{self.aws.items[shard][due]["payload"]["S"]}}}'
            )
            self._check(answer["body"] == text, "a schedule was found with another text")
        elif answer["statusCode"] == 404:
            self._check(identity not in self._present(), "a pending schedule was not found")
        else:
            self._check(bool(plan), f"a lookup was answered {answer['statusCode']} without a failed call")

    def walk(self, start_in: int, end_in: int, limit: int, between: Callable[[], None]) -> None:
        """List the schedules of a range page by page, with something `between` the pages, and check the walk."""
        start, end = int(self.clock.now) + start_in, int(self.clock.now) + end_in
        parameters: dict[str, object] = {"from": utc(start), "to": utc(end), "limit": limit}
        always = self._ids_between(start, end)
        ever = set(always)
        walked: list[str] = []
        for number in range(1_000):
            answer = self._asked("get", self._get, list_event(urlencode(parameters)), (), 25)
            assert answer is not None
            if answer["statusCode"] != 200:
                self._check(condition=False, text=f"a list was answered {answer['statusCode']}")
                return
            page = json.loads(answer["body"])
            walked += [each["scheduleId"] for each in page["schedules"]]
            self._check(len(page["schedules"]) <= limit, "a page is longer than its limit")
            if page["cursor"] is None or self.violations:
                break
            parameters["cursor"] = page["cursor"]
            if number < _DISTURBED_PAGES:
                between()
                ever |= self._ids_between(start, end)
                always &= self._ids_between(start, end)
        else:
            self._check(condition=False, text="a list never ends")
        self._check(len(set(walked)) == len(walked), "a schedule was listed twice")
        self._check(set(walked) <= ever, "a schedule was listed that is not pending in the range")
        self._check(always <= set(walked), f"{len(always - set(walked))} pending schedules were not listed")
        keys = [(identity[4:], identity[:3]) for identity in walked]
        self._check(keys == sorted(keys), "schedules were not listed in order")

    def _asked(
        self, function: str, handler: Callable[..., Any], event: dict[str, Any], plan: Plan, timeout: float
    ) -> dict[str, Any] | None:
        """Return the answer of a function, or None if it was killed or failed: the gateway then answers 500."""
        with self._invoking(function, plan, timeout) as invocation:
            try:
                answer: dict[str, Any] = handler(event, self._context(invocation))
            except Killed:
                return None
            except Exception as error:  # noqa: BLE001  (the gateway answers 500 to any error)
                self._check(bool(plan), f"the {function} function raised {error!r} without a failed call")
                return None
        return answer

    def _pending(self) -> list[tuple[int, str, str]]:
        return sorted(
            (int(due.partition("#")[0]), shard, due)
            for shard, items in self.aws.items.items()
            for due, item in items.items()
            if "payload" in item
        )

    def _present(self) -> set[str]:
        return {schedule_id_of(shard, due) for _, shard, due in self._pending()}

    def _ids_between(self, start: int, end: int) -> set[str]:
        return {
            schedule_id_of(shard, due)
            for shard, items in self.aws.items.items()
            for due in items
            if start <= int(due.partition("#")[0]) < end
        }
