variable "capacity" {
  description = "The provisioned capacity that autoscaling keeps, in units a second, and the percentage of it that is to be used. With null the table is on demand."
  type = object({
    read           = object({ least = number, most = number })
    target_percent = number
    write          = object({ least = number, most = number })
  })
  default = null
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the table."
  type        = bool
  nullable    = false
}

variable "name" {
  description = "The name of the table."
  type        = string
  nullable    = false
}

variable "point_in_time_recovery" {
  description = "Whether the table can be restored to any second of the last 35 days."
  type        = bool
  nullable    = false
}
