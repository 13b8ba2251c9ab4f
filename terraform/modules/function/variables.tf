variable "environment_variables" {
  description = "The environment variables of the function."
  type        = map(string)
  nullable    = false
}

variable "handler" {
  description = "The Python function to call in the package: module.attribute."
  type        = string
  nullable    = false
}

variable "log_retention_days" {
  description = "How many days CloudWatch Logs keeps the function's logs."
  type        = number
  nullable    = false
}

variable "memory_mb" {
  description = "The memory of the function, in MB. Its share of a processor grows with it."
  type        = number
  nullable    = false
}

variable "name" {
  description = "The name of the function and of its role."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.name) <= 64
    error_message = "The name of a function can have at most 64 characters: choose a shorter name for the environment."
  }
}

variable "package" {
  description = "The path of the zip that make package builds."
  type        = string
  nullable    = false

  validation {
    condition     = fileexists(var.package)
    error_message = "There is no package ${var.package}: run make package first."
  }
}

variable "permissions_boundary_arn" {
  description = "The ARN of the IAM policy that limits the function's role. With null there is no limit."
  type        = string
  default     = null
}

variable "policy" {
  description = "The IAM policy, as JSON, with what the function may call. It is attached before the function is created."
  type        = string
  nullable    = false
}

variable "reserved_concurrency" {
  description = "Concurrent executions reserved for this function, which are also its limit. With null none are reserved."
  type        = number
  default     = null
}

variable "timeout_seconds" {
  description = "How long one execution may take, in seconds."
  type        = number
  nullable    = false
}
