# One environment of the delayer. This file holds what schedules live in; each function has a file of its own, with
# what triggers it and what it may do.

locals {
  name = "delayer-${var.environment}"

  # Told to the dashboard as well, which can't wait for the queue to be there.
  queue_name = "${local.name}-delayer"

  # What make package builds. Relative, so that a plan names no machine's folders.
  packages = "${path.root}/../build/dist"

  # What bounds every function's role, if anything does.
  permissions_boundary = (
    var.permissions_boundary == null
    ? null
    : "arn:${data.aws_partition.current.partition}:iam::${var.account_id}:policy/${var.permissions_boundary}"
  )

  # The namespace of every metric: one for each environment, for several may share an account.
  metrics_namespace = local.name
}

data "aws_partition" "current" {}

module "schedule_table" {
  source = "./modules/schedule_table"

  deletion_protection    = var.deletion_protection
  name                   = "${local.name}-schedules"
  point_in_time_recovery = var.point_in_time_recovery
}

module "delayer_queue" {
  source = "./modules/delayer_queue"

  name = local.queue_name
}

module "failure_bucket" {
  source = "./modules/failure_bucket"

  force_destroy = !var.deletion_protection
  name_prefix   = "${local.name}-failures-"
}
