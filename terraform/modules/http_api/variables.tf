variable "authorization" {
  description = "Who may call the route: AWS_IAM, or JWT with issuer and audiences."
  type = object({
    type      = string
    issuer    = optional(string)
    audiences = optional(list(string), [])
  })
  nullable = false
}

variable "function" {
  description = "The function that answers."
  type        = object({ function_name = string, invoke_arn = string })
  nullable    = false
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

variable "route" {
  description = "Method and path: \"POST /schedules\"."
  type        = string
  nullable    = false
}

variable "throttling" {
  description = "The steady rate a second and the burst."
  type        = object({ rate_limit = number, burst_limit = number })
  nullable    = false
}
