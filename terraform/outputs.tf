output "api_execution_arn" {
  description = "The API's ARN in policies: allow execute-api:Invoke on this, followed by /*/POST/schedules."
  value       = module.delayer.api_execution_arn
}

output "api_id" {
  description = "The HTTP API's id."
  value       = module.delayer.api_id
}

output "api_url" {
  description = "The API's address. Append /schedules to post."
  value       = module.delayer.api_url
}

output "aws_region" {
  description = "The AWS region, under the name that AWS's own tools read."
  value       = var.region
}

output "delayer_dead_letter_queue_arn" {
  description = "The dead-letter queue's ARN, the source of aws sqs start-message-move-task."
  value       = module.delayer.delayer_dead_letter_queue_arn
}

output "delayer_dead_letter_queue_url" {
  description = "The dead-letter queue: messages that consumers failed to handle."
  value       = module.delayer.delayer_dead_letter_queue_url
}

output "delayer_queue_arn" {
  description = "The delayer queue, for a consumer's policy or event source mapping."
  value       = module.delayer.delayer_queue_arn
}

output "delayer_queue_url" {
  description = "The delayer queue, in which each schedule's message becomes visible at its pointInTime."
  value       = module.delayer.delayer_queue_url
}

output "failure_bucket_arn" {
  description = "The failure bucket's ARN."
  value       = module.delayer.failure_bucket_arn
}

output "failure_bucket_name" {
  description = "The bucket of stream records that could not be handled, whole, each with the reason."
  value       = module.delayer.failure_bucket_name
}

output "function_arns" {
  description = "The functions' ARNs, by their plain names."
  value       = module.delayer.function_arns
}

output "function_names" {
  description = "The functions' names in this environment, by their plain names."
  value       = module.delayer.function_names
}

output "log_group_names" {
  description = "The functions' log groups, by their plain names."
  value       = module.delayer.log_group_names
}

output "sweep_workers" {
  description = "Parallel sweeps each minute."
  value       = module.delayer.sweep_workers
}

output "table_arn" {
  description = "The schedule table's ARN."
  value       = module.delayer.table_arn
}

output "table_name" {
  description = "The schedule table: schedules that were accepted and not yet handed over."
  value       = module.delayer.table_name
}

output "table_stream_arn" {
  description = "The ARN of the table's stream."
  value       = module.delayer.table_stream_arn
}
