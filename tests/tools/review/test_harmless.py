"""Changes that look like a danger and are none, made of real plans: a review that cries wolf is not read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from tools.review.dangers import find_dangers

from tests.support.review.addresses import (
    DELAYER,
    FAST_TRACK,
    INTEGRATION,
    MONITORING,
    POST,
    QUEUE,
    ROUTE,
    SECOND_TARGET,
    SWEEP,
    TABLE,
)
from tests.support.review.kept_plans import changed, kept_plan, scenario
from tools.review.plan import Plan, plan_from

ALARM = MONITORING + '.aws_cloudwatch_metric_alarm.metric["{}"]'


def told(plan: Plan) -> list[str]:
    """The ids of what is found in a plan."""
    return [danger.id for danger in find_dangers(plan)]


def document(name: str) -> dict[str, Any]:
    """What Terraform said of a scenario, to be changed."""
    return dict(kept_plan(name))


def of(plan: Mapping[str, Any], address: str) -> dict[str, Any]:
    """What a plan says of one resource."""
    found: dict[str, Any]
    (found,) = [change for change in plan["resource_changes"] if change["address"] == address]
    return found


class TestAlarms:
    """Alarms that go, come and change."""

    def alarms(self, plan: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What becomes of each alarm."""
        return [
            change["change"] for change in plan["resource_changes"] if change["type"] == "aws_cloudwatch_metric_alarm"
        ]

    def late_failures(self) -> dict[str, Any]:
        """A plan that renames all alarms, of which records-failed looks at late's metric by another statistic."""
        plan = document("alarms_renamed")
        for name, values in (("{}", "before"), ("{}-again", "after")):
            late, failed = (of(plan, ALARM.format(name.format(each))) for each in ("late", "records-failed"))
            failed["change"][values]["metric_name"] = late["change"][values]["metric_name"]
            assert failed["change"][values]["dimensions"] == late["change"][values]["dimensions"]
            assert failed["change"][values]["statistic"] != late["change"][values]["statistic"]
        return plan

    def test_one_of_two_on_a_metric(self) -> None:
        """Two alarms count the same metric in two ways; if one is not renamed but gone, its name is told."""
        plan = self.late_failures()
        plan["resource_changes"].remove(of(plan, ALARM.format("records-failed-again")))
        (danger,) = find_dangers(plan_from(plan, "one is gone"))
        assert danger.text.endswith(" goes wrong: `delayer-prod-records-failed` would be destroyed.")

    def test_one_takes_the_place_of_one(self) -> None:
        """Of two alarms that watch the same, one is told if only one is created."""
        plan = self.late_failures()
        plan["resource_changes"].remove(of(plan, ALARM.format("records-failed-again")))
        late = of(plan, ALARM.format("late"))["change"]["before"]
        of(plan, ALARM.format("records-failed"))["change"]["before"]["statistic"] = late["statistic"]
        (danger,) = find_dangers(plan_from(plan, "one for two"))
        assert danger.text.endswith(" goes wrong: `delayer-prod-records-failed` would be destroyed.")

    def test_another_threshold(self) -> None:
        """A renamed alarm may have another threshold as well."""
        address = ALARM.format("late-again")
        assert told(changed("alarms_renamed", address, after={"threshold": 60, "evaluation_periods": 5})) == []

    def test_another_metric(self) -> None:
        """One that watches something else takes no place."""
        plan = changed("alarms_renamed", ALARM.format("late-again"), after={"metric_name": "Lead"})
        assert told(plan) == ["alarms-silenced"]

    def test_other_metrics(self) -> None:
        """An alarm on several metrics watches all of them."""
        plan = document("alarms_renamed")
        address = ALARM.format("functions-throttled-again").replace(".metric[", ".expression[")
        del of(plan, address)["change"]["after"]["metric_query"][0]
        assert told(plan_from(plan, "one metric less")) == ["alarms-silenced"]

    def test_another_module(self) -> None:
        """Where the alarms are declared makes no difference."""
        plan = document("alarms_renamed")
        for change in plan["resource_changes"]:
            if change["change"]["actions"] == ["create"]:
                change["module_address"] = "module.alerts"
        assert told(plan_from(plan, "moved")) == []

    def test_actions_for_the_first_time(self) -> None:
        """A topic for alarms that had none is what they lacked; that they had none is no news."""
        plan = document("alarm_topic_removed")
        for alarm in self.alarms(plan):
            alarm["before"], alarm["after"] = alarm["after"], alarm["before"]
        assert told(plan_from(plan, "told from now on")) == []

    def test_disabled_already(self) -> None:
        """An alarm that is disabled as it was is changed in something else."""
        plan = document("alarms_disabled")
        for alarm in self.alarms(plan):
            alarm["before"]["actions_enabled"] = alarm["after"]["actions_enabled"]
        assert told(plan_from(plan, "disabled before")) == []

    def test_measured_for_the_first_time(self) -> None:
        """An alarm that lacks what it measures gets it, which is no loss; to measure something else is one."""
        plan = document("alarms_disabled")
        for alarm in self.alarms(plan):
            alarm["after"]["actions_enabled"] = True
            alarm["before"] |= {"statistic": "", "metric_query": []}
        assert told(plan_from(plan, "measured from now on")) == []
        for alarm in self.alarms(plan):
            alarm["before"]["metric_name"] = "Another"
        assert told(plan_from(plan, "elsewhere")) == ["alarms-silenced"]

    def test_disabled_without_actions(self) -> None:
        """An alarm that tells nobody can't be made to tell nobody."""
        plan = document("alarms_disabled")
        for alarm in self.alarms(plan):
            alarm["before"]["alarm_actions"] = alarm["after"]["alarm_actions"] = []
        assert told(plan_from(plan, "nobody told")) == []


