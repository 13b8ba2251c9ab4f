# What an operator sees: alarms and a dashboard. docs/operations/runbook.md says what to do for each alarm.

module "monitoring" {
  source = "./modules/monitoring"

  # The API's address is https://<id>.execute-api.…
  api_id                 = split(".", trimprefix(module.http_api.url, "https://"))[0]
  dead_letter_queue_name = "${local.queue_name}-dead-letter"
  function_names = {
    fast_track = module.stream_dynamodb_fasttrack_enqueuer.function.function_name
    post       = module.api_schedule_post.function.function_name
    sweep      = module.task_1minute_enqueuer.function.function_name
  }
  # The embedded AWS makes no metrics of what functions print, and describes an alarm without most of its settings, so
  # that every plan there would change them all.
  has_alarms          = var.environment != "local"
  metrics_namespace   = local.metrics_namespace
  name                = local.name
  queue_name          = local.queue_name
  region              = var.region
  stream_mapping_uuid = aws_lambda_event_source_mapping.stream.uuid
  sweep               = { paused = var.sweep_paused, workers = var.sweep_workers }
  table_name          = module.schedule_table.table.name
  topic_arn           = var.alarm_topic_arn
}
