"""Changes of real plans that look dangerous and are not: nobody reads a review that cries wolf."""

from __future__ import annotations

from collections.abc import Mapping
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
from tools.review.rules import find_dangers

ALARM = MONITORING + '.aws_cloudwatch_metric_alarm.metric["{}"]'


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
    """Alarms that go, come and change."""

    def alarms(self, plan: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the change of each alarm that changes."""
        return [
            change["change"] for change in plan["resource_changes"] if change["type"] == "aws_cloudwatch_metric_alarm"
        ]

    def late_failures(self) -> dict[str, Any]:
        """Return a plan that renames all alarms, where records-failed has the metric of late with another statistic."""
        plan = document("alarms_renamed")
        for name, values in (("{}", "before"), ("{}-again", "after")):
            late, failed = (found_at(plan, ALARM.format(name.format(each))) for each in ("late", "records-failed"))
            failed["change"][values]["metric_name"] = late["change"][values]["metric_name"]
            assert failed["change"][values]["dimensions"] == late["change"][values]["dimensions"]
            assert failed["change"][values]["statistic"] != late["change"][values]["statistic"]
        return plan

    def test_alarm_without_successor_is_named_even_if_another_watches_its_metric(self) -> None:
        """The two alarms differ in their statistic."""
        plan = self.late_failures()
        plan["resource_changes"].remove(found_at(plan, ALARM.format("records-failed-again")))
        (danger,) = find_dangers(plan_from(plan, "one is gone"))
        assert danger.text.endswith(" watch: `delayer-prod-records-failed` would be destroyed.")

    def test_new_alarm_succeeds_only_one(self) -> None:
        """Of two alarms that watch the same, one is gone if only one is created."""
        plan = self.late_failures()
        plan["resource_changes"].remove(found_at(plan, ALARM.format("records-failed-again")))
        late = found_at(plan, ALARM.format("late"))["change"]["before"]
        found_at(plan, ALARM.format("records-failed"))["change"]["before"]["statistic"] = late["statistic"]
        (danger,) = find_dangers(plan_from(plan, "one for two"))
        assert danger.text.endswith(" watch: `delayer-prod-records-failed` would be destroyed.")

    def test_renamed_alarm_may_have_a_lower_threshold(self) -> None:
        """Only a lower one: with a higher one it fires later."""
        address = ALARM.format("late-again")
        assert ids(changed("alarms_renamed", address, after={"threshold": 60})) == []
        assert ids(changed("alarms_renamed", address, after={"threshold": 90})) == ["alarms-loosened"]

    def test_alarm_on_another_metric_is_no_successor(self) -> None:
        """It watches something else."""
        plan = changed("alarms_renamed", ALARM.format("late-again"), after={"metric_name": "Lead"})
        assert ids(plan) == ["alarms-silenced"]

    def test_alarm_on_fewer_metrics_is_no_successor(self) -> None:
        """An alarm on several metrics watches all of them."""
        plan = document("alarms_renamed")
        address = ALARM.format("functions-throttled-again").replace(".metric[", ".expression[")
        del found_at(plan, address)["change"]["after"]["metric_query"][0]
        assert ids(plan_from(plan, "one metric less")) == ["alarms-silenced"]

    def test_alarms_in_another_module_are_successors(self) -> None:
        """Their address doesn't matter."""
        plan = document("alarms_renamed")
        for change in plan["resource_changes"]:
            if change["change"]["actions"] == ["create"]:
                change["module_address"] = "module.alerts"
        assert "alarms-silenced" not in ids(plan_from(plan, "moved"))

    def test_first_topic_is_no_danger(self) -> None:
        """The alarms notified nobody before."""
        plan = document("alarm_topic_removed")
        for alarm in self.alarms(plan):
            alarm["before"], alarm["after"] = alarm["after"], alarm["before"]
        assert ids(plan_from(plan, "notified from now on")) == []

    def test_alarm_that_was_disabled_may_stay_so(self) -> None:
        """Only something else about it changes."""
        plan = document("alarms_disabled")
        for alarm in self.alarms(plan):
            alarm["before"]["actions_enabled"] = alarm["after"]["actions_enabled"]
        assert ids(plan_from(plan, "disabled before")) == []

    def test_first_measure_is_no_danger_and_another_is(self) -> None:
        """An alarm without a statistic watches nothing now."""
        plan = document("alarms_disabled")
        for alarm in self.alarms(plan):
            alarm["after"]["actions_enabled"] = True
            alarm["before"] |= {"statistic": "", "metric_query": []}
        assert ids(plan_from(plan, "measured from now on")) == []
        for alarm in self.alarms(plan):
            alarm["before"]["metric_name"] = "Another"
        assert ids(plan_from(plan, "elsewhere")) == ["alarms-silenced"]

    def test_alarm_without_actions_may_be_disabled(self) -> None:
        """It notifies nobody now."""
        plan = document("alarms_disabled")
        for alarm in self.alarms(plan):
            alarm["before"]["alarm_actions"] = alarm["after"]["alarm_actions"] = []
        assert ids(plan_from(plan, "nobody notified")) == []


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
        """The integration adds nothing."""
        plan = document("route_removed")
        plan["resource_changes"].append(found_at(document("integration_removed"), INTEGRATION))
        assert ids(plan_from(plan, "both")) == ["route-destroyed"]

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
