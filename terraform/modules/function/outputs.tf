output "function" {
  description = "The function, ready to be called."
  value       = aws_lambda_function.this
}

output "log_group" {
  description = "The function's log group."
  value       = aws_cloudwatch_log_group.this
}

output "role" {
  description = "The function's role, for the caller to attach what it may call."
  value       = aws_iam_role.this
}
