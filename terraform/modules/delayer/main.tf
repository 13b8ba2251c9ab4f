# One delayer: the table that schedules wait in, the queue that they are handed over to, and the bucket for records that
# could not be handled. Each function has a file of its own, with its trigger and its policy.

locals {
  name = "delayer-${var.environment}"

  # The dashboard needs the name before the queue exists.
  queue_name = "${local.name}-delayer"

  # The namespace of every metric: one for each environment, because several may share an account.
  metrics_namespace = local.name
}

data "aws_region" "current" {}

module "schedule_table" {
  source = "../schedule_table"

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
