"""Lets Terraform repeat what it has no answer to: the provider gives up after five minutes of conflicts with itself."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

__all__ = ["install"]


def install() -> None:
    """Answer an AddPermission that is made again, word for word, as the first was to be answered."""
    # Imported here, for ministack reads the environment when it is imported.
    from ministack.services import lambda_svc  # noqa: PLC0415

    add_permission = lambda_svc._add_permission  # noqa: SLF001 -- it has no other way in
    made: set[str] = set()

    def add(function: str, data: dict[str, Any], *arguments: Any) -> Any:
        request = json.dumps([function, data, arguments], sort_keys=True, default=str)
        answer = add_permission(function, data, *arguments)
        if answer[0] == HTTPStatus.CREATED:
            made.add(request)
        elif answer[0] == HTTPStatus.CONFLICT and request in made:
            return lambda_svc.json_response({"Statement": "{}"}, HTTPStatus.CREATED.value)
        return answer

    lambda_svc._add_permission = add  # noqa: SLF001
