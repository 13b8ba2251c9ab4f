# The HTTP API, with the routes of all functions.

locals {
  routes = merge([
    for function in local.functions : { for route in function.routes : route => function.module.function }
  ]...)
}

module "http_api" {
  source = "../http_api"

  authorization      = var.authorization
  log_retention_days = var.log_retention_days
  name               = "${local.name}-schedules"
  routes             = local.routes
  throttling         = var.throttling
}
