# A Lambda function that consumes the delayer's queue, beside the delayer in any root or in one of its own.

terraform {
  required_version = ">= 1.11.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

variable "delayer_queue_arn" {
  description = "The delayer's output delayer_queue_arn."
  type        = string
}

variable "name" {
  description = "The name of the function, its role and its table."
  type        = string
  default     = "order-reminders"
}

variable "package" {
  description = "The zip with handler.py and Powertools; README.md has the commands that build it."
  type        = string
  default     = "consumer.zip"
}

# Lambda receives up to ten messages at once and deletes those that were handled in one request.
resource "aws_lambda_event_source_mapping" "queue" {
  event_source_arn        = var.delayer_queue_arn
  function_name           = aws_lambda_function.consumer.arn
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]

  depends_on = [aws_iam_role_policy.consumer]
}

resource "aws_lambda_function" "consumer" {
  function_name = var.name
  role          = aws_iam_role.consumer.arn

  architectures    = ["arm64"]
  filename         = var.package
  handler          = "handler.handler"
  memory_size      = 512
  runtime          = "python3.13"
  source_code_hash = filebase64sha256(var.package)
  # A sixth of the queue's visibility timeout of 60 s, as AWS recommends: a message that is throttled or retried does not
  # come to another execution meanwhile.
  timeout = 10

  environment {
    variables = { DONE_TABLE_NAME = aws_dynamodb_table.done.name }
  }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.consumer.name
  }
}

resource "aws_cloudwatch_log_group" "consumer" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = 30
}

# The schedules that are done, by scheduleId. Powertools decides the names of key and attributes.
resource "aws_dynamodb_table" "done" {
  name         = "${var.name}-done"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }

  ttl {
    attribute_name = "expiration"
    enabled        = true
  }
}

resource "aws_iam_role" "consumer" {
  name = var.name
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "RunAsTheFunction"
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "consumer" {
  name   = "calls"
  role   = aws_iam_role.consumer.name
  policy = data.aws_iam_policy_document.consumer.json
}

data "aws_iam_policy_document" "consumer" {
  # What Lambda calls for the mapping.
  statement {
    sid       = "Consume"
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = [var.delayer_queue_arn]
  }

  statement {
    sid       = "RememberWhatIsDone"
    actions   = ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:GetItem"]
    resources = [aws_dynamodb_table.done.arn]
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.consumer.arn}:*"]
  }
}

output "log_group_name" {
  description = "The log group of the function, which has a line \"reminded\" for every schedule."
  value       = aws_cloudwatch_log_group.consumer.name
}
