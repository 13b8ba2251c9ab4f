output "function" {
  description = "The function, ready to be called: arn, function_name and invoke_arn."
  value = {
    arn           = aws_lambda_function.this.arn
    function_name = aws_lambda_function.this.function_name
    invoke_arn    = aws_lambda_function.this.invoke_arn
  }
}

output "log_group" {
  description = "The log group of the function: arn and name."
  value = {
    arn  = aws_cloudwatch_log_group.this.arn
    name = aws_cloudwatch_log_group.this.name
  }
}

output "role" {
  description = "The role of the function: arn and name."
  value = {
    arn  = aws_iam_role.this.arn
    name = aws_iam_role.this.name
  }
}
