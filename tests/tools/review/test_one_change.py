"""One change in the whole of prod: what is told of it, and what only looks like it and is not told."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from tools.review.dangers import find_dangers

from tests.support.review.addresses import (
    AUTHORIZER,
    DEAD_LETTERS,
    DELAYER,
    FAST_TRACK,
    FAST_TRACK_POLICY,
    FIRST_TARGET,
    INTEGRATION,
    LATE_ALARM,
    LIFECYCLE,
    MAPPING,
    MAPPING_POLICY,
    PERMISSION,
    POST,
    QUEUE,
    ROUTE,
    RULE,
    RULE_PERMISSION,
    STAGE,
    SWEEP,
    TABLE,
    beside,
)
from tests.support.review.kept_plans import changed, kept_plan, scenario
from tools.review.plan import plan_from

ANOTHER = "arn:aws:lambda:eu-west-1:777788889999:function:another"
TOKENS = {"jwt_configuration": [{"issuer": "https://issuer.example", "audience": ["delayer"]}]}


class Prod:
    """A plan of all that prod is made of, in which nothing changes but what is said."""

    def __init__(self) -> None:
        self._document = kept_plan("destroyed")
        self._document["output_changes"] = {}
        for found in self._document["resource_changes"]:
            values = found["change"]["before"]
            found["change"] |= {"actions": ["no-op"], "after": copy.deepcopy(values), "after_unknown": {}}
            found["change"]["after_sensitive"] = found["change"]["before_sensitive"]

    @property
    def addresses(self) -> list[str]:
        """Where all resources are."""
        return [found["address"] for found in self._document["resource_changes"]]

    def change(self, address: str, *actions: str, **after: Any) -> None:
        """Change some values of a resource, or all that an action says of it; ... stands for what is unknown."""
        change = self._of(address)["change"]
        change["actions"] = list(actions) or ["update"]
        change["after_unknown"] = {name: True for name, value in after.items() if value is ...}
        if actions in (("delete",), ("forget",)):
            change["after"] = None
        else:
            change["after"] |= {name: None if value is ... else value for name, value in after.items()}

    def set(self, address: str, **values: Any) -> None:
        """Say what a resource has been, and is."""
        for side in ("before", "after"):
            self._of(address)["change"][side] |= values

    def copy(self, address: str, name: str, /, **after: Any) -> str:
        """Create a resource that is like another but for some values."""
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
        """Plan a resource anew that somebody has deleted."""
        self.change(address, "create", **after)
        self._of(address)["change"] |= {"before": None, "before_sensitive": False}

    def put(self, address: str, **values: Any) -> None:
        """Let there be a resource that prod doesn't have."""
        module, kind, name = address.rsplit(".", 2)
        change: dict[str, Any] = {"actions": ["no-op"], "before": values, "after": dict(values), "after_unknown": {}}
        found = {"address": address, "module_address": module, "mode": "managed", "type": kind, "name": name}
        change |= {"before_sensitive": False, "after_sensitive": False}
        self._document["resource_changes"].append(found | {"change": change})

    def move(self, module: str, to: str) -> None:
        """Declare a module elsewhere."""
        for found in self._document["resource_changes"]:
            if found.get("module_address") == module:
                found |= {"module_address": to, "address": found["address"].replace(module, to)}

    def told(self) -> list[tuple[str, str]]:
        """The ids and addresses of what is found."""
        return [(danger.id, danger.address) for danger in find_dangers(plan_from(self._document, "prod"))]

    def _of(self, address: str) -> dict[str, Any]:
        found: dict[str, Any]
        (found,) = [found for found in self._document["resource_changes"] if found["address"] == address]
        return found


@pytest.fixture
def prod() -> Prod:
    """Prod, of which nothing changes yet."""
    return Prod()


