"""Lets ministack check signatures as AWS does.

ministack checks those of IAM users and sessions. It takes any secret with the account's own key, and any service and
region in the scope of a signature, because it serves all of them at one address.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

__all__ = ["install"]

#: The services that a call names apart from its signature (`x-amz-target`), as the signature names them too.
_NAMED_APART = frozenset({"dynamodb", "events", "logs", "sqs"})

_ALGORITHM = "AWS4-HMAC-SHA256"

#: Region and service that the request being judged is signed for.
_scope: ContextVar[tuple[str, str] | None] = ContextVar("scope", default=None)


def install() -> None:
    """Check every signature in an Authorization header, and that it is for the service and region it is sent to."""
    from ministack import app  # noqa: PLC0415 -- it reads the environment when it is imported
    from ministack.core import iam_evaluator, sigv4  # noqa: PLC0415
    from ministack.services import apigateway  # noqa: PLC0415

    pin_signed_request = app.pin_signed_request
    enforce = iam_evaluator.enforce
    enforce_execute_api = app._enforce_execute_api  # noqa: SLF001 -- it has no other way in

    def pin(method: str, path: str, query: dict[str, Any], raw_headers: list[tuple[bytes, bytes]]) -> None:
        pin_signed_request(method, path, query, raw_headers)
        # As it pins those of IAM users: a header that is sent twice is signed with its values joined by a bare comma.
        headers: dict[str, str] = {}
        for name, value in raw_headers:
            key, text = name.decode("latin-1").lower(), sigv4.decode_header_value(value)
            headers[key] = f"{headers[key]},{text}" if key in headers else text
        signed = headers.get("authorization", "").startswith(_ALGORITHM) and sigv4.parse_header_signature(headers)
        _scope.set(None)
        if isinstance(signed, sigv4.HeaderSignature):
            _scope.set((signed.region, signed.service))
            if iam_evaluator._signed_request.get() is None:  # noqa: SLF001 -- it has no other way in
                request = iam_evaluator.SignedRequest(signed.access_key_id, method, path, query, headers)
                iam_evaluator._signed_request.set(request)  # noqa: SLF001

    def enforce_signed(access_key: str, action: str, service: str, region: str, **further: Any) -> Any:
        scope = _scope.get()
        if scope is not None and service in _NAMED_APART and scope[1] != service:
            message = f"Credential should be scoped to correct service: '{service}'."
            return iam_evaluator.AuthError("SignatureDoesNotMatch", message)
        return enforce(access_key, action, service, region, **further)

    def enforce_api(*arguments: Any, **further: Any) -> Any:
        refused = enforce_execute_api(*arguments, **further)
        api_id = arguments[0]
        place = apigateway.find_api_scope(api_id)
        kind = app._execute_api_authorization_type(*arguments[:4])  # noqa: SLF001 -- it has no other way in
        if place is None or kind != "AWS_IAM" or (not refused and _scope.get() == (place[1], "execute-api")):
            return refused
        # An HTTP API gives no reason.
        return apigateway._jwt_forbidden()  # noqa: SLF001

    app.pin_signed_request = pin
    iam_evaluator.enforce = enforce_signed
    app._enforce_execute_api = enforce_api  # noqa: SLF001
