"""Resources of unknown types, resources that Terraform would forget, and stores that don't exist any more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tools.review.danger import Danger, Markdown, danger
from tools.review.plan import Plan

__all__ = ["KNOWN_TYPES", "forgotten_dangers", "keep_forgotten", "store_dangers", "stranger_dangers"]

#: The types that an environment consists of.
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

_STORES = {"aws_dynamodb_table": "table", "aws_s3_bucket": "bucket", "aws_sqs_queue": "queue"}


def stranger_dangers(plan: Plan) -> Iterator[Danger]:
    """Name changes that no rule judges. Attachments of policies are judged as access that grows."""
    for change in plan.changes:
        is_judged = change.type in KNOWN_TYPES or "policy_attachment" in change.type
        if not is_judged and change.action != "destroy":
            verb = {"create": "created", "replace": "replaced"}.get(change.action, "changed")
            yield danger(change, "type-unknown", verb=Markdown(verb), type=change.type)


def store_dangers(plan: Plan) -> Iterator[Danger]:
    """Name tables, queues and buckets that are created in an environment that is applied already."""
    for change in plan.of_type(*_STORES):
        if change.action == "create" and not plan.is_first:
            yield danger(change, f"store-created/{_STORES[change.type]}")


def forgotten_dangers(plan: Plan) -> Iterator[Danger]:
    """Name resources that stay in AWS and that Terraform no longer manages."""
    for change in plan.changes:
        if change.action == "forget":
            yield danger(change, "forgotten", address=change.address)


def keep_forgotten(plan: Plan) -> Plan:
    """Return the plan with forgotten resources unchanged, as they are in AWS."""
    return replace(
        plan,
        resources=tuple(
            replace(change, action="no-op", after=change.before) if change.action == "forget" else change
            for change in plan.resources
        ),
    )
