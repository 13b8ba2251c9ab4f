output "alarm_arns" {
  description = "The ARNs of the alarms, by the alarm's name without the prefix."
  value = {
    for key, alarm in merge(
      aws_cloudwatch_metric_alarm.capacity,
      aws_cloudwatch_metric_alarm.expression,
      aws_cloudwatch_metric_alarm.metric,
    ) : key => alarm.arn
  }
}

output "dashboard_arn" {
  description = "The ARN of the dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_arn
}
