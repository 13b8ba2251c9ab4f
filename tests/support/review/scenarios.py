"""Changes to the delayer of prod; tests/tools/review/plans holds Terraform's plan of each.

A change is made as one would be: other variables, an argument of the command, a resource that is removed from the
configuration, or one that is changed in it, by an override file that holds only the difference.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.support.review import addresses

#: A value that no review may show.
SECRET = "the-secret-4f1d"

#: The topic that prod's alarms notify in the state `topic`.
TOPIC = "arn:aws:sns:eu-west-1:777788889999:alarms"

#: The capacity of prod's table in the state `capacity`.
CAPACITY = {"read": {"least": 5, "most": 100}, "write": {"least": 10, "most": 1000}}

QUEUE, TABLE, BUCKET = "modules/delayer_queue", "modules/schedule_table", "modules/failure_bucket"
FUNCTION, API, MINUTE = "modules/function", "modules/http_api", "modules/minute_schedule"
MONITORING, DELAYER = "modules/monitoring", "modules/delayer"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A difference from the applied configuration.

    `overrides`, `added` and `removed` are by the configuration's folder; `packages` names functions with other code.
    `applied` is the state that is planned against: prod, prod with provisioned capacity (capacity), with tokens (jwt),
    with a topic for its alarms (topic), or nothing; `missing` is not in it, as if somebody had deleted it by hand.
    """

    variables: dict[str, object] = field(default_factory=dict)
    overrides: dict[str, str] = field(default_factory=dict)
    added: dict[str, str] = field(default_factory=dict)
    removed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    applied: str = "prod"
    missing: tuple[str, ...] = ()


_JWT = {"type": "JWT", "issuer": "https://issuer.example", "audiences": ["delayer"]}

_ANOTHER = "arn:aws:lambda:eu-west-1:777788889999:function:another"

_MAPPING = """
resource "aws_lambda_event_source_mapping" "stream" {{
  {}
}}
"""

