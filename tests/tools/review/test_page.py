"""The page: its order, its sections, and what it leaves out."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from tests.support.review.addresses import POST
from tests.support.review.kept_plans import kept_plan, scenario
from tools.review.accepted import Accepted, judge
from tools.review.danger import quoted
from tools.review.markdown import render
from tools.review.plan import UNKNOWN, Plan, Sensitive, read_plan
from tools.review.rules import find_dangers

TODAY = date(2026, 11, 25)


def page(plan: Plan, *entries: Accepted) -> str:
    """Return the page of a plan."""
    return render(plan, judge(find_dangers(plan), entries, TODAY))


def test_page_of_an_unchanged_plan() -> None:
    """It has a headline and counts."""
    assert page(scenario("unchanged")).split("\n\n")[1:] == [
        "**Nothing changes.**",
        "| create | update | replace | destroy |\n|---|---|---|---|\n| 0 | 0 | 0 | 0 |\n",
    ]


def test_dangers_come_first() -> None:
    """Then counts, then changes."""
    shown = page(scenario("shards_lowered"))
    order = ["Pending schedules in shards 16 to 63", "| 0 | 2 | 0 | 0 |", "`64` → `16`"]
    assert sorted(order, key=shown.index) == order
    assert "**1 danger that nobody accepted.**" in shown


def test_page_leaves_out_attributes_that_stay() -> None:
    """Only changes are shown."""
    shown = page(scenario("shards_lowered"))
    assert "METRICS_NAMESPACE" not in shown
    assert "memory_size" not in shown


def test_policies_are_compared_by_statement() -> None:
    """Statements that stay are left out."""
    shown = page(scenario("access_grows"))
    assert "goes: `Allow dynamodb:PutItem on arn:aws:dynamodb:eu-west-1:777788889999:table/" in shown
    assert "comes: `Allow dynamodb:GetItem, dynamodb:PutItem on arn:aws:dynamodb:" in shown
    assert "dynamodb:Query" not in shown
    assert '"Version"' not in shown


def test_unread_policy_with_the_same_statements_stays() -> None:
    """Terraform calls the policy unknown because the retention of its log group changes."""
    assert "`policy`: its statements stay as they are" in page(scenario("harmless"))


def test_json_is_compared_by_attribute() -> None:
    """The path leads into the JSON text."""
    shown = page(scenario("mapping_loses"))
    assert '`filter_criteria.filter.pattern.eventName`: `["INSERT", "REMOVE"]` → `["INSERT"]`' in shown


def test_page_marks_unknown_values_and_forced_replacements() -> None:
    """Both stand beside the attribute."""
    shown = page(scenario("mapping_position"))
    assert "`starting_position`: `TRIM_HORIZON` → `LATEST` (forces the replacement)" in shown
    assert "(known after apply)" in shown


def test_page_of_a_first_apply_lists_addresses_and_permissions() -> None:
    """All values are new, so they are left out."""
    shown = page(scenario("first"))
    assert "this is a first apply" in shown
    assert "| 59 | 0 | 0 | 0 |" in shown
    assert "memory_size" not in shown
    assert "Allow dynamodb:PutItem on (known after apply)" in shown


def test_page_lists_accepted_expired_and_unused_entries() -> None:
    """An accepted danger has its reason and its last day."""
    plan = scenario("shards_lowered")
    (danger,) = find_dangers(plan)
    entry = Accepted(danger.id, danger.address, "Drained on Monday.", TODAY)
    shown = page(
        plan,
        entry,
        Accepted("queue-destroyed", "q", "Moved.", TODAY),
        Accepted("stream-off", "t", "x", date(2026, 1, 1)),
    )
    assert "**Every danger is accepted.**" in shown
    assert "until 2026-11-25: `Drained on Monday.`" in shown
    assert "`queue-destroyed` at `q` accepts a danger that this plan doesn't have" in shown
    assert "`stream-off` at `t` expired on 2026-01-01" in shown


def test_code_of_a_new_function_is_listed() -> None:
    """It has no old package."""
    document = kept_plan("code")
    (change,) = [found for found in document["resource_changes"] if found["address"] == POST]
    change["change"] |= {"actions": ["create"], "before": None, "before_sensitive": False}
    plan = read_plan(json.dumps(document), "code")
    shown = page(plan)
    assert f"- **api-schedule-post**: package nothing → `{change['change']['after']['source_code_hash']}`" in shown
    assert shown.index("## Code") < shown.index("its code; see above")


def further(**values: Any) -> str:
    """Return the page of a plan without changes that holds these facts; `change` are facts about one resource."""
    document = kept_plan("unchanged")
    changed = values.pop("change", {})
    document["resource_changes"][0]["change"].update(changed.pop("change", {}))
    document["resource_changes"][0].update(changed)
    return page(read_plan(json.dumps(document | values), "unchanged"))


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"change": {"previous_address": "module.old.x"}}, "was until now `module.old.x`"),
        ({"change": {"change": {"importing": {"id": "x"}}}}, "is imported: it exists already"),
        (
            {"resource_drift": [{"address": "a.b", "change": {"actions": ["delete"]}}]},
            "- also: `a.b` no longer exists, and Terraform did not destroy it\n",
        ),
        (
            {"checks": [{"address": {"to_display": "check.x"}, "status": "fail"}]},
            "- also: `check.x` is a check that fails\n",
        ),
        (
            {"deferred_changes": [{"reason": "provider_config_unknown", "resource_change": {"address": "a.b"}}]},
            "- also: `a.b` is deferred to a later plan: `provider_config_unknown`\n",
        ),
        (
            {"action_invocations": [{"address": "action.aws_lambda_invoke.x"}]},
            "- also: `action.aws_lambda_invoke.x` is an action that would run\n",
        ),
    ],
)
def test_facts_beside_the_changes_are_listed(values: dict[str, Any], line: str) -> None:
    """Each is a line, and the headline doesn't say that nothing changes."""
    shown = further(**values)
    assert line in shown.partition("## Changes\n")[2]
    assert shown.count("- also: ") == 1
    assert "**Nothing changes.**" not in shown


def test_passing_checks_and_other_drift_are_left_out() -> None:
    """A resource that drifted and still exists is no fact of the plan."""
    shown = further(
        checks=[{"address": {"to_display": "check.x"}, "status": "pass"}],
        resource_drift=[{"address": "a.b", "change": {"actions": ["update"]}}],
    )
    assert "- also: " not in shown


def test_update_without_visible_difference_is_listed() -> None:
    """It is counted, so it needs a line."""
    document = kept_plan("unchanged")
    document["resource_changes"][0]["change"]["actions"] = ["update"]
    shown = page(read_plan(json.dumps(document), "unchanged"))
    assert "| 0 | 1 | 0 | 0 |" in shown
    assert "\n  - no visible difference: an empty value counts as not set\n" in shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("text", "`text`"),
        ("`a` b", "`` `a` b ``"),
        ("two\nlines", '`"two\\nlines"`'),
        ("", '`""`'),
        (True, "`true`"),
        (None, "nothing"),
        (UNKNOWN, "(known after apply)"),
        (Sensitive("x"), "(sensitive)"),
        ([Sensitive("x"), 1], '`["(sensitive)", 1]`'),
        ("x" * 200, f"`{'x' * 160}… (200 characters)`"),
    ],
)
def test_quoted_value_stays_in_its_quotes(value: object, shown: str) -> None:
    """It makes no line either."""
    assert quoted(value) == shown
