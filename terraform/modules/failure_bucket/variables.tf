variable "force_destroy" {
  description = "Whether Terraform may destroy a bucket that still has records."
  type        = bool
  nullable    = false
}

variable "name_prefix" {
  description = "The prefix of the bucket's name. AWS completes it."
  type        = string
  nullable    = false
}
