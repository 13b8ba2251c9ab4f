variable "alarm_topic_arn" {
  description = "The ARN of the SNS topic, in this region, that alarms notify when they begin and end. Without one, alarms show only in CloudWatch."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_topic_arn == null || can(regex("^arn:aws[a-z-]*:sns:${local.region}:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", var.alarm_topic_arn))
    error_message = "The alarm topic must be the ARN of a standard SNS topic in the environment's region, because alarms can notify no other."
  }
}

variable "alarms" {
  description = "Whether the alarms are created. Without them only the dashboard shows problems."
  type        = bool
  default     = true
  nullable    = false
}

variable "authorization" {
  description = "Who may call the API: AWS_IAM for requests signed by a principal that is allowed execute-api:Invoke, or JWT with the issuer and audiences of the tokens, and for a route the scopes of which a token must have one."
  type = object({
    type      = optional(string, "AWS_IAM")
    issuer    = optional(string)
    audiences = optional(list(string), [])
    scopes    = optional(map(list(string)), {})
  })
  default  = {}
  nullable = false

  # The output `api_url` checks that the routes of the scopes exist.
  validation {
    condition     = contains(["AWS_IAM", "JWT"], var.authorization.type)
    error_message = "The authorization's type must be AWS_IAM or JWT: an API that is open to everyone is not offered."
  }
  validation {
    condition     = var.authorization.type != "JWT" || (try(startswith(var.authorization.issuer, "https://"), false) && length(var.authorization.audiences) > 0)
    error_message = "JWT authorization needs an issuer that starts with https:// and at least one audience."
  }
  validation {
    condition     = var.authorization.type == "JWT" || (var.authorization.issuer == null && length(var.authorization.audiences) == 0 && length(var.authorization.scopes) == 0)
    error_message = "An issuer, audiences and scopes are for JWT authorization: remove them, or set the type to JWT."
  }
  validation {
    condition     = alltrue([for scopes in values(var.authorization.scopes) : length(scopes) > 0])
    error_message = "The scopes of a route must not be empty: name at least one, or leave the route out."
  }
}

variable "delayer_period_seconds" {
  description = "How long before its pointInTime a schedule moves to the delayer queue. At most 840, because SQS delays a message by at most 900 s; at least shortest_delayer_period_seconds."
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
  description = "Whether AWS refuses to delete the schedule table, and Terraform a failure bucket that still has records."
  type        = bool
  default     = true
  nullable    = false
}

variable "environment" {
  description = "The name of the environment. It is part of the name of every resource, so that one account can have several environments."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.environment))
    error_message = "The environment's name must have 2 to 12 lower-case letters and digits, and start with a letter."
  }
}

variable "horizon_days" {
  description = "How many days ahead a pointInTime may be. The limit also catches milliseconds sent as seconds."
  type        = number
  default     = 3653 # ten years
  nullable    = false

  validation {
    condition     = floor(var.horizon_days) == var.horizon_days && var.horizon_days >= 1 && var.horizon_days <= 36500
    error_message = "The horizon must be a whole number of days from 1 to 36500."
  }
}

variable "log_retention_days" {
  description = "How many days CloudWatch Logs keeps the logs of the functions and the API."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch Logs keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}

variable "management_api" {
  description = "Whether the API looks up, lists and cancels schedules: two more functions and their three routes. Without it there are exactly the three functions that deliver."
  type        = bool
  default     = true
  nullable    = false
}

variable "mapping_metrics" {
  description = "Whether the stream mapping counts the records that it reads and gives up. The alarm records-discarded needs these metrics."
  type        = bool
  default     = true
  nullable    = false

  validation {
    condition     = var.mapping_metrics || !var.alarms
    error_message = "The alarm records-discarded needs the stream mapping's metrics: set mapping_metrics to true, or alarms to false."
  }
}

