"""What there is: what the review knows nothing of, what Terraform would forget, and what is not there and should be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tools.review.danger import Danger, name_of, quoted
from tools.review.plan import Plan

__all__ = ["KNOWN_TYPES", "forgotten_dangers", "store_dangers", "stranger_dangers", "without_what_is_forgotten"]

#: The types of what an environment is made of, which the rules here are about.
KNOWN_TYPES = frozenset(
    {
        "aws_apigatewayv2_api",
        "aws_apigatewayv2_authorizer",
        "aws_apigatewayv2_integration",
        "aws_apigatewayv2_route",
        "aws_apigatewayv2_stage",
        "aws_cloudwatch_dashboard",
        "aws_cloudwatch_event_rule",
        "aws_cloudwatch_event_target",
        "aws_cloudwatch_log_group",
        "aws_cloudwatch_metric_alarm",
        "aws_dynamodb_resource_policy",
        "aws_dynamodb_table",
        "aws_iam_role",
        "aws_iam_role_policy",
        "aws_lambda_event_source_mapping",
        "aws_lambda_function",
        "aws_lambda_function_event_invoke_config",
        "aws_lambda_permission",
        "aws_s3_bucket",
        "aws_s3_bucket_lifecycle_configuration",
        "aws_s3_bucket_ownership_controls",
        "aws_s3_bucket_policy",
        "aws_s3_bucket_public_access_block",
        "aws_s3_bucket_server_side_encryption_configuration",
        "aws_s3_bucket_versioning",
        "aws_sqs_queue",
        "aws_sqs_queue_policy",
    }
)

_STORES = {
    "aws_dynamodb_table": ("table", "every schedule that was pending in it is"),
    "aws_s3_bucket": ("bucket", "the records that were in it, and their schedules, are"),
    "aws_sqs_queue": ("queue", "every message that was in it is"),
}


def stranger_dangers(plan: Plan) -> Iterator[Danger]:
    """Changes of which no rule can say what they would do. What attaches policies is told of as access that grows."""
    for change in plan.changes:
        is_told = change.type in KNOWN_TYPES or "policy_attachment" in change.type
        if not is_told and change.action != "destroy":
            verb = {"create": "created", "replace": "replaced"}.get(change.action, "changed")
            yield Danger(
                "type-unknown",
                change.address,
                f"What this would do can't be told: {name_of(change)} would be {verb}, and the review knows nothing of "
                f"the type {quoted(change.type)}.",
            )


def store_dangers(plan: Plan) -> Iterator[Danger]:
    """A table, queue or bucket is made in an environment that is there already."""
    for change in plan.of_type(*_STORES):
        if change.action == "create" and not plan.is_first:
            kind, lost = _STORES[change.type]
            yield Danger(
                "store-created",
                change.address,
                f"The {kind} {name_of(change)} is not there now, and would be made, empty. That is well if it is new; "
                f"if it was there and somebody deleted it, {lost} lost already.",
            )


def forgotten_dangers(plan: Plan) -> Iterator[Danger]:
    """What stays in AWS, and is nobody's any more."""
    for change in plan.changes:
        if change.action == "forget":
            told = "it stays as it is, and nobody plans, changes or watches it here."
            yield Danger(
                "forgotten", change.address, f"Terraform would no longer know {quoted(change.address)}: {told}"
            )


def without_what_is_forgotten(plan: Plan) -> Plan:
    """The plan with what is forgotten left as it is, which is what becomes of it in AWS."""
    return replace(
        plan,
        resources=tuple(
            replace(change, action="no-op", after=change.before) if change.action == "forget" else change
            for change in plan.resources
        ),
    )
