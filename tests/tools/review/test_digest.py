"""The digest of a plan: the same for the same change, another for any other."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.review.addresses import POST, STAGE, TABLE
from tests.support.review.kept_plans import kept_plan, kept_text
from tools.review.digest import digest


def plan(name: str = "throttling_raised") -> Any:
    """Return a real plan, parsed."""
    return kept_plan(name)


def change_of(document: Any, address: str = STAGE) -> Any:
    """Return the change of a resource."""
    (found,) = [found for found in document["resource_changes"] if found["address"] == address]
    return found["change"]


def set_on_both(document: Any) -> None:
    """Give an attribute that stays another value, as another merge's apply does."""
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
def test_same_change_has_the_same_digest(differ: Callable[[Any], None]) -> None:
    """Time, version, order and the values that stay don't count."""
    document = plan()
    differ(document)
    assert digest(document) == digest(plan())


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
def test_another_change_has_another_digest(differ: Callable[[Any], None]) -> None:
    """Every value that changes counts, the action, and the values that are unknown."""
    document = plan()
    differ(change_of(document))
    assert digest(document) != digest(plan())


def test_values_that_no_page_shows_count() -> None:
    """A page leaves out the values of a first apply and the end of a long value."""
    first, other = plan("first"), plan("first")
    change_of(other, TABLE)["after"]["deletion_protection_enabled"] = None
    assert digest(first) != digest(other)
    long, longer = plan(), plan()
    change_of(long)["after"]["description"] = "x" * 200
    change_of(longer)["after"]["description"] = "x" * 199 + "y"
    assert digest(long) != digest(longer)


def test_sensitive_values_and_marks_count() -> None:
    """A value that becomes sensitive is another change."""
    text = kept_text("sensitive")
    assert digest(json.loads(text)) != digest(json.loads(text.replace("the-secret-4f1d", "another-5e1c")))
    document = plan()
    change_of(document)["after"]["description"] = "x"
    marked = json.loads(json.dumps(document))
    change_of(marked)["after_sensitive"] = {"description": True}
    assert digest(document) != digest(marked)


def test_attributes_that_aws_reports_do_not_count() -> None:
    """The time of a function's last change is unknown after the apply."""
    document = plan("code")
    address = POST
    assert change_of(document, address)["after_unknown"]["last_modified"] is True
    change_of(document, address)["before"]["last_modified"] = "2027-01-01T00:00:00.000+0000"
    assert digest(document) == digest(plan("code"))


def test_outputs_actions_and_deferred_changes_count() -> None:
    """Each gives another digest."""
    digests = {
        digest(plan() | further)
        for further in (
            {},
            {"output_changes": {"a": {"actions": ["update"], "before": "b", "after": "c"}}},
            {"output_changes": {"a": {"actions": ["update"], "before": "b", "after": "d"}}},
            {"action_invocations": [{"address": "x"}]},
            {"deferred_changes": [{"reason": "x"}]},
        )
    }
    assert len(digests) == 5