class TestReaders:
    """Who reads the stream."""

    def test_version_of_the_fast_track(self, prod: Prod) -> None:
        """A version or an alias of the fast track is the fast track."""
        arn = "arn:aws:lambda:eu-west-1:777788889999:function:delayer-prod-stream-dynamodb-fasttrack_enqueuer"
        prod.change(MAPPING, function_name=f"{arn}:live")
        assert prod.told() == []

    def test_replaced_fast_track(self, prod: Prod) -> None:
        """The ARN of a fast track that is replaced is not known yet; that it is replaced is told already."""
        prod.change(FAST_TRACK, "delete", "create", arn=...)
        prod.change(MAPPING, function_name=...)
        assert prod.told() == [("function-destroyed", FAST_TRACK)]

    def test_function_that_is_not_known_yet(self, prod: Prod) -> None:
        """While the fast track stays, an ARN that is not known yet is another function's."""
        prod.change(FAST_TRACK, description="Sends")
        prod.change(POST, "delete", "create", arn=...)
        prod.change(MAPPING, function_name=...)
        assert prod.told() == [("function-destroyed", POST), ("stream-mapping-elsewhere", MAPPING)]

    @pytest.mark.parametrize(("source", "is_told"), [("arn:another-stream", False), (..., True)])
    def test_mapping_of_another_stream(self, prod: Prod, source: Any, *, is_told: bool) -> None:
        """A mapping of another stream reads nothing twice; one of a stream that is not known yet may."""
        prod.copy(MAPPING, "another", event_source_arn=source)
        assert ("stream-read-twice" in dict(prod.told())) is is_told

    def test_mapping_at_another_address(self, prod: Prod) -> None:
        """A mapping that takes another's place reads nothing twice."""
        prod.copy(MAPPING, "again")
        prod.change(MAPPING, "delete")
        assert prod.told() == [("stream-mapping-destroyed", MAPPING)]

    @pytest.mark.parametrize(
        ("old", "new", "is_told"),
        [(82800, 3600, True), (3600, 82800, False), (-1, 82800, False), (-1, 3600, True), (82800, 82801, False)],
    )
    def test_record_age(self, prod: Prod, old: int, new: int, *, is_told: bool) -> None:
        """A record may be given up later, and sooner than never as long as that is 23 hours or more."""
        prod.set(MAPPING, maximum_record_age_in_seconds=old)
        prod.change(MAPPING, maximum_record_age_in_seconds=new)
        assert bool(prod.told()) is is_told


