"""One change in the whole of prod: the dangers that it has, and changes that only look dangerous."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from tests.support.review.addresses import (
    AUTHORIZER,
    BUCKET_OWNERSHIP,
    BUCKET_VERSIONING,
    DEAD_LETTERS,
    DELAYER,
    FAST_TRACK,
    FAST_TRACK_POLICY,
    FIRST_TARGET,
    INTEGRATION,
    LIFECYCLE,
    MAPPING,
    MAPPING_POLICY,
    PERMISSION,
    POST,
    PUBLIC_ACCESS,
    QUEUE,
    READ_SCALING,
    READ_TARGET,
    ROUTE,
    RULE,
    RULE_PERMISSION,
    SECOND_TARGET,
    STAGE,
    SWEEP,
    TABLE,
    WRITE_SCALING,
    WRITE_TARGET,
    beside,
)
from tests.support.review.kept_plans import changed, kept_plan, packages_of, scenario
from tools.review.plan import plan_from
from tools.review.review import find_dangers

ANOTHER = "arn:aws:lambda:eu-west-1:777788889999:function:another"
TOKENS = {"jwt_configuration": [{"issuer": "https://issuer.example", "audience": ["delayer"]}]}


class Prod:
    """A plan of all of prod, in which nothing changes until a test says so."""

    def __init__(self) -> None:
        self._document = kept_plan("destroyed")
        self._document["output_changes"] = {}
        for found in self._document["resource_changes"]:
            values = found["change"]["before"]
            found["change"] |= {"actions": ["no-op"], "after": copy.deepcopy(values), "after_unknown": {}}
            found["change"]["after_sensitive"] = found["change"]["before_sensitive"]

    @property
    def addresses(self) -> list[str]:
        """The addresses of all resources."""
        return [found["address"] for found in self._document["resource_changes"]]

    def change(self, address: str, *actions: str, **after: Any) -> None:
        """Change some values of a resource, or destroy, replace or forget it; ... stands for an unknown value."""
        change = self._of(address)["change"]
        change["actions"] = list(actions) or ["update"]
        change["after_unknown"] = {name: True for name, value in after.items() if value is ...}
        if actions in (("delete",), ("forget",)):
            change["after"] = None
        else:
            kept = change["after"] or change["before"]
            change["after"] = kept | {name: None if value is ... else value for name, value in after.items()}

    def set(self, address: str, **values: Any) -> None:
        """Set values of a resource that it has now and keeps."""
        for side in ("before", "after"):
            self._of(address)["change"][side] |= values

    def copy(self, address: str, name: str, /, **after: Any) -> str:
        """Create a resource that is like another, except for some values; return its address."""
        found = copy.deepcopy(self._of(address))
        found |= {"address": address.replace(f".{found['name']}", f".{name}"), "name": name}
        found["change"] |= {
            "before": None,
            "before_sensitive": False,
            "after": copy.deepcopy(found["change"]["before"]),
        }
        self._document["resource_changes"].append(found)
        self.change(found["address"], "create", **after)
        return str(found["address"])

    def lose(self, address: str, **after: Any) -> None:
        """Create a resource again that somebody has deleted by hand."""
        self.change(address, "create", **after)
        self._of(address)["change"] |= {"before": None, "before_sensitive": False}

    def put(self, address: str, **values: Any) -> None:
        """Add a resource that prod doesn't have, and that stays."""
        module, kind, name = address.partition("[")[0].rsplit(".", 2)
        change: dict[str, Any] = {"actions": ["no-op"], "before": values, "after": dict(values), "after_unknown": {}}
        found = {"address": address, "module_address": module, "mode": "managed", "type": kind, "name": name}
        change |= {"before_sensitive": False, "after_sensitive": False}
        self._document["resource_changes"].append(found | {"change": change})

    def move(self, module: str, to: str) -> None:
        """Declare a module at another address."""
        for found in self._document["resource_changes"]:
            if found.get("module_address") == module:
                found |= {"module_address": to, "address": found["address"].replace(module, to)}

    def dangers(self) -> list[tuple[str, str]]:
        """Return the id and the address of each danger, except that a copy is no part of the delayer."""
        plan = plan_from(self._document, "prod", packages_of(self._document))
        return [(danger.id, danger.address) for danger in find_dangers(plan) if danger.id != "stranger-changed"]

    def _of(self, address: str) -> dict[str, Any]:
        found: dict[str, Any]
        (found,) = [found for found in self._document["resource_changes"] if found["address"] == address]
        return found


