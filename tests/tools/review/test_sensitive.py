"""Nothing that a plan marks as sensitive is shown, wherever it is."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tools.review.code import code_changes
from tools.review.dangers import find_dangers
from tools.review.settings import FAST_TRACK, POST, SWEEP

from tests.support.review.kept_plans import kept_plan, kept_text, scenario
from tests.support.review.scenarios import SECRET
from tools.review.accepted import judge
from tools.review.markdown import render
from tools.review.plan import Plan, read_plan

TODAY = date(2026, 11, 25)


def page(plan: Plan) -> str:
    """The review of a plan."""
    return render(plan, judge(find_dangers(plan), [], TODAY), code_changes(plan, None))


def test_real_plan() -> None:
    """A sensitive variable, environment variable, output and policy: that they change is told, and not to what."""
    assert SECRET in kept_text("sensitive")
    shown = page(scenario("sensitive"))
    assert SECRET not in shown
    assert "`environment.variables.TOKEN`: nothing → (sensitive)" in shown
    assert "`policy`: (sensitive) → (sensitive)" in shown
    assert "`output.topic`: nothing → (sensitive)" in shown


def test_becoming_sensitive() -> None:
    """What was not sensitive until now is not shown for a last time, nor what no longer is."""
    document = kept_plan("period_lowered")
    marks = [{"before_sensitive": False}, {"after_sensitive": False}]
    functions = [change for change in document["resource_changes"] if change["type"] == "aws_lambda_function"]
    for change, unmarked in zip(functions, marks, strict=True):
        values = change["change"]
        values["before"]["handler"], values["after"]["handler"] = "secret-old", "secret-new"
        values |= {side: {"handler": True} for side in ("before_sensitive", "after_sensitive")} | unmarked
    shown = page(read_plan(json.dumps(document), "made up"))
    assert "secret-" not in shown
    assert "`handler`: (sensitive) → (sensitive)" in shown


NAMES = st.sampled_from(
    [
        "policy", "environment", "variables", "SHARD_COUNT", "TABLE_NAME", "stream_enabled", "name", "state", "arn",
        "input", "route_key", "alarm_actions", "actions_enabled", "metric_query", "redrive_policy",
        "maxReceiveCount", "x",
    ]
)  # fmt: skip
SECRETS = st.sampled_from(["secret-1", 'secret-"2"', '{"Statement": ["secret-3"]}', "secret-`4`"])  # fmt: skip
PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=5)


#: A value, and the marks of what is sensitive in it. No secret is without one.
LEAVES = st.tuples(PLAIN, st.sampled_from([False, {}, []])) | st.tuples(
    SECRETS | SECRETS.map(lambda secret: [secret]) | SECRETS.map(lambda secret: {secret: {"x": secret}}),
    st.just(True),  # noqa: FBT003 -- a mark
)
type Marked = tuple[Any, Any]


def array(parts: list[Marked]) -> Marked:
    """An array of marked values, with the array of their marks."""
    return [value for value, _ in parts], [marks for _, marks in parts]


def mapping(parts: dict[str, Marked]) -> Marked:
    """An object of marked values. Terraform leaves out what has no marks."""
    marks = {name: marks for name, (_, marks) in parts.items() if marks is not False}
    return {name: value for name, (value, _) in parts.items()}, marks


MARKED: st.SearchStrategy[Marked] = st.recursive(
    LEAVES,
    lambda parts: st.lists(parts, max_size=3).map(array) | st.dictionaries(NAMES, parts, max_size=3).map(mapping),
    max_leaves=6,
)
OBJECTS = st.dictionaries(NAMES, MARKED, max_size=4)
TYPES = st.sampled_from(
    [
        "aws_apigatewayv2_route", "aws_cloudwatch_event_rule", "aws_cloudwatch_event_target",
        "aws_cloudwatch_metric_alarm", "aws_dynamodb_table", "aws_iam_role_policy", "aws_lambda_function",
        "aws_sqs_queue",
    ]
)  # fmt: skip


MODULES = st.sampled_from(["", *(f"module.{function}" for function in (FAST_TRACK, POST, SWEEP))])
ACTIONS = st.sampled_from(["create", "delete", "replace", "update"])


@given(before=OBJECTS, after=OBJECTS, kind=TYPES, module=MODULES, action=ACTIONS)
def test_at_any_depth(
    before: dict[str, tuple[Any, Any]], after: dict[str, tuple[Any, Any]], kind: str, module: str, action: str
) -> None:
    """Whatever the shape of values and marks, and on whichever side of the change, no secret is on the page."""
    sides = {
        "before": None if action == "create" else {name: value for name, (value, _) in before.items()},
        "after": None if action == "delete" else {name: value for name, (value, _) in after.items()},
        "before_sensitive": {name: marks for name, (_, marks) in before.items()},
        "after_sensitive": {name: marks for name, (_, marks) in after.items()},
    }
    actions = ["delete", "create"] if action == "replace" else [action]
    change = {
        "address": "a.b", "mode": "managed", "type": kind, "name": "b", "module_address": module,
        "change": {"actions": actions, **sides},
    }  # fmt: skip
    output = {"actions": actions, **sides}
    other = {
        "address": "c.d", "mode": "managed", "type": "c", "name": "d",
        "change": {"actions": ["no-op"], "before": {"id": "d"}, "after": {"id": "d"}},
    }  # fmt: skip
    document = {
        "format_version": "1.2",
        "output_changes": {"output": output},
        "resource_changes": [change, other],
        "variables": {"environment": {"value": "prod"}},
    }
    assert "secret-" not in page(read_plan(json.dumps(document), "made up"))
