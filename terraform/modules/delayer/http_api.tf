# The HTTP API, with the routes of all functions.

module "http_api" {
  source = "../http_api"

  authorization      = var.authorization
  log_retention_days = var.log_retention_days
  name               = "${local.name}-schedules"
  routes = merge([
    for function in local.functions : { for route in function.routes : route => function.module.function }
  ]...)
  throttling = var.throttling
}
