"""The page: what comes first, what is on it, and what is not."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from tools.review.code import CodeChange, code_changes
from tools.review.dangers import find_dangers

from tests.support.review.kept_plans import kept_plan, scenario
from tools.review.accepted import Accepted, judge
from tools.review.danger import quoted
from tools.review.markdown import render
from tools.review.plan import UNKNOWN, Plan, Sensitive, read_plan

TODAY = date(2026, 11, 25)


def page(plan: Plan, *entries: Accepted, code: tuple[CodeChange, ...] = ()) -> str:
    """The review of a plan."""
    return render(plan, judge(find_dangers(plan), entries, TODAY), code)


def test_unchanged() -> None:
    """Of a plan that changes nothing there is nothing to say."""
    assert page(scenario("unchanged")).split("\n\n")[1:] == [
        "**Nothing changes.**",
        "| create | update | replace | destroy |\n|---|---|---|---|\n| 0 | 0 | 0 | 0 |\n",
    ]


def test_dangers_come_first() -> None:
    """Dangers, then counts, then changes."""
    shown = page(scenario("shards_lowered"))
    order = ["Pending schedules in shards 16 to 63", "| 0 | 2 | 0 | 0 |", "`64` → `16`"]
    assert sorted(order, key=shown.index) == order
    assert "**1 danger that nobody accepted.**" in shown


def test_only_what_changes() -> None:
    """An attribute that stays is not on the page."""
    shown = page(scenario("shards_lowered"))
    assert "METRICS_NAMESPACE" not in shown
    assert "memory_size" not in shown


def test_policies_by_statement() -> None:
    """A policy is told by the statements that go and come, those that stay not at all."""
    shown = page(scenario("access_grows"))
    assert "goes: `Allow dynamodb:PutItem on arn:aws:dynamodb:eu-west-1:777788889999:table/" in shown
    assert "comes: `Allow dynamodb:GetItem, dynamodb:PutItem on arn:aws:dynamodb:" in shown
    assert "dynamodb:Query" not in shown
    assert '"Version"' not in shown


def test_unread_policy_with_the_same_statements() -> None:
    """Terraform calls a policy unknown because a log group's retention changes: nothing in it does."""
    assert "`policy`: its statements stay as they are" in page(scenario("harmless"))


def test_json_by_attribute() -> None:
    """Other JSON is told by what changes inside it."""
    shown = page(scenario("mapping_loses"))
    assert '`filter_criteria.filter.pattern.eventName`: `["INSERT", "REMOVE"]` → `["INSERT"]`' in shown


def test_known_after_apply() -> None:
    """What is not known yet says so, and what forces a replacement too."""
    shown = page(scenario("mapping_position"))
    assert "`starting_position`: `TRIM_HORIZON` → `LATEST` (forces the replacement)" in shown
    assert "(known after apply)" in shown


def test_first_apply() -> None:
    """All is new, so that names are enough, and what may be done."""
    shown = page(scenario("first"))
    assert "this is a first apply" in shown
    assert "| 59 | 0 | 0 | 0 |" in shown
    assert "memory_size" not in shown
    assert "Allow dynamodb:PutItem on (known after apply)" in shown


def test_accepted() -> None:
    """What is accepted is told with the reason, and what is expired or of no use with what to do."""
    plan = scenario("shards_lowered")
    (danger,) = find_dangers(plan)
    entry = Accepted(danger.id, danger.address, "Drained on Monday.", TODAY)
    shown = page(
        plan,
        entry,
        Accepted("queue-destroyed", "q", "Moved.", TODAY),
        Accepted("stream-off", "t", "x", date(2026, 1, 1)),
    )
    assert "**No danger that is not accepted.**" in shown
    assert "until 2026-11-25: `Drained on Monday.`" in shown
    assert "`queue-destroyed` at `q` accepts what this plan does not do" in shown
    assert "`stream-off` at `t` expired on 2026-01-01" in shown


