"""The table, the queues and the failure bucket, in every environment."""

from __future__ import annotations

import json
from typing import Any

from delayer.schedules import MAX_MESSAGE_BYTES
from tests.plan.conftest import MakePlan
from tests.plan.planned import expressions, of_type, references, statements, values

TABLE = "module.schedule_table.aws_dynamodb_table.schedules"
QUEUE = "module.delayer_queue.aws_sqs_queue.delayer"
DEAD_LETTER_QUEUE = "module.delayer_queue.aws_sqs_queue.dead_letter"
DAY = 24 * 60 * 60

#: The reasons are in environments/<environment>.tfvars.
IS_PROTECTED = {"local": False, "dev": False, "staging": True, "prod": True}


def test_table_has_keys_shard_and_due_and_no_index(plan: Any) -> None:
    """Keys: shard (number) and due (string), and no index, so a schedule costs one put and one delete."""
    table = values(plan, TABLE)
    assert (table["hash_key"], table["range_key"]) == ("shard", "due")
    assert {(key["name"], key["type"]) for key in table["attribute"]} == {("shard", "N"), ("due", "S")}
    assert not table["global_secondary_index"]
    assert not table["local_secondary_index"]


def test_stream_has_old_images(plan: Any) -> None:
    """A removal has the removed record, and an insert only its keys."""
    table = values(plan, TABLE)
    assert table["stream_enabled"] is True
    assert table["stream_view_type"] == "OLD_IMAGE"


def test_table_is_on_demand_and_not_global(plan: Any) -> None:
    """Cost follows requests; a replica's stream would send every message twice; time-to-live would delete records."""
    table = values(plan, TABLE)
    assert table["billing_mode"] == "PAY_PER_REQUEST"
    assert not table["replica"]
    assert not any(ttl.get("enabled") for ttl in table.get("ttl") or [])


def test_provisioned_table_is_scaled_between_least_and_most(make_plan: MakePlan) -> None:
    """A new table has the least capacity. Each kind has a target and a policy that follows its use."""
    capacity = {"read": {"least": 5, "most": 50}, "write": {"least": 10, "most": 100}}
    plan = make_plan("prod", table_capacity=json.dumps(capacity))
    table = values(plan, TABLE)
    assert (table["billing_mode"], table["read_capacity"], table["write_capacity"]) == ("PROVISIONED", 5, 10)
    for kind, units in capacity.items():
        target = values(plan, f'module.schedule_table.aws_appautoscaling_target.capacity["{kind}"]')
        policy = values(plan, f'module.schedule_table.aws_appautoscaling_policy.utilization["{kind}"]')
        assert (target["min_capacity"], target["max_capacity"]) == (units["least"], units["most"])
        for scaled in (target, policy):
            assert scaled["resource_id"] == "table/delayer-prod-schedules"
            assert scaled["service_namespace"] == "dynamodb"
            assert scaled["scalable_dimension"] == f"dynamodb:table:{kind.title()}CapacityUnits"
        assert policy["policy_type"] == "TargetTrackingScaling"
        (tracking,) = policy["target_tracking_scaling_policy_configuration"]
        assert tracking["target_value"] == 70
        (metric,) = tracking["predefined_metric_specification"]
        assert metric["predefined_metric_type"] == f"DynamoDB{kind.title()}CapacityUtilization"


def test_target_percent_reaches_both_policies(make_plan: MakePlan) -> None:
    """The smallest least is a unit, and least and most may be equal."""
    units = {"least": 1, "most": 1}
    plan = make_plan("dev", table_capacity=json.dumps({"read": units, "target_percent": 20, "write": units}))
    policies = of_type(plan, "aws_appautoscaling_policy").values()
    found = [policy["target_tracking_scaling_policy_configuration"][0]["target_value"] for policy in policies]
    assert found == [20, 20]


def test_table_on_demand_is_not_scaled(plan: Any) -> None:
    """No environment provisions capacity."""
    assert not of_type(plan, "aws_appautoscaling_target")
    assert not of_type(plan, "aws_appautoscaling_policy")


def test_protection_follows_the_variables(plan: Any, environment: str) -> None:
    """Deletion protection and point-in-time recovery are on in the environments with other people's schedules."""
    table = values(plan, TABLE)
    assert table["deletion_protection_enabled"] is IS_PROTECTED[environment]
    assert [recovery["enabled"] for recovery in table["point_in_time_recovery"]] == [IS_PROTECTED[environment]]
    assert (
        values(plan, "module.failure_bucket.aws_s3_bucket.failures")["force_destroy"] is not IS_PROTECTED[environment]
    )


def test_dead_letters_are_kept_longer_than_messages(plan: Any) -> None:
    """Messages are kept 4 days and dead letters 14, because a moved message keeps its age."""
    queue, dead_letter = values(plan, QUEUE), values(plan, DEAD_LETTER_QUEUE)
    assert queue["message_retention_seconds"] == 4 * DAY
    assert dead_letter["message_retention_seconds"] == 14 * DAY