class TestKeeping:
    """The table's recovery and key, and the queue's dead letters."""

    @pytest.mark.parametrize(("old", "new"), [(0, 35), (35, 0), (7, 0), (7, 14)])
    def test_longer_recovery(self, old: int, new: int) -> None:
        """Nothing said is 35 days, the most there is."""
        values = {
            side: {"point_in_time_recovery": [{"enabled": True, "recovery_period_in_days": days}]}
            for side, days in (("before", old), ("after", new))
        }
        assert told(changed("recovery_shortened", TABLE, **values)) == []

    def test_recovery_is_off(self) -> None:
        """Of what is off, the period says nothing."""
        off = {"point_in_time_recovery": [{"enabled": False, "recovery_period_in_days": 0}]}
        assert told(changed("recovery_shortened", TABLE, before=off)) == []

    def test_replaced_table(self) -> None:
        """A table that is replaced is told as lost, and not that the new one is kept otherwise."""
        after = {
            "point_in_time_recovery": [{"enabled": True, "recovery_period_in_days": 7}],
            "server_side_encryption": [{"enabled": True, "kms_key_arn": "another-key"}],
        }
        plan = changed("table_replaced", TABLE, after=after, after_unknown={name: [{}] for name in after})
        assert [danger.id for danger in find_dangers(plan) if danger.address == TABLE] == ["table-destroyed"]

    def test_key_of_this_account(self) -> None:
        """A key of this account that AWS keeps is more than a key of AWS's own, and everyone here may use it."""
        after = {"server_side_encryption": [{"enabled": True, "kms_key_arn": None}]}
        unknown = {"server_side_encryption": [{"kms_key_arn": True}]}
        assert told(changed("table_key", TABLE, after=after, after_unknown=unknown)) == []

    def test_more_tries(self) -> None:
        """More tries than now are no danger."""
        queue = kept_plan("dead_letters_sooner")
        policies = [of(queue, QUEUE)["change"][side]["redrive_policy"] for side in ("after", "before")]
        values = dict(zip(("before", "after"), ({"redrive_policy": policy} for policy in policies), strict=True))
        assert told(changed("dead_letters_sooner", QUEUE, **values)) == []


