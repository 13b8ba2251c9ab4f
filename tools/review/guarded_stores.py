"""What has to stay as it is of what stores schedules, messages and records."""

from __future__ import annotations

from tools.review.guards import Guard, not_below, stays, stays_off

__all__ = ["GUARDS"]

#: `{name}` is the resource's, `{new}` the attribute's new value.
GUARDS = (
    Guard(
        "aws_dynamodb_table",
        "deletion_protection_enabled",
        "deletion-protection-off",
        stays(good=True),
        text=(
            "Whoever may delete the table {name} could delete every pending schedule at once: AWS would no "
            "longer refuse."
        ),
    ),
    Guard(
        "aws_s3_bucket",
        "force_destroy",
        "deletion-protection-off",
        stays(good=False),
        text=("A destroy would delete the failure bucket {name} with the records in it, which today it refuses."),
    ),
    Guard(
        "aws_dynamodb_table",
        "point_in_time_recovery.enabled",
        "recovery-off",
        stays(good=True),
        text=(
            "Schedules that are deleted by mistake could not be brought back: the last 35 days' restore "
            "points of the table {name} are dropped, for good."
        ),
    ),
    Guard(
        "aws_s3_bucket_versioning",
        "versioning_configuration.status",
        "recovery-off",
        stays(good="Enabled"),
        text=("A record that is deleted from the failure bucket {name} could not be brought back."),
    ),
    Guard(
        "aws_sqs_queue",
        "sqs_managed_sse_enabled",
        "encryption-weakened",
        stays(good=True),
        text=("Messages, with their payloads, would no longer be encrypted at rest by SQS in the queue {name}."),
    ),
    Guard(
        "aws_dynamodb_table",
        "server_side_encryption.enabled",
        "encryption-weakened",
        stays(good=True),
        text=("The table {name} would be encrypted with a key that AWS owns, instead of one of this account."),
    ),
    Guard(
        "aws_s3_bucket_ownership_controls",
        "rule.object_ownership",
        "public-access-loosened",
        stays(good="BucketOwnerEnforced"),
        text=("Access lists could open single records of the failure bucket {name}: they are not ruled out any more."),
    ),
    *(
        Guard(
            "aws_s3_bucket_public_access_block",
            setting,
            "public-access-loosened",
            stays(good=True),
            text=(
                "Records with other people's payloads could be made public: the failure bucket {name} would no "
                f"longer have `{setting}`."
            ),
        )
        for setting in ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
    ),
    Guard(
        "aws_dynamodb_table",
        "ttl.enabled",
        "table-expires",
        stays_off,
        text=(
            "Schedules would be handed over at another time than theirs: DynamoDB itself would delete from the table "
            "{name} what its `ttl` calls expired, and the fast track sends whatever is deleted."
        ),
    ),
    Guard(
        "aws_dynamodb_table",
        "replica",
        "table-copied",
        stays_off,
        text=(
            "Every schedule, with its payload, would also be kept in another region, where this review sees nobody's "
            "access: what is deleted there is deleted here, and so handed over."
        ),
    ),
    Guard(
        "aws_dynamodb_table",
        "billing_mode",
        "table-throttled",
        stays(good="PAY_PER_REQUEST"),
        text=(
            "Posts would be answered 503, and sweeps be late, as soon as there are more than the table {name} is given "
            "capacity for: it would be billed as {new}."
        ),
    ),
    Guard(
        "aws_dynamodb_table",
        "on_demand_throughput",
        "table-throttled",
        stays_off,
        text=(
            "Posts would be answered 503, and sweeps be late, as soon as there are more than {new} lets through: the "
            "table {name} has no limit of its own now."
        ),
    ),
    Guard(
        "aws_sqs_queue",
        "max_message_size",
        "queue-narrowed",
        not_below,
        text=(
            "Schedules that are accepted already could not be sent, and go to the failure bucket: {name} would take "
            "{new} bytes at most instead of {old}."
        ),
    ),
    Guard(
        "aws_sqs_queue",
        "visibility_timeout_seconds",
        "queue-narrowed",
        not_below,
        text=(
            "A message would be given to a second consumer while the first is still at it: {name} would wait {new} s "
            "for a consumer instead of {old} s."
        ),
    ),
    Guard(
        "aws_sqs_queue",
        "fifo_queue",
        "queue-narrowed",
        stays_off,
        text=("Every send would fail: {name} would be a FIFO queue, in which a message can have no delay of its own."),
    ),
)
