"""No page shows a value that a plan marks as sensitive."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.support.review import addresses
from tests.support.review.kept_plans import kept_plan, kept_text, scenario
from tests.support.review.scenarios import SECRET
from tools.review.danger import judge
from tools.review.markdown import render
from tools.review.plan import Plan, plan_from
from tools.review.review import find_dangers

FAST_TRACK, POST, SWEEP = "stream_dynamodb_fasttrack_enqueuer", "api_schedule_post", "task_1minute_enqueuer"
TODAY = date(2026, 11, 25)


def page(plan: Plan) -> str:
    """Return the page of a plan."""
    return render(plan, judge(find_dangers(plan), [], TODAY))


def test_page_of_a_real_plan_hides_the_secret() -> None:
    """It shows that a sensitive variable, setting, output and policy change, and no value."""
    assert SECRET in kept_text("sensitive")
    shown = page(scenario("sensitive"))
    assert SECRET not in shown
    assert "`environment.variables.TOKEN`: nothing → (sensitive)" in shown
    assert "`policy`: (sensitive) → (sensitive)" in shown
    assert "`output.topic`: nothing → (sensitive)" in shown


def test_value_that_was_or_becomes_sensitive_is_hidden() -> None:
    """A mark on either side hides both."""
    document = kept_plan("period_lowered")
    marks = [{"before_sensitive": False}, {"after_sensitive": False}]
    functions = [
        change
        for change in document["resource_changes"]
        if change["address"] in (addresses.FAST_TRACK, addresses.SWEEP)
    ]
    for change, unmarked in zip(functions, marks, strict=True):
        values = change["change"]
        values["before"]["handler"], values["after"]["handler"] = "secret-old", "secret-new"
        values |= {side: {"handler": True} for side in ("before_sensitive", "after_sensitive")} | unmarked
    shown = page(plan_from(document, "made up"))
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


#: A value and its marks. Every secret has one.
LEAVES = st.tuples(PLAIN, st.sampled_from([False, {}, []])) | st.tuples(
    SECRETS | SECRETS.map(lambda secret: [secret]) | SECRETS.map(lambda secret: {secret: {"x": secret}}),
    st.just(True),  # noqa: FBT003 -- a mark
)
type Marked = tuple[Any, Any]


def array(parts: list[Marked]) -> Marked:
    """Return an array of marked values, and the array of their marks."""
    return [value for value, _ in parts], [marks for _, marks in parts]


def mapping(parts: dict[str, Marked]) -> Marked:
    """Return an object of marked values, and their marks. Terraform leaves out values without marks."""
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
def test_marked_value_is_hidden_at_any_depth(
    before: dict[str, tuple[Any, Any]], after: dict[str, tuple[Any, Any]], kind: str, module: str, action: str
) -> None:
    """Values and marks may have any shape, on either side of the change."""
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
    assert "secret-" not in page(plan_from(document, "made up"))