class TestApi:
    """Where requests lead."""

    def test_alias_of_the_function(self, prod: Prod) -> None:
        """An integration with an alias calls the function."""
        uri = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{}:live/invocations"
        prod.change(
            INTEGRATION, integration_uri=uri.format(ANOTHER.replace("another", "delayer-prod-api-schedule-post"))
        )
        assert prod.told() == []

    def test_another_type(self, prod: Prod) -> None:
        """A type that is not a call of the function makes something else of what is posted."""
        prod.change(INTEGRATION, integration_type="AWS")
        assert prod.told() == [("route-elsewhere", INTEGRATION)]

    def test_another_function(self, prod: Prod) -> None:
        """An integration with another function does not."""
        prod.change(INTEGRATION, integration_uri=ANOTHER)
        assert prod.told() == [("route-elsewhere", INTEGRATION)]

    def test_replaced_function(self, prod: Prod) -> None:
        """The ARN of a function that is replaced is not known yet; that it is replaced is told already."""
        prod.change(POST, "create", "delete", arn=...)
        prod.change(INTEGRATION, integration_uri=...)
        assert prod.told() == [("function-destroyed", POST)]

    def test_replaced_integration(self, prod: Prod) -> None:
        """A route follows its integration."""
        prod.change(INTEGRATION, "delete", "create", id=...)
        prod.change(ROUTE, target=...)
        assert prod.told() == []

    @pytest.mark.parametrize(("uri", "is_told"), [(None, False), (ANOTHER, True)])
    def test_integration_at_another_address(self, prod: Prod, uri: str | None, *, is_told: bool) -> None:
        """A route may follow its integration to where that is declared now, but not to another function."""
        prod.copy(INTEGRATION, "again", id=..., **({"integration_uri": uri} if uri else {}))
        prod.change(INTEGRATION, "delete")
        prod.change(ROUTE, target=...)
        assert prod.told() == ([("route-elsewhere", ROUTE)] if is_told else [])

    def test_nowhere(self, prod: Prod) -> None:
        """A route without a target answers nobody."""
        prod.change(ROUTE, target=None)
        assert prod.told() == [("route-destroyed", ROUTE)]

    def test_not_known(self, prod: Prod) -> None:
        """A target that is not known, while no integration is made, is another API's."""
        prod.change(ROUTE, target=...)
        assert prod.told() == [("route-elsewhere", ROUTE)]

    def test_stage_at_another_address(self, prod: Prod) -> None:
        """A stage of the same name has the same address for clients."""
        prod.copy(STAGE, "default")
        prod.change(STAGE, "delete")
        assert prod.told() == []

    def test_everyday_limit_of_a_route(self, prod: Prod) -> None:
        """A route's own limits may be up to twice as loose as the API's."""
        limits = {"route_key": "POST /schedules", "throttling_rate_limit": 2000, "throttling_burst_limit": 4000}
        prod.change(STAGE, route_settings=[limits])
        assert prod.told() == []

    def test_limits_of_routes_that_are_not_known(self, prod: Prod) -> None:
        """Limits that are not known yet may be any."""
        prod.change(STAGE, route_settings=...)
        assert prod.told() == [("throttling-loosened", STAGE)]

    def test_limit_of_a_route_that_has_one(self, prod: Prod) -> None:
        """A route's own limit is compared with what it is."""
        now, new = ([{"route_key": "POST /schedules", "throttling_rate_limit": rate}] for rate in (10, 30))
        prod.set(STAGE, route_settings=now)
        prod.change(STAGE, route_settings=new)
        assert prod.told() == [("throttling-loosened", STAGE)]


class TestTokens:
    """Whose tokens are taken."""

    @pytest.mark.parametrize(
        ("old", "new", "is_told"),
        [(["write"], None, True), (["read", "write"], ["write"], True), (None, ["write"], False)],
    )
    def test_scopes(self, prod: Prod, old: Any, new: Any, *, is_told: bool) -> None:
        """None at all lets in more, others let in others; to ask for one where none was asked opens nothing."""
        prod.set(ROUTE, authorization_type="JWT", authorization_scopes=old)
        prod.change(ROUTE, authorization_scopes=new)
        assert prod.told() == ([("authorization-changed", ROUTE)] if is_told else [])

    @pytest.mark.parametrize("new", ["another", ...])
    def test_another_authorizer(self, prod: Prod, new: Any) -> None:
        """An authorizer that this plan doesn't make may be anyone's."""
        prod.set(ROUTE, authorization_type="JWT", authorizer_id="this")
        prod.change(ROUTE, authorizer_id=new)
        assert prod.told() == [("authorization-changed", ROUTE)]

    def test_replaced_authorizer(self, prod: Prod) -> None:
        """A route follows an authorizer that is replaced by one that lets in the same."""
        prod.put(AUTHORIZER, **TOKENS)
        prod.set(ROUTE, authorization_type="JWT", authorizer_id="this")
        prod.change(AUTHORIZER, "delete", "create", id=...)
        prod.change(ROUTE, authorizer_id=...)
        assert prod.told() == []

    @pytest.mark.parametrize(("audience", "is_told"), [("delayer", False), ("others", True)])
    def test_authorizer_at_another_address(self, prod: Prod, audience: str, *, is_told: bool) -> None:
        """A route follows an authorizer to where it is declared now, and what is told is whom that lets in."""
        prod.put(AUTHORIZER, **TOKENS)
        configuration = TOKENS["jwt_configuration"][0] | {"audience": [audience]}
        again = prod.copy(AUTHORIZER, "again", id=..., jwt_configuration=[configuration])
        prod.change(AUTHORIZER, "delete")
        prod.set(ROUTE, authorization_type="JWT", authorizer_id="this")
        prod.change(ROUTE, authorizer_id=...)
        assert prod.told() == ([("authorization-changed", again)] if is_told else [])


