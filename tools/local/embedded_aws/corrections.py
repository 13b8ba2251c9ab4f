"""Correct ministack where it differs from AWS. Importing this does it.

Stream mappings run as AWS documents them; ministack's own way drops partial answers. The batching window and the
on-failure destination are missing: no record gets old enough here to reach the latter.
"""

import json
import select
import threading
import time
import zlib
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from http import HTTPStatus
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator, lambda_runtime, sigv4
from ministack.core.concurrency import spawn_background
from ministack.services import apigateway, dynamodb, lambda_svc, sqs

from tools.local.embedded_aws.stream_mapping import WHOLE_BATCH, Record, ShardMapping, checkpoint

#: Amazon SQS API reference, SendMessage, "DelaySeconds".
_LONGEST_DELAY_SECONDS = 900

#: Region and service that the current request is signed for.
_scope: ContextVar[tuple[str, str] | None] = ContextVar("scope", default=None)

#: The calls of AddPermission that have succeeded.
_permissions: set[str] = set()

# ministack has no interface for any of this.
# ruff: noqa: SLF001

type Function = Callable[..., Any]


def around(owner: Any, name: str) -> Callable[[Function], Function]:
    """Decorate what is called in place of `owner`'s function `name`, which it gets before the call's arguments."""
    replaced = getattr(owner, name)

    def replace(replacement: Function) -> Function:
        setattr(owner, name, lambda *arguments, **named: replacement(replaced, *arguments, **named))
        return replacement

    return replace


@around(sqs, "_act_send_message")
def _refuse_delay(send_message: Function, data: dict[str, Any], url: str) -> Any:
    """Refuse a negative delay and one of more than 900 seconds, as SQS does."""
    delay = data.get("DelaySeconds")
    if delay is not None and not 0 <= int(delay) <= _LONGEST_DELAY_SECONDS:
        reason = f"Reason: DelaySeconds must be >= 0 and <= {_LONGEST_DELAY_SECONDS}."
        raise sqs._Err("InvalidParameterValue", f"Value {delay} for parameter DelaySeconds is invalid. {reason}")
    return send_message(data, url)


sqs._HANDLERS["SendMessage"] = sqs._act_send_message


@around(lambda_runtime.Worker, "_drain_stderr_bounded")
def _keep_printed_lines(drain: Function, worker: Any) -> Any:
    """Read a function's pipe to its end before its call ends: on a busy machine ministack logs lines with the next."""
    process = worker._proc
    while process is not None and process.poll() is None and select.select([process.stderr], [], [], 0)[0]:
        time.sleep(0.001)
    # So many seconds does the thread that reads the pipe take to hand over the last lines.
    return drain(worker, idle_confirm=0.02)


@around(lambda_svc, "_add_permission")
def _repeat_permission(add_permission: Function, *request: Any) -> Any:
    """Accept an identical AddPermission again: Terraform repeats a call and stops at a conflict."""
    answer = add_permission(*request)
    if answer[0] == HTTPStatus.CREATED:
        _permissions.add(repr(request))
    elif answer[0] == HTTPStatus.CONFLICT and repr(request) in _permissions:
        return lambda_svc.json_response({"Statement": "{}"}, HTTPStatus.CREATED.value)
    return answer


@around(app, "pin_request_origin")
def _trust_the_loopback(pin: Function, source_ip: str, *_: bool) -> None:
    """Take the loopback for TLS: policies refuse requests without."""
    pin(source_ip, secure_transport=True)


@around(iam_actions, "extract_iam_action")
def _ask_for_single_permission(extract_action: Function, service: str, *request: Any) -> str | None:
    """Ask for a batch for the permission of a single one (Service Authorization Reference, "Amazon SQS")."""
    action: str | None = extract_action(service, *request)
    return action.removesuffix("Batch") if action and service == "sqs" else action


@around(iam_actions, "dynamodb_service_context")
def _name_attributes(context: Function, body: bytes) -> dict[str, Any]:
    """Add a BatchWriteItem's `dynamodb:Attributes`: those of the items it puts and of the keys it deletes."""
    found: dict[str, Any] = context(body)
    try:
        tables = json.loads(body)["RequestItems"]
        calls = [call for requests in tables.values() for request in requests for call in request.values()]
        names = {name for call in calls for part in call.values() for name in part}
    except (ValueError, TypeError, KeyError, AttributeError):
        return found  # any other call
    return found | ({"dynamodb:Attributes": sorted(names)} if names else {})


