# The delayer: the table, the queues and the bucket are here; each function has its own file.

locals {
  name = "delayer-${var.environment}"

  # The dashboard takes it from here and so does not wait for the queue.
  queue_name = "${local.name}-delayer"

  # One namespace per environment, because several environments may share an account.
  metrics_namespace = local.name
}

module "schedule_table" {
  source = "../schedule_table"

  capacity               = var.table_capacity
  deletion_protection    = var.deletion_protection
  name                   = "${local.name}-schedules"
  point_in_time_recovery = var.point_in_time_recovery
}

module "delayer_queue" {
  source = "../delayer_queue"

  name = local.queue_name
}

module "failure_bucket" {
  source = "../failure_bucket"

  force_destroy = !var.deletion_protection
  name_prefix   = "${local.name}-failures-"
}
