"""The dangers of real plans."""

from __future__ import annotations

import json
import re

import pytest

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
from tests.support.review.expected import DANGERS_OF, FOUND, HARMLESS
from tests.support.review.kept_plans import FOUND_PLANS, PLANS, changed, kept_plan, scenario
from tests.support.review.scenarios import SCENARIOS
from tools.project import CONFIGURATION, ROOT
from tools.review.danger import SENTENCES, matches
from tools.review.plan import plan_from
from tools.review.review import find_dangers
from tools.review.table import RULES

#: Dangers of plans that no Terraform of today makes of this configuration.
MADE_UP = {"action-invoked", "change-deferred", "check-failed", "imported", "state-destroyed", "vanished"}

#: Replacing or destroying something makes more policies unknown than the scenario is about.
NOT_ALL = ("bucket_and_logs_replaced", "destroyed", "queues_replaced", "table_replaced")


@pytest.mark.parametrize("name", DANGERS_OF)
def test_plan_has_each_expected_danger(name: str) -> None:
    """Each has its address, and a sentence that says what would happen."""
    found = find_dangers(scenario(name))
    for danger, address, words in DANGERS_OF[name]:
        assert any((each.id, each.address) == (danger, address) and words in each.text for each in found), (
            danger,
            address,
            words,
            found,
        )


@pytest.mark.parametrize("name", sorted(set(DANGERS_OF) - set(NOT_ALL)))
def test_plan_has_no_further_danger(name: str) -> None:
    """A change that is dangerous in one way is not called dangerous in others, at any function or route."""
    found = {(danger.id, of_any(danger.address)) for danger in find_dangers(scenario(name))}
    assert found == {(danger, of_any(address)) for danger, address, _ in DANGERS_OF[name]}


def of_any(address: str) -> str:
    """Return an address as that of any function, or any route: scenarios change all of them."""
    functions = r"module\.(api_schedule_\w+|stream_dynamodb_fasttrack_enqueuer|task_1minute_enqueuer)(\[0\])?"
    return re.sub(r'\["[A-Z]+ /[^"]*"\]', "", re.sub(functions, "module.function", address))


def test_losses_without_a_copy_come_first() -> None:
    """Schedules, then messages, then records that could not be handled; dangers without a loss come last."""
    found = [danger.id for danger in find_dangers(scenario("destroyed"))]
    assert found[:4] == [
        "table-destroyed",
        "queue-destroyed",
        "dead-letter-queue-destroyed",
        "failure-bucket-destroyed",
    ]
    assert [each for each in found if each in ("sweep-paused", "alarms-silenced")] == [
        "sweep-paused",
        "alarms-silenced",
    ]


@pytest.mark.parametrize("name", sorted(HARMLESS))
def test_harmless_plan_has_no_danger(name: str) -> None:
    """Code, everyday settings, more shards, renamed alarms, a first apply."""
    assert find_dangers(scenario(name)) == []


def test_every_scenario_has_a_plan_and_an_expectation() -> None:
    """No plan is missing, and none is kept that no test reads."""
    assert set(SCENARIOS) == set(DANGERS_OF) | HARMLESS
    assert {path.stem for path in PLANS.glob("*.json")} == set(SCENARIOS)


@pytest.mark.parametrize("name", FOUND)
def test_found_plan_is_judged_as_its_name_says(name: str) -> None:
    """Each is a change that nobody had thought of, or of a root that is not the delayer's; two are harmless."""
    found = find_dangers(plan_from(json.loads(FOUND_PLANS.read_text(encoding="utf-8"))[name], name))
    assert sorted({danger.id for danger in found}) == FOUND[name]


def test_every_danger_occurs_in_a_plan() -> None:
    """Terraform made most of the plans. The others have facts that its newest versions and other roots add."""
    in_scenarios = {danger for found in DANGERS_OF.values() for danger, _, _ in found}
    in_found = {danger for found in FOUND.values() for danger in found}
    assert in_scenarios | in_found | MADE_UP == set(SENTENCES)


def test_every_sentence_has_a_rule() -> None:
    """The table and the modules name sentences like `recovery-off/table`; none is left over, and none is missing."""
    folder = ROOT / "tools" / "review"
    rules = "".join(path.read_text(encoding="utf-8") for path in [*sorted(folder.glob("*.py")), folder / "rules.toml"])
    sentences = {
        name if variant == "text" else f"{name}/{variant}"
        for name, entry in SENTENCES.items()
        for variant in entry
        if variant not in ("all", "means")
    }
    named = {name for name in re.findall(r'"([a-z-]+(?:/[a-z-]+)?)"', rules) if name.partition("/")[0] in SENTENCES}
    assert named <= sentences
    for sentence in sentences - named:
        # A rule that chooses among variants names them in a table of its own.
        name, _, variant = sentence.partition("/")
        assert f'f"{name}/{{' in rules, sentence
        assert re.search(f"""["']{variant}["']""", rules), sentence


