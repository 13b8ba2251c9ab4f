"""Changes of real plans that look dangerous and are not: nobody reads a review that cries wolf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.support.review.addresses import (
    FAST_TRACK,
    INTEGRATION,
    MONITORING,
    POST,
    QUEUE,
    SECOND_TARGET,
    SWEEP,
    TABLE,
)
from tests.support.review.kept_plans import changed, kept_plan, scenario
from tools.review.plan import Plan, plan_from
from tools.review.review import find_dangers


def ids(plan: Plan) -> list[str]:
    """Return the ids of a plan's dangers."""
    return [danger.id for danger in find_dangers(plan)]


def document(name: str) -> dict[str, Any]:
    """Return a scenario's plan, parsed, to be changed."""
    return dict(kept_plan(name))


def found_at(plan: Mapping[str, Any], address: str) -> dict[str, Any]:
    """Return the change of one resource in a parsed plan."""
    found: dict[str, Any]
    (found,) = [change for change in plan["resource_changes"] if change["address"] == address]
    return found


class TestAlarms:
    """Alarms that change."""

    def change(self, side: str, **values: Any) -> list[str]:
        """Return the dangers of a plan in which every alarm is enabled, and has these values on one side."""
        plan = document("alarms_disabled")
        for found in plan["resource_changes"]:
            if found["type"] == "aws_cloudwatch_metric_alarm" and found["change"]["actions"] != ["no-op"]:
                found["change"]["after"]["actions_enabled"] = True
                found["change"][side] |= values
        return ids(plan_from(plan, "alarms"))

    def test_first_topic_is_no_danger(self) -> None:
        """The alarms notified nobody before."""
        assert self.change("before", alarm_actions=[]) == []
        assert self.change("after", alarm_actions=[]) == ["alarms-silenced"]

    def test_alarm_may_fire_earlier(self) -> None:
        """It may need fewer values."""
        assert self.change("after", evaluation_periods=1, datapoints_to_alarm=1) == []
        assert self.change("after", evaluation_periods=100) == ["alarms-loosened"]

    def test_other_number_of_workers_is_no_danger(self) -> None:
        """The alarm on missing sweeps compares with it."""
        queries = [{"id": "x", "expression": f"IF(sweeps >= {workers}, sweeps)"} for workers in (2, 4)]
        plan = changed("unchanged", f'{MONITORING}.aws_cloudwatch_metric_alarm.expression["no-sweep"]')
        (alarm,) = [each for each in plan.resources if each.address.endswith('["no-sweep"]')]
        sides = [{"alarm_name": "x", "metric_query": [query, {"id": "y", "expression": "1"}]} for query in queries]
        alarm = replace(alarm, action="update", before=sides[0], after=sides[1])
        assert find_dangers(replace(plan, resources=(alarm,))) == []


class TestKeeping:
    """The table's recovery and key, and the queue's dead letters."""

    @pytest.mark.parametrize(("old", "new"), [(0, 35), (35, 0), (7, 0), (7, 14)])
    def test_recovery_period_may_rise(self, old: int, new: int) -> None:
        """An unset period is 35 days, the most that AWS offers."""
        values = {
            side: {"point_in_time_recovery": [{"enabled": True, "recovery_period_in_days": days}]}
            for side, days in (("before", old), ("after", new))
        }
        assert ids(changed("recovery_shortened", TABLE, **values)) == []

    def test_table_may_get_the_aws_managed_key_of_this_account(self) -> None:
        """It protects more than a key that AWS owns, and everyone in the account may use it."""
        after = {"server_side_encryption": [{"enabled": True, "kms_key_arn": None}]}
        unknown = {"server_side_encryption": [{"kms_key_arn": True}]}
        assert ids(changed("table_key", TABLE, after=after, after_unknown=unknown)) == []

    def test_more_tries_before_the_dead_letter_queue_are_no_danger(self) -> None:
        """A consumer may fail more often."""
        queue = kept_plan("dead_letters_sooner")
        policies = [found_at(queue, QUEUE)["change"][side]["redrive_policy"] for side in ("after", "before")]
        values = dict(zip(("before", "after"), ({"redrive_policy": policy} for policy in policies), strict=True))
        assert ids(changed("dead_letters_sooner", QUEUE, **values)) == []