variable "max_lateness_seconds" {
  description = "The greatest lateness of a delivery. Later schedules go to the failure bucket, from which make redrive returns them. Null delivers everything, however late. At least 60, because the API accepts a pointInTime up to 60 s in the past."
  type        = number
  default     = null

  validation {
    condition = var.max_lateness_seconds == null || try(
      floor(var.max_lateness_seconds) == var.max_lateness_seconds && var.max_lateness_seconds >= 60 && var.max_lateness_seconds <= 31536000, false
    )
    error_message = "The greatest lateness must be a whole number of seconds from 60 to 31536000 (a year), or null to deliver everything."
  }
}

variable "parallelization_factor" {
  description = "How many executions of the fast track read one shard of the table's stream at once (lanes). Two keep up with everything that a partition writes. More use more of the account's concurrency and send fewer messages per call."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = floor(var.parallelization_factor) == var.parallelization_factor && var.parallelization_factor >= 1 && var.parallelization_factor <= 10
    error_message = "The parallelization factor must be a whole number from 1 to 10."
  }
}

variable "point_in_time_recovery" {
  description = "Whether the schedule table can be restored to any second of the last 35 days."
  type        = bool
  default     = true
  nullable    = false
}

variable "reserved_concurrency" {
  description = "Concurrent executions reserved for a function, by its plain name. Empty reserves none: a new account has too few to reserve any."
  type        = map(number)
  default     = {}
  nullable    = false

  # The output `functions` checks the names.
  validation {
    condition     = alltrue([for count in values(var.reserved_concurrency) : count >= 1 && floor(count) == count])
    error_message = "Reserved concurrency must be a whole number of at least 1: with 0 the function would never run."
  }
  validation {
    condition     = lookup(var.reserved_concurrency, "task-1minute-enqueuer", var.sweep_workers) >= var.sweep_workers
    error_message = "The reserved concurrency of task-1minute-enqueuer must be at least sweep_workers, or the shards of some workers would not be swept."
  }
}

variable "shard_count" {
  description = "The number of partition keys for new schedules. Each takes about 1,000 KB of writes a second and costs one Query a minute. It may grow but never shrink: a schedule in a shard that is no longer swept is never delivered."
  type        = number
  default     = 16
  nullable    = false

  validation {
    condition     = floor(var.shard_count) == var.shard_count && var.shard_count >= 1 && var.shard_count <= 1000
    error_message = "The shard count must be a whole number from 1 to 1000."
  }
}

variable "shortest_delayer_period_seconds" {
  description = "The shortest delayer period that is accepted. The default is 180, because two ticks of the minute's rule can be almost two minutes apart and a shorter period can make schedules late. Down to 60 for trials."
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
  description = "The number of parallel sweeps each minute. Each sweeps its own shards."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = floor(var.sweep_workers) == var.sweep_workers && var.sweep_workers >= 1 && var.sweep_workers <= min(100, var.shard_count)
    error_message = "The number of sweep workers must be a whole number from 1 to 100, and at most shard_count."
  }
}

variable "table_capacity" {
  description = "Provisioned capacity of the schedule table, in units a second: autoscaling keeps writes and reads between least and most, so that target_percent of the capacity is used. More is throttled, which delays schedules and loses none. A new table starts with the least; a table that was on demand starts with one unit, until autoscaling registers it and raises it to the least. With null the table is on demand."
  type = object({
    read           = object({ least = number, most = number })
    target_percent = optional(number, 70)
    write          = object({ least = number, most = number })
  })
  default = null

  validation {
    condition = var.table_capacity == null || try(alltrue([
      for units in [var.table_capacity.read, var.table_capacity.write] :
      floor(units.least) == units.least && floor(units.most) == units.most && units.least >= 1 && units.most >= units.least
    ]), false)
    error_message = "The table's least and most capacity must be whole numbers of at least 1, and the most must not be below the least, for reads and for writes."
  }
  validation {
    condition = var.table_capacity == null || try(
      floor(var.table_capacity.target_percent) == var.table_capacity.target_percent
      && var.table_capacity.target_percent >= 20
      && var.table_capacity.target_percent <= 90,
      false
    )
    error_message = "The target of the table's capacity must be a whole number of percent from 20 to 90, the range of DynamoDB's autoscaling."
  }
}

variable "throttling" {
  description = "The limits of the API: the steady rate in requests a second, and the burst in requests. Requests over them are answered 429."
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
