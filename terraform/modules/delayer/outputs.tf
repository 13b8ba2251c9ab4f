output "alarm_arns" {
  description = "The ARNs of the alarms, by the alarm's name without the environment."
  value       = module.monitoring.alarm_arns
}

output "api_execution_arn" {
  description = "The API's ARN for IAM policies: allow execute-api:Invoke on it followed by a route, like `/*/POST/schedules` or `/*/DELETE/schedules/*`."
  value       = module.http_api.api.execution_arn
}

output "api_id" {
  description = "The id of the HTTP API."
  value       = module.http_api.api.id
}

output "api_log_group_arn" {
  description = "The ARN of the log group for the API's access log."
  value       = module.http_api.log_group.arn
}

output "api_url" {
  description = "The address of the API, to which the paths of the routes are appended, like /schedules."
  value       = module.http_api.url

  # A validation of the variable can't read the map of functions, which depends on the variable.
  precondition {
    condition     = length(setsubtract(keys(var.authorization.scopes), keys(local.routes))) == 0
    error_message = "authorization.scopes names a route that does not exist: ${join(", ", setsubtract(keys(var.authorization.scopes), keys(local.routes)))}. There are ${join(", ", keys(local.routes))}."
  }
}

output "dashboard_arn" {
  description = "The ARN of the CloudWatch dashboard."
  value       = module.monitoring.dashboard_arn
}

output "delayer_dead_letter_queue_arn" {
  description = "The ARN of the dead-letter queue: the source for start-message-move-task."
  value       = module.delayer_queue.dead_letter_queue.arn
}

output "delayer_dead_letter_queue_url" {
  description = "The URL of the dead-letter queue, which has the messages that consumers failed to handle."
  value       = module.delayer_queue.dead_letter_queue.url
}

output "delayer_queue_arn" {
  description = "The ARN of the delayer queue, for a consumer's policy or event source mapping."
  value       = module.delayer_queue.queue.arn
}

output "delayer_queue_url" {
  description = "The URL of the delayer queue, where each message becomes visible at its pointInTime."
  value       = module.delayer_queue.queue.url
}

output "failure_bucket_arn" {
  description = "The ARN of the bucket for stream records that could not be handled."
  value       = module.failure_bucket.bucket.arn
}

output "failure_bucket_name" {
  description = "The name of the bucket for stream records that could not be handled."
  value       = module.failure_bucket.bucket.name
}

output "function_arns" {
  description = "The ARNs of the functions, by plain name."
  value       = { for name, function in local.functions : name => function.module.function.arn }
}

output "function_names" {
  description = "The names of the functions in this environment, by plain name."
  value       = { for name, function in local.functions : name => function.module.function.function_name }

  # A validation of the variable can't read the map of functions, which depends on the variable.
  precondition {
    condition     = length(setsubtract(keys(var.reserved_concurrency), keys(local.functions))) == 0
    error_message = "reserved_concurrency names a function that does not exist: ${join(", ", setsubtract(keys(var.reserved_concurrency), keys(local.functions)))}. Concurrency can be reserved for ${join(", ", keys(local.functions))}."
  }
}

output "function_role_arns" {
  description = "The ARNs of the roles of the functions, by plain name."
  value       = { for name, function in local.functions : name => function.module.role.arn }
}

output "log_group_arns" {
  description = "The ARNs of the log groups of the functions, by plain name."
  value       = { for name, function in local.functions : name => function.module.log_group.arn }
}

output "log_group_names" {
  description = "The names of the log groups of the functions, by plain name."
  value       = { for name, function in local.functions : name => function.module.log_group.name }
}

output "minute_rule_arns" {
  description = "The ARNs of the rules that start the sweeps."
  value       = module.minute_schedule.rule_arns
}

output "stream_mapping_arn" {
  description = "The ARN of the event source mapping from the table's stream to the fast track."
  value       = aws_lambda_event_source_mapping.stream.arn
}

output "sweep_workers" {
  description = "The number of parallel sweeps each minute."
  value       = var.sweep_workers
}

output "table_arn" {
  description = "The ARN of the schedule table."
  value       = module.schedule_table.table.arn
}

output "table_name" {
  description = "The name of the schedule table, which has the schedules that are accepted and not yet due."
  value       = module.schedule_table.table.name
}

output "table_stream_arn" {
  description = "The ARN of the table's stream."
  value       = module.schedule_table.table.stream_arn
}
