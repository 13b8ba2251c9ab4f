"""The digest of a plan: the same for the same change, another for any other."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.review.addresses import POST, STAGE, TABLE
from tests.support.review.kept_plans import kept_plan, kept_text
from tools.review.digest import digest
from tools.review.plan import PlanError


def plan(name: str = "throttling_raised") -> Any:
    """A real plan."""
    return kept_plan(name)


def change_of(document: Any, address: str = STAGE) -> Any:
    """What becomes of a resource."""
    (found,) = [found for found in document["resource_changes"] if found["address"] == address]
    return found["change"]


def set_on_both(document: Any) -> None:
    """An attribute that stays is another one, as after another merge's apply."""
    for side in ("before", "after"):
        change_of(document)[side]["description"] = "of another merge"


@pytest.mark.parametrize(
    "differ",
    [
        lambda document: document.update(timestamp="2027-01-01T00:00:00Z", relevant_attributes=[{"resource": "x"}]),
        lambda document: document["resource_changes"].reverse(),
        lambda document: document.update(terraform_version="1.99.0", variables={}),
        set_on_both,
    ],
)
def test_the_same_change(differ: Callable[[Any], None]) -> None:
    """When, by what and after which other changes a plan was made is no part of what it changes."""
    document = plan()
    differ(document)
    assert digest(document, "x") == digest(plan(), "x")


@pytest.mark.parametrize(
    "differ",
    [
        lambda change: change["after"].update(description="x" * 200),
        lambda change: change.update(actions=["delete", "create"]),
        lambda change: change.update(replace_paths=[["name"]]),
        lambda change: change["after_unknown"].update(name=True),
        lambda change: change.update(importing={"id": "x"}),
        lambda change: change["before"].update(description="x"),
    ],
)
def test_another_change(differ: Callable[[Any], None]) -> None:
    """Every value that changes, what is done about it, and what is known only later."""
    document = plan()
    differ(change_of(document))
    assert digest(document, "x") != digest(plan(), "x")


def test_what_a_page_does_not_show() -> None:
    """A first apply's values, and the end of a long one, are told by no page."""
    first, other = plan("first"), plan("first")
    change_of(other, TABLE)["after"]["deletion_protection_enabled"] = None
    assert digest(first, "x") != digest(other, "x")
    long, longer = plan(), plan()
    change_of(long)["after"]["description"] = "x" * 200
    change_of(longer)["after"]["description"] = "x" * 199 + "y"
    assert digest(long, "x") != digest(longer, "x")


def test_sensitive() -> None:
    """A sensitive value takes part, and so does that it is sensitive."""
    text = kept_text("sensitive")
    assert digest(json.loads(text), "x") != digest(json.loads(text.replace("the-secret-4f1d", "another-5e1c")), "x")
    document = plan()
    change_of(document)["after"]["description"] = "x"
    marked = json.loads(json.dumps(document))
    change_of(marked)["after_sensitive"] = {"description": True}
    assert digest(document, "x") != digest(marked, "x")


def test_what_is_reported() -> None:
    """When AWS last changed a function differs between two plans, and is known only after the apply in both."""
    document = plan("code")
    address = POST
    assert change_of(document, address)["after_unknown"]["last_modified"] is True
    change_of(document, address)["before"]["last_modified"] = "2027-01-01T00:00:00.000+0000"
    assert digest(document, "x") == digest(plan("code"), "x")


def test_outputs_and_further() -> None:
    """Outputs, actions and what is left to a later plan are part of it."""
    digests = {
        digest(plan() | further, "x")
        for further in (
            {},
            {"output_changes": {"a": {"actions": ["update"], "before": "b", "after": "c"}}},
            {"output_changes": {"a": {"actions": ["update"], "before": "b", "after": "d"}}},
            {"action_invocations": [{"address": "x"}]},
            {"deferred_changes": [{"reason": "x"}]},
        )
    }
    assert len(digests) == 5


def test_unreadable() -> None:
    """What is no plan is named."""
    with pytest.raises(PlanError, match=r"^what x\.json changes can't be read"):
        digest({"resource_changes": [1]}, "x.json")
