# One environment of the delayer. modules/delayer declares all its resources.

module "delayer" {
  source = "./modules/delayer"

  # The zips of make package. The path is relative, so that a plan is the same on every machine.
  package_folder = "${path.root}/../build/dist"

  permissions_boundary_arn = (
    var.permissions_boundary == null
    ? null
    : "arn:${data.aws_partition.current.partition}:iam::${var.account_id}:policy/${var.permissions_boundary}"
  )

  alarm_topic_arn                 = var.alarm_topic_arn
  alarms                          = var.alarms
  authorization                   = var.authorization
  delayer_period_seconds          = var.delayer_period_seconds
  deletion_protection             = var.deletion_protection
  environment                     = var.environment
  horizon_days                    = var.horizon_days
  log_retention_days              = var.log_retention_days
  management_api                  = var.management_api
  mapping_metrics                 = var.mapping_metrics
  max_lateness_seconds            = var.max_lateness_seconds
  parallelization_factor          = var.parallelization_factor
  point_in_time_recovery          = var.point_in_time_recovery
  reserved_concurrency            = var.reserved_concurrency
  shard_count                     = var.shard_count
  shortest_delayer_period_seconds = var.shortest_delayer_period_seconds
  sweep_paused                    = var.sweep_paused
  sweep_workers                   = var.sweep_workers
  table_capacity                  = var.table_capacity
  throttling                      = var.throttling
}

data "aws_partition" "current" {}