class TestFunctions:
    """What functions are told, and how many of them may run."""

    def lateness(self, old: str | None, new: str | None) -> list[str]:
        """What is said of another greatest lateness."""
        values = {
            side: {"environment": [{"variables": {} if value is None else {"MAX_LATENESS_SECONDS": value}}]}
            for side, value in (("before", old), ("after", new))
        }
        return [danger.text for danger in find_dangers(changed("lateness_limited", FAST_TRACK, **values))]

    @pytest.mark.parametrize(("old", "new"), [("60", "3600"), ("60", None)])
    def test_later_is_sent(self, old: str, new: str | None) -> None:
        """A limit that is raised, or lifted, keeps nothing back that is sent now."""
        assert self.lateness(old, new) == []

    def test_less_late_is_sent(self) -> None:
        """A limit that is lowered keeps back what is sent now."""
        (text,) = self.lateness("3600", "60")
        assert "more than `60` s late would go to the failure bucket" in text
        assert text.endswith("today that is so after `3600` s.")

    @pytest.mark.parametrize("name", ["bucket_and_logs_replaced", "queues_replaced", "stream_off", "table_replaced"])
    def test_unknown_because_it_is_replaced(self, name: str) -> None:
        """The new queue's address, or the new stream's, is not known yet; that the old one is lost is told already."""
        assert "function-elsewhere" not in told(scenario(name))

    def test_unknown_lateness(self) -> None:
        """If a function's variables are unknown, the root variable tells the greatest lateness all the same."""
        assert "lateness-limited" not in told(scenario("queues_replaced"))

    def test_renamed_table(self) -> None:
        """A table that is replaced for its new name is told as lost, and not that functions follow it."""
        plan = document("settings_elsewhere")
        table = of(document("table_replaced"), TABLE)
        table["change"]["after"]["name"] = "another-table"
        plan["resource_changes"].append(table)
        texts = [danger.text for danger in find_dangers(plan_from(plan, "renamed"))]
        assert not [text for text in texts if "another-table" in text]
        assert [text for text in texts if "another-queue" in text]

    def test_setting_that_is_gone(self) -> None:
        """A function does not start without one of its settings."""
        (danger,) = find_dangers(changed("code", POST, after={"environment": []}))
        assert (
            danger.text == "`delayer-prod-api-schedule-post` would not start: its setting `TABLE_NAME` would be gone."
        )

    @pytest.mark.parametrize("reserved", [-1, 1, 50])
    def test_reserved_concurrency(self, reserved: int) -> None:
        """Any other reservation than none at all lets calls run."""
        plan = changed("functions_stopped", SWEEP, after={"reserved_concurrent_executions": reserved})
        assert SWEEP not in {danger.address for danger in find_dangers(plan)}


class TestWays:
    """The ways to a function: the API's route, and the rule's targets."""

    def test_route_at_another_address(self) -> None:
        """A route that is declared elsewhere leads to the function as before."""
        plan = document("route_removed")
        route = json.loads(json.dumps(of(plan, ROUTE)))
        values = route["change"]
        route |= {"address": f"{DELAYER}.module.http_api.aws_apigatewayv2_route.post", "name": "post"}
        values |= {"actions": ["create"], "before": None, "after": values["before"], "after_sensitive": False}
        plan["resource_changes"].append(route)
        assert told(plan_from(plan, "renamed")) == []

    def test_another_integration(self) -> None:
        """An integration that goes while another stays is one that was in no use."""
        plan = document("integration_removed")
        integration = json.loads(json.dumps(of(plan, INTEGRATION)))
        values = integration["change"]
        integration |= {"address": f"{DELAYER}.module.http_api.aws_apigatewayv2_integration.new", "name": "new"}
        values |= {"actions": ["no-op"], "after": values["before"], "after_sensitive": False}
        plan["resource_changes"].append(integration)
        assert told(plan_from(plan, "another")) == []

    def test_route_with_its_integration(self) -> None:
        """If the route is gone, that what it led to is gone too is no news."""
        plan = document("route_removed")
        plan["resource_changes"].append(of(document("integration_removed"), INTEGRATION))
        assert told(plan_from(plan, "both")) == ["route-destroyed"]

    def test_api_as_a_whole(self) -> None:
        """If the API is gone, that its route is gone too is no news."""
        found = told(scenario("destroyed"))
        assert "api-destroyed" in found
        assert "route-destroyed" not in found

    def test_alias_of_the_sweep(self) -> None:
        """A version or an alias is the sweep too."""
        arn = "arn:aws:lambda:eu-west-1:777788889999:function:delayer-prod-task-1minute-enqueuer"
        assert told(changed("worker_elsewhere", SECOND_TARGET, after={"arn": f"{arn}:live"})) == []

    def test_target_of_another_rule(self) -> None:
        """A rule of another module may call what it likes."""
        plan = document("worker_elsewhere")
        target = of(plan, SECOND_TARGET)
        target["module_address"] = "module.reports"
        target["change"] |= {"actions": ["create"], "before": None, "before_sensitive": False}
        assert "sweep-elsewhere" not in told(plan_from(plan, "another rule"))

    def test_replaced_sweep(self) -> None:
        """The ARN of a sweep that is replaced is not known yet; that it is replaced is told already."""
        plan = document("worker_elsewhere")
        sweep = of(document("period_lowered"), SWEEP)
        sweep["change"]["actions"] = ["delete", "create"]
        plan["resource_changes"].append(sweep)
        target = of(plan, SECOND_TARGET)["change"]
        del target["after"]["arn"]
        target["after_unknown"]["arn"] = True
        assert "sweep-elsewhere" not in told(plan_from(plan, "replaced"))
