variable "alarm_topic_arn" {
  description = "The SNS topic, in the environment's region, that is notified when an alarm begins and ends. Without one, alarms show only in CloudWatch."
  type        = string
  default     = null
}

variable "alarms" {
  description = "Whether there are alarms. Without them only the dashboard shows what goes wrong."
  type        = bool
  default     = true
  nullable    = false
}

variable "authorization" {
  description = "Who may post: AWS_IAM (requests signed by a principal allowed execute-api:Invoke), or JWT with the tokens' issuer and audiences."
  type = object({
    type      = optional(string, "AWS_IAM")
    issuer    = optional(string)
    audiences = optional(list(string), [])
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(["AWS_IAM", "JWT"], var.authorization.type)
    error_message = "The authorization's type must be AWS_IAM or JWT: an API open to everyone is not offered."
  }
  validation {
    condition     = var.authorization.type != "JWT" || (try(startswith(var.authorization.issuer, "https://"), false) && length(var.authorization.audiences) > 0)
    error_message = "JWT authorization needs an issuer that starts with https:// and at least one audience."
  }
  validation {
    condition     = var.authorization.type == "JWT" || (var.authorization.issuer == null && length(var.authorization.audiences) == 0)
    error_message = "An issuer and audiences belong to JWT authorization; AWS_IAM has neither."
  }
}

variable "delayer_period_seconds" {
  description = "How long before its pointInTime a schedule moves to the delayer queue. Up to 840: SQS delays a message by at most 900 s. From shortest_delayer_period_seconds."
  type        = number
  default     = 840
  nullable    = false

  validation {
    condition = (
      floor(var.delayer_period_seconds) == var.delayer_period_seconds
      && var.delayer_period_seconds >= var.shortest_delayer_period_seconds
      && var.delayer_period_seconds <= 840
    )
    error_message = "The delayer period must be a whole number of seconds from ${var.shortest_delayer_period_seconds} to 840."
  }
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the schedule table, and whether a failure bucket that still holds records can't be destroyed."
  type        = bool
  default     = true
  nullable    = false
}

variable "environment" {
  description = "The environment's name. It is part of every resource's name, so that several fit one account."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.environment))
    error_message = "The environment's name must be 2 to 12 lower-case letters and digits, the first a letter."
  }
}

variable "horizon_days" {
  description = "How far ahead a pointInTime may lie. It also catches milliseconds sent as seconds."
  type        = number
  default     = 3653 # ten years
  nullable    = false

  validation {
    condition     = floor(var.horizon_days) == var.horizon_days && var.horizon_days >= 1 && var.horizon_days <= 36500
    error_message = "The horizon must be a whole number of days from 1 to 36500."
  }
}

variable "log_retention_days" {
  description = "How long the functions' and the API's logs are kept."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch Logs keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}

variable "mapping_metrics" {
  description = "Whether the stream mapping counts the records that it reads and gives up. The alarm records-discarded reads one of these metrics."
  type        = bool
  default     = true
  nullable    = false

  validation {
    condition     = var.mapping_metrics || !var.alarms
    error_message = "The alarm records-discarded reads the stream mapping's metrics: with alarms, mapping_metrics must be true."
  }
}

variable "max_lateness_seconds" {
  description = "Schedules that are later than this go to the failure bucket instead of the delayer queue, from where make redrive brings them back. Null delivers everything, however late. At least 60: the API accepts a pointInTime up to 60 s in the past."
  type        = number
  default     = null

  validation {
    condition = var.max_lateness_seconds == null || try(
      floor(var.max_lateness_seconds) == var.max_lateness_seconds && var.max_lateness_seconds >= 60 && var.max_lateness_seconds <= 31536000, false
    )
    error_message = "The greatest lateness must be a whole number of seconds from 60 to 31536000 (a year), or null to deliver everything."
  }
}

variable "package_folder" {
  description = "The folder of the functions' zip packages, <function>.zip each. make package builds them in build/dist."
  type        = string
  nullable    = false
}

variable "parallelization_factor" {
  description = "How many executions of the fast track read one shard of the table's stream at once (lanes). Two keep up with everything that a partition can write; more use more of the account's concurrent executions and send fewer messages per call."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = floor(var.parallelization_factor) == var.parallelization_factor && var.parallelization_factor >= 1 && var.parallelization_factor <= 10
    error_message = "The parallelization factor must be a whole number from 1 to 10."
  }
}

variable "permissions_boundary_arn" {
  description = "The ARN of the IAM policy that bounds what the functions' roles may ever do. Null bounds nothing."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:policy/", var.permissions_boundary_arn))
    error_message = "The permissions boundary must be the ARN of an IAM policy."
  }
}

variable "point_in_time_recovery" {
  description = "Whether the schedule table can be restored to any second of the last 35 days."
  type        = bool
  default     = true
  nullable    = false
}

variable "reserved_concurrency" {
  description = "Concurrent executions reserved for a function, by its plain name. Empty reserves nothing: a new account has too few to reserve any."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for count in values(var.reserved_concurrency) : count >= 1 && floor(count) == count])
    error_message = "Reserved concurrency must be a whole number from 1 up: 0 would stop the function."
  }
  validation {
    condition     = lookup(var.reserved_concurrency, "task-1minute-enqueuer", var.sweep_workers) >= var.sweep_workers
    error_message = "The sweep's reserved concurrency must be sweep_workers at least, or a worker's shards would not be swept."
  }
}

variable "shard_count" {
  description = "Partition keys that new schedules are spread over: each takes about 1,000 KB of writes a second and costs one Query a minute. The number may grow but never shrink: schedules in a shard that is no longer swept are never delivered."
  type        = number
  default     = 16
  nullable    = false

  validation {
    condition     = floor(var.shard_count) == var.shard_count && var.shard_count >= 1 && var.shard_count <= 1000
    error_message = "The shard count must be a whole number from 1 to 1000."
  }
}

variable "shortest_delayer_period_seconds" {
  description = "The shortest delayer period that is accepted. 180, because two ticks of the minute's rule can be almost two minutes apart: with a shorter period schedules can be late. For trials, down to 60."
  type        = number
  default     = 180
  nullable    = false

  validation {
    condition = (
      floor(var.shortest_delayer_period_seconds) == var.shortest_delayer_period_seconds
      && var.shortest_delayer_period_seconds >= 60
      && var.shortest_delayer_period_seconds <= 180
    )
    error_message = "The shortest delayer period must be a whole number of seconds from 60 to 180."
  }
}

variable "sweep_paused" {
  description = "Whether the minute's rule is disabled. Schedules further ahead than the delayer period then wait in the table."
  type        = bool
  default     = false
  nullable    = false
}

variable "sweep_workers" {
  description = "Parallel sweeps each minute, each of its own shards."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = floor(var.sweep_workers) == var.sweep_workers && var.sweep_workers >= 1 && var.sweep_workers <= min(100, var.shard_count)
    error_message = "The number of sweep workers must be a whole number from 1 to 100, and no more than there are shards."
  }
}

variable "throttling" {
  description = "How many requests the API accepts: the steady rate per second, and the burst. More are answered 429."
  type = object({
    rate_limit  = optional(number, 500)
    burst_limit = optional(number, 1000)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.throttling.rate_limit >= 1 && var.throttling.burst_limit >= 1 && floor(var.throttling.burst_limit) == var.throttling.burst_limit
    error_message = "The throttling's rate and burst must be at least 1, and the burst a whole number: 0 would refuse every request."
  }
}
