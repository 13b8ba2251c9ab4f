"""The review can't be fooled: any change of any attribute of prod is a danger, or stands in the table as harmless.

And the reverse: every row of the table judges something.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from tests.support.review.kept_plans import kept_plan
from tools.review.danger import SENTENCES
from tools.review.differences import differences
from tools.review.plan import UNKNOWN, Change, Plan, Sensitive, at, plan_from
from tools.review.review import find_dangers
from tools.review.table import HARMLESS, RULES, row_of

#: Changes that Python judges harmless, by type, attribute and kind of change.
JUDGED_HARMLESS = {
    # A policy of a resource of its own, which is judged there.
    ("aws_s3_bucket", "policy"),
    ("aws_sqs_queue", "policy"),
    # The zip is none of these by default.
    ("aws_lambda_function", "package_type"),
    # More shards are swept, and fewer are filled.
    ("aws_lambda_function", "environment"),
}

#: The keys of a row whose values name sentences.
SENTENCE_KEYS = ("danger", "falls", "required", "rises", "set", "unknown", "unset")

BOOTSTRAP = {"repository": "orders/delayer", "state_bucket": "orders-terraform-state"}


@cache
def prod() -> Plan:
    """Return a plan of all of prod in which nothing changes, with the autoscaling of a provisioned table."""
    plan = plan_from(kept_plan("destroyed") | {"output_changes": {}}, "prod")
    scaled = plan_from(kept_plan("autoscaling_destroyed"), "prod")
    # Those of prod come last, and so are kept.
    found = {each.address: each for each in (*scaled.resources, *plan.resources) if each.mode == "managed"}
    kept = (replace(each, action="no-op", after=each.before) for each in found.values())
    return replace(plan, resources=tuple(kept))


def one_of_each() -> list[Change]:
    """Return a resource of each declaration, and each of the functions."""
    found = {(change.type, change.name, change.module): change for change in prod().resources}
    return list(found.values())


def leaves(value: Any, names: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Return the way to each value that holds no other, and to each block."""
    parts = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    if names:
        yield names
    for name, part in parts:
        if isinstance(part, Mapping | list) or isinstance(value, Mapping):
            yield from leaves(part, (*names, name))


