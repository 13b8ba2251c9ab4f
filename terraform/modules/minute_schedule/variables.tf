variable "function" {
  description = "The function to call."
  type        = object({ arn = string, function_name = string })
  nullable    = false
}

variable "name" {
  description = "How the rules' names start."
  type        = string
  nullable    = false
}

variable "paused" {
  description = "Whether the rules are disabled."
  type        = bool
  nullable    = false
}

variable "workers" {
  description = "How many calls a minute, each told its number and how many there are."
  type        = number
  nullable    = false
}
