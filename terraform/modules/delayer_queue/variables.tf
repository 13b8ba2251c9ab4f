variable "name" {
  description = "The queue's name; the dead-letter queue's is this and -dead-letter."
  type        = string
  nullable    = false
}