def test_queue_redrives_to_the_dead_letter_queue(plan: Any) -> None:
    """Messages that consumers fail to handle move to the dead-letter queue."""
    assert "aws_sqs_queue.dead_letter.arn" in references(expressions(plan, QUEUE)["redrive_policy"])


def test_queue_limit_is_the_limit_of_payloads(plan: Any) -> None:
    """The post function checks payloads against the message limit of both queues."""
    assert values(plan, QUEUE)["max_message_size"] == MAX_MESSAGE_BYTES
    assert values(plan, DEAD_LETTER_QUEUE)["max_message_size"] == MAX_MESSAGE_BYTES


def test_queue_has_no_delay_and_no_order(plan: Any) -> None:
    """Each message has its own delay; a delay of the queue or first-in-first-out order would break it."""
    queue = values(plan, QUEUE)
    assert queue["delay_seconds"] == 0
    assert queue["fifo_queue"] is False


def test_stores_are_encrypted_with_keys_of_aws(plan: Any) -> None:
    """SQS, S3 and DynamoDB encrypt with their own keys; there is no customer key that could be lost."""
    for address in (QUEUE, DEAD_LETTER_QUEUE):
        assert values(plan, address)["sqs_managed_sse_enabled"] is True
        assert not values(plan, address)["kms_master_key_id"]
    bucket = "module.failure_bucket.aws_s3_bucket_server_side_encryption_configuration.failures"
    rules = values(plan, bucket)["rule"]
    assert [rule["apply_server_side_encryption_by_default"][0]["sse_algorithm"] for rule in rules] == ["AES256"]
    assert [sse["enabled"] for sse in values(plan, TABLE)["server_side_encryption"]] == [False]
    assert not of_type(plan, "aws_kms_key")


def test_plain_http_is_denied(plan: Any) -> None:
    """Table, queues and bucket have a policy that denies every action without TLS, and nothing else."""
    documents = {
        "module.schedule_table.data.aws_iam_policy_document.tls_only": ["dynamodb:*"],
        'module.delayer_queue.data.aws_iam_policy_document.tls_only["delayer"]': ["sqs:*"],
        'module.delayer_queue.data.aws_iam_policy_document.tls_only["dead_letter"]': ["sqs:*"],
        "module.failure_bucket.data.aws_iam_policy_document.tls_only": ["s3:*"],
    }
    for address, actions in documents.items():
        (statement,) = statements(plan, address)
        assert statement["effect"] == "Deny"
        assert statement["actions"] == actions
        assert statement["conditions"] == [("Bool", "aws:SecureTransport", ["false"])]
        (principal,) = values(plan, address)["statement"][0]["principals"]
        assert (principal["type"], principal["identifiers"]) == ("AWS", ["*"])


def test_tls_policies_are_attached(plan: Any) -> None:
    """The documents above are the policies of the table, of each queue and of the bucket."""
    attached = {
        "module.schedule_table.aws_dynamodb_resource_policy.tls_only": ("resource_arn", "aws_dynamodb_table.schedules"),
        "module.delayer_queue.aws_sqs_queue_policy.delayer": ("queue_url", "aws_sqs_queue.delayer"),
        "module.delayer_queue.aws_sqs_queue_policy.dead_letter": ("queue_url", "aws_sqs_queue.dead_letter"),
        "module.failure_bucket.aws_s3_bucket_policy.tls_only": ("bucket", "aws_s3_bucket.failures"),
    }
    for address, (argument, target) in attached.items():
        written = expressions(plan, address)
        assert target in references(written[argument])
        assert "data.aws_iam_policy_document.tls_only" in references(written["policy"])


def test_failure_bucket_is_private_and_versioned(plan: Any) -> None:
    """It has no access control lists and no public policy, and a deleted object can be restored for a while."""
    block = values(plan, "module.failure_bucket.aws_s3_bucket_public_access_block.failures")
    assert [block[name] for name in (
        "block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets",
    )] == [True] * 4  # fmt: skip
    ownership = values(plan, "module.failure_bucket.aws_s3_bucket_ownership_controls.failures")
    assert ownership["rule"][0]["object_ownership"] == "BucketOwnerEnforced"
    versioning = values(plan, "module.failure_bucket.aws_s3_bucket_versioning.failures")
    assert versioning["versioning_configuration"][0]["status"] == "Enabled"


def test_failure_bucket_expires_only_deleted_objects(plan: Any) -> None:
    """A record that was not deleted never expires."""
    (rule,) = values(plan, "module.failure_bucket.aws_s3_bucket_lifecycle_configuration.failures")["rule"]
    assert not rule["expiration"]
    assert rule["noncurrent_version_expiration"]
