# `make outputs` shows these.

output "api_execution_arn" {
  description = "The API's ARN for IAM policies: allow execute-api:Invoke on it followed by a route, like `/*/POST/schedules` or `/*/DELETE/schedules/*`."
  value       = module.delayer.api_execution_arn
}

output "api_id" {
  description = "The id of the HTTP API."
  value       = module.delayer.api_id
}

output "api_url" {
  description = "The address of the API, to which the paths of the routes are appended, like /schedules."
  value       = module.delayer.api_url
}

output "aws_region" {
  description = "The AWS region, under the name that AWS's tools read."
  value       = var.region
}

output "delayer_dead_letter_queue_arn" {
  description = "The ARN of the dead-letter queue: the source for start-message-move-task."
  value       = module.delayer.delayer_dead_letter_queue_arn
}

output "delayer_dead_letter_queue_url" {
  description = "The URL of the dead-letter queue, which has the messages that consumers failed to handle."
  value       = module.delayer.delayer_dead_letter_queue_url
}

output "delayer_queue_arn" {
  description = "The ARN of the delayer queue, for a consumer's policy or event source mapping."
  value       = module.delayer.delayer_queue_arn
}

output "delayer_queue_url" {
  description = "The URL of the delayer queue, where each message becomes visible at its pointInTime."
  value       = module.delayer.delayer_queue_url
}

output "failure_bucket_arn" {
  description = "The ARN of the bucket for stream records that could not be handled."
  value       = module.delayer.failure_bucket_arn
}

output "failure_bucket_name" {
  description = "The name of the bucket for stream records that could not be handled."
  value       = module.delayer.failure_bucket_name
}

output "function_arns" {
  description = "The ARNs of the functions, by plain name."
  value       = module.delayer.function_arns
}

output "function_names" {
  description = "The names of the functions in this environment, by plain name."
  value       = module.delayer.function_names
}

output "log_group_names" {
  description = "The names of the log groups of the functions, by plain name."
  value       = module.delayer.log_group_names
}

output "sweep_workers" {
  description = "The number of parallel sweeps each minute."
  value       = module.delayer.sweep_workers
}

output "table_arn" {
  description = "The ARN of the schedule table."
  value       = module.delayer.table_arn
}

output "table_name" {
  description = "The name of the schedule table, which has the schedules that are accepted and not yet due."
  value       = module.delayer.table_name
}

output "table_stream_arn" {
  description = "The ARN of the table's stream."
  value       = module.delayer.table_stream_arn
}