@pytest.fixture
def prod() -> Prod:
    """Return prod without a change."""
    return Prod()


class TestReaders:
    """The functions that read the stream."""

    def test_alias_of_the_fast_track_is_no_danger(self, prod: Prod) -> None:
        """A version or an alias of a function is the same function."""
        arn = "arn:aws:lambda:eu-west-1:777788889999:function:delayer-prod-stream-dynamodb-fasttrack_enqueuer"
        prod.change(MAPPING, function_name=f"{arn}:live")
        assert prod.dangers() == []

    def test_mapping_may_follow_a_replaced_fast_track(self, prod: Prod) -> None:
        """Its new ARN is not known yet, and its replacement is a danger already."""
        prod.change(FAST_TRACK, "delete", "create", arn=...)
        prod.change(MAPPING, function_name=...)
        assert prod.dangers() == [("function-destroyed", FAST_TRACK)]

    def test_unknown_function_while_the_fast_track_stays_is_a_danger(self, prod: Prod) -> None:
        """The unknown ARN must be another function's."""
        prod.change(FAST_TRACK, description="Sends")
        prod.change(POST, "delete", "create", arn=...)
        prod.change(MAPPING, function_name=...)
        assert prod.dangers() == [("stream-mapping-elsewhere", MAPPING), ("function-destroyed", POST)]

    @pytest.mark.parametrize(("source", "is_danger"), [("arn:another-stream", False), (..., True)])
    def test_second_mapping_is_a_danger_unless_it_reads_another_stream(
        self, prod: Prod, source: Any, *, is_danger: bool
    ) -> None:
        """A stream that is not known yet may be the same one."""
        prod.copy(MAPPING, "another", event_source_arn=source)
        assert ("stream-read-twice" in dict(prod.dangers())) is is_danger

    def test_mapping_at_another_address_reads_nothing_twice(self, prod: Prod) -> None:
        """Only the destroyed mapping is a danger."""
        prod.copy(MAPPING, "again")
        prod.change(MAPPING, "delete")
        assert prod.dangers() == [("stream-mapping-destroyed", MAPPING)]

    @pytest.mark.parametrize(
        ("old", "new", "is_danger"),
        [(82800, 3600, True), (3600, 82800, False), (-1, 82800, False), (-1, 3600, True), (82800, 82801, False)],
    )
    def test_record_age_may_not_fall(self, prod: Prod, old: int, new: int, *, is_danger: bool) -> None:
        """It may rise, and fall from never (-1) to 23 hours or more."""
        prod.set(MAPPING, maximum_record_age_in_seconds=old)
        prod.change(MAPPING, maximum_record_age_in_seconds=new)
        assert bool(prod.dangers()) is is_danger