class TestFunctions:
    """The settings of functions, and how many calls may run."""

    def lateness(self, old: str | None, new: str | None) -> list[str]:
        """Return the sentences about a change of the greatest lateness."""
        values = {
            side: {"environment": [{"variables": {} if value is None else {"MAX_LATENESS_SECONDS": value}}]}
            for side, value in (("before", old), ("after", new))
        }
        return [danger.text for danger in find_dangers(changed("lateness_limited", FAST_TRACK, **values))]

    @pytest.mark.parametrize(("old", "new"), [("60", "3600"), ("60", None)])
    def test_lateness_limit_may_rise(self, old: str, new: str | None) -> None:
        """A limit that is raised or lifted keeps back nothing that is sent now."""
        assert self.lateness(old, new) == []

    def test_lower_lateness_limit_is_a_danger(self) -> None:
        """It keeps back schedules that are sent now."""
        (text,) = self.lateness("3600", "60")
        assert "more than `60` s late would go to the failure bucket" in text
        assert text.endswith("Now that happens after `3600` s.")

    @pytest.mark.parametrize("name", ["bucket_and_logs_replaced", "queues_replaced", "stream_off", "table_replaced"])
    def test_functions_may_follow_a_replaced_store(self, name: str) -> None:
        """The address of the new one is not known yet, and the loss of the old one is a danger already."""
        assert "function-elsewhere" not in ids(scenario(name))

    def test_root_variable_stands_for_an_unknown_lateness_limit(self) -> None:
        """A replaced queue makes all settings of the fast track unknown."""
        assert "lateness-limited" not in ids(scenario("queues_replaced"))

    def test_functions_may_follow_a_renamed_table(self) -> None:
        """The renamed table is replaced, which is the danger."""
        plan = document("settings_elsewhere")
        table = found_at(document("table_replaced"), TABLE)
        table["change"]["after"]["name"] = "another-table"
        plan["resource_changes"].append(table)
        texts = [danger.text for danger in find_dangers(plan_from(plan, "renamed")) if danger.address != TABLE]
        assert not [text for text in texts if "another-table" in text]
        assert [text for text in texts if "another-queue" in text]

    def test_missing_setting_is_a_danger(self) -> None:
        """A function doesn't start without one of its settings."""
        texts = [danger.text for danger in find_dangers(changed("code", POST, after={"environment": []}))]
        function = "`delayer-prod-api-schedule-post`"
        assert f"{function} would not start: it would have no `environment.variables.TABLE_NAME`." in texts

    @pytest.mark.parametrize(("old", "new", "is_danger"), [(5, -1, False), (5, 6, False), (5, 4, True), (-1, 50, True)])
    def test_reserved_concurrency_may_rise(self, old: int, new: int, *, is_danger: bool) -> None:
        """It may go too: -1 is no reservation."""
        before, after = ({"reserved_concurrent_executions": count} for count in (old, new))
        plan = changed("functions_stopped", SWEEP, before=before, after=after)
        assert (SWEEP in {danger.address for danger in find_dangers(plan)}) is is_danger


class TestWays:
    """The ways to a function: the API's route, and the rule's targets."""

    def test_route_that_goes_with_its_integration_is_one_danger(self) -> None:
        """The integrations add nothing to the four routes."""
        plan = document("route_removed")
        plan["resource_changes"].append(found_at(document("integration_removed"), INTEGRATION))
        assert set(ids(plan_from(plan, "both"))) == {"route-destroyed"}

    def test_destroyed_api_names_no_route(self) -> None:
        """The route goes with its API."""
        found = ids(scenario("destroyed"))
        assert "api-destroyed" in found
        assert "route-destroyed" not in found

    def test_alias_of_the_sweep_is_no_danger(self) -> None:
        """A version or an alias is the same function."""
        arn = "arn:aws:lambda:eu-west-1:777788889999:function:delayer-prod-task-1minute-enqueuer"
        assert ids(changed("worker_elsewhere", SECOND_TARGET, after={"arn": f"{arn}:live"})) == []

    def test_rule_of_another_module_may_call_any_function(self) -> None:
        """It is not the minute's rule."""
        plan = document("worker_elsewhere")
        target = found_at(plan, SECOND_TARGET)
        target["module_address"] = "module.reports"
        target["change"] |= {"actions": ["create"], "before": None, "before_sensitive": False}
        assert "sweep-elsewhere" not in ids(plan_from(plan, "another rule"))

    def test_rule_may_follow_a_replaced_sweep(self) -> None:
        """Its new ARN is not known yet, and its replacement is a danger already."""
        plan = document("worker_elsewhere")
        sweep = found_at(document("period_lowered"), SWEEP)
        sweep["change"]["actions"] = ["delete", "create"]
        sweep["change"]["after_unknown"]["arn"] = True
        plan["resource_changes"].append(sweep)
        target = found_at(plan, SECOND_TARGET)["change"]
        del target["after"]["arn"]
        target["after_unknown"]["arn"] = True
        assert "sweep-elsewhere" not in ids(plan_from(plan, "replaced"))
