# What an operator sees: alarms and a dashboard. docs/operations/runbook.md says what to do for each alarm.

module "monitoring" {
  source = "../monitoring"

  api_id                 = module.http_api.api.id
  dead_letter_queue_name = "${local.queue_name}-dead-letter"
  function_names         = { for name, function in local.functions : name => function.function.function_name }
  has_alarms             = var.alarms
  metrics_namespace      = local.metrics_namespace
  name                   = local.name
  queue_name             = local.queue_name
  region                 = data.aws_region.current.id
  stream_mapping_uuid    = aws_lambda_event_source_mapping.stream.uuid
  sweep                  = { paused = var.sweep_paused, workers = var.sweep_workers }
  table_name             = module.schedule_table.table.name
  topic_arn              = var.alarm_topic_arn

  # An alarm that expects sweeps comes after whatever calls them.
  depends_on = [module.minute_schedule]
}
