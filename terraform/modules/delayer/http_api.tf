# The API: which route calls which function, who may call, and how often.

module "http_api" {
  source = "../http_api"

  authorization      = var.authorization
  log_retention_days = var.log_retention_days
  name               = "${local.name}-schedules"
  routes             = { "POST /schedules" = module.api_schedule_post.function }
  throttling         = var.throttling
}
