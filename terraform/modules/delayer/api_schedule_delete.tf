# DELETE /schedules/{scheduleId}: it deletes a record while its removal counts as a cancellation.

module "api_schedule_delete" {
  source = "../function"
  count  = var.management_api ? 1 : 0

  environment_variables = {
    TABLE_NAME = module.schedule_table.table.name
  }
  handler                  = "api_schedule_delete.main.handler"
  log_retention_days       = var.log_retention_days
  memory_mb                = 512
  name                     = "${local.name}-api-schedule-delete"
  package                  = "${var.package_folder}/api-schedule-delete.zip"
  permissions_boundary_arn = var.permissions_boundary_arn
  policy                   = data.aws_iam_policy_document.api_schedule_delete.json
  reserved_concurrency     = lookup(var.reserved_concurrency, "api-schedule-delete", null)
  # Less than the 30 s after which the gateway gives up. It starts no call in the last 12 s.
  timeout_seconds = 25
}

data "aws_iam_policy_document" "api_schedule_delete" {
  statement {
    sid       = "CancelSchedules"
    actions   = ["dynamodb:DeleteItem"]
    resources = [module.schedule_table.table.arn]
  }
}
