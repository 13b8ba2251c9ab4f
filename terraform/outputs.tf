output "api_execution_arn" {
  description = "The API's ARN in policies: allow execute-api:Invoke on this, followed by /*/POST/schedules."
  value       = module.http_api.api.execution_arn
}

output "api_id" {
  description = "The HTTP API's id."
  value       = module.http_api.api.id
}

output "api_url" {
  description = "Where to POST: append /schedules."
  value       = module.http_api.url
}

output "aws_region" {
  description = "The AWS region of all of this, under the name that AWS's own tools read it from."
  value       = var.region
}

output "delayer_dead_letter_queue_arn" {
  description = "The dead-letter queue: start-message-move-task takes it as its source."
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
  description = "Where each schedule's message becomes visible at its pointInTime."
  value       = module.delayer_queue.queue.url
}

output "failure_bucket_name" {
  description = "Stream records that could not be handled, whole, with the reason."
  value       = module.failure_bucket.bucket.name
}

output "function_names" {
  description = "The functions' names in this environment, by their plain names."
  value = {
    "api-schedule-post"                  = module.api_schedule_post.function.function_name
    "stream-dynamodb-fasttrack_enqueuer" = module.stream_dynamodb_fasttrack_enqueuer.function.function_name
    "task-1minute-enqueuer"              = module.task_1minute_enqueuer.function.function_name
  }
}

output "log_group_names" {
  description = "The functions' log groups, by their plain names."
  value = {
    "api-schedule-post"                  = module.api_schedule_post.log_group.name
    "stream-dynamodb-fasttrack_enqueuer" = module.stream_dynamodb_fasttrack_enqueuer.log_group.name
    "task-1minute-enqueuer"              = module.task_1minute_enqueuer.log_group.name
  }
}

output "sweep_workers" {
  description = "Parallel sweeps each minute."
  value       = var.sweep_workers
}

output "table_name" {
  description = "The schedule table: what is accepted and not yet due."
  value       = module.schedule_table.table.name
}