class TestApi:
    """The ways from a route to the function."""

    def test_alias_of_the_function_is_no_danger(self, prod: Prod) -> None:
        """An integration with an alias calls the same function."""
        uri = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{}:live/invocations"
        prod.change(
            INTEGRATION, integration_uri=uri.format(ANOTHER.replace("another", "delayer-prod-api-schedule-post"))
        )
        assert prod.dangers() == []

    def test_integration_of_another_type_is_a_danger(self, prod: Prod) -> None:
        """Another type doesn't call the function."""
        prod.change(INTEGRATION, integration_type="AWS")
        assert prod.dangers() == [("route-elsewhere", INTEGRATION)]

    def test_integration_with_another_function_is_a_danger(self, prod: Prod) -> None:
        """The other function stores no schedules."""
        prod.change(INTEGRATION, integration_uri=ANOTHER)
        assert prod.dangers() == [("route-elsewhere", INTEGRATION)]

    def test_integration_may_follow_a_replaced_function(self, prod: Prod) -> None:
        """Its new ARN is not known yet, and its replacement is a danger already."""
        prod.change(POST, "create", "delete", arn=...)
        prod.change(INTEGRATION, integration_uri=...)
        assert prod.dangers() == [("function-destroyed", POST)]

    def test_route_may_follow_a_replaced_integration(self, prod: Prod) -> None:
        """The new integration is judged itself."""
        prod.change(INTEGRATION, "delete", "create", id=...)
        prod.change(ROUTE, target=...)
        assert prod.dangers() == []

    def test_route_may_follow_an_integration_at_another_address(self, prod: Prod) -> None:
        """The new integration is a danger itself if it calls another function."""
        prod.copy(INTEGRATION, "again", id=...)
        prod.change(INTEGRATION, "delete")
        prod.change(ROUTE, target=...)
        assert prod.dangers() == []

    @pytest.mark.parametrize(("uri", "is_danger"), [(None, False), (ANOTHER, True), (..., False)])
    def test_new_integration_may_call_the_delayers_functions(self, prod: Prod, uri: Any, *, is_danger: bool) -> None:
        """One that is not known yet is created in the same plan."""
        prod.lose(INTEGRATION, **({"integration_uri": uri} if uri else {}))
        assert prod.dangers() == ([("route-elsewhere", INTEGRATION)] if is_danger else [])

    def test_route_without_target_is_a_danger(self, prod: Prod) -> None:
        """Such a route answers nobody."""
        prod.change(ROUTE, target=None)
        assert prod.dangers() == [("route-destroyed", ROUTE)]

    def test_unknown_target_without_a_new_integration_is_a_danger(self, prod: Prod) -> None:
        """The unknown target must be another API's."""
        prod.change(ROUTE, target=...)
        assert prod.dangers() == [("route-elsewhere", ROUTE)]

    def test_stage_that_goes_is_a_danger(self, prod: Prod) -> None:
        """Clients use its name."""
        prod.change(STAGE, "delete")
        assert prod.dangers() == [("route-destroyed", STAGE)]

    def test_limit_of_a_route_up_to_twice_the_present_one_is_no_danger(self, prod: Prod) -> None:
        """A route without a limit is compared with the API's."""
        limits = {"route_key": "POST /schedules", "throttling_rate_limit": 2000, "throttling_burst_limit": 4000}
        prod.change(STAGE, route_settings=[limits])
        assert prod.dangers() == []

    def test_unknown_limits_of_routes_are_a_danger(self, prod: Prod) -> None:
        """They may be any."""
        prod.change(STAGE, route_settings=...)
        assert prod.dangers() == [("throttling-loosened", STAGE)]

    def test_limit_of_a_route_is_compared_with_its_own(self, prod: Prod) -> None:
        """A route that has a limit keeps it, or up to twice of it."""
        now, new = ([{"route_key": "POST /schedules", "throttling_rate_limit": rate}] for rate in (10, 30))
        prod.set(STAGE, route_settings=now)
        prod.change(STAGE, route_settings=new)
        assert prod.dangers() == [("throttling-loosened", STAGE)]


