"""What is destroyed, or replaced by an empty one: whatever was in it is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tools.review.danger import Danger, name_of, quoted
from tools.review.plan import Change, Plan, at

__all__ = ["is_lost", "loss_dangers", "without_what_goes_along"]

#: What is a bucket's, a table's or a queue's own, and goes with it. Where no holder is left in the module, that the
#: holder is gone is what is told.
_HOLDERS = {
    "aws_dynamodb_resource_policy": "aws_dynamodb_table",
    "aws_s3_bucket_lifecycle_configuration": "aws_s3_bucket",
    "aws_s3_bucket_ownership_controls": "aws_s3_bucket",
    "aws_s3_bucket_policy": "aws_s3_bucket",
    "aws_s3_bucket_public_access_block": "aws_s3_bucket",
    "aws_s3_bucket_server_side_encryption_configuration": "aws_s3_bucket",
    "aws_s3_bucket_versioning": "aws_s3_bucket",
    "aws_sqs_queue_policy": "aws_sqs_queue",
}


def without_what_goes_along(plan: Plan) -> Plan:
    """The plan without what is destroyed because what it is of is destroyed too."""
    kept = {(change.module, change.type) for change in plan.resources if change.action != "destroy"}
    gone = {(change.module, change.type) for change in plan.changes if change.action == "destroy"} - kept
    resources = tuple(
        change
        for change in plan.resources
        if change.action != "destroy" or (change.module, _HOLDERS.get(change.type)) not in gone
    )
    return replace(plan, resources=resources)


def loss_dangers(plan: Plan) -> Iterator[Danger]:
    """What is destroyed or replaced, in the order of what is nowhere else."""
    for change in sorted(plan.changes, key=_loss_order):
        if change.is_gone and change.exists and change.type in _LOSSES:
            found = _LOSSES[change.type](change)
            verb = "destroyed"
            if change.action == "replace":
                verb = "replaced by an empty one" if change.type in _STORES else "replaced"
            yield Danger(found[0], change.address, found[1].format(verb=verb, name=name_of(change)))


def is_lost(change: Change) -> bool:
    """Whether the change is told of as a loss, which makes its attributes' changes no news."""
    return change.action == "destroy" and change.type in _LOSSES


#: What holds schedules, messages, records or logs.
_STORES = ("aws_cloudwatch_log_group", "aws_dynamodb_table", "aws_s3_bucket", "aws_sqs_queue")

#: Losses in the order in which they are told: what is nowhere else first.
_LOSS_ORDER = (
    "aws_dynamodb_table",
    "aws_sqs_queue",
    "aws_s3_bucket",
    "aws_lambda_event_source_mapping",
    "aws_apigatewayv2_api",
    "aws_lambda_function",
    "aws_cloudwatch_log_group",
)


def _loss_order(change: Change) -> tuple[int, bool, str]:
    order = _LOSS_ORDER.index(change.type) if change.type in _LOSS_ORDER else len(_LOSS_ORDER)
    return order, _is_dead_letter_queue(change), change.address


def _is_dead_letter_queue(change: Change) -> bool:
    return change.name == "dead_letter" or str(change.before.get("name")).endswith("-dead-letter")


def _lost_queue(change: Change) -> tuple[str, str]:
    if _is_dead_letter_queue(change):
        return (
            "dead-letter-queue-destroyed",
            "The messages that consumers failed to handle would be lost: the dead-letter queue {name} would be {verb}.",
        )
    return (
        "queue-destroyed",
        (
            "Every message that is waiting for its pointInTime, or for a consumer, would be lost: the queue {name} "
            "would be {verb}. They are nowhere else. Consumers would read a queue that is gone."
        ),
    )


def _planned_position(change: Change) -> str:
    position = at(change.after, "starting_position")
    return f"; this plan says {quoted(position)}" if position else ""


_LOSSES: dict[str, Callable[[Change], tuple[str, str]]] = {
    "aws_apigatewayv2_api": lambda _: (
        "api-destroyed",
        "Clients could not post: the API {name} would be {verb}, and its address is never given again.",
    ),
    "aws_cloudwatch_log_group": lambda _: (
        "log-group-destroyed",
        (
            "The logs in {name} would be lost, and with them which schedules were accepted and handed over: the log "
            "group would be {verb}."
        ),
    ),
    "aws_dynamodb_table": lambda _: (
        "table-destroyed",
        (
            "Every pending schedule would be lost, and the stream with what was just handed over: the table {name} "
            "would be {verb}."
        ),
    ),
    "aws_lambda_event_source_mapping": lambda change: (
        "stream-mapping-destroyed",
        (
            "Removals on their way from the stream to the queue would be skipped if a new mapping reads from now on "
            "(LATEST), or a day of them delivered again if it reads from the start (TRIM_HORIZON"
            f"{_planned_position(change)}): the stream mapping would be {{verb}}. See "
            "docs/operations/runbook.md."
        ),
    ),
    "aws_lambda_function": lambda _: (
        "function-destroyed",
        "Whoever calls {name} would get an error while it is gone: the function would be {verb}.",
    ),
    "aws_s3_bucket": lambda _: (
        "failure-bucket-destroyed",
        (
            "The records that could not be handled would be lost, and with them their schedules: the failure bucket "
            "{name} would be {verb}."
        ),
    ),
    "aws_sqs_queue": _lost_queue,
}
