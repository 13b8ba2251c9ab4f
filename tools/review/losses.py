"""Resources that are destroyed, or replaced by empty ones, and what is lost with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tools.review.danger import Danger, Markdown, danger, quoted
from tools.review.plan import Change, Plan, at

__all__ = ["drop_parts_of_destroyed", "is_lost", "loss_dangers"]

#: Resources that are part of a bucket, table or queue, and go with it.
_WHOLES = {
    "aws_dynamodb_resource_policy": "aws_dynamodb_table",
    "aws_s3_bucket_lifecycle_configuration": "aws_s3_bucket",
    "aws_s3_bucket_ownership_controls": "aws_s3_bucket",
    "aws_s3_bucket_policy": "aws_s3_bucket",
    "aws_s3_bucket_public_access_block": "aws_s3_bucket",
    "aws_s3_bucket_server_side_encryption_configuration": "aws_s3_bucket",
    "aws_s3_bucket_versioning": "aws_s3_bucket",
    "aws_sqs_queue_policy": "aws_sqs_queue",
}

#: The danger of losing a resource of each type, in the order in which a review names them: what has no copy first.
_LOSSES = {
    "aws_dynamodb_table": "table-destroyed",
    "aws_sqs_queue": "queue-destroyed",
    "aws_s3_bucket": "failure-bucket-destroyed",
    "aws_lambda_event_source_mapping": "stream-mapping-destroyed",
    "aws_apigatewayv2_api": "api-destroyed",
    "aws_lambda_function": "function-destroyed",
    "aws_cloudwatch_log_group": "log-group-destroyed",
}
_ORDER = list(_LOSSES)

#: Types that hold schedules, messages, records or logs.
_STORES = ("aws_cloudwatch_log_group", "aws_dynamodb_table", "aws_s3_bucket", "aws_sqs_queue")


def drop_parts_of_destroyed(plan: Plan) -> Plan:
    """Drop resources that are destroyed together with the only one that they are part of in their module."""
    kept = {(change.module, change.type) for change in plan.resources if change.action != "destroy"}
    gone = {(change.module, change.type) for change in plan.changes if change.action == "destroy"} - kept
    resources = tuple(
        change
        for change in plan.resources
        if change.action != "destroy" or (change.module, _WHOLES.get(change.type)) not in gone
    )
    return replace(plan, resources=resources)


def loss_dangers(plan: Plan) -> Iterator[Danger]:
    """Name every resource that is destroyed or replaced, beginning with those that have no copy."""
    lost = [change for change in plan.of_type(*_LOSSES) if change.is_gone and change.exists]
    for change in sorted(lost, key=lambda each: (_ORDER.index(each.type), _is_dead_letter_queue(each), each.address)):
        sentence = "dead-letter-queue-destroyed" if _is_dead_letter_queue(change) else _LOSSES[change.type]
        verb = "destroyed"
        if change.action == "replace":
            verb = "replaced by an empty one" if change.type in _STORES else "replaced"
        position = at(change.after, "starting_position")
        planned = f"; this plan says {quoted(position)}" if position else ""
        yield danger(change, sentence, verb=Markdown(verb), position=Markdown(planned))


def is_lost(change: Change) -> bool:
    """Return whether a loss is named for the change, so that changes of its attributes are no news."""
    return change.action == "destroy" and change.type in _LOSSES


def _is_dead_letter_queue(change: Change) -> bool:
    return change.type == "aws_sqs_queue" and (
        change.name == "dead_letter" or str(change.before.get("name")).endswith("-dead-letter")
    )
