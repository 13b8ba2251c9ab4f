variable "authorization" {
  description = "Who may call the routes: AWS_IAM, or JWT with issuer and audiences."
  type = object({
    type      = string
    issuer    = optional(string)
    audiences = optional(list(string), [])
  })
  nullable = false
}

variable "log_retention_days" {
  description = "How long access logs are kept."
  type        = number
  nullable    = false
}

variable "name" {
  description = "The API's name."
  type        = string
  nullable    = false
}

variable "routes" {
  description = "The function that answers each route, by the route: \"POST /schedules\"."
  type        = map(object({ function_name = string, invoke_arn = string }))
  nullable    = false
}

variable "throttling" {
  description = "The steady rate per second, and the burst, of all routes together."
  type        = object({ rate_limit = number, burst_limit = number })
  nullable    = false
}