def test_inventory_is_that_of_the_configuration() -> None:
    """The table knows every resource that the roots declare, by type, name and module, and no other."""
    declared = set()
    for path in CONFIGURATION.rglob("*.tf"):
        if ".terraform" not in path.parts:
            module = path.parent.name if path.parent.parent.name == "modules" else "bootstrap"
            module = "" if module == "delayer" else module
            declared |= {
                (f"{kind}.{name}", module)
                for kind, name in re.findall(r'^resource "(\w+)" "(\w+)"', path.read_text(), re.MULTILINE)
            }
    known = {
        (name, module if module in ("", "bootstrap") or not isinstance(rules["module"], list) else "function")
        for name, rules in RULES.items()
        if "module" in rules
        for module in ([rules["module"]] if isinstance(rules["module"], str) else rules["module"])
    }
    assert known == declared


def test_every_function_is_known_by_its_module() -> None:
    """A function whose module has another name needs its name in the table."""
    declared = re.findall(
        r'^module "(\w+)" {\n  source += "../function"$',
        "\n".join(path.read_text() for path in sorted((CONFIGURATION / "modules" / "delayer").glob("*.tf"))),
        re.MULTILINE,
    )
    assert len(declared) >= 3
    for name, rules in RULES.items():
        if isinstance(rules.get("module"), list):
            assert [each for each in declared if not any(matches(known, each) for known in rules["module"])] == [], name


def test_destroyed_queue_hides_no_danger_of_another() -> None:
    """The delayer queue's policy is judged while the dead-letter queue is destroyed."""
    document = kept_plan("tls_only_removed")
    gone = [change for change in kept_plan("destroyed")["resource_changes"] if change["address"] == DEAD_LETTERS]
    stays = json.loads(json.dumps(gone[0]))
    stays["address"], stays["name"] = QUEUE, "delayer"
    stays["change"] |= {"actions": ["no-op"], "after": stays["change"]["before"]}
    document["resource_changes"] += [*gone, stays]
    found = {(danger.id, danger.address) for danger in find_dangers(plan_from(document, "both"))}
    assert ("dead-letter-queue-destroyed", DEAD_LETTERS) in found
    assert ("tls-only-removed", QUEUE_POLICY) in found


class TestSettings:
    """The settings of the sweep and of the post function."""

    def variables(self, name: str, old: str, new: str) -> list[str]:
        """Return the sentences about a change of one of the sweep's settings."""
        values = {
            side: {"environment": [{"variables": {name: value}}]} for side, value in (("before", old), ("after", new))
        }
        plan = changed("period_lowered", SWEEP, **values)
        return [danger.text for danger in find_dangers(plan) if danger.address == SWEEP]

    def test_longer_delayer_period(self) -> None:
        """The sentence says how much moves at once."""
        (text,) = self.variables("DELAYER_PERIOD_SECONDS", "600", "840")
        assert "The first sweep hands over 240 s of schedules at once" in text

    def test_one_shard_fewer(self) -> None:
        """The sentence names one shard."""
        assert self.variables("SHARD_COUNT", "64", "63") == [
            "Pending schedules in shard 63 would never be swept.",
            "New schedules in shard 63 would never be swept.",
        ]

    def test_more_shards_are_no_danger(self) -> None:
        """The sweep reads all of them."""
        assert self.variables("SHARD_COUNT", "64", "65") == []

    def test_missing_shard_count_is_a_danger(self) -> None:
        """It is as bad as a lower one."""
        plan = changed("shards_lowered", SWEEP, after={"environment": []})
        assert "shards-unswept" in {danger.id for danger in find_dangers(plan)}

    def test_post_function_with_more_shards_than_the_sweep_is_a_danger(self) -> None:
        """New schedules would lie in shards that nobody sweeps."""
        variables = {"environment": [{"variables": {"SHARD_COUNT": "65"}}]}
        same = {"environment": [{"variables": {"SHARD_COUNT": "64"}}]}
        document = kept_plan("shards_lowered")
        for change in document["resource_changes"]:
            if change["type"] == "aws_lambda_function" and "SHARD_COUNT" in json.dumps(change["change"]["before"]):
                change["change"]["before"].update(same)
                change["change"]["after"].update(variables if change["address"] == POST else same)
        texts = [danger.text for danger in find_dangers(plan_from(document, "posted")) if danger.address == SWEEP]
        assert texts == ["New schedules in shard 64 would never be swept."]


class TestUnknown:
    """Values that are known only after the apply may be anything."""

    @pytest.mark.parametrize(
        ("name", "address", "attribute", "danger"),
        [
            ("mapping_disabled", MAPPING, "enabled", "stream-mapping-disabled"),
            ("functions_changed", POST, "runtime", "function-runtime-changed"),
            ("functions_stopped", POST, "reserved_concurrent_executions", "function-stopped"),
            ("settings_elsewhere", POST, "environment", "unjudged-change"),
            ("worker_elsewhere", SECOND_TARGET, "arn", "sweep-elsewhere"),
            ("stream_view", TABLE, "stream_view_type", "stream-changed"),
            ("retention_shortened", QUEUE, "message_retention_seconds", "retention-shortened"),
            ("authorization_removed", ROUTE, "authorization_type", "authorization-changed"),
        ],
    )
    def test_unknown_attribute_is_a_danger(self, name: str, address: str, attribute: str, danger: str) -> None:
        """It is judged like a changed one."""
        plan = changed(name, address, after_unknown={attribute: True})
        assert danger in {found.id for found in find_dangers(plan) if found.address == address}
