"""The page: its order, its sections, and what it leaves out."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from tests.support.review.addresses import ACCESS_LOGS, POST
from tests.support.review.kept_plans import kept_plan, scenario
from tools.review.danger import Accepted, judge, quoted
from tools.review.markdown import render
from tools.review.plan import UNKNOWN, Plan, Sensitive, plan_from
from tools.review.review import find_dangers

TODAY = date(2026, 11, 25)


def page(plan: Plan, *entries: Accepted) -> str:
    """Return the page of a plan."""
    return render(plan, judge(find_dangers(plan), entries, TODAY))


def test_page_of_an_unchanged_plan() -> None:
    """It has a headline and counts."""
    assert page(scenario("unchanged")).split("\n\n")[1:] == [
        "**Nothing changes.**",
        "**Changes:** 0 to create, 0 to update, 0 to replace, 0 to destroy.\n",
    ]


def test_dangers_come_first() -> None:
    """Then counts, then changes."""
    shown = page(scenario("shards_lowered"))
    order = ["Pending schedules in shards 16 to 63", " to update", "`64` → `16`"]
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
    assert "**Changes:** 0 to create" not in shown
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


def test_code_is_shown_by_the_hashes_of_its_packages() -> None:
    """Of a new function there is one."""
    document = kept_plan("code")
    (change,) = [found["change"] for found in document["resource_changes"] if found["address"] == POST]
    old, new = (change[side]["source_code_hash"] for side in ("before", "after"))
    assert f"`source_code_hash`: `{old}` → `{new}`" in page(plan_from(document, "code"))
    change |= {"actions": ["create"], "before": None, "before_sensitive": False}
    assert f"`source_code_hash`: `{new}`" in page(plan_from(document, "code"))


def further(**values: Any) -> str:
    """Return the page of a plan without changes that holds these facts; `change` are facts about one resource."""
    document = kept_plan("unchanged")
    changed = values.pop("change", {})
    document["resource_changes"][0]["change"].update(changed.pop("change", {}))
    document["resource_changes"][0].update(changed)
    return page(plan_from(document | values, "unchanged"))


DELETED = {"address": "a.b", "mode": "managed", "type": "a", "name": "b"}


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"change": {"previous_address": "module.old.x"}}, ", moved from `module.old.x`\n"),
        ({"change": {"change": {"importing": {"id": "x"}}}}, "which exists already as `x`"),
        (
            {"resource_drift": [DELETED | {"change": {"actions": ["delete"], "before": {"id": "x"}}}]},
            "- `a.b` no longer exists\n",
        ),
        (
            {
                "checks": [
                    {
                        "address": {"to_display": "check.x"},
                        "status": "fail",
                        "instances": [{"problems": [{"message": "is \n down"}]}],
                    }
                ]
            },
            '`check.x` fails (`"is \\n down"`).',
        ),
        (
            {"deferred_changes": [{"reason": "provider_config_unknown", "resource_change": {"address": "a.b"}}]},
            "`a.b` is deferred to a later plan (`provider_config_unknown`).",
        ),
        (
            {"action_invocations": [{"address": "action.aws_lambda_invoke.x"}]},
            "`action.aws_lambda_invoke.x` would run.",
        ),
        ({"complete": False}, "What the plan leaves out can't be judged"),
        ({"errored": True}, "planning failed"),
    ],
)
def test_facts_beside_the_changes_are_shown(values: dict[str, Any], line: str) -> None:
    """The headline doesn't say that nothing changes."""
    shown = further(**values)
    assert line in shown
    assert "**Nothing changes.**" not in shown


def test_passing_checks_are_left_out() -> None:
    """They are no fact of the plan."""
    assert "check.x" not in further(checks=[{"address": {"to_display": "check.x"}, "status": "pass"}])


def test_drift_is_grouped_and_says_what_the_plan_changes_again() -> None:
    """A resource that drifted and still exists is folded by its type."""
    document = kept_plan("retention_shortened")
    (group,) = [found for found in document["resource_changes"] if found["address"] == ACCESS_LOGS]
    drifted = json.loads(json.dumps(group))
    drifted["change"] |= {"before": group["change"]["before"] | {"retention_in_days": 180}}
    drifted["change"] |= {"after": group["change"]["before"]}
    shown = page(plan_from(document | {"resource_drift": [drifted]}, "drift"))
    section = shown.partition("## Changed outside of Terraform\n")[2]
    assert "<details><summary><code>aws_cloudwatch_log_group</code>: 1</summary>" in section
    assert "  - `retention_in_days`: `180` → `90` (this plan changes it again)\n" in section


def test_update_without_visible_difference_is_listed() -> None:
    """It is counted, so it needs a line."""
    document = kept_plan("unchanged")
    document["resource_changes"][0]["change"]["actions"] = ["update"]
    shown = page(plan_from(document, "unchanged"))
    assert "1 to update" in shown
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
