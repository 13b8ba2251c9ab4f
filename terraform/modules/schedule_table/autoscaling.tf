# Autoscaling of the provisioned capacity. AWS watches its use with CloudWatch alarms of its own, named
# TargetTracking-table/<table>-….

locals {
  scaled = { for kind in ["read", "write"] : kind => var.capacity[kind] if var.capacity != null }
}

resource "aws_appautoscaling_target" "capacity" {
  for_each = local.scaled

  service_namespace  = "dynamodb"
  resource_id        = "table/${aws_dynamodb_table.schedules.name}"
  scalable_dimension = "dynamodb:table:${title(each.key)}CapacityUnits"

  min_capacity = each.value.least
  max_capacity = each.value.most
}

resource "aws_appautoscaling_policy" "utilization" {
  for_each = aws_appautoscaling_target.capacity

  name        = "${var.name}-${each.key}"
  policy_type = "TargetTrackingScaling"

  service_namespace  = each.value.service_namespace
  resource_id        = each.value.resource_id
  scalable_dimension = each.value.scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value = var.capacity.target_percent

    predefined_metric_specification {
      predefined_metric_type = "DynamoDB${title(each.key)}CapacityUtilization"
    }
  }
}
