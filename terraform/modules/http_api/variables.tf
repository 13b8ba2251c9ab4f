variable "authorization" {
  description = "Who may call the routes: AWS_IAM, or JWT with issuer and audiences, and by route the scopes of which a token must have one."
  type = object({
    type      = string
    issuer    = optional(string)
    audiences = optional(list(string), [])
    scopes    = optional(map(list(string)), {})
  })
  nullable = false
}

variable "log_retention_days" {
  description = "How many days CloudWatch Logs keeps the access log."
  type        = number
  nullable    = false
}

variable "name" {
  description = "The name of the API."
  type        = string
  nullable    = false
}

variable "routes" {
  description = "The function that answers each route, by route, like \"POST /schedules\"."
  type        = map(object({ function_name = string, invoke_arn = string }))
  nullable    = false
}

variable "throttling" {
  description = "The limits of all routes together: the steady rate in requests a second, and the burst in requests."
  type        = object({ rate_limit = number, burst_limit = number })
  nullable    = false
}
