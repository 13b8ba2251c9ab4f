# The variables of this root alone. settings.tf has the others: it is a link to the variables of modules/delayer, so that
# both are declared and validated once, and Terraform reports a wrong value with its line in the environment's file.

variable "account_id" {
  description = "The AWS account of the environment. Terraform refuses credentials for any other."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "The account id must be the 12 digits of an AWS account."
  }
}

variable "permissions_boundary" {
  description = "The name of the IAM policy that limits the roles of the functions; terraform/bootstrap creates one per environment. With null there is no limit."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null || can(regex("^[A-Za-z0-9+=,.@_-]{1,128}$", var.permissions_boundary))
    error_message = "The permissions boundary must be the name of an IAM policy, without its path or ARN."
  }
}

variable "region" {
  description = "The AWS region."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2,}(-[a-z]+)+-[0-9]+$", var.region))
    error_message = "The region must be the name of an AWS region, like eu-west-1."
  }
}

locals {
  # settings.tf checks the alarm topic against it.
  region = var.region
}
