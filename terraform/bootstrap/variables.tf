# make bootstrap sets these from the account's files in terraform/environments/, except the repository and its ids.

variable "account_id" {
  description = "The account to bootstrap. Terraform refuses credentials for any other."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "The account id must be the 12 digits of an AWS account."
  }
}

variable "environments" {
  description = "The environments of this account, each with its region."
  type        = map(string)
  nullable    = false

  # The inline policies of a role have at most 10,240 characters together. Those of the plan role would exceed them with
  # more environments.
  validation {
    condition     = length(var.environments) <= 4
    error_message = "An account can have up to four environments: move the others to another account."
  }
  validation {
    condition     = length(var.environments) > 0 && alltrue([for name in keys(var.environments) : can(regex("^[a-z][a-z0-9]{1,11}$", name))])
    error_message = "There must be at least one environment, and each name must have 2 to 12 lower-case letters and digits and start with a letter."
  }
  validation {
    condition     = alltrue([for region in values(var.environments) : can(regex("^[a-z]{2,}(-[a-z]+)+-[0-9]+$", region))])
    error_message = "The region of each environment must be the name of an AWS region, like eu-west-1."
  }
}

variable "region" {
  description = "The region of the state bucket."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2,}(-[a-z]+)+-[0-9]+$", var.region))
    error_message = "The region must be the name of an AWS region, like eu-west-1."
  }
}

variable "repository" {
  description = "The GitHub repository whose workflows may plan and apply, as owner/name."
  type        = string
  nullable    = false

  # IAM would read a star or a question mark as a wildcard.
  validation {
    condition     = can(regex("^[A-Za-z0-9]([A-Za-z0-9-]{0,37}[A-Za-z0-9])?/[A-Za-z0-9._-]{1,100}$", var.repository))
    error_message = "The repository must be owner/name, as in its address on GitHub: set yours in terraform/bootstrap/terraform.tfvars."
  }
}

variable "repository_id" {
  description = "The repository's number on GitHub, which the tokens of newer repositories contain. Null for a repository that has had its name since before 15 July 2026."
  type        = string
  default     = null

  validation {
    condition     = var.repository_id == null || can(regex("^[1-9][0-9]*$", var.repository_id))
    error_message = "The repository's id must be its number on GitHub, like 456789: gh api repos/OWNER/NAME --jq .id prints it."
  }
  validation {
    condition     = (var.repository_id == null) == (var.repository_owner_id == null)
    error_message = "A token has both ids or none: set both repository_id and repository_owner_id, or neither."
  }
}

variable "repository_owner_id" {
  description = "The number on GitHub of the user or organization that owns the repository. Set it together with repository_id."
  type        = string
  default     = null

  validation {
    condition     = var.repository_owner_id == null || can(regex("^[1-9][0-9]*$", var.repository_owner_id))
    error_message = "The owner's id must be its number on GitHub, like 123456: gh api repos/OWNER/NAME --jq .owner.id prints it."
  }
}

variable "state_bucket" {
  description = "The name of the bucket for Terraform's states. Bucket names are unique across all AWS accounts."
  type        = string
  nullable    = false

  # With a dot, TLS to the bucket's host name would fail.
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.state_bucket))
    error_message = "The name of the state bucket must have 3 to 63 lower-case letters, digits and hyphens, with no hyphen at either end."
  }
}