class TestCapacity:
    """The table's provisioned capacity, and its autoscaling."""

    @pytest.fixture
    def provisioned(self, prod: Prod) -> Prod:
        """Return prod with provisioned capacity, which autoscaling has raised."""
        prod.set(TABLE, billing_mode="PROVISIONED", read_capacity=20, write_capacity=300)
        for address, most in ((READ_TARGET, 100), (WRITE_TARGET, 1000)):
            prod.put(address, min_capacity=10, max_capacity=most, resource_id="table/delayer-prod-schedules")
        for address in (READ_SCALING, WRITE_SCALING):
            tracking = {"target_value": 70, "scale_out_cooldown": 0, "disable_scale_in": False}
            prod.put(address, target_tracking_scaling_policy_configuration=[tracking])
        return prod

    @pytest.mark.parametrize(
        ("address", "after", "is_danger"),
        [
            (WRITE_TARGET, {"max_capacity": 999}, True),
            (WRITE_TARGET, {"max_capacity": 9999}, False),
            (WRITE_TARGET, {"min_capacity": 9}, True),
            (WRITE_TARGET, {"min_capacity": 500}, False),
            (WRITE_TARGET, {"max_capacity": ...}, True),
            (WRITE_TARGET, {"resource_id": "table/another"}, True),
            (WRITE_TARGET, {"suspended_state": [{"dynamic_scaling_out_suspended": True}]}, True),
            (WRITE_TARGET, {"suspended_state": [{"dynamic_scaling_in_suspended": True}]}, False),
            (WRITE_SCALING, {"target_tracking_scaling_policy_configuration": [{"target_value": 71}]}, True),
            (WRITE_SCALING, {"target_tracking_scaling_policy_configuration": [{"target_value": 50}]}, False),
            (WRITE_SCALING, {"target_tracking_scaling_policy_configuration": []}, True),
            (TABLE, {"write_capacity": 299}, True),
            (TABLE, {"write_capacity": 301}, False),
            (TABLE, {"billing_mode": "PAY_PER_REQUEST"}, False),
        ],
    )
    def test_less_is_a_danger(self, provisioned: Prod, address: str, after: dict[str, Any], *, is_danger: bool) -> None:
        """Less capacity, later or none; more of it, and on demand, are harmless."""
        provisioned.change(address, **after)
        assert provisioned.dangers() == ([("table-throttled", address)] if is_danger else [])

    @pytest.mark.parametrize("address", [WRITE_TARGET, WRITE_SCALING])
    def test_autoscaling_that_goes_is_a_danger(self, provisioned: Prod, address: str) -> None:
        """The capacity would stay what it is."""
        provisioned.change(address, "delete")
        assert provisioned.dangers() == [("table-throttled", address)]

    def test_policies_go_with_their_targets(self, provisioned: Prod) -> None:
        """They add nothing to the dangers of the targets."""
        for address in (READ_TARGET, WRITE_TARGET, READ_SCALING, WRITE_SCALING):
            provisioned.change(address, "delete")
        assert provisioned.dangers() == [("table-throttled", READ_TARGET), ("table-throttled", WRITE_TARGET)]

    def test_autoscaling_that_goes_with_its_table_is_no_further_danger(self, provisioned: Prod) -> None:
        """The loss of the table is the danger."""
        for address in (TABLE, READ_TARGET, WRITE_TARGET, READ_SCALING, WRITE_SCALING):
            provisioned.change(address, "delete")
        assert ("table-destroyed", TABLE) in provisioned.dangers()
        assert "table-throttled" not in dict(provisioned.dangers())


class TestTokens:
    """The tokens that the API accepts."""

    @pytest.mark.parametrize(
        ("old", "new"),
        [(["write"], None), (["read", "write"], ["write"]), (None, ["write"])],
    )
    def test_other_scopes_are_a_danger(self, prod: Prod, old: Any, new: Any) -> None:
        """No scope admits more clients, other scopes admit others, and a first scope admits fewer."""
        prod.set(ROUTE, authorization_type="JWT", authorization_scopes=old)
        prod.change(ROUTE, authorization_scopes=new)
        assert prod.dangers() == [("authorization-changed", ROUTE)]

    @pytest.mark.parametrize("new", ["another", ...])
    def test_authorizer_that_the_plan_does_not_create_is_a_danger(self, prod: Prod, new: Any) -> None:
        """It may be anyone's."""
        prod.set(ROUTE, authorization_type="JWT", authorizer_id="this")
        prod.change(ROUTE, authorizer_id=new)
        assert prod.dangers() == [("authorization-changed", ROUTE)]

    def test_route_may_follow_a_replaced_authorizer(self, prod: Prod) -> None:
        """The new authorizer admits the same clients."""
        prod.put(AUTHORIZER, id="this", **TOKENS)
        prod.set(ROUTE, authorization_type="JWT", authorizer_id="this")
        prod.change(AUTHORIZER, "delete", "create", id=...)
        prod.change(ROUTE, authorizer_id=...)
        assert prod.dangers() == []


