"""Attributes that must keep their value, or must not fall, and the danger if they don't."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tools.review.danger import Danger, attribute_danger
from tools.review.losses import is_lost
from tools.review.plan import UNKNOWN, Change, Plan, at, is_blank

__all__ = ["guard_dangers"]

type _IsKept = Callable[[Any, Any], bool]
type _Guard = tuple[str, _IsKept, str]


def _keeps(good: object) -> _IsKept:
    """Return a check that an attribute with this value keeps it."""
    return lambda old, new: old != good or new == good


def _stays_unset(old: Any, new: Any) -> bool:
    return not _is_unset(old) or _is_unset(new)


def _is_unset(value: Any) -> bool:
    return is_blank(value) or value is False


def _does_not_fall(old: Any, new: Any) -> bool:
    return not isinstance(old, int | float) or (isinstance(new, int | float) and new >= old)


_STAYS_ON = _keeps(good=True)

#: By type: the attribute, the check, and the sentence in dangers.toml.
_GUARDS: dict[str, tuple[_Guard, ...]] = {
    "aws_lambda_event_source_mapping": (
        ("enabled", _STAYS_ON, "stream-mapping-disabled"),
        ("bisect_batch_on_function_error", _STAYS_ON, "stream-mapping-loses/bisect"),
        ("maximum_retry_attempts", _keeps(-1), "stream-mapping-loses/retries"),
    ),
    "aws_cloudwatch_event_rule": (
        ("state", _keeps("ENABLED"), "sweep-paused/rule"),
        ("schedule_expression", _keeps("rate(1 minute)"), "sweep-paused/rate"),
    ),
    "aws_apigatewayv2_api": (("disable_execute_api_endpoint", _stays_unset, "route-destroyed/endpoint"),),
    "aws_lambda_function": (
        ("timeout", _does_not_fall, "function-shrunk/timeout"),
        ("memory_size", _does_not_fall, "function-shrunk/memory"),
        ("vpc_config", _stays_unset, "function-network-changed"),
        ("layers", _stays_unset, "function-foreign-code/layers"),
        ("file_system_config", _stays_unset, "function-foreign-code/files"),
        ("image_uri", _stays_unset, "function-foreign-code/image"),
    ),
    "aws_dynamodb_table": (
        ("deletion_protection_enabled", _STAYS_ON, "deletion-protection-off/table"),
        ("point_in_time_recovery.enabled", _STAYS_ON, "recovery-off/table"),
        ("server_side_encryption.enabled", _STAYS_ON, "encryption-weakened/table"),
        ("ttl.enabled", _stays_unset, "table-expires"),
        ("replica", _stays_unset, "table-copied"),
        ("billing_mode", _keeps("PAY_PER_REQUEST"), "table-throttled/provisioned"),
        ("on_demand_throughput", _stays_unset, "table-throttled/limited"),
    ),
    "aws_s3_bucket": (("force_destroy", _keeps(good=False), "deletion-protection-off/bucket"),),
    "aws_s3_bucket_versioning": (("versioning_configuration.status", _keeps("Enabled"), "recovery-off/bucket"),),
    "aws_s3_bucket_ownership_controls": (
        ("rule.object_ownership", _keeps("BucketOwnerEnforced"), "public-access-loosened/ownership"),
    ),
    "aws_s3_bucket_public_access_block": (
        ("block_public_acls", _STAYS_ON, "public-access-loosened/block-public-acls"),
        ("block_public_policy", _STAYS_ON, "public-access-loosened/block-public-policy"),
        ("ignore_public_acls", _STAYS_ON, "public-access-loosened/ignore-public-acls"),
        ("restrict_public_buckets", _STAYS_ON, "public-access-loosened/restrict-public-buckets"),
    ),
    "aws_sqs_queue": (
        ("sqs_managed_sse_enabled", _STAYS_ON, "encryption-weakened/queue"),
        ("max_message_size", _does_not_fall, "queue-narrowed/size"),
        ("visibility_timeout_seconds", _does_not_fall, "queue-narrowed/visibility"),
        ("fifo_queue", _stays_unset, "queue-narrowed/fifo"),
    ),
}


def guard_dangers(plan: Plan) -> Iterator[Danger]:
    """Name each attribute that is not kept; for a destroyed resource, each danger once."""
    for kind, guards in _GUARDS.items():
        for change in plan.of_type(kind):
            if change.exists and not is_lost(change):
                found = [attribute_danger(change, sentence, path) for path, sentence in _broken(change, guards)]
                yield from {each.id: each for each in reversed(found)}.values() if change.action == "destroy" else found


def _broken(change: Change, guards: tuple[_Guard, ...]) -> Iterator[tuple[str, str]]:
    for path, is_kept, sentence in guards:
        new = at(change.after, path)
        # The provider calls an attribute that is not set unknown when it replaces the resource.
        is_unset = new is UNKNOWN and change.action == "replace" and is_kept is _stays_unset
        if not is_unset and not is_kept(at(change.before, path), new):
            yield path, sentence
