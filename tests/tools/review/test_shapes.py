"""Plans of every shape: first, partial, refreshing, empty, with outputs only, and with facts beside their changes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.review.addresses import QUEUE, TABLE
from tests.support.review.kept_plans import kept_plan
from tools.review.plan import plan_from
from tools.review.review import find_dangers

NAMED = {"mode": "managed", "type": "aws_sns_topic", "name": "t"}
STAYS = {
    "address": "aws_sns_topic.t",
    **NAMED,
    "change": {"actions": ["no-op"], "before": {"id": "t"}, "after": {"id": "t"}},
}
STATE = {
    "values": {"root_module": {"child_modules": [{"resources": [{"address": "aws_sns_topic.t", "mode": "managed"}]}]}}
}


def ids(document: dict[str, Any]) -> list[str]:
    """Return the ids of the dangers of a plan, each once."""
    found = find_dangers(plan_from({"format_version": "1.2"} | document, "plan"))
    return list(dict.fromkeys(danger.id for danger in found))


class TestFirst:
    """A plan that creates everything."""

    def test_first_apply_has_no_danger(self) -> None:
        """Nothing exists that it could harm."""
        assert ids(kept_plan("first")) == []

    @pytest.mark.parametrize(
        "facts",
        [
            {
                "resource_drift": [
                    {
                        "address": TABLE, "mode": "managed", "type": "aws_dynamodb_table", "name": "schedules",
                        "change": {"actions": ["delete"], "before": {"name": "delayer-prod-schedules"}, "after": None},
                    }
                ]
            },
            {"prior_state": STATE},
            {"output_changes": {"api_id": {"actions": ["update"], "before": "x", "after_unknown": True}}},
        ],
    )  # fmt: skip
    def test_lost_resources_make_no_first_apply(self, facts: dict[str, Any]) -> None:
        """Somebody deleted all of them by hand: what they held is lost."""
        found = ids(kept_plan("first") | facts)
        assert "store-created" in found
        assert ("vanished" in found) is ("resource_drift" in facts)


class TestPartial:
    """A plan of a part of the configuration."""

    @pytest.mark.parametrize(
        ("facts", "is_partial"),
        [
            ({"complete": False}, True),
            ({"complete": True, "prior_state": STATE}, False),
            # Terraform before 1.8 doesn't say so.
            ({"prior_state": STATE}, True),
            ({"prior_state": STATE, "resource_changes": [STAYS]}, False),
            ({"errored": True}, True),
        ],
    )
    def test_partial_plan_is_a_danger(self, facts: dict[str, Any], *, is_partial: bool) -> None:
        """It leaves out changes, because of targets or because it failed."""
        other = {"address": "aws_sns_topic.other", **NAMED, "change": STAYS["change"]}
        assert ("plan-partial" in ids({"resource_changes": [other]} | facts)) is is_partial

    def test_plan_that_only_refreshes_is_none(self) -> None:
        """It has no changes of resources."""
        drift = {**STAYS, "change": {"actions": ["update"], "before": {"id": "a"}, "after": {"id": "b"}}}
        assert ids({"planned_values": {}, "prior_state": STATE, "resource_drift": [drift]}) == []


class TestOutputs:
    """Values that other roots and scripts read."""

    @pytest.mark.parametrize(
        ("before", "after", "found"),
        [
            (None, "x", []),
            ("x", "y", ["output-changed"]),
            ("x", None, ["output-gone"]),
            ({"a": "x"}, {"a": "x", "b": "y"}, []),
            ({"a": "x", "b": "y"}, {"a": "x"}, ["output-gone"]),
            ({"a": "x"}, {"a": "y"}, ["output-changed"]),
        ],
    )
    def test_output_may_only_be_added(self, before: Any, after: Any, found: list[str]) -> None:
        """So may a part of a map."""
        change = {"actions": ["update"], "before": before, "after": after}
        assert ids({"resource_changes": [STAYS], "output_changes": {"url": change}}) == found

    def test_output_that_is_not_known_yet_follows_a_resource(self) -> None:
        """That resource is judged itself."""
        change = {"actions": ["update"], "before": "x", "after_unknown": True}
        assert ids({"resource_changes": [STAYS], "output_changes": {"url": change}}) == []


class TestBeside:
    """What happens beside the changes."""

    @pytest.mark.parametrize("depth", [0, 2])
    @pytest.mark.parametrize(
        "resource",
        [
            {"address": "x.y", "mode": "managed", "type": "x", "name": "y", "provisioners": [{"type": "local-exec"}]},
            {"address": "data.external.y", "mode": "data", "type": "external", "name": "y"},
            {"mode": "data", "type": "http", "name": "y"},
        ],
    )
    def test_programs_and_servers_are_dangers_wherever_they_are(self, resource: dict[str, Any], depth: int) -> None:
        """The resource may stay, and be in any module."""
        module: dict[str, Any] = {"resources": [resource]}
        for _ in range(depth):
            module = {"module_calls": {"inner": {"module": module}}}
        assert ids({"resource_changes": [STAYS], "configuration": {"root_module": module}}) == ["program-run"]

    def test_deposed_object_of_the_queue_is_a_loss(self) -> None:
        """A replacement that failed left it behind."""
        document = kept_plan("destroyed")
        (queue,) = [found for found in document["resource_changes"] if found["address"] == QUEUE]
        assert "queue-destroyed" in ids({"resource_changes": [STAYS, queue | {"deposed": "a1b2c3d4"}]})
