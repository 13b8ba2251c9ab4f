output "api" {
  description = "The HTTP API."
  value = {
    execution_arn = aws_apigatewayv2_api.this.execution_arn
    id            = aws_apigatewayv2_api.this.id
  }
}

output "url" {
  description = "The API's address without a slash at its end, once it is deployed and may call the function."
  value       = trimsuffix(aws_apigatewayv2_stage.this.invoke_url, "/")
  depends_on  = [aws_apigatewayv2_route.this]
}
