# One function with its own role and log group.

resource "aws_lambda_function" "this" {
  function_name = var.name
  role          = aws_iam_role.this.arn

  architectures    = ["arm64"]
  filename         = var.package
  handler          = var.handler
  memory_size      = var.memory_mb
  runtime          = "python3.13"
  source_code_hash = filebase64sha256(var.package)
  timeout          = var.timeout_seconds

  reserved_concurrent_executions = var.reserved_concurrency

  environment {
    variables = var.environment_variables
  }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.this.name
    # Failures, timeouts and dropped lines, with their duration and memory. Lambda would also log two lines for each
    # success, more than the function itself does.
    system_log_level = "WARN"
  }

  # A function that can be called may do and log everything from its first execution.
  depends_on = [aws_iam_role_policy.calls, aws_iam_role_policy.logs]
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
}

data "aws_iam_policy_document" "assume" {
  statement {
    sid     = "RunAsTheFunction"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  name                 = var.name
  assume_role_policy   = data.aws_iam_policy_document.assume.json
  permissions_boundary = var.permissions_boundary_arn
}

resource "aws_iam_role_policy" "calls" {
  name   = "calls"
  policy = var.policy
  role   = aws_iam_role.this.name
}

# What Lambda calls for the function with its role.
data "aws_iam_policy_document" "logs" {
  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }
}

resource "aws_iam_role_policy" "logs" {
  name   = "logs"
  policy = data.aws_iam_policy_document.logs.json
  role   = aws_iam_role.this.name
}
