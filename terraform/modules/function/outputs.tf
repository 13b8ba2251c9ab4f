output "function" {
  description = "The function, ready to be called."
  value = {
    arn           = aws_lambda_function.this.arn
    function_name = aws_lambda_function.this.function_name
    invoke_arn    = aws_lambda_function.this.invoke_arn
  }
}

output "log_group" {
  description = "The function's log group."
  value = {
    name = aws_cloudwatch_log_group.this.name
  }
}

output "role" {
  description = "The function's role, for the caller to attach what it may call."
  value = {
    name = aws_iam_role.this.name
  }
}
