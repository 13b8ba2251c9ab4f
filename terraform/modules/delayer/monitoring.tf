# Alarms and the dashboard. docs/operations/runbook.md has the steps for each alarm.

module "monitoring" {
  source = "../monitoring"

  api_id                 = module.http_api.api.id
  dead_letter_queue_name = "${local.queue_name}-dead-letter"
  functions = {
    for name, function in local.functions : function.label => {
      function_name = function.module.function.function_name
      has_routes    = length(function.routes) > 0
      service       = name
    }
  }
  has_alarms          = var.alarms
  metrics_namespace   = local.metrics_namespace
  most_capacity       = var.table_capacity == null ? {} : { read = var.table_capacity.read.most, write = var.table_capacity.write.most }
  name                = local.name
  queue_name          = local.queue_name
  region              = local.region
  stream_mapping_uuid = aws_lambda_event_source_mapping.stream.uuid
  sweep               = { paused = var.sweep_paused, workers = var.sweep_workers }
  table_name          = module.schedule_table.table.name
  topic_arn           = var.alarm_topic_arn

  # The alarm on missing sweeps is created after the rules that start them.
  depends_on = [module.minute_schedule]
}