class TestCalls:
    """Permissions to call a function, and a function's own permissions."""

    @pytest.mark.parametrize("danger", ["call-refused", "caller-refused"])
    def test_destroying_everything_refuses_no_call(self, danger: str) -> None:
        """Caller and function go together."""
        assert danger not in {found.id for found in find_dangers(scenario("destroyed"))}

    def test_permission_may_go_with_its_rule(self, prod: Prod) -> None:
        """With fewer workers a rule goes."""
        prod.change(RULE, "delete")
        prod.change(RULE_PERMISSION, "delete")
        assert "caller-refused" not in dict(prod.dangers())

    def test_permission_may_go_with_its_function(self, prod: Prod) -> None:
        """The destroyed function is the danger."""
        prod.change(POST, "delete")
        prod.change(PERMISSION, "delete")
        assert prod.dangers() == [("function-destroyed", POST)]

    def test_permission_at_another_address_is_no_danger(self, prod: Prod) -> None:
        """It allows the same call."""
        prod.copy(PERMISSION, "again")
        prod.change(PERMISSION, "delete")
        assert "caller-refused" not in dict(prod.dangers())

    def test_policy_at_another_address_is_no_danger(self, prod: Prod) -> None:
        """It allows as much."""
        prod.copy(FAST_TRACK_POLICY, "again")
        prod.change(FAST_TRACK_POLICY, "delete")
        assert "call-refused" not in dict(prod.dangers())

    def test_new_policy_that_is_unknown_is_a_danger_itself(self, prod: Prod) -> None:
        """The lost permissions may be in it."""
        again = prod.copy(FAST_TRACK_POLICY, "again", policy=...)
        prod.change(FAST_TRACK_POLICY, "delete")
        assert prod.dangers() == [("access-unknown", again)]

    def test_present_policy_that_is_unknown_replaces_no_other(self, prod: Prod) -> None:
        """A policy that exists already doesn't get the lost permissions."""
        beside = MAPPING_POLICY
        prod.change(beside, policy=...)
        prod.change(FAST_TRACK_POLICY, "delete")
        assert prod.dangers() == [("call-refused", FAST_TRACK_POLICY), ("access-unknown", beside)]

    def test_new_policy_that_allows_less_is_a_danger(self, prod: Prod) -> None:
        """The role loses the permissions that are missing in it."""
        prod.copy(FAST_TRACK_POLICY, "again", policy='{"Statement": []}')
        prod.change(FAST_TRACK_POLICY, "delete")
        assert prod.dangers() == [("call-refused", FAST_TRACK_POLICY)]

    def test_inline_policies_that_stay_are_not_judged(self, prod: Prod) -> None:
        """AWS reports policies in the role that are resources, and judged there."""
        role = beside(POST, "aws_iam_role")
        prod.set(
            role, inline_policy=[{"name": "calls", "policy": '{"Statement": [{"Effect": "Allow", "Action": "*"}]}'}]
        )
        prod.change(role, description="Posts")
        assert prod.dangers() == []


