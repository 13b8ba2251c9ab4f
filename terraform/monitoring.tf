# What an operator sees: alarms and a dashboard. docs/operations/runbook.md says what to do for each alarm.

module "monitoring" {
  source = "./modules/monitoring"

  api_id                 = module.http_api.api.id
  dead_letter_queue_name = "${local.queue_name}-dead-letter"
  function_names = {
    fast_track = module.stream_dynamodb_fasttrack_enqueuer.function.function_name
    post       = module.api_schedule_post.function.function_name
    sweep      = module.task_1minute_enqueuer.function.function_name
  }
  has_alarms          = var.alarms
  metrics_namespace   = local.metrics_namespace
  name                = local.name
  queue_name          = local.queue_name
  region              = var.region
  stream_mapping_uuid = aws_lambda_event_source_mapping.stream.uuid
  sweep               = { paused = var.sweep_paused, workers = var.sweep_workers }
  table_name          = module.schedule_table.table.name
  topic_arn           = var.alarm_topic_arn

  # An alarm that expects sweeps comes after whatever calls them.
  depends_on = [module.minute_schedule]
}