@pytest.mark.parametrize(
    ("planned", "said"), [("f" * 40, "First`\n"), (None, "First`, compared with this checkout as it is now\n")]
)
def test_code(planned: str | None, said: str) -> None:
    """Code is told by what is deployed and what changed, not by how the new commit is called."""
    change = CodeChange(
        "a-function", "old", "new", "abc of 2026-11-25, First", planned, ("src/x.py +1 -0",), ("y 1 → 2",),
        is_of_checkout=planned is None,
    )  # fmt: skip
    shown = page(scenario("code"), code=(change,))
    assert "- **a-function**: package `old` → `new`\n  - deployed is `abc of 2026-11-25, " + said in shown
    assert "\n  - `src/x.py +1 -0`\n  - locked package `y 1 → 2`\n" in shown
    assert "f" * 40 not in shown


def test_unknown_code() -> None:
    """Where nothing is known of the planned package, nothing is said of what differs."""
    change = CodeChange("a-function", "old", "new", "abc of 2026-11-25, First")
    shown = page(scenario("code"), code=(change,))
    assert "\n  - deployed is `abc of 2026-11-25, First`; what changes can't be told, for which commit the" in shown
    assert "no source" not in shown
    assert "compared with this checkout" not in shown


def test_new_function() -> None:
    """The code of a function that is not there yet is among the code, too."""
    document = kept_plan("code")
    (change,) = [found for found in document["resource_changes"] if found["type"] == "aws_lambda_function"]
    change["change"] |= {"actions": ["create"], "before": None, "before_sensitive": False}
    plan = read_plan(json.dumps(document), "code")
    shown = page(plan, code=tuple(code_changes(plan, None)))
    assert f"- **api-schedule-post**: package nothing → `{change['change']['after']['source_code_hash']}`" in shown
    assert shown.index("## Code") < shown.index("its code; see above")
    assert "Which commit is deployed is not known" not in shown


def further(**values: Any) -> str:
    """The page of a plan that changes nothing but says this besides; of the values of `change`, the sweep's target."""
    document = kept_plan("unchanged")
    changed = values.pop("change", {})
    document["resource_changes"][0]["change"].update(changed.pop("change", {}))
    document["resource_changes"][0].update(changed)
    return page(read_plan(json.dumps(document | values), "unchanged"))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"change": {"previous_address": "module.old.x"}}, "is what was `module.old.x`"),
        ({"change": {"change": {"importing": {"id": "x"}}}}, "is imported: it is there already"),
        (
            {"resource_drift": [{"address": "a.b", "change": {"actions": ["delete"]}}]},
            "- also: `a.b` is gone, and Terraform did not remove it\n",
        ),
        (
            {"checks": [{"address": {"to_display": "check.x"}, "status": "fail"}]},
            "- also: `check.x` is a check that does not hold\n",
        ),
        (
            {"deferred_changes": [{"reason": "provider_config_unknown", "resource_change": {"address": "a.b"}}]},
            "- also: `a.b` is left to a later plan: `provider_config_unknown`\n",
        ),
        (
            {"action_invocations": [{"address": "action.aws_lambda_invoke.x"}]},
            "- also: `action.aws_lambda_invoke.x` is an action that would be run\n",
        ),
    ],
)
def test_further(values: dict[str, Any], said: str) -> None:
    """What a plan says beside its changes is a line each, and such a plan is not one that changes nothing."""
    shown = further(**values)
    assert said in shown.partition("## Changes\n")[2]
    assert shown.count("- also: ") == 1
    assert "**Nothing changes.**" not in shown


def test_passing_checks_and_other_drift() -> None:
    """What holds, and what changed but is there, is not told."""
    shown = further(
        checks=[{"address": {"to_display": "check.x"}, "status": "pass"}],
        resource_drift=[{"address": "a.b", "change": {"actions": ["update"]}}],
    )
    assert "- also: " not in shown


def test_update_that_shows_nothing() -> None:
    """An update of which nothing can be told is counted, so it is listed."""
    document = kept_plan("unchanged")
    document["resource_changes"][0]["change"]["actions"] = ["update"]
    shown = page(read_plan(json.dumps(document), "unchanged"))
    assert "| 0 | 1 | 0 | 0 |" in shown
    assert "\n  - nothing that can be told apart: what is empty counts as not set\n" in shown


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
def test_values(value: object, shown: str) -> None:
    """A value can't leave its quotes, nor make lines of its own."""
    assert quoted(value) == shown
