variable "environment_variables" {
  description = "The function's settings, by name."
  type        = map(string)
  nullable    = false
}

variable "handler" {
  description = "The function to call in the package: module.attribute."
  type        = string
  nullable    = false
}

variable "log_retention_days" {
  description = "How long the function's logs are kept."
  type        = number
  nullable    = false
}

variable "memory_mb" {
  description = "The function's memory; its share of a processor grows with it."
  type        = number
  nullable    = false
}

variable "name" {
  description = "The function's name, and its role's."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.name) <= 64
    error_message = "A function's name has at most 64 characters: choose a shorter name for the environment."
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

variable "permissions_boundary" {
  description = "The ARN of the policy that bounds what the function's role may ever do; null bounds nothing."
  type        = string
  default     = null
}

variable "policy" {
  description = "The IAM policy, as JSON, of the calls that the function makes."
  type        = string
  nullable    = false
}

variable "reserved_concurrency" {
  description = "Concurrent executions that are this function's alone, and the most it gets; null reserves none."
  type        = number
  default     = null
}

variable "timeout_seconds" {
  description = "How long one execution may take."
  type        = number
  nullable    = false
}
