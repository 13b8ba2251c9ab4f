# POST /schedules: the only function that inserts.

module "api_schedule_post" {
  source = "./modules/function"

  environment_variables = {
    HORIZON_SECONDS   = var.horizon_days * 24 * 60 * 60
    METRICS_NAMESPACE = local.metrics_namespace
    SHARD_COUNT       = var.shard_count
    TABLE_NAME        = module.schedule_table.table.name
  }
  handler              = "api_schedule_post.main.handler"
  log_retention_days   = var.log_retention_days
  memory_mb            = 512
  name                 = "${local.name}-api-schedule-post"
  package              = "${local.packages}/api-schedule-post.zip"
  permissions_boundary = local.permissions_boundary
  reserved_concurrency = lookup(var.reserved_concurrency, "api-schedule-post", null)
  # Three tries of at most 3 s and their waits, and less than the 30 s after which the gateway gives up.
  timeout_seconds = 15
}

data "aws_iam_policy_document" "api_schedule_post" {
  statement {
    sid       = "StoreSchedules"
    actions   = ["dynamodb:PutItem"]
    resources = [module.schedule_table.table.arn]
  }
}

resource "aws_iam_role_policy" "api_schedule_post" {
  name   = "calls"
  policy = data.aws_iam_policy_document.api_schedule_post.json
  role   = module.api_schedule_post.role.name
}

module "http_api" {
  source = "./modules/http_api"

  authorization      = var.authorization
  function           = module.api_schedule_post.function
  log_retention_days = var.log_retention_days
  name               = "${local.name}-schedules"
  route              = "POST /schedules"
  throttling         = var.throttling

  # A request before the function may store anything would get a 500.
  depends_on = [aws_iam_role_policy.api_schedule_post]
}
