"""A plugin of the embedded AWS for make chaos: calls that succeed in part, and functions killed right after a call.

CHAOS_PLAN holds the plan as JSON: `seed`, `partial` and `kill` (the probability of each) and `journal`, a file that
gets a line of JSON for everything that can explain a second delivery:

- `{"what": "stored", "at", "schedule_ids"}`: DynamoDB stored these schedules in one call.
- `{"what": "taken", "at", "messages": [[scheduleId, MessageId], …]}`: SQS took these messages, in one call.
- `{"what": "invocation", "began", "at", "outcome", "retry_from", "removed": [scheduleId or null, …]}`: the fast track
  was called with these stream records (null: an insertion).
- `{"what": "kill", "at", "after"}` and `{"what": "partial", "at", "of", "left"}`: a fault.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

from ministack import app
from ministack.core import lambda_runtime
from ministack.services import dynamodb, sqs

from tools.local.embedded_aws import streams
from tools.project import DELETE, POST, SWEEP

# ministack has no interface for any of this.
# ruff: noqa: SLF001


class _Faults:
    """The dice and the journal."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._chance = random.Random(plan["seed"])
        self._kill: float = plan["kill"]
        self._partial: float = plan["partial"]
        self._journal = Path(plan["journal"]).open("a", encoding="utf-8")  # noqa: SIM115 -- open until the process ends
        self._lock = threading.Lock()
        self._running: dict[Any, Any] = {}

    def write(self, what: str, **facts: Any) -> None:
        """Add a line to the journal."""
        with self._lock:
            self._journal.write(json.dumps({"what": what, "at": time.time(), **facts}) + "\n")
            self._journal.flush()

    def write_invocation(
        self, records: list[dict[str, Any]], outcome: str, began: float, retry_from: int | None
    ) -> None:
        """Add an invocation of the fast track to the journal."""
        removed = [_schedule_id(r["dynamodb"]["Keys"]) if r["eventName"] == "REMOVE" else None for r in records]
        self.write("invocation", began=began, outcome=outcome, retry_from=retry_from, removed=removed)

    def left_out(self, operation: str, count: int) -> set[int]:
        """Return the positions in a call that it leaves undone: usually none."""
        with self._lock:
            if self._chance.random() >= self._partial:
                return set()
            left = {position for position in range(count) if self._chance.random() < 0.5}  # noqa: PLR2004
        if left:
            self.write("partial", of=operation, left=len(left))
        return left

    def maybe_kill(self, operation: str, schedule_ids: set[str]) -> None:
        """Sometimes kill the function that made a call, which has taken effect and is not yet answered."""
        with self._lock:
            if self._chance.random() >= self._kill:
                return
            workers = [
                worker for worker, event in self._running.items() if _may_call(operation, worker, event, schedule_ids)
            ]
        process = workers[0]._proc if workers else None
        if process is not None:
            process.kill()
            self.write("kill", after=operation)

    def watch_workers(self) -> None:
        """Know which function's process works on which event."""
        invoke = lambda_runtime.Worker.invoke

        def watched(worker: Any, event: Any, *arguments: Any, **named: Any) -> Any:
            with self._lock:
                self._running[worker] = event
            try:
                return invoke(worker, event, *arguments, **named)
            finally:
                with self._lock:
                    del self._running[worker]

        lambda_runtime.Worker.invoke = watched


def _may_call(operation: str, worker: Any, event: dict[str, Any], schedule_ids: set[str]) -> bool:
    """Return whether this process, at work on this event, may have made the call about these schedules."""
    if "Records" in event:
        names = {"SendMessageBatch": "REMOVE", "BatchWriteItem": "INSERT"}
        return not schedule_ids.isdisjoint(
            _schedule_id(record["dynamodb"]["Keys"])
            for record in event["Records"]
            if record["eventName"] == names.get(operation)
        )
    name: str = worker.func_name
    return name.endswith({"PutItem": POST, "puts of BatchWriteItem": POST, "DeleteItem": DELETE}.get(operation, SWEEP))


def _schedule_id(key: dict[str, dict[str, str]]) -> str:
    # As delayer.schedules makes it. src/ is not importable here, so that a function sees nothing but its zip.
    return f"{int(key['shard']['N']):03d}-{key['due']['S'].replace('#', '-', 1)}"


