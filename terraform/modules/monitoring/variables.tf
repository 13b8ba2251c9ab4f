variable "api_id" {
  description = "The HTTP API's id."
  type        = string
  nullable    = false
}

variable "dead_letter_queue_name" {
  description = "The queue for what consumers failed to handle."
  type        = string
  nullable    = false
}

variable "function_names" {
  description = "The functions' names in this environment, by their plain names."
  type        = map(string)
  nullable    = false
}

variable "has_alarms" {
  description = "Whether there are alarms, and not the dashboard alone."
  type        = bool
  nullable    = false
}

variable "metrics_namespace" {
  description = "The namespace of the metrics that the functions write."
  type        = string
  nullable    = false
}

variable "name" {
  description = "How the alarms' names start, and the dashboard's name."
  type        = string
  nullable    = false
}

variable "queue_name" {
  description = "The delayer queue."
  type        = string
  nullable    = false
}

variable "region" {
  description = "The region that the dashboard's metrics are in."
  type        = string
  nullable    = false
}

variable "stream_mapping_uuid" {
  description = "The stream mapping, which has to publish its event counts (metrics_config)."
  type        = string
  nullable    = false
}

variable "sweep" {
  description = "How many sweeps run each minute, and whether they are paused."
  type        = object({ paused = bool, workers = number })
  nullable    = false
}

variable "table_name" {
  description = "The schedule table."
  type        = string
  nullable    = false
}

variable "topic_arn" {
  description = "The SNS topic, in this region, that is notified when an alarm begins and ends. Null notifies nobody."
  type        = string
  default     = null

  validation {
    condition     = var.topic_arn == null || can(regex("^arn:aws[a-z-]*:sns:${var.region}:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", var.topic_arn))
    error_message = "The alarm topic must be the ARN of a standard SNS topic in the environment's region: an alarm can notify no other."
  }
}