class TestCalls:
    """Who may call, and what may be called."""

    @pytest.mark.parametrize("danger", ["call-refused", "caller-refused"])
    def test_all_is_destroyed(self, danger: str) -> None:
        """If caller and function go, that one may no longer call the other is no news."""
        assert danger not in {found.id for found in find_dangers(scenario("destroyed"))}

    def test_rule_that_goes(self, prod: Prod) -> None:
        """With fewer workers a rule goes, with its permission."""
        prod.change(RULE, "delete")
        prod.change(RULE_PERMISSION, "delete")
        assert "caller-refused" not in dict(prod.told())

    def test_function_that_goes(self, prod: Prod) -> None:
        """A function goes with its permission."""
        prod.change(POST, "delete")
        prod.change(PERMISSION, "delete")
        assert prod.told() == [("function-destroyed", POST)]

    def test_permission_at_another_address(self, prod: Prod) -> None:
        """A permission that takes another's place lets the same call the same."""
        prod.copy(PERMISSION, "again")
        prod.change(PERMISSION, "delete")
        assert "caller-refused" not in dict(prod.told())

    def test_policy_at_another_address(self, prod: Prod) -> None:
        """A role's policy may be another, as long as that allows as much."""
        prod.copy(FAST_TRACK_POLICY, "again")
        prod.change(FAST_TRACK_POLICY, "delete")
        assert "call-refused" not in dict(prod.told())

    def test_policy_that_is_not_known(self, prod: Prod) -> None:
        """Of a new one that is not known yet, that is told."""
        again = prod.copy(FAST_TRACK_POLICY, "again", policy=...)
        prod.change(FAST_TRACK_POLICY, "delete")
        assert prod.told() == [("access-unknown", again)]

    def test_policy_beside_one_that_is_not_known(self, prod: Prod) -> None:
        """One that is there already takes nobody's place, known or not."""
        beside = MAPPING_POLICY
        prod.change(beside, policy=...)
        prod.change(FAST_TRACK_POLICY, "delete")
        assert prod.told() == [("call-refused", FAST_TRACK_POLICY), ("access-unknown", beside)]

    def test_policy_that_allows_less(self, prod: Prod) -> None:
        """What the new one doesn't allow is told."""
        prod.copy(FAST_TRACK_POLICY, "again", policy='{"Statement": []}')
        prod.change(FAST_TRACK_POLICY, "delete")
        assert prod.told() == [("call-refused", FAST_TRACK_POLICY)]

    def test_inline_policies_that_are_reported(self, prod: Prod) -> None:
        """A role tells also of policies that are resources of their own; they are judged there."""
        role = beside(POST, "aws_iam_role")
        prod.set(
            role, inline_policy=[{"name": "calls", "policy": '{"Statement": [{"Effect": "Allow", "Action": "*"}]}'}]
        )
        prod.change(role, description="Posts")
        assert prod.told() == []


