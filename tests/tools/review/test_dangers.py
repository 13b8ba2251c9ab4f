"""What the review finds dangerous in real plans, and what it does not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.tools.review.conftest import ReadScenario, changed
from tests.tools.review.real_plans import PLANS, kept_plan
from tests.tools.review.scenarios import SCENARIOS
from tools.project import CONFIGURATION
from tools.review.dangers import DANGERS, find_dangers
from tools.review.inventory import KNOWN_TYPES
from tools.review.plan import read_plan

POST = "module.api_schedule_post.aws_lambda_function.this"
SWEEP = "module.task_1minute_enqueuer.aws_lambda_function.this"
FAST_TRACK = "module.stream_dynamodb_fasttrack_enqueuer.aws_lambda_function.this"
MAPPING = "aws_lambda_event_source_mapping.stream"
TABLE = "module.schedule_table.aws_dynamodb_table.schedules"
QUEUE = "module.delayer_queue.aws_sqs_queue.delayer"
DEAD_LETTERS = "module.delayer_queue.aws_sqs_queue.dead_letter"
BUCKET = "module.failure_bucket.aws_s3_bucket.failures"
API = "module.http_api.aws_apigatewayv2_api.this"
INTEGRATION = "module.http_api.aws_apigatewayv2_integration.function"
MONITORING = "module.monitoring"
TARGET = 'module.minute_schedule.aws_cloudwatch_event_target.worker["1"]'
RULE = 'module.minute_schedule.aws_cloudwatch_event_rule.minute["0"]'
LOGS = "{}aws_cloudwatch_log_group.{}"
ROUTE = "module.http_api.aws_apigatewayv2_route.this"
LIFECYCLE = "module.failure_bucket.aws_s3_bucket_lifecycle_configuration.failures"
PERMISSION = "module.http_api.aws_lambda_permission.api"
AGAIN = "aws_lambda_event_source_mapping.again"
STAGE = "module.http_api.aws_apigatewayv2_stage.this"
FUNCTIONS = (POST, SWEEP, FAST_TRACK)

#: By scenario, the dangers that it was made for: id, address, and words that have to be in what is said.
EXPECTED: dict[str, list[tuple[str, str, str]]] = {
    "destroyed": [
        ("table-destroyed", TABLE, "Every pending schedule would be lost"),
        ("queue-destroyed", QUEUE, "Every message that is waiting for its pointInTime"),
        ("dead-letter-queue-destroyed", DEAD_LETTERS, "messages that consumers failed to handle would be lost"),
        ("failure-bucket-destroyed", BUCKET, "records that could not be handled would be lost"),
        ("log-group-destroyed", "module.api_schedule_post.aws_cloudwatch_log_group.this", "would be destroyed"),
        ("log-group-destroyed", "module.http_api.aws_cloudwatch_log_group.access", "would be destroyed"),
        ("stream-mapping-destroyed", MAPPING, "would be destroyed"),
        ("api-destroyed", API, "its address is never given again"),
        ("sweep-paused", RULE, "No sweep would run"),
        *(("function-destroyed", function, "would get an error") for function in FUNCTIONS),
        ("alarms-silenced", MONITORING, "would be destroyed"),
    ],
    "table_replaced": [
        ("table-destroyed", TABLE, "replaced by an empty one"),
        ("stream-mapping-destroyed", MAPPING, "this plan says `TRIM_HORIZON`"),
        ("access-unknown", "aws_iam_role_policy.api_schedule_post", "Whether `delayer-prod-api-schedule-post` would"),
        ("access-unknown", "module.schedule_table.aws_dynamodb_resource_policy.tls_only", "still deny"),
    ],
    "queues_replaced": [
        ("queue-destroyed", QUEUE, "replaced by an empty one"),
        ("dead-letter-queue-destroyed", DEAD_LETTERS, "replaced by an empty one"),
    ],
    "bucket_and_logs_replaced": [
        ("failure-bucket-destroyed", BUCKET, "replaced by an empty one"),
        (
            "log-group-destroyed",
            "module.task_1minute_enqueuer.aws_cloudwatch_log_group.this",
            "which schedules were accepted",
        ),
    ],
    "api_replaced": [
        ("api-destroyed", API, "would be replaced, and"),
        ("access-unknown", "module.http_api.aws_lambda_permission.api", "(known after apply)"),
    ],
    # Another stream, or none, has another ARN: what reads the stream is replaced, and what allows it is not known yet.
    "stream_off": [
        ("stream-off", TABLE, "Nothing would be handed over"),
        ("stream-mapping-destroyed", MAPPING, "would be replaced"),
        ("access-unknown", "aws_iam_role_policy.stream_mapping", "can't be judged"),
    ],
    "stream_view": [
        ("stream-changed", TABLE, "`KEYS_ONLY` instead of `OLD_IMAGE`"),
        ("stream-mapping-destroyed", MAPPING, "would be replaced"),
        ("access-unknown", "aws_iam_role_policy.stream_mapping", "can't be judged"),
    ],
    "mapping_position": [
        ("stream-mapping-destroyed", MAPPING, "would be skipped if a new mapping reads from now on"),
        ("stream-mapping-position", MAPPING, "from `LATEST` instead of `TRIM_HORIZON`"),
    ],
    "mapping_disabled": [("stream-mapping-disabled", MAPPING, "Nothing would be handed over")],
    "mapping_loses": [
        ("stream-mapping-filter", MAPPING, "Lambda drops what the filter doesn't match"),
        ("stream-mapping-loses", MAPPING, "`ReportBatchItemFailures`"),
        ("stream-mapping-loses", MAPPING, "after `86400` s"),
        ("stream-mapping-loses", MAPPING, "What the mapping gives up would go to nothing"),
        ("stream-mapping-loses", MAPPING, "would take its whole batch with it"),
        ("stream-mapping-loses", MAPPING, "after `3` tries"),
    ],
    "shards_lowered": [("shards-unswept", SWEEP, "Pending schedules in shards 16 to 63 would never be swept")],
    "worker_missing": [
        (
            "shards-unswept",
            'module.minute_schedule.aws_cloudwatch_event_target.worker["0"]',
            "Schedules in some shards would never be swept",
        )
    ],
    "worker_elsewhere": [("sweep-elsewhere", TARGET, '`{"worker":1,"workers":2}` would never be swept')],
    "settings_elsewhere": [
        ("function-elsewhere", POST, "stored in the table `another-table` instead of `delayer-prod-schedules`"),
        ("function-elsewhere", SWEEP, "Pending schedules in the table `delayer-prod-schedules` would never be swept"),
        ("function-elsewhere", SWEEP, "Every sweep would fail"),
        ("function-elsewhere", FAST_TRACK, "whoever consumes the delayer queue would get none"),
        ("function-elsewhere", FAST_TRACK, "What is posted within the delayer period would wait for the sweep"),
        ("function-elsewhere", FAST_TRACK, "would be put into `another-bucket` instead of `delayer-prod-failures-"),
    ],
    "functions_stopped": [
        ("function-stopped", POST, "Every post would be refused: no call of `delayer-prod-api-schedule-post` would"),
        ("function-stopped", SWEEP, "Nothing would be swept"),
        ("function-stopped", FAST_TRACK, "would be lost if it is still in the stream after 24 hours"),
    ],
    "lateness_limited": [("lateness-limited", FAST_TRACK, "`make redrive`); today everything is sent, however late.")],
    "period_lowered": [
        ("delayer-period-changed", SWEEP, "queued already keep their delay, and arrive in their second")
    ],
    "access_grows": [
        ("access-grows", "aws_iam_role_policy.api_schedule_post", "dynamodb:GetItem"),
        ("access-grows", "aws_iam_role_policy.task_1minute_enqueuer", "`Allow dynamodb:BatchWriteItem on"),
        ("access-grows", "aws_iam_role_policy_attachment.further", "`arn:aws:iam::aws:policy/ReadOnlyAccess`"),
        *(
            (
                "access-grows",
                function.replace("aws_lambda_function", "aws_iam_role"),
                "sts:AssumeRole by Service:ec2.amazonaws.com",
            )
            for function in FUNCTIONS
        ),
    ],
    "access_wildcard": [
        ("access-wildcard", "aws_iam_role_policy.api_schedule_post", "with `dynamodb:*`, `*`"),
        ("access-wildcard", "module.http_api.aws_lambda_permission.api", "on behalf of any account"),
    ],
    "first_wildcard": [
        ("access-wildcard", "aws_iam_role_policy.api_schedule_post", "with `dynamodb:*`"),
        ("authorization-removed", ROUTE, "Anyone on the internet could post schedules"),
    ],
    "boundary_removed": [
        (
            "access-grows",
            function.replace("aws_lambda_function", "aws_iam_role"),
            "bounded by nothing instead of `arn:aws:iam::777788889999:policy/terraform-delayer-boundary-prod`",
        )
        for function in FUNCTIONS
    ],
    "workers_raised": [
        (
            "access-grows",
            'module.minute_schedule.aws_lambda_permission.minute["1"]',
            "`events.amazonaws.com` could newly",
        )
    ],
    "sweep_paused": [("sweep-paused", RULE, "No sweep would run")],
    "authorization_removed": [("authorization-removed", ROUTE, "Anyone on the internet could post schedules")],
    "authorization_jwt": [("authorization-changed", ROUTE, "let in by `AWS_IAM` now would be refused")],
    "audience_changed": [
        ("authorization-changed", 'module.http_api.aws_apigatewayv2_authorizer.jwt["jwt"]', "https://other.example"),
        ("authorization-changed", 'module.http_api.aws_apigatewayv2_authorizer.jwt["jwt"]', '["delayer", "others"]'),
    ],
    "route_removed": [("route-destroyed", ROUTE, "the API would have no route `POST /schedules`")],
    "integration_removed": [("route-destroyed", INTEGRATION, "no function that it leads to")],
    "throttling_removed": [
        ("throttling-loosened", STAGE, "no limit of requests a second of its own"),
        ("throttling-loosened", STAGE, "no limit of requests at once of its own"),
    ],
    "throttling_raised": [
        ("throttling-loosened", STAGE, "`10000` requests a second instead of `1000`"),
        ("throttling-loosened", STAGE, "`20000` requests at once instead of `2000`"),
    ],
    "protection_off": [
        ("deletion-protection-off", TABLE, "could delete every pending schedule at once"),
        ("deletion-protection-off", BUCKET, "with the records in it"),
        ("recovery-off", TABLE, "35 days' restore points"),
        ("recovery-off", "module.failure_bucket.aws_s3_bucket_versioning.failures", "could not be brought back"),
    ],
    "recovery_shortened": [("recovery-shortened", TABLE, "for `7` days only, not for `35`")],
    "table_key": [("encryption-weakened", TABLE, "can neither store nor hand over a schedule")],
    "encryption_off": [
        ("encryption-weakened", QUEUE, "no longer be encrypted at rest by SQS"),
        ("encryption-weakened", DEAD_LETTERS, "no longer be encrypted at rest by SQS"),
        (
            "encryption-weakened",
            "module.failure_bucket.aws_s3_bucket_server_side_encryption_configuration.failures",
            "encrypted with nothing instead of `AES256`",
        ),
    ],
    "tls_only_removed": [
        ("tls-only-removed", "module.delayer_queue.aws_sqs_queue_policy.delayer", "read in the clear"),
        ("tls-only-removed", "module.schedule_table.aws_dynamodb_resource_policy.tls_only", "read in the clear"),
        ("tls-only-removed", "module.failure_bucket.aws_s3_bucket_policy.tls_only", "read in the clear"),
    ],
    "public_access": [
        (
            "public-access-loosened",
            "module.failure_bucket.aws_s3_bucket_public_access_block.failures",
            "no longer have `block_public_policy`",
        ),
        (
            "public-access-loosened",
            "module.failure_bucket.aws_s3_bucket_public_access_block.failures",
            "no longer have `restrict_public_buckets`",
        ),
        (
            "public-access-loosened",
            "module.failure_bucket.aws_s3_bucket_ownership_controls.failures",
            "Access lists could open",
        ),
    ],
    "retention_shortened": [
        ("retention-shortened", QUEUE, "older than `3600` s would be deleted within minutes"),
        ("retention-shortened", DEAD_LETTERS, "older than 4 days would be deleted within minutes"),
        (
            "retention-shortened",
            "module.failure_bucket.aws_s3_bucket_lifecycle_configuration.failures",
            "would be deleted after `7` days",
        ),
        (
            "retention-shortened",
            "module.failure_bucket.aws_s3_bucket_lifecycle_configuration.failures",
            "for `1` days only",
        ),
        ("retention-shortened", "module.http_api.aws_cloudwatch_log_group.access", "kept for `90`"),
        *(
            (
                "retention-shortened",
                function.replace("aws_lambda_function", "aws_cloudwatch_log_group"),
                "older than `1`",
            )
            for function in FUNCTIONS
        ),
    ],
    "dead_letters_detached": [("dead-letter-queue-detached", QUEUE, "would have no dead-letter queue")],
    "dead_letters_sooner": [
        ("dead-letter-queue-sooner", QUEUE, "would have a `maxReceiveCount` of `1` instead of `5`")
    ],
    "alarms_removed": [("alarms-silenced", MONITORING, " would be destroyed")],
    "alarms_disabled": [("alarms-silenced", MONITORING, " would be left with their actions disabled")],
    "alarm_topic_removed": [("alarms-silenced", MONITORING, "would be left without any action")],
    "functions_changed": [
        (danger, function, words)
        for function in FUNCTIONS
        for danger, words in (
            ("function-architecture-changed", '`["x86_64"]` instead of `["arm64"]`'),
            ("function-handler-changed", "at `main.handler` instead of"),
            ("function-role-changed", "`arn:aws:iam::777788889999:role/administrator`"),
            ("function-runtime-changed", "on `python3.12` instead of `python3.13`"),
        )
    ],
    "mapping_elsewhere": [
        ("stream-mapping-elsewhere", MAPPING, "whatever it doesn't send to the delayer queue is lost")
    ],
    "mapping_sooner": [("stream-mapping-loses", MAPPING, "after `3600` s instead of `82800` s")],
    # A new mapping for which nothing is said also retries until the stream has dropped the record.
    "stream_read_twice": [
        ("stream-read-twice", AGAIN, "Every message would be sent twice"),
        ("stream-mapping-loses", AGAIN, "What can't be sent for a day would be lost"),
    ],
    "integration_elsewhere": [
        ("route-elsewhere", INTEGRATION, "go to `https://another.example/schedules` (`HTTP_PROXY`)")
    ],
    "route_elsewhere": [("route-elsewhere", ROUTE, "What clients post would go to `integrations/another` instead of")],
    "route_unthrottled": [("throttling-loosened", STAGE, "`10000` requests a second to `POST /schedules`, whatever")],
    "endpoint_off": [
        ("route-destroyed", API, "would not answer there, but only at a domain of its own"),
        ("route-destroyed", STAGE, "the API would have no stage `$default`"),
    ],
    "authorizer_renamed": [
        (
            "authorization-changed",
            'module.http_api.aws_apigatewayv2_authorizer.jwt["again"]',
            "issued by `https://other.example` would be accepted, and no longer those issued by `https://issuer.example`",
        )
    ],
    "targets_removed": [
        ("sweep-paused", TARGET.replace("1", "0"), "No sweep would run: the minute's rule would stay, and call nothing")
    ],
    "callers_refused": [
        ("caller-refused", f"{PERMISSION}[0]", "Every post would get a 500"),
        ("caller-refused", 'module.minute_schedule.aws_lambda_permission.minute["0"]', "Nothing would be swept"),
    ],
    "caller_elsewhere": [
        ("caller-refused", PERMISSION, "could no longer call `delayer-prod-api-schedule-post`"),
        ("access-grows", PERMISSION, "`apigateway.amazonaws.com` could newly call `another`"),
    ],
    "calls_refused": [
        (
            "call-refused",
            "aws_iam_role_policy.stream_dynamodb_fasttrack_enqueuer[0]",
            "would no longer have `Allow dynamodb:BatchWriteItem on",
        )
    ],
    "role_policies": [
        ("access-grows", function.replace("aws_lambda_function", "aws_iam_role"), words)
        for function in FUNCTIONS
        for words in ("`arn:aws:iam::aws:policy/ReadOnlyAccess`", "`Allow sqs:ReceiveMessage on arn:")
    ],
    "functions_shrunk": [
        (danger, function, words)
        for function in FUNCTIONS
        for danger, words in (
            ("function-shrunk", "takes longer than `3` s would be ended in the middle"),
            ("function-shrunk", "when it needs more than `128` MB"),
            ("function-network-changed", "unless its network leads to DynamoDB, SQS and S3"),
            ("function-foreign-code", "Code that this project didn't build would run in"),
        )
    ],
    "table_settings": [
        ("table-expires", TABLE, "the fast track sends whatever is deleted"),
        ("table-copied", TABLE, "would also be kept in another region"),
        ("table-throttled", TABLE, '"max_write_request_units": 10'),
    ],
    "table_provisioned": [("table-throttled", TABLE, "it would be billed as `PROVISIONED`")],
    "queue_narrowed": [
        ("queue-narrowed", QUEUE, "would take `65536` bytes at most instead of `262144`"),
        ("queue-narrowed", QUEUE, "while the first is still at it"),
        ("dead-letter-queue-elsewhere", QUEUE, "would go to `arn:aws:sqs:eu-west-1:777788889999:another` instead of"),
    ],
    "records_expire": [
        ("retention-shortened", LIFECYCLE, "would be deleted from `2027-01-01T00:00:00Z` on"),
        ("retention-shortened", LIFECYCLE, "for `1` days only"),
    ],
    "alarms_elsewhere": [("alarms-silenced", MONITORING, "would be put on something else than now")],
    "stranger": [("type-unknown", "aws_sns_topic.further", "knows nothing of the type `aws_sns_topic`")],
    "forgotten": [
        ("forgotten", "module.delayer_queue.aws_sqs_queue_policy.delayer", "it stays as it is, and nobody plans")
    ],
    # What denies requests without TLS names the new queue, whose address is not known yet.
    "queue_missing": [
        ("store-created", DEAD_LETTERS, "every message that was in it is lost already"),
        ("access-unknown", "module.delayer_queue.aws_sqs_queue_policy.dead_letter", "still deny"),
    ],
    "sensitive": [("access-unknown", "aws_iam_role_policy.api_schedule_post", "only that it is (sensitive)")],
}

#: Scenarios without any danger.
HARMLESS = {"alarms_renamed", "code", "first", "harmless", "unchanged"}

#: Where replacing something leaves more unknown than what the scenario is for.
NOT_ALL = ("bucket_and_logs_replaced", "destroyed", "queues_replaced", "table_replaced")


@pytest.mark.parametrize("name", EXPECTED)
def test_what_a_plan_would_do_is_told(scenario: ReadScenario, name: str) -> None:
    """Each danger is told with its address, in words that say what would happen."""
    found = find_dangers(scenario(name))
    for danger, address, words in EXPECTED[name]:
        assert any((each.id, each.address) == (danger, address) and words in each.text for each in found), (
            danger,
            address,
            words,
            found,
        )


@pytest.mark.parametrize("name", sorted(set(EXPECTED) - set(NOT_ALL)))
def test_nothing_else_is_told(scenario: ReadScenario, name: str) -> None:
    """A change that is dangerous in one way is not told to be so in others."""
    found = sorted((danger.id, danger.address) for danger in find_dangers(scenario(name)))
    assert found == sorted((danger, address) for danger, address, _ in EXPECTED[name])


def test_what_is_nowhere_else_comes_first(scenario: ReadScenario) -> None:
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
def test_no_danger(scenario: ReadScenario, name: str) -> None:
    """Code, everyday settings, more shards, renamed alarms, a first apply: nothing that would be lost, late or open."""
    assert find_dangers(scenario(name)) == []


def test_every_scenario_is_looked_at() -> None:
    """No plan is kept that no test reads, and none is missing."""
    assert set(SCENARIOS) == set(EXPECTED) | HARMLESS
    assert {path.stem for path in PLANS.glob("*.json")} == set(SCENARIOS)


def test_every_danger_is_shown_by_a_real_plan() -> None:
    """There is no danger that no scenario causes."""
    assert {danger for found in EXPECTED.values() for danger, _, _ in found} == set(DANGERS)


def test_every_type_is_known() -> None:
    """The types of which the review knows something are those that an environment is made of, and no others."""
    files = [path for path in CONFIGURATION.rglob("*.tf") if not {"bootstrap", ".terraform"} & set(path.parts)]
    assert set(re.findall(r'^resource "(\w+)"', "\n".join(map(Path.read_text, files)), re.MULTILINE)) == KNOWN_TYPES


def test_a_queue_that_goes_hides_nothing_of_another() -> None:
    """The delayer queue's policy counts even while the dead-letter queue goes too."""
    document = json.loads(kept_plan("tls_only_removed"))
    gone = [
        change for change in json.loads(kept_plan("destroyed"))["resource_changes"] if change["address"] == DEAD_LETTERS
    ]
    stays = json.loads(json.dumps(gone[0]))
    stays["address"], stays["name"] = QUEUE, "delayer"
    stays["change"] |= {"actions": ["no-op"], "after": stays["change"]["before"]}
    document["resource_changes"] += [*gone, stays]
    found = {(danger.id, danger.address) for danger in find_dangers(read_plan(json.dumps(document), "both"))}
    assert ("dead-letter-queue-destroyed", DEAD_LETTERS) in found
    assert ("tls-only-removed", "module.delayer_queue.aws_sqs_queue_policy.delayer") in found


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
        document = json.loads(kept_plan("shards_lowered"))
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
            ("worker_elsewhere", TARGET, "arn", "sweep-elsewhere"),
            ("stream_view", TABLE, "stream_view_type", "stream-changed"),
            ("retention_shortened", QUEUE, "message_retention_seconds", "retention-shortened"),
            ("authorization_removed", ROUTE, "authorization_type", "authorization-changed"),
        ],
    )
    def test_judged_like_a_change(self, name: str, address: str, attribute: str, danger: str) -> None:
        """An attribute that matters and is not known yet is a danger."""
        plan = changed(name, address, after_unknown={attribute: True})
        assert danger in {found.id for found in find_dangers(plan) if found.address == address}
