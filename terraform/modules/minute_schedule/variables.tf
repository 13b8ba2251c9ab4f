variable "function" {
  description = "The function to call: arn and function_name."
  type        = object({ arn = string, function_name = string })
  nullable    = false
}

variable "name" {
  description = "The prefix of the rules' names."
  type        = string
  nullable    = false
}

variable "paused" {
  description = "Whether the rules are disabled."
  type        = bool
  nullable    = false
}

variable "workers" {
  description = "How many times a minute the function is called. Each call gets its number and this one."
  type        = number
  nullable    = false
}
