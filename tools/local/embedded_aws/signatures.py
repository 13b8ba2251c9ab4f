"""Make ministack check signatures as AWS does.

ministack checks those of IAM users and sessions. From the account's own key it takes any secret, and from everybody any
service and region in a signature's scope, because it serves all of them at one address.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from ministack import app
from ministack.core import iam_evaluator, sigv4
from ministack.services import apigateway

#: Services that a request names in `x-amz-target` as well as in its signature.
_NAMED_TWICE = frozenset({"dynamodb", "events", "logs", "sqs"})

_ALGORITHM = "AWS4-HMAC-SHA256"

#: Region and service that the current request is signed for.
_scope: ContextVar[tuple[str, str] | None] = ContextVar("scope", default=None)

# ministack has no interface for any of this.
# ruff: noqa: SLF001


def install() -> None:
    """Check every signature in an Authorization header, and that it is for the service and region it is sent to."""
    pin_signed_request = app.pin_signed_request
    enforce = iam_evaluator.enforce
    enforce_execute_api = app._enforce_execute_api

    def pin(method: str, path: str, query: dict[str, Any], raw_headers: list[tuple[bytes, bytes]]) -> None:
        pin_signed_request(method, path, query, raw_headers)
        # As ministack does for IAM users: a repeated header is signed with its values joined by a bare comma.
        headers: dict[str, str] = {}
        for name, value in raw_headers:
            key, text = name.decode("latin-1").lower(), sigv4.decode_header_value(value)
            headers[key] = f"{headers[key]},{text}" if key in headers else text
        signed = headers.get("authorization", "").startswith(_ALGORITHM) and sigv4.parse_header_signature(headers)
        _scope.set(None)
        if isinstance(signed, sigv4.HeaderSignature):
            _scope.set((signed.region, signed.service))
            if iam_evaluator._signed_request.get() is None:
                request = iam_evaluator.SignedRequest(signed.access_key_id, method, path, query, headers)
                iam_evaluator._signed_request.set(request)

    def enforce_signed(access_key: str, action: str, service: str, region: str, **further: Any) -> Any:
        scope = _scope.get()
        if scope is not None and service in _NAMED_TWICE and scope[1] != service:
            message = f"Credential should be scoped to correct service: '{service}'."
            return iam_evaluator.AuthError("SignatureDoesNotMatch", message)
        return enforce(access_key, action, service, region, **further)

    def enforce_api(*arguments: Any, **further: Any) -> Any:
        refused = enforce_execute_api(*arguments, **further)
        place = apigateway.find_api_scope(arguments[0])
        kind = app._execute_api_authorization_type(*arguments[:4])
        if place is not None and kind is None:
            return None  # an HTTP API answers 404 to anybody where it has no route
        if place is None or kind != "AWS_IAM" or (not refused and _scope.get() == (place[1], "execute-api")):
            return refused
        # An HTTP API gives no reason.
        return apigateway._jwt_forbidden()

    app.pin_signed_request = pin
    iam_evaluator.enforce = enforce_signed
    app._enforce_execute_api = enforce_api
