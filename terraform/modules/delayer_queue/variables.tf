variable "name" {
  description = "The name of the queue. The dead-letter queue has the same name followed by -dead-letter."
  type        = string
  nullable    = false
}
