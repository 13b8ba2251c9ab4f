"""What the review finds dangerous in real plans, and what it does not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tools.review.dangers import DANGERS, find_dangers

from tests.support.review.addresses import (
    DEAD_LETTERS,
    MAPPING,
    POST,
    QUEUE,
    QUEUE_POLICY,
    ROUTE,
    SECOND_TARGET,
    SWEEP,
    TABLE,
)
from tests.support.review.expected import DANGERS_OF, HARMLESS
from tests.support.review.kept_plans import PLANS, changed, kept_plan, scenario
from tests.support.review.scenarios import SCENARIOS
from tools.project import CONFIGURATION
from tools.review.inventory import KNOWN_TYPES
from tools.review.plan import read_plan

#: Where replacing something leaves more unknown than what the scenario is for.
NOT_ALL = ("bucket_and_logs_replaced", "destroyed", "queues_replaced", "table_replaced")


@pytest.mark.parametrize("name", DANGERS_OF)
def test_what_a_plan_would_do_is_told(name: str) -> None:
    """Each danger is told with its address, in words that say what would happen."""
    found = find_dangers(scenario(name))
    for danger, address, words in DANGERS_OF[name]:
        assert any((each.id, each.address) == (danger, address) and words in each.text for each in found), (
            danger,
            address,
            words,
            found,
        )


@pytest.mark.parametrize("name", sorted(set(DANGERS_OF) - set(NOT_ALL)))
def test_nothing_else_is_told(name: str) -> None:
    """A change that is dangerous in one way is not told to be so in others."""
    found = sorted((danger.id, danger.address) for danger in find_dangers(scenario(name)))
    assert found == sorted((danger, address) for danger, address, _ in DANGERS_OF[name])


def test_what_is_nowhere_else_comes_first() -> None:
    """Schedules, then messages, then what could not be handled; what is no loss comes after all that is one."""
    found = [danger.id for danger in find_dangers(scenario("destroyed"))]
    assert found[:4] == [
        "table-destroyed",
        "queue-destroyed",
        "dead-letter-queue-destroyed",
        "failure-bucket-destroyed",
    ]
    assert found[-2:] == ["sweep-paused", "alarms-silenced"]


@pytest.mark.parametrize("name", sorted(HARMLESS))
def test_no_danger(name: str) -> None:
    """Code, everyday settings, more shards, renamed alarms, a first apply: nothing that would be lost, late or open."""
    assert find_dangers(scenario(name)) == []


def test_every_scenario_is_looked_at() -> None:
    """No plan is kept that no test reads, and none is missing."""
    assert set(SCENARIOS) == set(DANGERS_OF) | HARMLESS
    assert {path.stem for path in PLANS.glob("*.json")} == set(SCENARIOS)


def test_every_danger_is_shown_by_a_real_plan() -> None:
    """There is no danger that no scenario causes."""
    assert {danger for found in DANGERS_OF.values() for danger, _, _ in found} == set(DANGERS)


def test_every_type_is_known() -> None:
    """The types of which the review knows something are those that an environment is made of, and no others."""
    files = [path for path in CONFIGURATION.rglob("*.tf") if not {"bootstrap", ".terraform"} & set(path.parts)]
    assert set(re.findall(r'^resource "(\w+)"', "\n".join(map(Path.read_text, files)), re.MULTILINE)) == KNOWN_TYPES


def test_a_queue_that_goes_hides_nothing_of_another() -> None:
    """The delayer queue's policy counts even while the dead-letter queue goes too."""
    document = kept_plan("tls_only_removed")
    gone = [change for change in kept_plan("destroyed")["resource_changes"] if change["address"] == DEAD_LETTERS]
    stays = json.loads(json.dumps(gone[0]))
    stays["address"], stays["name"] = QUEUE, "delayer"
    stays["change"] |= {"actions": ["no-op"], "after": stays["change"]["before"]}
    document["resource_changes"] += [*gone, stays]
    found = {(danger.id, danger.address) for danger in find_dangers(read_plan(json.dumps(document), "both"))}
    assert ("dead-letter-queue-destroyed", DEAD_LETTERS) in found
    assert ("tls-only-removed", QUEUE_POLICY) in found


class TestSettings:
    """What functions are told."""

    def variables(self, name: str, old: str, new: str) -> list[str]:
        """What is said of another change of one of the sweep's settings than the kept one."""
        values = {
            side: {"environment": [{"variables": {name: value}}]} for side, value in (("before", old), ("after", new))
        }
        plan = changed("period_lowered", SWEEP, **values)
        return [danger.text for danger in find_dangers(plan) if danger.address == SWEEP]

    def test_longer_period(self) -> None:
        """Schedules move at once, and can be cancelled for less long."""
        (text,) = self.variables("DELAYER_PERIOD_SECONDS", "600", "840")
        assert "The first sweep hands over 240 s of schedules at once" in text

    def test_one_shard_less(self) -> None:
        """The sentence has one shard in it."""
        assert self.variables("SHARD_COUNT", "64", "63") == ["Pending schedules in shard 63 would never be swept."]

    def test_more_shards(self) -> None:
        """More are no danger."""
        assert self.variables("SHARD_COUNT", "64", "65") == []

    def test_no_shard_count(self) -> None:
        """A setting that is gone is as bad as one that is lower."""
        plan = changed("shards_lowered", SWEEP, after={"environment": []})
        assert "shards-unswept" in {danger.id for danger in find_dangers(plan)}

    def test_posted_but_not_swept(self) -> None:
        """The post function may not be told of more shards than the sweep."""
        variables = {"environment": [{"variables": {"SHARD_COUNT": "65"}}]}
        same = {"environment": [{"variables": {"SHARD_COUNT": "64"}}]}
        document = kept_plan("shards_lowered")
        for change in document["resource_changes"]:
            if change["address"] in (POST, SWEEP):
                change["change"]["before"].update(same)
                change["change"]["after"].update(variables if change["address"] == POST else same)
        (danger,) = find_dangers(read_plan(json.dumps(document), "posted"))
        assert danger.text == "New schedules in shard 64 would never be swept."


class TestUnknown:
    """What is known only after the apply may be anything."""

    @pytest.mark.parametrize(
        ("name", "address", "attribute", "danger"),
        [
            ("mapping_disabled", MAPPING, "enabled", "stream-mapping-disabled"),
            ("functions_changed", POST, "runtime", "function-runtime-changed"),
            ("functions_stopped", POST, "reserved_concurrent_executions", "function-stopped"),
            ("settings_elsewhere", POST, "environment", "function-elsewhere"),
            ("worker_elsewhere", SECOND_TARGET, "arn", "sweep-elsewhere"),
            ("stream_view", TABLE, "stream_view_type", "stream-changed"),
            ("retention_shortened", QUEUE, "message_retention_seconds", "retention-shortened"),
            ("authorization_removed", ROUTE, "authorization_type", "authorization-changed"),
        ],
    )
    def test_judged_like_a_change(self, name: str, address: str, attribute: str, danger: str) -> None:
        """An attribute that matters and is not known yet is a danger."""
        plan = changed(name, address, after_unknown={attribute: True})
        assert danger in {found.id for found in find_dangers(plan) if found.address == address}
