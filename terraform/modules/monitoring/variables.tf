variable "api_id" {
  description = "The id of the HTTP API."
  type        = string
  nullable    = false
}

variable "dead_letter_queue_name" {
  description = "The name of the dead-letter queue."
  type        = string
  nullable    = false
}

variable "functions" {
  description = "The functions by label. `service` is the dimension of the metrics that a function writes; a function with routes has an alarm `LABEL-errors`."
  type        = map(object({ function_name = string, has_routes = bool, service = string }))
  nullable    = false
}

variable "has_alarms" {
  description = "Whether the alarms are created. The dashboard always is."
  type        = bool
  nullable    = false
}

variable "metrics_namespace" {
  description = "The namespace of the metrics that the functions write."
  type        = string
  nullable    = false
}

variable "most_capacity" {
  description = "The greatest provisioned capacity of the schedule table, in units a second, by kind: read and write. Each has an alarm `KINDs-near-most`. Empty for a table on demand."
  type        = map(number)
  default     = {}
  nullable    = false
}

variable "name" {
  description = "The name of the dashboard and the prefix of the alarms' names."
  type        = string
  nullable    = false
}

variable "queue_name" {
  description = "The name of the delayer queue."
  type        = string
  nullable    = false
}

variable "region" {
  description = "The region of the metrics on the dashboard."
  type        = string
  nullable    = false
}

variable "stream_mapping_uuid" {
  description = "The UUID of the stream mapping, which must publish its event counts (metrics_config)."
  type        = string
  nullable    = false
}

variable "sweep" {
  description = "Whether the sweeps are paused, and how many workers sweep each minute."
  type        = object({ paused = bool, workers = number })
  nullable    = false
}

variable "table_name" {
  description = "The name of the schedule table."
  type        = string
  nullable    = false
}

variable "topic_arn" {
  description = "The ARN of the SNS topic that alarms notify when they begin and end. With null they notify nobody."
  type        = string
  default     = null
}
