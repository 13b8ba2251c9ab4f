"""A plugin of the embedded AWS for make chaos: calls that succeed in part, and functions killed right after a call.

CHAOS_SEED is the seed of both. CHAOS_JOURNAL is a file that gets a line of JSON for all that can explain a second
delivery:

- `{"what": "stored", "at", "schedule_ids"}`: DynamoDB stored these schedules in one call.
- `{"what": "taken", "at", "messages": [[scheduleId, MessageId], …]}`: SQS took these messages, in one call.
- `{"what": "invocation", "began", "at", "outcome", "retry_from", "removed": [scheduleId or null, …]}`: the fast track
  was called with these stream records (null: an insertion).
- `{"what": "fault", "at", "name"}`: a fault.
"""

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

from tools.local.embedded_aws.corrections import Function, Lane, around
from tools.project import DELETE, POST, SWEEP

#: How likely a batch is done in part, and how likely a call kills its function.
_PARTIAL, _KILL = 0.1, 0.02

type Item = dict[str, Any]

# ministack has no interface for any of this.
# ruff: noqa: SLF001


class _Faults:
    """The dice and the journal, and what happens in place of ministack's functions."""

    def __init__(self, seed: str, journal: Path) -> None:
        self._chance = random.Random(int(seed))
        self._journal = journal
        self._lock = threading.Lock()
        #: The event that each function's process works on.
        self._running: dict[Any, Any] = {}

    def _write(self, what: str, **facts: Any) -> None:
        with self._lock, self._journal.open("a", encoding="utf-8") as journal:
            journal.write(json.dumps({"what": what, "at": time.time(), **facts}) + "\n")

    def _invoke_fast_track(self, invoke: Function, lane: Any, records: list[Item]) -> Any:
        began = time.time()
        retry_from, outcome = invoke(lane, records)
        removed = [_schedule_id(r["dynamodb"]["Keys"]) if r["eventName"] == "REMOVE" else None for r in records]
        self._write("invocation", began=began, outcome=outcome, retry_from=retry_from, removed=removed)
        return retry_from, outcome

    def _divide(self, operation: str, entries: list[Item], least: int) -> tuple[list[Item], list[Item]]:
        """Return the entries of a call that are done, `least` of them always, and those that are not: usually none."""
        left: list[Item] = []
        with self._lock:
            if self._chance.random() < _PARTIAL:
                left = [entry for entry in entries[least:] if self._chance.random() < 0.5]  # noqa: PLR2004
        if left:
            self._write("fault", name=f"{operation} done in part")
        return [entry for entry in entries if entry not in left], left

    def _maybe_kill(self, operation: str, schedule_ids: set[str]) -> None:
        """Sometimes kill the function that made a call, which has taken effect and is not yet answered."""
        with self._lock:
            if self._chance.random() >= _KILL:
                return
            running = list(self._running.items())  # in one step: other threads change it
            callers = (each for each, event in running if _may_call(operation, each, event, schedule_ids))
            process = getattr(next(callers, None), "_proc", None)
        if process is not None:
            process.kill()
            self._write("fault", name=f"killed after {operation}")

    def _invoke(self, invoke: Function, worker: Any, event: Any, *arguments: Any, **named: Any) -> Any:
        self._running[worker] = event
        try:
            return invoke(worker, event, *arguments, **named)
        finally:
            del self._running[worker]

    def _put_item(self, put: Function, data: Item) -> Any:
        answer = put(data)
        stored = _schedule_id(data["Item"])
        if answer[0] == HTTPStatus.OK:
            self._write("stored", schedule_ids=[stored])
        self._maybe_kill("PutItem", {stored})
        return answer

    def _delete_item(self, delete: Function, data: Item) -> Any:
        answer = delete(data)
        self._maybe_kill("DeleteItem", {_schedule_id(data["Key"])})
        return answer

    def _batch_write_item(self, write: Function, data: Item) -> Any:
        ((table, requests),) = data["RequestItems"].items()
        done, left = self._divide("BatchWriteItem", requests, least=1)  # DynamoDB does one at least, or it throttles
        puts = [each["PutRequest"]["Item"] for each in done if "PutRequest" in each]
        stored = [_schedule_id(item) for item in puts if not _is_there(table, item)]
        status, headers, body = write({**data, "RequestItems": {table: done}})
        if puts:
            self._write("stored", schedule_ids=stored)
            self._maybe_kill("puts of BatchWriteItem", {_schedule_id(item) for item in puts})
        else:
            self._maybe_kill("BatchWriteItem", {_schedule_id(each["DeleteRequest"]["Key"]) for each in done})
        if left:
            body = json.dumps(json.loads(body) | {"UnprocessedItems": {table: left}}).encode()
        return status, headers, body

    def _send_message_batch(self, send: Function, data: Item, url: str) -> Any:
        done, left = self._divide("SendMessageBatch", data["Entries"], least=0)
        answer = send({**data, "Entries": done}, url) if done else {"Successful": [], "Failed": []}
        names = {entry["Id"]: entry["MessageAttributes"]["scheduleId"]["StringValue"] for entry in done}
        self._write("taken", messages=[(names[sent["Id"]], sent["MessageId"]) for sent in answer["Successful"]])
        self._maybe_kill("SendMessageBatch", set(names.values()))
        fault = {"Code": "InternalError", "Message": "a planned fault", "SenderFault": False}
        return answer | {"Failed": [*answer["Failed"], *({"Id": entry["Id"]} | fault for entry in left)]}


