# An HTTP API whose routes call functions.

resource "aws_apigatewayv2_api" "this" {
  name          = var.name
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_integration" "this" {
  for_each = var.routes

  api_id                 = aws_apigatewayv2_api.this.id
  integration_type       = "AWS_PROXY"
  integration_uri        = each.value.invoke_arn
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_authorizer" "jwt" {
  for_each = var.authorization.type == "JWT" ? { jwt = var.authorization } : {}

  api_id           = aws_apigatewayv2_api.this.id
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]
  name             = "jwt"

  jwt_configuration {
    audience = each.value.audiences
    issuer   = each.value.issuer
  }
}

resource "aws_apigatewayv2_route" "this" {
  for_each = var.routes

  api_id               = aws_apigatewayv2_api.this.id
  authorization_scopes = lookup(var.authorization.scopes, each.key, null)
  authorization_type   = var.authorization.type
  authorizer_id        = one(values(aws_apigatewayv2_authorizer.jwt)[*].id)
  route_key            = each.key
  target               = "integrations/${aws_apigatewayv2_integration.this[each.key].id}"

  # The API answers 500 to a request that comes before it may call the function.
  depends_on = [aws_lambda_permission.route]
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  auto_deploy = true
  name        = "$default"

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    # Short, because each byte is paid for. CloudWatch adds the time.
    format = jsonencode({
      caller      = "$context.identity.userArn"
      error       = "$context.error.message"
      integration = "$context.integrationErrorMessage"
      ip          = "$context.identity.sourceIp"
      ms          = "$context.responseLatency"
      requestId   = "$context.requestId"
      route       = "$context.routeKey"
      status      = "$context.status"
    })
  }

  default_route_settings {
    throttling_burst_limit = var.throttling.burst_limit
    throttling_rate_limit  = var.throttling.rate_limit
  }
}

resource "aws_cloudwatch_log_group" "access" {
  # Under this prefix one resource policy of CloudWatch Logs is enough for all APIs.
  name              = "/aws/vendedlogs/${var.name}-api"
  retention_in_days = var.log_retention_days
}

resource "aws_lambda_permission" "route" {
  for_each = var.routes

  action        = "lambda:InvokeFunction"
  function_name = each.value.function_name
  principal     = "apigateway.amazonaws.com"
  # This route of this API, in any stage and with any value of a path parameter.
  source_arn   = "${aws_apigatewayv2_api.this.execution_arn}/*/${replace(replace(each.key, " /", "/"), "/{[^}]+}/", "*")}"
  statement_id = replace(lower(each.key), "/[^a-z]+/", "-")
}