class TestSweep:
    """The sweep, at whatever address."""

    @pytest.mark.parametrize(
        "module",
        [
            'module.task_1minute_enqueuer["a.b]"]',
            "module.task_1minute_enqueuer[0]",
            'module.delayer["eu"].module.task_1minute_enqueuer',
        ],
    )
    @pytest.mark.parametrize("handler", ["task_1minute_enqueuer.main.handler", "main.handler"])
    def test_sweep_is_known_in_any_instance_of_its_module(self, prod: Prod, module: str, handler: str) -> None:
        """The module may have an instance key, or be in another root's module."""
        prod.set(SWEEP, handler=handler)
        prod.move(f"{DELAYER}.module.task_1minute_enqueuer", module)
        sweep = f"{module}.aws_lambda_function.this"
        prod.change(sweep, environment=[{"variables": {"SHARD_COUNT": "16"}}])
        assert ("shards-unswept", sweep) in prod.dangers()

    def test_sweep_is_known_by_its_handler(self, prod: Prod) -> None:
        """Its module may have any name."""
        prod.move(f"{DELAYER}.module.task_1minute_enqueuer", "module.sweep")
        sweep = "module.sweep.aws_lambda_function.this"
        prod.change(sweep, environment=[{"variables": {"SHARD_COUNT": "16"}}])
        assert ("shards-unswept", sweep) in prod.dangers()

    @pytest.mark.parametrize(("function", "is_danger"), [("task-1minute-enqueuer", False), ("api-schedule-post", True)])
    def test_new_target_must_be_the_sweep(self, prod: Prod, function: str, *, is_danger: bool) -> None:
        """Another function of the delayer sweeps nothing."""
        arn = ANOTHER.replace("another", f"delayer-prod-{function}")
        prod.lose(SECOND_TARGET, arn=arn)
        assert prod.dangers() == ([("sweep-elsewhere", SECOND_TARGET)] if is_danger else [])

    def test_rule_that_goes_with_its_targets_is_one_danger(self, prod: Prod) -> None:
        """The targets add nothing."""
        rule = RULE
        for address in prod.addresses:
            if address == rule or "aws_cloudwatch_event_target" in address:
                prod.change(address, "delete")
        assert prod.dangers() == [("sweep-paused", rule)]

    def test_each_of_two_sweeps_is_judged(self, prod: Prod) -> None:
        """The danger is at the sweep that changes."""
        prod.copy(SWEEP, "again")
        prod.change(SWEEP, environment=[{"variables": {"SHARD_COUNT": "16"}}])
        assert {address for danger, address in prod.dangers() if danger == "shards-unswept"} == {SWEEP}

    @pytest.mark.parametrize("worker", [[0], {"0": 0}, "0", None])
    def test_worker_that_is_no_number_is_a_danger(self, prod: Prod, worker: Any) -> None:
        """The danger names the worker whatever it is."""
        target = FIRST_TARGET
        prod.change(target, input=json.dumps({"worker": worker, "workers": 2}))
        assert prod.dangers() == [("shards-unswept", target)]


class TestLifecycle:
    """The rules by which S3 deletes records from the failure bucket."""

    NOW = (
        {
            "id": "forget-what-was-deleted",
            "status": "Enabled",
            "noncurrent_version_expiration": [{"noncurrent_days": 30}],
        },
    )

    def rule(self, status: str = "Enabled", days: int = 7) -> dict[str, Any]:
        """Return a rule that deletes records."""
        return {"id": "further", "status": status, "expiration": [{"days": days}]}

    def test_rule_that_becomes_enabled_is_a_danger(self, prod: Prod) -> None:
        """It deletes records that are kept now."""
        prod.set(LIFECYCLE, rule=[*self.NOW, self.rule("Disabled")])
        prod.change(LIFECYCLE, rule=[*self.NOW, self.rule()])
        assert prod.dangers() == [("retention-shortened", LIFECYCLE)]

    def test_unknown_rules_are_a_danger(self, prod: Prod) -> None:
        """They may delete any record."""
        prod.change(LIFECYCLE, rule=...)
        assert prod.dangers() == [("retention-shortened", LIFECYCLE)]

    def test_rules_that_come_back_are_a_danger(self, prod: Prod) -> None:
        """Somebody deleted them, and deleted records are kept since."""
        prod.lose(LIFECYCLE)
        assert prod.dangers() == [("retention-shortened", LIFECYCLE)]

    def test_rules_of_a_first_apply_are_no_danger(self) -> None:
        """There are no records yet."""
        assert find_dangers(changed("first", LIFECYCLE, after={"rule": [self.rule()]})) == []

    def test_deleted_records_may_be_kept_longer(self, prod: Prod) -> None:
        """For more days, or forever."""
        prod.change(LIFECYCLE, rule=[self.NOW[0] | {"noncurrent_version_expiration": [{"noncurrent_days": 60}]}])
        assert prod.dangers() == []
        prod.change(LIFECYCLE, rule=[])
        assert prod.dangers() == []


