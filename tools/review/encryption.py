"""Keys: with which one data is encrypted. Encryption that ends is among the guards."""

from __future__ import annotations

from collections.abc import Iterator

from tools.review.danger import Danger, attribute_danger
from tools.review.losses import is_lost
from tools.review.plan import UNKNOWN, Plan, at, is_blank

__all__ = ["encryption_dangers"]


def encryption_dangers(plan: Plan) -> Iterator[Danger]:
    """Name data that would be encrypted with another key than now."""
    path = "rule.apply_server_side_encryption_by_default"
    for change in plan.of_type("aws_s3_bucket_server_side_encryption_configuration"):
        if change.is_changed(f"{path}.sse_algorithm") or change.is_changed(f"{path}.kms_master_key_id"):
            yield attribute_danger(change, "encryption-weakened/bucket", f"{path}.sse_algorithm")
    enabled, key = "server_side_encryption.enabled", "server_side_encryption.kms_key_arn"
    for change in plan.of_type("aws_dynamodb_table"):
        is_own = at(change.after, enabled) is True and (
            at(change.before, enabled) is True or at(change.after, key) is not UNKNOWN
        )
        if is_own and not change.is_gone and change.is_changed(key):
            yield attribute_danger(change, "encryption-weakened/table-key", key)
    for change in plan.of_type("aws_cloudwatch_log_group", "aws_sqs_queue"):
        for path in ("kms_key_id", "kms_master_key_id"):
            if not is_blank(at(change.before, path)) and change.is_changed(path) and not is_lost(change):
                yield attribute_danger(change, "encryption-weakened/key", path)
