"""docs/openapi.yaml, as a check of responses."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import yaml
from jsonschema_rs import Draft202012Validator

from tests.support.documents import ROOT

#: The description of the API.
PAGE: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text(encoding="utf-8"))


def operation(route: str) -> dict[str, Any]:
    """Return the description of a route, like `GET /schedules`."""
    method, _, path = route.partition(" ")
    described: dict[str, Any] = PAGE["paths"][path][method.lower()]
    return described


def resolved(described: dict[str, Any]) -> dict[str, Any]:
    """Return a part of the description, or the component that it refers to."""
    found = described
    if "$ref" in described:
        found = PAGE
        for name in described["$ref"].removeprefix("#/").split("/"):
            found = found[name]
    return found


def check_described(route: str, response: dict[str, Any]) -> dict[str, Any]:
    """Return a function's response (payload format 2.0), whose status, headers and body the route must describe."""
    status = str(response["statusCode"])
    responses = operation(route)["responses"]
    assert status in responses, f"{route} does not describe {status}"
    described = resolved(responses[status])
    headers = dict(response.get("headers", {}))
    content_type = headers.pop("content-type", None)
    assert headers.keys() == {name.lower() for name in described.get("headers", {})}
    if "content" in described:
        assert content_type in described["content"]
        _validator(route, status, content_type).validate(json.loads(response["body"]))
    else:
        assert content_type is None
        assert "body" not in response
    return response


@cache
def _validator(route: str, status: str, content_type: str) -> Draft202012Validator:
    schema = resolved(operation(route)["responses"][status])["content"][content_type]["schema"]
    return Draft202012Validator(schema | {"components": PAGE["components"]}, validate_formats=True)
