"""Correct ministack's answers where they differ from those of AWS. Importing this does it."""

import json
import select
import time
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator, lambda_runtime, sigv4
from ministack.services import apigateway, lambda_svc, sqs

from tools.local.embedded_aws import Function, around

#: Amazon SQS API reference, SendMessage, "DelaySeconds".
_LONGEST_DELAY_SECONDS = 900

#: How long the thread that reads a function's pipe takes to hand over its last lines.
_QUIET_SECONDS = 0.02

#: Services that a request names in `x-amz-target` as well as in its signature.
_NAMED_TWICE = frozenset({"dynamodb", "events", "logs", "sqs"})

#: Region and service that the current request is signed for.
_scope: ContextVar[tuple[str, str] | None] = ContextVar("scope", default=None)

#: The calls of AddPermission that have succeeded.
_permissions: set[str] = set()

# ministack has no interface for any of this.
# ruff: noqa: SLF001


@around(sqs, "_act_send_message")
def _refuse_delay(send_message: Function, data: dict[str, Any], url: str) -> Any:
    """Refuse a negative delay and one of more than 900 seconds, as SQS does."""
    delay = data.get("DelaySeconds")
    if delay is not None and not 0 <= int(delay) <= _LONGEST_DELAY_SECONDS:
        reason = f"DelaySeconds must be >= 0 and <= {_LONGEST_DELAY_SECONDS}."
        raise sqs._Err(
            "InvalidParameterValue", f"Value {delay} for parameter DelaySeconds is invalid. Reason: {reason}"
        )
    return send_message(data, url)


sqs._HANDLERS["SendMessage"] = sqs._act_send_message


@around(lambda_runtime.Worker, "_drain_stderr_bounded")
def _keep_printed_lines(drain: Function, worker: Any) -> Any:
    """Read a function's pipe to its end before its call ends: on a busy machine ministack logs lines with the next."""
    process = worker._proc
    while process is not None and process.poll() is None and select.select([process.stderr], [], [], 0)[0]:
        time.sleep(0.001)
    return drain(worker, idle_confirm=_QUIET_SECONDS)


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
    if scope is not None and service in _NAMED_TWICE and scope[1] != service:
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
