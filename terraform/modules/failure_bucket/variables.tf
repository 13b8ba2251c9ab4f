variable "force_destroy" {
  description = "Whether a bucket that still holds records may be destroyed."
  type        = bool
  nullable    = false
}

variable "name_prefix" {
  description = "How the bucket's name starts; AWS completes it."
  type        = string
  nullable    = false
}
