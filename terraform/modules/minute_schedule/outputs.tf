output "rule_arns" {
  description = "The ARNs of the rules."
  value       = values(aws_cloudwatch_event_rule.minute)[*].arn
}
