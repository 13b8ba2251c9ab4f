output "function" {
  description = "The function, once it has its permissions."
  value = {
    arn           = aws_lambda_function.this.arn
    function_name = aws_lambda_function.this.function_name
    invoke_arn    = aws_lambda_function.this.invoke_arn
  }
  # Whatever calls the function is created after its permissions: an earlier call would fail for lack of them.
  depends_on = [aws_iam_role_policy.calls]
}

output "log_group" {
  description = "The function's log group."
  value = {
    name = aws_cloudwatch_log_group.this.name
  }
}

output "role" {
  description = "The function's role."
  value = {
    name = aws_iam_role.this.name
  }
}