def others(value: Any) -> Iterator[Any]:
    """Return values that an attribute doesn't have."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1, value * 100 + 7)
    elif isinstance(value, str):
        yield f"{value}x"
    elif isinstance(value, list):
        yield from ([*value, "x"], [{"x": "y"}])
    elif isinstance(value, Mapping):
        yield {**value, "x": "y"}
    else:
        yield "x"
    if value not in (None, "", [], {}):
        yield from (None, Sensitive("x"))
    yield UNKNOWN


def put(values: Any, way: tuple[str | int, ...], value: Any) -> Any:
    """Return values with another one at the end of a way."""
    if not way:
        return value
    first, *rest = way
    copied: Any = dict(values) if isinstance(values, Mapping) else list(values)
    copied[first] = put(copied[first], tuple(rest), value)
    return copied


def dangers(change: Change, after: Mapping[str, Any]) -> list[str]:
    """Return the ids of the dangers of a plan in which one resource changes, at it or its module."""
    changed = replace(change, action="update", after=after)
    plan = replace(prod(), resources=tuple(changed if each is change else each for each in prod().resources))
    return [danger.id for danger in find_dangers(plan) if danger.address in (change.address, change.module)]


def is_harmless(row: Any, old: Any, new: Any) -> bool:
    """Return whether a row says in so many words that a change is harmless."""
    harmless = {key for key, value in row.items() if value == "harmless"}
    numbers = [row.get("means", {}).get("" if value is None else str(value), value) for value in (old, new)]
    direction = ""
    if all(isinstance(number, int | float) for number in numbers):
        direction = "rises" if numbers[1] > numbers[0] else "falls"
    is_everyday = direction == "rises" and numbers[1] <= numbers[0] * row.get("factor", 1)
    return (
        row.get("danger") in HARMLESS
        or numbers[0] == numbers[1]
        or direction in harmless
        or is_everyday
        or new in row.get("to", ())
        or ("unset" in harmless and new in (None, "", [], {}))
        or ("set" in harmless and old in (None, "", [], {}))
        or ("unknown" in harmless and new is UNKNOWN)
        or "plain" in row
    )


@pytest.mark.parametrize("change", one_of_each(), ids=lambda change: change.address)
def test_every_change_of_an_attribute_is_judged(change: Change) -> None:
    """It is changed, removed, made unknown and made sensitive; the review names it, or the table calls it harmless."""
    missed = []
    for way in leaves(change.before):
        for value in others(at_way(change.before, way)):
            after = put(change.before, way, value)
            found = list(differences(change.before, after))
            if found and not dangers(change, after):
                rows = [(row_of(change, each.names)[1], each.old, each.new) for each in found]
                if not all(is_harmless(*each) for each in rows) and (change.type, way[0]) not in JUDGED_HARMLESS:
                    missed.append((way, value, rows))
    assert missed == []


def at_way(values: Any, way: tuple[str | int, ...]) -> Any:
    """Return the value at the end of a way."""
    for step in way:
        values = values[step]
    return values


@pytest.mark.parametrize("change", one_of_each(), ids=lambda change: change.address)
@pytest.mark.parametrize("action", ["destroy", "replace", "forget"])
def test_every_resource_that_goes_is_judged(change: Change, action: str) -> None:
    """It is a danger, or the table says that it is none, or that Python judges it."""
    after = {} if action != "replace" else change.before
    changed = replace(change, action=action, after=after)
    plan = replace(prod(), resources=tuple(changed if each is change else each for each in prod().resources))
    named = [each.id for each in find_dangers(plan) if each.address in (change.address, change.module)]
    event = {"destroy": "destroyed", "replace": "replaced", "forget": "forgotten"}[action]
    tables = [RULES.get(name, {}) for name in (f"{change.type}.{change.name}", change.type)]
    verdict = next((table[event] for table in tables if event in table), "")
    assert named or verdict in ("harmless", "judged")


def table_rows() -> list[tuple[str, str]]:
    """Return every row: its table, and its attribute."""
    return [(table, path) for table, rules in RULES.items() for path in rules["attributes"]]


def sample(table: str) -> Change:
    """Return a resource that a table's rows judge; prod's if it has one."""
    name = next((each for each in RULES if "module" in RULES[each] and table in (each, each.partition(".")[0])), "")
    if table.endswith(".aws_lambda_function"):
        package, _, kind = table.partition(".")
        return next(each for each in prod().resources if each.type == kind and package in each.module)
    if table == "aws_lambda_function":
        # The other functions have rows of their own.
        post = next(each for each in prod().resources if each.type == table)
        return replace(post, module="module.api_schedule_other[0]", before={**post.before, "handler": "x"})
    known = [each for each in prod().resources if f"{each.type}.{each.name}" == name]
    kind, _, declared = (name or (table if table.startswith("output") else "aws_sqs_queue.delayer")).partition(".")
    return known[0] if known else Change("x", "", "managed", kind, declared, "no-op", {"id": "x"}, {"id": "x"})


@pytest.mark.parametrize(("table", "path"), table_rows())
def test_every_row_judges_its_attribute(table: str, path: str) -> None:
    """A resource of the table has the attribute, or could have it, and no other row comes first."""
    change, row = sample(table), RULES[table]["attributes"][path]
    now = at(change.before, path)
    after = nested(change.before, path.split("."), next(each for each in others(now) if each != now))
    found = [row_of(change, difference.names) for difference in differences(change.before, after)]
    assert any(found_row is row for _, found_row in found)
    for sentence in [*(row[key] for key in SENTENCE_KEYS if key in row), *row.get("values", {}).values()]:
        name, _, variant = sentence.partition("/")
        assert sentence in HARMLESS or (variant or "text") in SENTENCES[name], sentence


def nested(values: Any, names: list[str], value: Any) -> Any:
    """Return values with another one at a path through the first block of each kind."""
    if not names:
        return value
    inner = values[0] if isinstance(values, list) and values else values
    block = dict(inner) if isinstance(inner, Mapping) else {}
    block[names[0]] = nested(block.get(names[0]), names[1:], value)
    return block if isinstance(values, Mapping) else [block]


def test_another_endpoint_needs_no_row() -> None:
    """Its function, role, log group, integration, route and permission are the delayer's, whatever its name."""
    kinds = ("aws_lambda_function", "aws_iam_role", "aws_iam_role_policy", "aws_cloudwatch_log_group")
    new = [
        replace(
            each, module="module.delayer.module.api_schedule_other[0]", action="create", before={}, after=each.before
        )
        for each in prod().resources
        if each.type in kinds and "api_schedule_post" in each.module
    ]
    assert len(new) == 5
    found = find_dangers(replace(prod(), resources=(*prod().resources, *new)))
    assert {danger.id for danger in found} <= {"access-grows", "function-foreign-code"}


def test_made_up_facts_are_dangers() -> None:
    """They are facts of newer Terraforms, and of the bootstrap's root."""
    state = Change("aws_s3_bucket.state", "", "managed", "aws_s3_bucket", "state", "destroy", {"bucket": "x"}, {})
    assert [each.id for each in find_dangers(Plan("", is_first=False, resources=(state,), variables=BOOTSTRAP))] == [
        "state-destroyed"
    ]
    assert [each.id for each in find_dangers(Plan("", is_first=False, resources=(state,)))] == ["stranger-destroyed"]
