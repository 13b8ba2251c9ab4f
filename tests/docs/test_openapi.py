"""docs/openapi.yaml has the routes, limits, statuses and fields of the code."""

from __future__ import annotations

import ast
import re
import tomllib
from http import HTTPStatus
from typing import Any

import pytest
import schemathesis

from api_schedule_get.request import _PARAMETERS, DEFAULT_LIMIT, MAX_LIMIT
from api_schedule_post.json_text import MAX_NESTING
from api_schedule_post.request import (
    _FIELDS,
    _IDEMPOTENCY_KEY,
    MAX_ARRAY_BYTES,
    MAX_BODY_BYTES,
    MAX_PAST_SECONDS,
    MAX_SCHEDULES,
)
from delayer.api import ProblemError
from delayer.schedules import CANCELLABLE_SECONDS, MAX_MESSAGE_BYTES
from tests.support.described import PAGE, operation
from tests.support.documents import ROOT

SCHEMAS = PAGE["components"]["schemas"]
POST, LIST = PAGE["paths"]["/schedules"]["post"], PAGE["paths"]["/schedules"]["get"]
DELETE = PAGE["paths"]["/schedules/{scheduleId}"]["delete"]

#: Statuses of the gateway itself, which any route may have.
OF_THE_GATEWAY = {403, 429, 500, 503}


def routes() -> dict[str, list[str]]:
    """Return the routes of each function that has any, by its plain name."""
    text = (ROOT / "terraform" / "modules" / "delayer" / "functions.tf").read_text(encoding="utf-8")
    found = re.findall(r'"?([a-z][\w-]+)"? (?:=|=>) \{\n\s+label .*\n\s+module .*\n\s+routes = \[(.*)\]', text)
    return {name: re.findall(r'"([^"]+)"', inside) for name, inside in found if inside}


def statuses_in(module: str, names: set[str] | None = None) -> set[int]:
    """Return the statuses that a module of src names; with `names`, only those in the functions of these names."""
    tree = ast.parse((ROOT / "src" / module).read_text(encoding="utf-8"))
    parts = tree.body if names is None else [each for each in tree.body if getattr(each, "name", None) in names]
    return {
        HTTPStatus[node.attr].value
        for part in parts
        for node in ast.walk(part)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "HTTPStatus"
    }


def test_page_is_valid_openapi() -> None:
    """By the schema of OpenAPI 3.1."""
    assert PAGE["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(PAGE).validate()


def test_page_has_the_version_of_the_project() -> None:
    """Both name the release."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert PAGE["info"]["version"] == project["version"]


def test_page_has_exactly_the_routes_of_the_terraform() -> None:
    """Every route of every function, and no other."""
    described = {
        f"{method.upper()} {path}"
        for path, methods in PAGE["paths"].items()
        for method in methods
        if method != "parameters"
    }
    assert described == {route for of_function in routes().values() for route in of_function}


@pytest.mark.parametrize("function", sorted(routes()))
def test_operations_have_exactly_the_statuses_of_their_function(function: str) -> None:
    """Those that its code and the shared code that it imports name, and those of the gateway."""
    package = function.replace("-", "_")
    in_code: set[int] = set()
    for path in (ROOT / "src" / package).glob("*.py"):
        in_code |= statuses_in(f"{package}/{path.name}")
        imported = re.findall(r"^from delayer\.api import (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        in_code |= statuses_in("delayer/api.py", set(", ".join(imported).split(", ")))
    described = {int(status) for route in routes()[function] for status in operation(route)["responses"]}
    assert described == in_code | OF_THE_GATEWAY


def test_api_page_has_every_error_status() -> None:
    """Its table of errors has those of all operations."""
    _, _, text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8").partition("## Errors\n")
    in_table = re.findall(r"^\| (\d{3}) \|", text.partition("\n## ")[0], re.MULTILINE)
    described = {
        status
        for of_function in routes().values()
        for route in of_function
        for status in operation(route)["responses"]
        if status >= "400"
    }
    assert in_table == sorted(described)


def test_problem_has_the_members_of_the_code() -> None:
    """All of them are required."""
    members = set(ProblemError(HTTPStatus.BAD_REQUEST, "field", "detail").document())
    assert set(SCHEMAS["Problem"]["properties"]) == set(SCHEMAS["Problem"]["required"]) == members


def test_every_error_is_described_with_its_document() -> None:
    """A problem where the functions answer, a message where the gateway does."""
    documents = {"application/problem+json": "Problem", "application/json": "GatewayMessage"}
    for found in every_response():
        for kind, content in found.get("content", {}).items():
            assert content["schema"]["$ref"] == f"#/components/schemas/{documents[kind]}"


def every_response() -> list[dict[str, Any]]:
    """Return the descriptions of all errors."""
    shared = list(PAGE["components"]["responses"].values())
    own = [
        answer
        for of_function in routes().values()
        for route in of_function
        for status, answer in operation(route)["responses"].items()
        if status >= "400" and "$ref" not in answer
    ]
    assert own
    return shared + own


def test_page_has_the_limits_of_the_code() -> None:
    """Those that a schema can state."""
    one, many = POST["requestBody"]["content"]["application/json"]["schema"]["anyOf"]
    assert many["maxItems"] == SCHEMAS["Results"]["properties"]["results"]["maxItems"] == MAX_SCHEDULES
    assert one == many["items"]
    assert set(SCHEMAS["NewSchedule"]["properties"]) == set(_FIELDS)
    (key,) = POST["parameters"]
    assert key["schema"]["pattern"] == f"^{_IDEMPOTENCY_KEY.pattern}$"
    parameters = {each["name"]: each["schema"] for each in LIST["parameters"]}
    assert tuple(parameters) == _PARAMETERS
    assert (parameters["limit"]["maximum"], parameters["limit"]["default"]) == (MAX_LIMIT, DEFAULT_LIMIT)
    assert SCHEMAS["SchedulePage"]["properties"]["schedules"]["maxItems"] == MAX_LIMIT


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        (POST["summary"], f"{MAX_SCHEDULES:,} of them"),
        (POST["description"], f"{MAX_BODY_BYTES:,} bytes"),
        (POST["description"], f"{MAX_ARRAY_BYTES:,} bytes"),
        (POST["description"], f"{MAX_NESTING:,} levels"),
        (POST["responses"]["413"]["description"], f"{MAX_MESSAGE_BYTES:,} bytes"),
        (POST["responses"]["413"]["description"], f"{MAX_BODY_BYTES:,} bytes"),
        (POST["responses"]["413"]["description"], f"{MAX_ARRAY_BYTES:,} bytes"),
        (SCHEMAS["NewSchedule"]["properties"]["payload"]["description"], f"{MAX_MESSAGE_BYTES:,} bytes"),
        (SCHEMAS["NewSchedule"]["properties"]["pointInTime"]["description"], f"{MAX_PAST_SECONDS} s in"),
        (DELETE["responses"]["409"]["description"], f"{CANCELLABLE_SECONDS} s or less"),
    ],
)
def test_sentence_has_the_limit_of_the_code(text: str, limit: str) -> None:
    """Those that only a sentence can state."""
    assert limit in " ".join(text.split())


def test_links_lead_from_a_post_to_its_schedule() -> None:
    """By the scheduleId in the answer."""
    links = POST["responses"]["201"]["links"].values()
    assert {link["operationId"] for link in links} == {"getSchedule", "deleteSchedule"}
    assert all(link["parameters"] == {"scheduleId": "$response.body#/scheduleId"} for link in links)