def _may_call(operation: str, worker: Any, event: Item, schedule_ids: set[str]) -> bool:
    """Return whether this process, at work on this event, may have made the call about these schedules."""
    if "Records" in event:
        cause = {"SendMessageBatch": "REMOVE", "BatchWriteItem": "INSERT"}.get(operation)
        records = [record["dynamodb"]["Keys"] for record in event["Records"] if record["eventName"] == cause]
        return not schedule_ids.isdisjoint(map(_schedule_id, records))
    name: str = worker.func_name
    return name.endswith({"PutItem": POST, "puts of BatchWriteItem": POST, "DeleteItem": DELETE}.get(operation, SWEEP))


def _schedule_id(key: dict[str, dict[str, str]]) -> str:
    # As delayer.schedules makes it. src/ is not importable here, so that a function sees nothing but its zip.
    return f"{int(key['shard']['N']):03d}-{key['due']['S'].replace('#', '-', 1)}"


def _is_there(table: str, item: Item) -> bool:
    """Return whether a record with the item's key is stored: replacing it by the same is no second storing."""
    _, _, body = dynamodb._get_item({"TableName": table, "Key": {name: item[name] for name in ("shard", "due")}})
    return "Item" in json.loads(body)


def _trust_the_proxy(pin: Function, method: str, path: str, query: Item, headers: list[tuple[bytes, bytes]]) -> None:
    """Accept signatures made for the proxy's address: the functions sign for it, and it forwards with ours."""
    proxy = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://").encode()
    # Only the keys of roles begin with ASIA.
    is_function = any(name == b"authorization" and b"Credential=ASIA" in value for name, value in headers)
    pin(method, path, query, [(name, proxy if is_function and name == b"host" else value) for name, value in headers])


def install() -> None:
    """Put the faults between the functions and the services."""
    faults = _Faults(os.environ["CHAOS_SEED"], Path(os.environ["CHAOS_JOURNAL"]))
    around(Lane, "invoke")(faults._invoke_fast_track)
    around(app, "pin_signed_request")(_trust_the_proxy)
    around(lambda_runtime.Worker, "invoke")(faults._invoke)
    around(dynamodb, "_put_item")(faults._put_item)
    around(dynamodb, "_delete_item")(faults._delete_item)
    around(dynamodb, "_batch_write_item")(faults._batch_write_item)
    around(sqs, "_act_send_message_batch")(faults._send_message_batch)
    sqs._HANDLERS["SendMessageBatch"] = sqs._act_send_message_batch