def install() -> None:
    """Put the faults between the functions and the services, and observe the fast track's invocations."""
    faults = _Faults(json.loads(os.environ["CHAOS_PLAN"]))
    streams.observers.append(faults.write_invocation)
    faults.watch_workers()
    _trust_the_proxy()
    _spoil_dynamodb(faults)
    _spoil_sqs(faults)


def _trust_the_proxy() -> None:
    """Accept signatures made for the proxy's address: the functions sign for it, and it forwards with ours."""
    pin_signed_request = app.pin_signed_request
    proxy = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://").encode()

    def pin(method: str, raw_path: str, query: dict[str, Any], headers: list[tuple[bytes, bytes]]) -> None:
        # Only the keys of roles begin with ASIA.
        is_function = any(name == b"authorization" and b"Credential=ASIA" in value for name, value in headers)
        signed = [(name, proxy if is_function and name == b"host" else value) for name, value in headers]
        pin_signed_request(method, raw_path, query, signed)

    app.pin_signed_request = pin


def _spoil_dynamodb(faults: _Faults) -> None:
    put_item, delete_item = dynamodb._put_item, dynamodb._delete_item
    batch_write_item = dynamodb._batch_write_item

    def put(data: dict[str, Any]) -> Any:
        answer = put_item(data)
        stored = _schedule_id(data["Item"])
        if answer[0] == HTTPStatus.OK:
            faults.write("stored", schedule_ids=[stored])
        faults.maybe_kill("PutItem", {stored})
        return answer

    def delete(data: dict[str, Any]) -> Any:
        answer = delete_item(data)
        faults.maybe_kill("DeleteItem", {_schedule_id(data["Key"])})
        return answer

    def write(data: dict[str, Any]) -> Any:
        ((table, requests),) = data["RequestItems"].items()
        left = faults.left_out("BatchWriteItem", len(requests) - 1)  # DynamoDB does one at least, or it throttles
        done = [request for position, request in enumerate(requests) if position not in left]
        puts = [each["PutRequest"]["Item"] for each in done if "PutRequest" in each]
        stored = [_schedule_id(item) for item in puts if not _is_there(table, item)]
        status, headers, body = batch_write_item({**data, "RequestItems": {table: done}})
        if puts:
            faults.write("stored", schedule_ids=stored)
            faults.maybe_kill("puts of BatchWriteItem", {_schedule_id(item) for item in puts})
        else:
            faults.maybe_kill("BatchWriteItem", {_schedule_id(each["DeleteRequest"]["Key"]) for each in done})
        if left:
            unprocessed = {"UnprocessedItems": {table: [requests[position] for position in sorted(left)]}}
            body = json.dumps(json.loads(body) | unprocessed).encode()
        return status, headers, body

    dynamodb._put_item, dynamodb._delete_item, dynamodb._batch_write_item = put, delete, write


def _is_there(table: str, item: dict[str, Any]) -> bool:
    """Return whether a record with the item's key is stored: replacing it by the same is no second storing."""
    _, _, body = dynamodb._get_item({"TableName": table, "Key": {name: item[name] for name in ("shard", "due")}})
    return "Item" in json.loads(body)


def _spoil_sqs(faults: _Faults) -> None:
    send_message_batch = sqs._act_send_message_batch

    def send(data: dict[str, Any], url: str) -> Any:
        entries = data["Entries"]
        left = faults.left_out("SendMessageBatch", len(entries))
        done = [entry for position, entry in enumerate(entries) if position not in left]
        answer = send_message_batch({**data, "Entries": done}, url) if done else {"Successful": [], "Failed": []}
        names = {entry["Id"]: entry["MessageAttributes"]["scheduleId"]["StringValue"] for entry in done}
        faults.write("taken", messages=[(names[sent["Id"]], sent["MessageId"]) for sent in answer["Successful"]])
        faults.maybe_kill("SendMessageBatch", set(names.values()))
        failed = [
            {"Id": entries[position]["Id"], "Code": "InternalError", "Message": "a planned fault", "SenderFault": False}
            for position in sorted(left)
        ]
        return {"Successful": answer["Successful"], "Failed": [*answer["Failed"], *failed]}

    sqs._act_send_message_batch = sqs._HANDLERS["SendMessageBatch"] = send