class TestSweep:
    """The sweep, wherever it is declared."""

    @pytest.mark.parametrize(
        "module",
        [
            'module.task_1minute_enqueuer["a.b]"]',
            "module.task_1minute_enqueuer[0]",
            'module.delayer["eu"].module.task_1minute_enqueuer',
        ],
    )
    @pytest.mark.parametrize("handler", ["task_1minute_enqueuer.main.handler", "main.handler"])
    def test_instances_of_modules(self, prod: Prod, module: str, handler: str) -> None:
        """A module with an instance key, or in another module, is that of the same function."""
        prod.set(SWEEP, handler=handler)
        prod.move(f"{DELAYER}.module.task_1minute_enqueuer", module)
        sweep = f"{module}.aws_lambda_function.this"
        prod.change(sweep, environment=[{"variables": {"SHARD_COUNT": "16"}}])
        assert ("shards-unswept", sweep) in prod.told()

    def test_renamed_module(self, prod: Prod) -> None:
        """A function is known by its handler, whatever its module is called."""
        prod.move(f"{DELAYER}.module.task_1minute_enqueuer", "module.sweep")
        sweep = "module.sweep.aws_lambda_function.this"
        prod.change(sweep, environment=[{"variables": {"SHARD_COUNT": "16"}}])
        assert ("shards-unswept", sweep) in prod.told()

    def test_rule_that_goes_with_its_targets(self, prod: Prod) -> None:
        """That a rule goes is told once."""
        rule = RULE
        for address in prod.addresses:
            if address == rule or "aws_cloudwatch_event_target" in address:
                prod.change(address, "delete")
        assert prod.told() == [("sweep-paused", rule)]

    def test_each_instance(self, prod: Prod) -> None:
        """Of two sweeps, each is judged."""
        again = prod.copy(SWEEP, "again")
        prod.change(SWEEP, environment=[{"variables": {"SHARD_COUNT": "16"}}])
        assert [address for danger, address in prod.told() if danger == "shards-unswept"] == [SWEEP]
        assert again not in dict(prod.told()).values()

    @pytest.mark.parametrize("worker", [[0], {"0": 0}, "0", None])
    def test_worker_that_is_no_number(self, prod: Prod, worker: Any) -> None:
        """What is called is told whatever it is."""
        target = FIRST_TARGET
        prod.change(target, input=json.dumps({"worker": worker, "workers": 2}))
        assert prod.told() == [("shards-unswept", target)]


class TestLifecycle:
    """What S3 deletes from the failure bucket."""

    NOW = (
        {
            "id": "forget-what-was-deleted",
            "status": "Enabled",
            "noncurrent_version_expiration": [{"noncurrent_days": 30}],
        },
    )

    def rule(self, status: str = "Enabled", days: int = 7) -> dict[str, Any]:
        """A rule that deletes records."""
        return {"id": "further", "status": status, "expiration": [{"days": days}]}

    def test_disabled_rule(self, prod: Prod) -> None:
        """A rule that is disabled deletes nothing."""
        prod.change(LIFECYCLE, rule=[*self.NOW, self.rule("Disabled")])
        assert prod.told() == []

    def test_enabled_rule(self, prod: Prod) -> None:
        """One that is enabled does."""
        prod.set(LIFECYCLE, rule=[*self.NOW, self.rule("Disabled")])
        prod.change(LIFECYCLE, rule=[*self.NOW, self.rule()])
        assert prod.told() == [("retention-shortened", LIFECYCLE)]

    @pytest.mark.parametrize("further", [False, True])
    def test_at_another_address(self, prod: Prod, *, further: bool) -> None:
        """Rules that are declared elsewhere are the same; what they delete besides is told."""
        again = prod.copy(LIFECYCLE, "again", rule=[*self.NOW, *([self.rule()] if further else [])])
        prod.change(LIFECYCLE, "delete")
        assert prod.told() == ([("retention-shortened", again)] if further else [])

    def test_not_known(self, prod: Prod) -> None:
        """Rules that are not known yet may delete anything."""
        prod.change(LIFECYCLE, rule=...)
        assert prod.told() == [("retention-shortened", LIFECYCLE)]

    def test_missing(self, prod: Prod) -> None:
        """Rules that somebody deleted come back; that they forget what was deleted is as it has to be."""
        prod.lose(LIFECYCLE)
        assert prod.told() == []

    def test_first(self) -> None:
        """On a first apply, rules are what the configuration says."""
        assert find_dangers(changed("first", LIFECYCLE, after={"rule": [self.rule()]})) == []

    def test_longer(self, prod: Prod) -> None:
        """What was deleted may be kept for longer, or forever."""
        prod.change(LIFECYCLE, rule=[self.NOW[0] | {"noncurrent_version_expiration": [{"noncurrent_days": 60}]}])
        assert prod.told() == []
        prod.change(LIFECYCLE, rule=[])
        assert prod.told() == []


