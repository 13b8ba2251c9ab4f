output "api" {
  description = "The HTTP API: execution_arn and id."
  value = {
    execution_arn = aws_apigatewayv2_api.this.execution_arn
    id            = aws_apigatewayv2_api.this.id
  }
}

output "log_group" {
  description = "The log group of the access log: arn."
  value       = { arn = aws_cloudwatch_log_group.access.arn }
}

output "url" {
  description = "The address of the API without a slash at its end, once its routes can be called."
  value       = trimsuffix(aws_apigatewayv2_stage.this.invoke_url, "/")
  depends_on  = [aws_apigatewayv2_route.this]
}
