"""The attributes that have to stay what they are, and what would happen if they did not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tools.review.danger import Danger, name_of, quoted
from tools.review.losses import is_lost
from tools.review.plan import Plan, at

__all__ = ["guard_dangers"]


@dataclass(frozen=True, slots=True)
class _Guard:
    """An attribute that has to stay what it is when it is `good`, or else there is this danger."""

    type: str
    path: str
    danger: str
    good: Any
    text: str


#: `{name}` is the resource's, `{new}` the attribute's new value.
_GUARDS = (
    _Guard(
        "aws_dynamodb_table",
        "deletion_protection_enabled",
        "deletion-protection-off",
        good=True,
        text=(
            "Whoever may delete the table {name} could delete every pending schedule at once: AWS would no "
            "longer refuse."
        ),
    ),
    _Guard(
        "aws_s3_bucket",
        "force_destroy",
        "deletion-protection-off",
        good=False,
        text=("A destroy would delete the failure bucket {name} with the records in it, which today it refuses."),
    ),
    _Guard(
        "aws_dynamodb_table",
        "point_in_time_recovery.enabled",
        "recovery-off",
        good=True,
        text=(
            "Schedules that are deleted by mistake could not be brought back: the last 35 days' restore "
            "points of the table {name} are dropped, for good."
        ),
    ),
    _Guard(
        "aws_s3_bucket_versioning",
        "versioning_configuration.status",
        "recovery-off",
        good="Enabled",
        text=("A record that is deleted from the failure bucket {name} could not be brought back."),
    ),
    _Guard(
        "aws_sqs_queue",
        "sqs_managed_sse_enabled",
        "encryption-weakened",
        good=True,
        text=("Messages, with their payloads, would no longer be encrypted at rest by SQS in the queue {name}."),
    ),
    _Guard(
        "aws_dynamodb_table",
        "server_side_encryption.enabled",
        "encryption-weakened",
        good=True,
        text=("The table {name} would be encrypted with a key that AWS owns, instead of one of this account."),
    ),
    _Guard(
        "aws_s3_bucket_ownership_controls",
        "rule.object_ownership",
        "public-access-loosened",
        good="BucketOwnerEnforced",
        text=("Access lists could open single records of the failure bucket {name}: they are not ruled out any more."),
    ),
    *(
        _Guard(
            "aws_s3_bucket_public_access_block",
            setting,
            "public-access-loosened",
            good=True,
            text=(
                "Records with other people's payloads could be made public: the failure bucket {name} would no "
                f"longer have `{setting}`."
            ),
        )
        for setting in ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
    ),
    _Guard(
        "aws_lambda_event_source_mapping",
        "enabled",
        "stream-mapping-disabled",
        good=True,
        text=(
            "Nothing would be handed over: the stream is not read. What the sweep deletes meanwhile is lost "
            "after 24 hours unread; pause the sweep first."
        ),
    ),
    _Guard(
        "aws_lambda_event_source_mapping",
        "bisect_batch_on_function_error",
        "stream-mapping-loses",
        good=True,
        text=(
            "One stream record that makes the fast track fail would take its whole batch with it to the failure bucket."
        ),
    ),
    _Guard(
        "aws_lambda_event_source_mapping",
        "maximum_retry_attempts",
        "stream-mapping-loses",
        good=-1,
        text=(
            "Removals that can't be sent would be given up to the failure bucket after {new} tries instead "
            "of 23 hours: a short outage of SQS is enough."
        ),
    ),
    _Guard(
        "aws_cloudwatch_event_rule",
        "state",
        "sweep-paused",
        good="ENABLED",
        text=(
            "No sweep would run: schedules further ahead than the delayer period stay in the table, and become late."
        ),
    ),
    _Guard(
        "aws_cloudwatch_event_rule",
        "schedule_expression",
        "sweep-paused",
        good="rate(1 minute)",
        text=(
            "The sweep would be called at {new} instead of every minute: what becomes due between two sweeps is late."
        ),
    ),
)


def guard_dangers(plan: Plan) -> Iterator[Danger]:
    """What had to stay as it is, and does not."""
    destroyed = set()
    for guard in _GUARDS:
        for change in plan.of_type(guard.type):
            if is_lost(change) or at(change.before, guard.path) != guard.good:
                continue
            new = at(change.after, guard.path)
            if new != guard.good and (guard.danger, change.address) not in destroyed:
                if change.action == "destroy":
                    destroyed.add((guard.danger, change.address))
                text = guard.text.format(name=name_of(change), new=quoted(new))
                yield Danger(guard.danger, change.address, text)
