output "api_execution_arn" {
  description = "The API's ARN in policies: allow execute-api:Invoke on this, followed by /*/POST/schedules."
  value       = module.http_api.api.execution_arn
}

output "api_id" {
  description = "The HTTP API's id."
  value       = module.http_api.api.id
}

output "api_url" {
  description = "The API's address. Append /schedules to post."
  value       = module.http_api.url
}

output "delayer_dead_letter_queue_arn" {
  description = "The dead-letter queue's ARN, the source of aws sqs start-message-move-task."
  value       = module.delayer_queue.dead_letter_queue.arn
}

output "delayer_dead_letter_queue_url" {
  description = "The dead-letter queue: messages that consumers failed to handle."
  value       = module.delayer_queue.dead_letter_queue.url
}

output "delayer_queue_arn" {
  description = "The delayer queue, for a consumer's policy or event source mapping."
  value       = module.delayer_queue.queue.arn
}

output "delayer_queue_url" {
  description = "The delayer queue, in which each schedule's message becomes visible at its pointInTime."
  value       = module.delayer_queue.queue.url
}

output "failure_bucket_arn" {
  description = "The failure bucket's ARN."
  value       = module.failure_bucket.bucket.arn
}

output "failure_bucket_name" {
  description = "The bucket of stream records that could not be handled, whole, each with the reason."
  value       = module.failure_bucket.bucket.name
}

output "function_arns" {
  description = "The functions' ARNs, by their plain names."
  value       = { for name, function in local.functions : name => function.function.arn }
}

output "function_names" {
  description = "The functions' names in this environment, by their plain names."
  value       = { for name, function in local.functions : name => function.function.function_name }

  precondition {
    condition     = length(setsubtract(keys(var.reserved_concurrency), keys(local.functions))) == 0
    error_message = "Concurrency can be reserved for ${join(", ", keys(local.functions))}, and reserved_concurrency names ${join(", ", setsubtract(keys(var.reserved_concurrency), keys(local.functions)))}."
  }
}

output "log_group_names" {
  description = "The functions' log groups, by their plain names."
  value       = { for name, function in local.functions : name => function.log_group.name }
}

output "sweep_workers" {
  description = "Parallel sweeps each minute."
  value       = var.sweep_workers
}

output "table_arn" {
  description = "The schedule table's ARN."
  value       = module.schedule_table.table.arn
}

output "table_name" {
  description = "The schedule table: schedules that were accepted and not yet handed over."
  value       = module.schedule_table.table.name
}

output "table_stream_arn" {
  description = "The ARN of the table's stream."
  value       = module.schedule_table.table.stream_arn
}
