"""Where the parts of prod are in Terraform's configuration."""

from __future__ import annotations

from typing import Final

DELAYER: Final = "module.delayer"

POST: Final = f"{DELAYER}.module.api_schedule_post.aws_lambda_function.this"
SWEEP: Final = f"{DELAYER}.module.task_1minute_enqueuer.aws_lambda_function.this"
FAST_TRACK: Final = f"{DELAYER}.module.stream_dynamodb_fasttrack_enqueuer.aws_lambda_function.this"
FUNCTIONS: Final = (POST, SWEEP, FAST_TRACK)

POST_POLICY: Final = f"{DELAYER}.module.api_schedule_post.aws_iam_role_policy.calls"
SWEEP_POLICY: Final = f"{DELAYER}.module.task_1minute_enqueuer.aws_iam_role_policy.calls"
FAST_TRACK_POLICY: Final = f"{DELAYER}.module.stream_dynamodb_fasttrack_enqueuer.aws_iam_role_policy.calls"
ATTACHMENT: Final = f"{DELAYER}.aws_iam_role_policy_attachment.further"
MAPPING_POLICY: Final = f"{DELAYER}.aws_iam_role_policy.stream_mapping"

TABLE: Final = f"{DELAYER}.module.schedule_table.aws_dynamodb_table.schedules"
TABLE_POLICY: Final = f"{DELAYER}.module.schedule_table.aws_dynamodb_resource_policy.tls_only"
READ_TARGET: Final = f'{DELAYER}.module.schedule_table.aws_appautoscaling_target.capacity["read"]'
WRITE_TARGET: Final = f'{DELAYER}.module.schedule_table.aws_appautoscaling_target.capacity["write"]'
READ_SCALING: Final = f'{DELAYER}.module.schedule_table.aws_appautoscaling_policy.utilization["read"]'
WRITE_SCALING: Final = f'{DELAYER}.module.schedule_table.aws_appautoscaling_policy.utilization["write"]'
MAPPING: Final = f"{DELAYER}.aws_lambda_event_source_mapping.stream"
SECOND_MAPPING: Final = f"{DELAYER}.aws_lambda_event_source_mapping.again"

QUEUE: Final = f"{DELAYER}.module.delayer_queue.aws_sqs_queue.delayer"
QUEUE_POLICY: Final = f"{DELAYER}.module.delayer_queue.aws_sqs_queue_policy.delayer"
DEAD_LETTERS: Final = f"{DELAYER}.module.delayer_queue.aws_sqs_queue.dead_letter"
DEAD_LETTERS_POLICY: Final = f"{DELAYER}.module.delayer_queue.aws_sqs_queue_policy.dead_letter"

BUCKET: Final = f"{DELAYER}.module.failure_bucket.aws_s3_bucket.failures"
BUCKET_POLICY: Final = f"{DELAYER}.module.failure_bucket.aws_s3_bucket_policy.tls_only"
BUCKET_ENCRYPTION: Final = (
    f"{DELAYER}.module.failure_bucket.aws_s3_bucket_server_side_encryption_configuration.failures"
)
BUCKET_OWNERSHIP: Final = f"{DELAYER}.module.failure_bucket.aws_s3_bucket_ownership_controls.failures"
BUCKET_VERSIONING: Final = f"{DELAYER}.module.failure_bucket.aws_s3_bucket_versioning.failures"
LIFECYCLE: Final = f"{DELAYER}.module.failure_bucket.aws_s3_bucket_lifecycle_configuration.failures"
PUBLIC_ACCESS: Final = f"{DELAYER}.module.failure_bucket.aws_s3_bucket_public_access_block.failures"

API: Final = f"{DELAYER}.module.http_api.aws_apigatewayv2_api.this"
ROUTE: Final = f'{DELAYER}.module.http_api.aws_apigatewayv2_route.this["POST /schedules"]'
INTEGRATION: Final = f'{DELAYER}.module.http_api.aws_apigatewayv2_integration.this["POST /schedules"]'
PERMISSION: Final = f'{DELAYER}.module.http_api.aws_lambda_permission.route["POST /schedules"]'
STAGE: Final = f"{DELAYER}.module.http_api.aws_apigatewayv2_stage.this"
AUTHORIZER: Final = f'{DELAYER}.module.http_api.aws_apigatewayv2_authorizer.jwt["jwt"]'
SECOND_AUTHORIZER: Final = f'{DELAYER}.module.http_api.aws_apigatewayv2_authorizer.jwt["again"]'
ACCESS_LOGS: Final = f"{DELAYER}.module.http_api.aws_cloudwatch_log_group.access"

RULE: Final = f'{DELAYER}.module.minute_schedule.aws_cloudwatch_event_rule.minute["0"]'
FIRST_TARGET: Final = f'{DELAYER}.module.minute_schedule.aws_cloudwatch_event_target.worker["0"]'
SECOND_TARGET: Final = f'{DELAYER}.module.minute_schedule.aws_cloudwatch_event_target.worker["1"]'
RULE_PERMISSION: Final = f'{DELAYER}.module.minute_schedule.aws_lambda_permission.minute["0"]'
SECOND_RULE_PERMISSION: Final = f'{DELAYER}.module.minute_schedule.aws_lambda_permission.minute["1"]'

MONITORING: Final = f"{DELAYER}.module.monitoring"
LATE_ALARM: Final = f'{MONITORING}.aws_cloudwatch_metric_alarm.metric["late"]'


def beside(function: str, kind: str) -> str:
    """Return the address of another resource of a function's module."""
    return function.replace("aws_lambda_function", kind)
