# What the calling root decides beside the settings in variables.tf: where the packages are, what limits the roles, and
# the region of its provider.

variable "package_folder" {
  description = "The folder with the packages of the functions, as make package builds them in build/dist. Write it relative to the root, so that plans are the same on every machine."
  type        = string
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "The ARN of the IAM policy that limits the roles of the functions. With null there is no limit."
  type        = string
  default     = null
}

data "aws_region" "current" {}

locals {
  # The one attribute with the region's name that providers 5 and 6 both have without a deprecation.
  region = data.aws_region.current.id
}