@around(app, "pin_signed_request")
def _check_every_signature(
    pin: Function, method: str, path: str, query: dict[str, Any], raw_headers: list[tuple[bytes, bytes]]
) -> None:
    """Check signatures by the account's own key too, for which ministack takes any secret."""
    pin(method, path, query, raw_headers)
    # As ministack does for IAM users: a repeated header is signed with its values joined by a bare comma.
    headers: dict[str, str] = {}
    for name, value in raw_headers:
        key, text = name.decode("latin-1").lower(), sigv4.decode_header_value(value)
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    _scope.set(None)
    if headers.get("authorization", "").startswith("AWS4-HMAC-SHA256"):
        signed = sigv4.parse_header_signature(headers)
        if isinstance(signed, sigv4.HeaderSignature):
            _scope.set((signed.region, signed.service))
            if iam_evaluator._signed_request.get() is None:
                request = iam_evaluator.SignedRequest(signed.access_key_id, method, path, query, headers)
                iam_evaluator._signed_request.set(request)


@around(iam_evaluator, "enforce")
def _check_service(enforce: Function, key: str, action: str, service: str, region: str, **further: Any) -> Any:
    """Refuse a signature for another service: ministack takes any, because it serves all of them at one address."""
    scope = _scope.get()
    # These are named in `x-amz-target` as well as in the signature.
    if scope is not None and service in {"dynamodb", "events", "logs", "sqs"} and scope[1] != service:
        message = f"Credential should be scoped to correct service: '{service}'."
        return iam_evaluator.AuthError("SignatureDoesNotMatch", message)
    return enforce(key, action, service, region, **further)


@around(app, "_enforce_execute_api")
def _answer_as_http_api(enforce: Function, *request: Any, **further: Any) -> Any:
    """Refuse a signature for another service or region, give no reason, and answer 404 to anybody without a route."""
    refused = enforce(*request, **further)
    place = apigateway.find_api_scope(request[0])
    if place is not None:
        kind = app._execute_api_authorization_type(*request[:4])
        if kind is None:
            return None
        if kind == "AWS_IAM" and (refused or _scope.get() != (place[1], "execute-api")):
            return apigateway._jwt_forbidden()
    return refused


class Lane:
    """One of the parts of a shard that are handled at once (parallelization factor). A record's key decides which."""

    def __init__(self, mapping: dict[str, Any]) -> None:
        self._mapping = mapping
        self._turn = threading.Lock()
        self.records: list[Record] = []
        self.shard = ShardMapping(self.records, mapping["BatchSize"])

    def run(self) -> None:
        """Hand all records on, unless another thread is doing so: it or the next poll finds what has come since."""
        if not self._turn.acquire(blocking=False):
            return
        try:
            while self._mapping.get("Enabled", True) and (batch := self.shard.next_batch(time.time())):
                retry_from, _ = self.invoke(batch)
                self.shard.finish(retry_from)
                if retry_from is not None:
                    time.sleep(1)  # AWS begins with less and goes up to a minute
        finally:
            self._turn.release()

    def invoke(self, batch: list[Record]) -> tuple[int | None, str]:
        """Invoke the function. Return the position from which to retry the records, or None, and an error or word."""
        name, qualifier = self._mapping["FunctionName"], self._mapping.get("Qualifier")
        function, _ = lambda_svc._get_func_record_for_qualifier(name, qualifier)
        result = lambda_svc._execute_function(function, {"Records": batch})
        if result.get("error") or result.get("throttle"):
            return WHOLE_BATCH, str((result.get("body") or {}).get("errorMessage", "failed"))
        retry_from = checkpoint(batch, result.get("body"))
        return retry_from, "done" if retry_from is None else "partial answer"


#: The lanes of each mapping, by its UUID.
_lanes: dict[str, list[Lane]] = {}


def _poll() -> bool:
    # ministack calls this after every write, and each second.
    for account, region, mapping in lambda_svc._iter_all_esms():
        if ":dynamodb:" in mapping.get("EventSourceArn", "") and mapping.get("Enabled", True):
            copy_context().run(_read, account, region, mapping)
    return False


def _read(account: str, region: str, mapping: dict[str, Any]) -> None:
    lambda_svc._request_account_id.set(account)
    lambda_svc._request_region.set(region)
    positions, identity = lambda_svc._dynamodb_stream_positions, mapping["UUID"]
    table = mapping["EventSourceArn"].split("/")[1]
    records: list[Record] = dynamodb.stream_records_since(table, positions[identity], 10_000)
    positions[identity] += len(records)
    factor = int(mapping.get("ParallelizationFactor") or 1)
    lanes = _lanes.setdefault(identity, [Lane(mapping) for _ in range(factor)])
    for record in lambda_svc._apply_filter_criteria(records, mapping):
        lanes[zlib.crc32(record["dynamodb"]["Keys"]["shard"]["N"].encode()) % factor].records.append(record)
    for lane in lanes:
        if next(lane.shard.unread(), None):
            spawn_background(lane.run)


lambda_svc._poll_dynamodb_streams = _poll
