# An environment's settings. modules/delayer/variables.tf describes and validates them, and holds their defaults: null here
# means that default.

variable "account_id" {
  description = "The AWS account that the environment lives in. Credentials for another are refused."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "The account id must be the 12 digits of an AWS account."
  }
}

variable "alarm_topic_arn" {
  type    = string
  default = null
}

variable "alarms" {
  type    = bool
  default = null
}

variable "authorization" {
  type = object({
    type      = optional(string)
    issuer    = optional(string)
    audiences = optional(list(string))
  })
  default = null
}

variable "delayer_period_seconds" {
  type    = number
  default = null
}

variable "deletion_protection" {
  type    = bool
  default = null
}

variable "environment" {
  type     = string
  nullable = false
}

variable "horizon_days" {
  type    = number
  default = null
}

variable "log_retention_days" {
  type    = number
  default = null
}

variable "mapping_metrics" {
  type    = bool
  default = null
}

variable "max_lateness_seconds" {
  type    = number
  default = null
}

variable "parallelization_factor" {
  type    = number
  default = null
}

variable "permissions_boundary" {
  description = "The IAM policy, by its name in the account, that bounds what the functions' roles may ever do; terraform/bootstrap makes one for each environment. Null bounds nothing."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null || can(regex("^[A-Za-z0-9+=,.@_-]{1,128}$", var.permissions_boundary))
    error_message = "The permissions boundary must be the name of an IAM policy, without its path or ARN."
  }
}

variable "point_in_time_recovery" {
  type    = bool
  default = null
}

variable "region" {
  description = "The AWS region."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2,}(-[a-z]+)+-[0-9]+$", var.region))
    error_message = "The region must be an AWS region's name, like eu-west-1."
  }
}

variable "reserved_concurrency" {
  type    = map(number)
  default = null
}

variable "shard_count" {
  type    = number
  default = null
}

variable "shortest_delayer_period_seconds" {
  type    = number
  default = null
}

variable "sweep_paused" {
  type    = bool
  default = null
}

variable "sweep_workers" {
  type    = number
  default = null
}

variable "throttling" {
  type = object({
    rate_limit  = optional(number)
    burst_limit = optional(number)
  })
  default = null
}
