# POST /schedules: the only function that inserts.

module "api_schedule_post" {
  source = "../function"

  environment_variables = {
    HORIZON_SECONDS   = var.horizon_days * 24 * 60 * 60
    METRICS_NAMESPACE = local.metrics_namespace
    SHARD_COUNT       = var.shard_count
    TABLE_NAME        = module.schedule_table.table.name
  }
  handler                  = "api_schedule_post.main.handler"
  log_retention_days       = var.log_retention_days
  memory_mb                = 512
  name                     = "${local.name}-api-schedule-post"
  package                  = "${var.package_folder}/api-schedule-post.zip"
  permissions_boundary_arn = var.permissions_boundary_arn
  policy                   = data.aws_iam_policy_document.api_schedule_post.json
  reserved_concurrency     = lookup(var.reserved_concurrency, "api-schedule-post", null)
  # Less than the 30 s after which the gateway gives up. It starts no call for an array in the last 12 s; a put takes three
  # tries of at most 3 s, with the waits between them.
  timeout_seconds = 25
}

data "aws_iam_policy_document" "api_schedule_post" {
  statement {
    sid       = "StoreSchedules"
    actions   = ["dynamodb:PutItem"]
    resources = [module.schedule_table.table.arn]
  }

  statement {
    sid       = "StoreManySchedules"
    actions   = ["dynamodb:BatchWriteItem"]
    resources = [module.schedule_table.table.arn]
  }
}
