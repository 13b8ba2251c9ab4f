# GET /schedules and GET /schedules/{scheduleId}: it only reads.

module "api_schedule_get" {
  source = "../function"
  count  = var.management_api ? 1 : 0

  environment_variables = {
    DELAYER_PERIOD_SECONDS = var.delayer_period_seconds
    SHARD_COUNT            = var.shard_count
    TABLE_NAME             = module.schedule_table.table.name
  }
  handler                  = "api_schedule_get.main.handler"
  log_retention_days       = var.log_retention_days
  memory_mb                = 512
  name                     = "${local.name}-api-schedule-get"
  package                  = "${var.package_folder}/api-schedule-get.zip"
  permissions_boundary_arn = var.permissions_boundary_arn
  policy                   = data.aws_iam_policy_document.api_schedule_get.json
  reserved_concurrency     = lookup(var.reserved_concurrency, "api-schedule-get", null)
  # Less than the 30 s after which the gateway gives up. It starts no call in the last 12 s.
  timeout_seconds = 25
}

data "aws_iam_policy_document" "api_schedule_get" {
  statement {
    sid       = "LookUpSchedules"
    actions   = ["dynamodb:GetItem"]
    resources = [module.schedule_table.table.arn]
  }

  statement {
    sid       = "ListSchedules"
    actions   = ["dynamodb:Query"]
    resources = [module.schedule_table.table.arn]
  }
}