class TestGuards:
    """Attributes that must keep their value."""

    @pytest.mark.parametrize(
        ("address", "after"),
        [
            (SWEEP, {"memory_size": 3008, "layers": [], "vpc_config": []}),
            (QUEUE, {"max_message_size": 1048576, "visibility_timeout_seconds": 120, "delay_seconds": 900}),
            (
                TABLE,
                {"replica": [], "ttl": [], "on_demand_throughput": [], "table_class": "STANDARD_INFREQUENT_ACCESS"},
            ),
        ],
    )
    def test_more_room_and_unset_attributes_are_no_danger(
        self, prod: Prod, address: str, after: dict[str, Any]
    ) -> None:
        """Every message has its own delay, so the queue's default delay is no danger either."""
        prod.change(address, **after)
        assert prod.dangers() == []

    def test_unknown_attribute_that_must_stay_unset_is_a_danger(self, prod: Prod) -> None:
        """It may be set."""
        prod.change(SWEEP, layers=...)
        assert prod.dangers() == [("function-foreign-code", SWEEP)]

    def test_queue_may_follow_a_replaced_dead_letter_queue(self, prod: Prod) -> None:
        """The replacement is a danger already."""
        prod.change(DEAD_LETTERS, "delete", "create", arn=...)
        prod.change(QUEUE, redrive_policy=...)
        assert prod.dangers() == [("dead-letter-queue-destroyed", DEAD_LETTERS)]

    def test_other_layers_are_a_danger_too(self, prod: Prod) -> None:
        """They are foreign code like a first layer."""
        prod.set(SWEEP, layers=["one"])
        prod.change(SWEEP, layers=["two"])
        assert prod.dangers() == [("function-foreign-code", SWEEP)]


class TestInventory:
    """Resources that are unknown, forgotten or created."""

    @pytest.mark.parametrize("address", Prod().addresses)
    def test_forgotten_resource_is_one_danger(self, prod: Prod, address: str) -> None:
        """It stays in AWS as it is, so no other rule applies."""
        prod.change(address, "forget")
        assert prod.dangers() == [("forgotten", address)]

    def test_functions_may_follow_a_table_that_is_created_again(self, prod: Prod) -> None:
        """Its ARN is not known yet, and its creation is a danger already."""
        prod.lose(TABLE, arn=..., stream_arn=...)
        prod.change(SWEEP, environment=...)
        assert prod.dangers() == [("store-created", TABLE), ("unjudged-change", SWEEP)]

    def test_functions_that_turn_to_a_second_table_are_a_danger(self, prod: Prod) -> None:
        """The first table stays, with its schedules."""
        prod.copy(TABLE, "again", arn=..., stream_arn=..., name="again")
        prod.change(SWEEP, environment=...)
        assert prod.dangers() == [("unjudged-change", SWEEP)]

    @pytest.mark.parametrize(
        ("address", "after", "danger"),
        [
            (PUBLIC_ACCESS, {"block_public_acls": False}, "public-access-loosened"),
            (BUCKET_OWNERSHIP, {"rule": [{"object_ownership": "ObjectWriter"}]}, "public-access-loosened"),
            (BUCKET_VERSIONING, {"versioning_configuration": [{"status": "Suspended"}]}, "recovery-off"),
            (RULE, {"state": "DISABLED"}, "sweep-paused"),
            (ROUTE, {"authorization_type": "NONE"}, "authorization-removed"),
            (STAGE, {"default_route_settings": []}, "throttling-loosened"),
        ],
    )
    def test_part_that_comes_back_otherwise_is_a_danger(
        self, prod: Prod, address: str, after: dict[str, Any], danger: str
    ) -> None:
        """Somebody deleted it, and Terraform would create it with another setting than prod has."""
        prod.lose(address)
        assert danger not in dict(prod.dangers())
        prod.lose(address, **after)
        assert danger in dict(prod.dangers())

    def test_stranger_with_a_role_of_the_delayer_is_a_danger(self, prod: Prod) -> None:
        """It may do whatever the delayer's function may."""
        further = prod.copy(POST, "further", function_name="further")
        assert prod.dangers() == [("access-grows", further)]

    def test_stranger_that_goes_is_a_danger(self, prod: Prod) -> None:
        """It may only stay."""
        address = "module.further.aws_sns_topic.further"
        prod.put(address, name="further")
        assert prod.dangers() == []
        for actions in (("delete", "create"), ("create", "delete"), ("delete",), ("forget",), ("forget", "create")):
            prod.change(address, *actions)
            assert prod.dangers() == [("stranger-destroyed", address)]