SCENARIOS = {
    "unchanged": Scenario(),
    "first": Scenario(applied="nothing"),
    "harmless": Scenario(
        {
            "log_retention_days": 180,
            "shard_count": 96,
            "throttling": {"rate_limit": 1500, "burst_limit": 3000},
        }
    ),
    "code": Scenario(packages=("api-schedule-post",)),
    "destroyed": Scenario(arguments=("-destroy",)),
    "table_replaced": Scenario(
        arguments=("-replace=module.delayer.module.schedule_table.aws_dynamodb_table.schedules",)
    ),
    "queues_replaced": Scenario(
        arguments=(
            f"-replace={addresses.QUEUE}",
            f"-replace={addresses.DEAD_LETTERS}",
        )
    ),
    "bucket_and_logs_replaced": Scenario(
        arguments=(
            f"-replace={addresses.BUCKET}",
            f"-replace={addresses.beside(addresses.SWEEP, 'aws_cloudwatch_log_group')}",
        )
    ),
    "api_replaced": Scenario(arguments=(f"-replace={addresses.API}",)),
    "stream_off": Scenario(
        overrides={
            TABLE: """
resource "aws_dynamodb_table" "schedules" {
  stream_enabled   = false
  stream_view_type = null
}
"""
        }
    ),
    "stream_view": Scenario(
        overrides={TABLE: 'resource "aws_dynamodb_table" "schedules" {\n  stream_view_type = "KEYS_ONLY"\n}\n'}
    ),
    "mapping_position": Scenario(overrides={DELAYER: _MAPPING.format('starting_position = "LATEST"')}),
    "mapping_disabled": Scenario(overrides={DELAYER: _MAPPING.format("enabled = false")}),
    "mapping_loses": Scenario(
        overrides={
            DELAYER: _MAPPING.format("""
  bisect_batch_on_function_error = false
  function_response_types        = []
  maximum_record_age_in_seconds  = 86400
  maximum_retry_attempts         = 3
  dynamic "destination_config" {
    for_each = []
    content {}
  }
  filter_criteria {
    filter {
      pattern = jsonencode({ eventName = ["INSERT"] })
    }
  }
""")
        }
    ),
    "shards_lowered": Scenario({"shard_count": 16}),
    "period_lowered": Scenario({"delayer_period_seconds": 600}),
    "access_grows": Scenario(
        added={
            DELAYER: """
resource "aws_iam_role_policy_attachment" "further" {
  policy_arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
  role       = module.api_schedule_post.role.name
}
"""
        },
        overrides={
            DELAYER: """
data "aws_iam_policy_document" "api_schedule_post" {
  statement {
    sid       = "StoreSchedules"
    actions   = ["dynamodb:PutItem", "dynamodb:GetItem"]
    resources = [module.schedule_table.table.arn, "${module.schedule_table.table.arn}/index/due"]
  }
}

data "aws_iam_policy_document" "task_1minute_enqueuer" {
  statement {
    sid       = "FindDueSchedules"
    actions   = ["dynamodb:Query"]
    resources = [module.schedule_table.table.arn]
  }
  statement {
    sid       = "HandOverByDeleting"
    actions   = ["dynamodb:BatchWriteItem"]
    resources = [module.schedule_table.table.arn]
  }
}
""",
            FUNCTION: """
data "aws_iam_policy_document" "assume" {
  statement {
    sid     = "RunAsTheFunction"
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com", "ec2.amazonaws.com"]
    }
  }
}
""",
        },
    ),
    "access_wildcard": Scenario(
        overrides={
            DELAYER: """
data "aws_iam_policy_document" "api_schedule_post" {
  statement {
    sid       = "StoreSchedules"
    actions   = ["dynamodb:*"]
    resources = ["*"]
  }
}
""",
            API: 'resource "aws_lambda_permission" "route" {\n  source_arn = null\n}\n',
        }
    ),
    "first_wildcard": Scenario(
        overrides={
            DELAYER: """
data "aws_iam_policy_document" "api_schedule_post" {
  statement {
    sid       = "StoreSchedules"
    actions   = ["dynamodb:*"]
    resources = [module.schedule_table.table.arn]
  }
}
""",
            API: 'resource "aws_apigatewayv2_route" "this" {\n  authorization_type = "NONE"\n}\n',
        },
        applied="nothing",
    ),
    "settings_elsewhere": Scenario(
        overrides={
            DELAYER: """
module "api_schedule_post" {
  environment_variables = {
    HORIZON_SECONDS   = var.horizon_days * 24 * 60 * 60
    METRICS_NAMESPACE = local.metrics_namespace
    SHARD_COUNT       = var.shard_count
    TABLE_NAME        = "another-table"
  }
}

module "task_1minute_enqueuer" {
  environment_variables = {
    DELAYER_PERIOD_SECONDS = var.delayer_period_seconds
    METRICS_NAMESPACE      = local.metrics_namespace
    SHARD_COUNT            = var.shard_count
    STREAM_ARN             = "${module.schedule_table.table.arn}/stream/another"
    TABLE_NAME             = "another-table"
  }
}

module "stream_dynamodb_fasttrack_enqueuer" {
  environment_variables = {
    DELAYER_PERIOD_SECONDS = var.delayer_period_seconds
    FAILURE_BUCKET_NAME    = "another-bucket"
    METRICS_NAMESPACE      = local.metrics_namespace
    QUEUE_URL              = "https://sqs.eu-west-1.amazonaws.com/777788889999/another-queue"
    TABLE_NAME             = "another-table"
  }
}
"""
        }
    ),
    "functions_stopped": Scenario(
        overrides={FUNCTION: 'resource "aws_lambda_function" "this" {\n  reserved_concurrent_executions = 0\n}\n'}
    ),
    "lateness_limited": Scenario({"max_lateness_seconds": 3600}),
    "boundary_removed": Scenario({"permissions_boundary": None}),
    "workers_raised": Scenario({"sweep_workers": 6}),
    "worker_missing": Scenario(
        overrides={
            MINUTE: 'resource "aws_cloudwatch_event_target" "worker" {\n  for_each = { "1" = "0" }\n}\n',
        }
    ),
    "worker_elsewhere": Scenario(
        overrides={
            MINUTE: """
resource "aws_cloudwatch_event_target" "worker" {
  arn = each.key == "0" ? var.function.arn : "arn:aws:lambda:eu-west-1:777788889999:function:another"
}
"""
        }
    ),
    "sweep_paused": Scenario({"sweep_paused": True}),
    "authorization_removed": Scenario(
        overrides={API: 'resource "aws_apigatewayv2_route" "this" {\n  authorization_type = "NONE"\n}\n'}
    ),
    "authorization_jwt": Scenario({"authorization": _JWT}),
    "audience_changed": Scenario(
        {"authorization": _JWT | {"issuer": "https://other.example", "audiences": ["delayer", "others"]}},
        applied="jwt",
    ),
    "route_removed": Scenario(overrides={API: 'resource "aws_apigatewayv2_route" "this" {\n  for_each = {}\n}\n'}),
    "integration_removed": Scenario(
        overrides={API: 'resource "aws_apigatewayv2_route" "this" {\n  target = null\n}\n'},
        removed={API: ("aws_apigatewayv2_integration.this",)},
    ),
    "throttling_removed": Scenario(
        overrides={
            API: """
resource "aws_apigatewayv2_stage" "this" {
  dynamic "default_route_settings" {
    for_each = []
    content {}
  }
}
"""
        }
    ),
    "throttling_raised": Scenario({"throttling": {"rate_limit": 10000, "burst_limit": 20000}}),
    "protection_off": Scenario(
        {"deletion_protection": False, "point_in_time_recovery": False},
        overrides={
            BUCKET: """
resource "aws_s3_bucket_versioning" "failures" {
  versioning_configuration {
    status = "Suspended"
  }
}
"""
        },
    ),
    "recovery_shortened": Scenario(
        overrides={
            TABLE: """
resource "aws_dynamodb_table" "schedules" {
  point_in_time_recovery {
    enabled                 = true
    recovery_period_in_days = 7
  }
}
"""
        }
    ),
    "table_key": Scenario(
        overrides={
            TABLE: """
resource "aws_dynamodb_table" "schedules" {
  server_side_encryption {
    enabled     = true
    kms_key_arn = "arn:aws:kms:eu-west-1:777788889999:key/11111111-2222-3333-4444-555555555555"
  }
}
"""
        }
    ),
    "encryption_off": Scenario(
        overrides={
            QUEUE: """
resource "aws_sqs_queue" "delayer" {
  sqs_managed_sse_enabled = false
}

resource "aws_sqs_queue" "dead_letter" {
  sqs_managed_sse_enabled = false
}
"""
        },
        removed={BUCKET: ("aws_s3_bucket_server_side_encryption_configuration.failures",)},
    ),
    "tls_only_removed": Scenario(
        overrides={
            BUCKET: """
data "aws_iam_policy_document" "tls_only" {
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:GetObject"]
    resources = [aws_s3_bucket.failures.arn, "${aws_s3_bucket.failures.arn}/*"]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}
"""
        },
        removed={
            QUEUE: ("aws_sqs_queue_policy.delayer",),
            TABLE: ("aws_dynamodb_resource_policy.tls_only",),
        },
    ),
    "public_access": Scenario(
        overrides={
            BUCKET: """
resource "aws_s3_bucket_public_access_block" "failures" {
  block_public_policy     = false
  restrict_public_buckets = false
}

resource "aws_s3_bucket_ownership_controls" "failures" {
  rule {
    object_ownership = "ObjectWriter"
  }
}
"""
        }
    ),
    "retention_shortened": Scenario(
        {"log_retention_days": 1},
        overrides={
            QUEUE: """
resource "aws_sqs_queue" "delayer" {
  message_retention_seconds = 3600
}

resource "aws_sqs_queue" "dead_letter" {
  message_retention_seconds = 345600
}
""",
            BUCKET: """
resource "aws_s3_bucket_lifecycle_configuration" "failures" {
  rule {
    id     = "forget-what-was-deleted"
    status = "Enabled"
    filter {}
    expiration {
      days = 7
    }
    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }
}
""",
        },
    ),
    "dead_letters_detached": Scenario(
        overrides={QUEUE: 'resource "aws_sqs_queue" "delayer" {\n  redrive_policy = jsonencode({})\n}\n'}
    ),
    "dead_letters_sooner": Scenario(
        overrides={
            QUEUE: """
resource "aws_sqs_queue" "delayer" {
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 1
  })
}
"""
        }
    ),
    "alarms_removed": Scenario(overrides={DELAYER: 'module "monitoring" {\n  has_alarms = false\n}\n'}),
    "alarms_disabled": Scenario(
        {"alarm_topic_arn": TOPIC},
        overrides={MONITORING: 'resource "aws_cloudwatch_metric_alarm" "expression" {\n  actions_enabled = false\n}\n'},
        applied="topic",
    ),
    "alarm_topic_removed": Scenario(applied="topic"),
    "alarms_renamed": Scenario(
        overrides={
            MONITORING: """
resource "aws_cloudwatch_metric_alarm" "metric" {
  for_each = { for key, alarm in local.metric_alarms : "${key}-again" => alarm if var.has_alarms }
}

resource "aws_cloudwatch_metric_alarm" "expression" {
  for_each = { for key, alarm in local.expression_alarms : "${key}-again" => alarm if var.has_alarms }
}
"""
        }
    ),
    "functions_changed": Scenario(
        overrides={
            FUNCTION: """
resource "aws_lambda_function" "this" {
  architectures = ["x86_64"]
  handler       = "main.handler"
  role          = "arn:aws:iam::777788889999:role/administrator"
  runtime       = "python3.12"
}
"""
        }
    ),
    "mapping_elsewhere": Scenario(overrides={DELAYER: _MAPPING.format(f'function_name = "{_ANOTHER}"')}),
    "mapping_sooner": Scenario(overrides={DELAYER: _MAPPING.format("maximum_record_age_in_seconds = 3600")}),
    "stream_read_twice": Scenario(
        added={
            DELAYER: """
resource "aws_lambda_event_source_mapping" "again" {
  event_source_arn  = module.schedule_table.table.stream_arn
  function_name     = module.stream_dynamodb_fasttrack_enqueuer.function.arn
  starting_position = "LATEST"
}
"""
        },
    ),
    "integration_elsewhere": Scenario(
        overrides={
            API: """
resource "aws_apigatewayv2_integration" "this" {
  integration_method = "POST"
  integration_type   = "HTTP_PROXY"
  integration_uri    = "https://another.example/schedules"
}
"""
        }
    ),
    "route_elsewhere": Scenario(
        overrides={API: 'resource "aws_apigatewayv2_route" "this" {\n  target = "integrations/another"\n}\n'}
    ),
    "route_unthrottled": Scenario(
        overrides={
            API: """
resource "aws_apigatewayv2_stage" "this" {
  route_settings {
    route_key              = "POST /schedules"
    throttling_burst_limit = 2000
    throttling_rate_limit  = 10000
  }
}
"""
        }
    ),
    "endpoint_off": Scenario(
        overrides={
            API: """
resource "aws_apigatewayv2_api" "this" {
  disable_execute_api_endpoint = true
}

resource "aws_apigatewayv2_stage" "this" {
  name = "v1"
}
"""
        }
    ),
    "authorizer_renamed": Scenario(
        {"authorization": _JWT | {"issuer": "https://other.example"}},
        overrides={
            API: 'resource "aws_apigatewayv2_authorizer" "jwt" {\n  for_each = { again = var.authorization }\n}\n'
        },
        applied="jwt",
    ),
    "targets_removed": Scenario(
        overrides={MINUTE: 'resource "aws_cloudwatch_event_target" "worker" {\n  for_each = {}\n}\n'}
    ),
    "callers_refused": Scenario(
        overrides={
            API: 'resource "aws_lambda_permission" "route" {\n  for_each = {}\n}\n',
            MINUTE: 'resource "aws_lambda_permission" "minute" {\n  for_each = {}\n}\n',
        }
    ),
    "caller_elsewhere": Scenario(
        overrides={API: 'resource "aws_lambda_permission" "route" {\n  function_name = "another"\n}\n'}
    ),
    "calls_refused": Scenario(
        overrides={
            FUNCTION: """
resource "aws_iam_role_policy" "calls" {
  count = strcontains(var.name, "fasttrack") ? 0 : 1
}
"""
        }
    ),
    "role_policies": Scenario(
        overrides={
            FUNCTION: """
resource "aws_iam_role" "this" {
  managed_policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]

  inline_policy {
    name = "further"
    policy = jsonencode({
      Version   = "2012-10-17"
      Statement = [{ Effect = "Allow", Action = "sqs:ReceiveMessage", Resource = "arn:aws:sqs:eu-west-1:1:another" }]
    })
  }
}
"""
        }
    ),
    "functions_shrunk": Scenario(
        overrides={
            FUNCTION: """
resource "aws_lambda_function" "this" {
  layers      = ["arn:aws:lambda:eu-west-1:111122223333:layer:another:1"]
  memory_size = 128
  timeout     = 3

  vpc_config {
    security_group_ids = ["sg-11112222333344445"]
    subnet_ids         = ["subnet-11112222333344445"]
  }
}
"""
        }
    ),
    "table_settings": Scenario(
        overrides={
            TABLE: """
resource "aws_dynamodb_table" "schedules" {
  on_demand_throughput {
    max_read_request_units  = 10
    max_write_request_units = 10
  }

  replica {
    region_name = "eu-central-1"
  }

  ttl {
    attribute_name = "pointInTime"
    enabled        = true
  }
}
"""
        }
    ),
    "table_provisioned": Scenario(
        overrides={
            TABLE: """
resource "aws_dynamodb_table" "schedules" {
  billing_mode   = "PROVISIONED"
  read_capacity  = 10
  write_capacity = 10
}
"""
        }
    ),
    "capacity_given": Scenario({"table_capacity": CAPACITY}),
    "capacity_raised": Scenario(
        {"table_capacity": {"read": {"least": 10, "most": 200}, "write": {"least": 20, "most": 2000}}},
        applied="capacity",
    ),
    "capacity_lowered": Scenario(
        {
            "table_capacity": {
                "read": {"least": 2, "most": 100},
                "target_percent": 80,
                "write": {"least": 10, "most": 500},
            }
        },
        applied="capacity",
    ),
    "capacity_removed": Scenario(applied="capacity"),
    "autoscaling_destroyed": Scenario(
        {"table_capacity": CAPACITY},
        overrides={TABLE: 'resource "aws_appautoscaling_target" "capacity" {\n  for_each = {}\n}\n'},
        applied="capacity",
    ),
    "queue_narrowed": Scenario(
        overrides={
            QUEUE: """
resource "aws_sqs_queue" "delayer" {
  max_message_size           = 65536
  visibility_timeout_seconds = 5

  redrive_policy = jsonencode({
    deadLetterTargetArn = "arn:aws:sqs:eu-west-1:777788889999:another"
    maxReceiveCount     = 5
  })
}
"""
        }
    ),
    "records_expire": Scenario(
        overrides={
            BUCKET: """
resource "aws_s3_bucket_lifecycle_configuration" "failures" {
  rule {
    id     = "forget-what-was-deleted"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = 30
    }
  }
  rule {
    id     = "forget-all"
    status = "Enabled"
    filter {}
    expiration {
      date = "2027-01-01T00:00:00Z"
    }
    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }
}
"""
        }
    ),
    "alarms_elsewhere": Scenario(
        overrides={MONITORING: 'resource "aws_cloudwatch_metric_alarm" "metric" {\n  metric_name = "Invocations"\n}\n'}
    ),
    "stranger": Scenario(added={".": 'resource "aws_sns_topic" "further" {\n  name = "delayer-prod-further"\n}\n'}),
    "forgotten": Scenario(
        added={
            QUEUE: """
removed {
  from = aws_sqs_queue_policy.delayer
  lifecycle {
    destroy = false
  }
}
"""
        },
        removed={QUEUE: ("aws_sqs_queue_policy.delayer",)},
    ),
    "queue_missing": Scenario(missing=(addresses.DEAD_LETTERS,)),
    "sensitive": Scenario(
        {"alarm_topic_arn": f"arn:aws:sns:eu-west-1:777788889999:{SECRET}"},
        added={".": 'output "topic" {\n  value     = var.alarm_topic_arn\n  sensitive = true\n}\n'},
        overrides={
            ".": """
variable "alarm_topic_arn" {
  sensitive = true
}
""",
            DELAYER: f"""
module "api_schedule_post" {{
  policy = sensitive(jsonencode({{
    Version   = "2012-10-17"
    Statement = [{{ Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::{SECRET}/x" }}]
  }}))
}}
""",
            FUNCTION: f"""
resource "aws_lambda_function" "this" {{
  environment {{
    variables = merge(var.environment_variables, {{ TOKEN = sensitive("{SECRET}") }})
  }}
}}
""",
        },
    ),
}