class TestGuards:
    """Attributes that have to stay."""

    @pytest.mark.parametrize(
        ("address", "after"),
        [
            (SWEEP, {"memory_size": 3008, "timeout": 58, "layers": [], "vpc_config": []}),
            (QUEUE, {"max_message_size": 1048576, "visibility_timeout_seconds": 120, "delay_seconds": 900}),
            (
                TABLE,
                {"replica": [], "ttl": [], "on_demand_throughput": [], "table_class": "STANDARD_INFREQUENT_ACCESS"},
            ),
        ],
    )
    def test_harmless(self, prod: Prod, address: str, after: dict[str, Any]) -> None:
        """More time, memory and room, and nothing said of what is not used. Every message brings its own delay."""
        prod.change(address, **after)
        assert prod.told() == []

    def test_not_known(self, prod: Prod) -> None:
        """What has to stay off, and is not known yet, may be on."""
        prod.change(SWEEP, layers=...)
        assert prod.told() == [("function-foreign-code", SWEEP)]

    def test_replaced_dead_letter_queue(self, prod: Prod) -> None:
        """If the dead-letter queue is replaced, that the delayer queue follows it is no news."""
        prod.change(DEAD_LETTERS, "delete", "create", arn=...)
        prod.change(QUEUE, redrive_policy=...)
        assert prod.told() == [("dead-letter-queue-destroyed", DEAD_LETTERS)]

    def test_used_already(self, prod: Prod) -> None:
        """Another of what is in use already is an everyday change."""
        prod.set(SWEEP, layers=["one"])
        prod.change(SWEEP, layers=["two"])
        assert prod.told() == []


class TestInventory:
    """What is known, forgotten or made."""

    @pytest.mark.parametrize("address", Prod().addresses)
    def test_forgotten(self, prod: Prod, address: str) -> None:
        """What Terraform forgets stays as it is, and nothing else is told of it."""
        prod.change(address, "forget")
        assert prod.told() == [("forgotten", address)]

    def test_missing_table(self, prod: Prod) -> None:
        """The address of a table that is made anew is not known yet; that functions follow it is no news."""
        prod.lose(TABLE, arn=..., stream_arn=...)
        prod.change(SWEEP, environment=...)
        assert prod.told() == [("store-created", TABLE)]

    def test_another_table(self, prod: Prod) -> None:
        """If a table is made beside one that is there, it is news that functions turn to it."""
        table = prod.copy(TABLE, "again", arn=..., stream_arn=..., name="again")
        prod.change(SWEEP, environment=...)
        assert dict(prod.told()) == {"store-created": table, "function-elsewhere": SWEEP}

    def test_stranger_that_stays_or_goes(self, prod: Prod) -> None:
        """What is of no known type is told when it is made or changed."""
        address = "module.further.aws_sns_topic.further"
        prod.put(address, name="further")
        assert prod.told() == []
        prod.change(address, "delete", "create")
        assert prod.told() == [("type-unknown", address)]
        prod.change(address, "delete")
        assert prod.told() == []

    @pytest.mark.parametrize("after", [{"threshold": 3600}, {"dimensions": {"service": "another"}}, {"period": 300}])
    def test_tuned_alarm(self, prod: Prod, after: dict[str, Any]) -> None:
        """An alarm's threshold is there to be tuned, and its dimensions follow what it watches."""
        prod.change(LATE_ALARM, **after)
        assert prod.told() == []
