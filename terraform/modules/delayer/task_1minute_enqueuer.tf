# The sweep: every minute it deletes the records that have entered the delayer period, and nothing else.

module "task_1minute_enqueuer" {
  source = "../function"

  environment_variables = {
    DELAYER_PERIOD_SECONDS = var.delayer_period_seconds
    METRICS_NAMESPACE      = local.metrics_namespace
    SHARD_COUNT            = var.shard_count
    STREAM_ARN             = module.schedule_table.table.stream_arn
    TABLE_NAME             = module.schedule_table.table.name
  }
  handler            = "task_1minute_enqueuer.main.handler"
  log_retention_days = var.log_retention_days
  # One full vCPU. A burst costs the same as with a third of it, and takes a third of the time (docs/adr/0012).
  memory_mb                = 1769
  name                     = "${local.name}-task-1minute-enqueuer"
  package                  = "${var.package_folder}/task-1minute-enqueuer.zip"
  permissions_boundary_arn = var.permissions_boundary_arn
  policy                   = data.aws_iam_policy_document.task_1minute_enqueuer.json
  reserved_concurrency     = lookup(var.reserved_concurrency, "task-1minute-enqueuer", null)
  # Under a minute, so that a sweep ends before the next begins.
  timeout_seconds = 55
}

data "aws_iam_policy_document" "task_1minute_enqueuer" {
  statement {
    sid       = "CheckTheStream"
    actions   = ["dynamodb:DescribeTable"]
    resources = [module.schedule_table.table.arn]
  }

  statement {
    sid       = "FindDueSchedules"
    actions   = ["dynamodb:Query"]
    resources = [module.schedule_table.table.arn]
  }

  statement {
    sid       = "HandOverByDeleting"
    actions   = ["dynamodb:BatchWriteItem"]
    resources = [module.schedule_table.table.arn]

    # BatchWriteItem can also put. A put of a schedule names the payload attribute, which is not allowed here.
    condition {
      test     = "ForAllValues:StringEquals"
      variable = "dynamodb:Attributes"
      values   = module.schedule_table.table.key_attributes
    }
  }
}

# A failed tick is not retried: the next minute's sweep finds the same records.
resource "aws_lambda_function_event_invoke_config" "task_1minute_enqueuer" {
  function_name                = module.task_1minute_enqueuer.function.function_name
  maximum_event_age_in_seconds = 60
  maximum_retry_attempts       = 0
}

module "minute_schedule" {
  source = "../minute_schedule"

  function = module.task_1minute_enqueuer.function
  name     = "${local.name}-minute"
  paused   = var.sweep_paused
  workers  = var.sweep_workers
}
