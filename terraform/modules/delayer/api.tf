# The HTTP API, with the routes of every function that has some.

module "http_api" {
  source = "../http_api"

  authorization = var.authorization
  functions = {
    for name, function in local.functions : name => {
      function_name = function.module.function.function_name
      invoke_arn    = function.module.function.invoke_arn
      routes        = function.routes
    } if length(function.routes) > 0
  }
  log_retention_days = var.log_retention_days
  name               = "${local.name}-schedules"
  throttling         = var.throttling
}
