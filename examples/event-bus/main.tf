# Hand each message of the delayer to an EventBridge bus, whose rules send it to any target: here an HTTP API.

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
  description = "The name of the bus, the pipe, the rule and their roles."
  type        = string
  default     = "due-schedules"
}

variable "endpoint" {
  description = "The address that gets a POST for each schedule."
  type        = string
  default     = "https://api.example.com/due"
}

variable "api_key" {
  description = "The value of the header x-api-key in each request."
  type        = string
  sensitive   = true
}

resource "aws_cloudwatch_event_bus" "due" {
  name = var.name
}

# One event for each message: detail is the message's body, with scheduleId, pointInTime and payload.
resource "aws_pipes_pipe" "queue" {
  name     = var.name
  role_arn = aws_iam_role.pipe.arn
  source   = var.delayer_queue_arn
  target   = aws_cloudwatch_event_bus.due.arn

  source_parameters {
    sqs_queue_parameters {
      batch_size = 10
    }
  }

  target_parameters {
    input_template = "<$.body>"

    eventbridge_event_bus_parameters {
      detail_type = "schedule due"
      source      = "delayer"
    }
  }

  depends_on = [aws_iam_role_policy.pipe]
}

resource "aws_cloudwatch_event_rule" "due" {
  name           = var.name
  event_bus_name = aws_cloudwatch_event_bus.due.name
  event_pattern  = jsonencode({ source = ["delayer"], "detail-type" = ["schedule due"] })
}

resource "aws_cloudwatch_event_target" "endpoint" {
  rule           = aws_cloudwatch_event_rule.due.name
  event_bus_name = aws_cloudwatch_event_bus.due.name
  arn            = aws_cloudwatch_event_api_destination.endpoint.arn
  role_arn       = aws_iam_role.rule.arn
  input_path     = "$.detail"

  # EventBridge repeats a failed request for a day. Then the event is gone, unless there is a queue for it.
  dead_letter_config {
    arn = aws_sqs_queue.failed.arn
  }
}

resource "aws_cloudwatch_event_api_destination" "endpoint" {
  name                             = var.name
  connection_arn                   = aws_cloudwatch_event_connection.endpoint.arn
  http_method                      = "POST"
  invocation_endpoint              = var.endpoint
  invocation_rate_limit_per_second = 100
}

resource "aws_cloudwatch_event_connection" "endpoint" {
  name               = var.name
  authorization_type = "API_KEY"

  auth_parameters {
    api_key {
      key   = "x-api-key"
      value = var.api_key
    }
  }
}

resource "aws_sqs_queue" "failed" {
  name                      = "${var.name}-failed"
  message_retention_seconds = 14 * 24 * 60 * 60
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_policy" "failed" {
  queue_url = aws_sqs_queue.failed.url
  policy    = data.aws_iam_policy_document.failed.json
}

data "aws_iam_policy_document" "failed" {
  statement {
    sid       = "KeepFailedEvents"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.failed.arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.due.arn]
    }
  }
}

data "aws_iam_policy_document" "assume" {
  for_each = { pipe = "pipes.amazonaws.com", rule = "events.amazonaws.com" }

  statement {
    sid     = "RunFor"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = [each.value]
    }
  }
}

resource "aws_iam_role" "pipe" {
  name               = "${var.name}-pipe"
  assume_role_policy = data.aws_iam_policy_document.assume["pipe"].json
}

resource "aws_iam_role_policy" "pipe" {
  name   = "calls"
  role   = aws_iam_role.pipe.name
  policy = data.aws_iam_policy_document.pipe.json
}

data "aws_iam_policy_document" "pipe" {
  statement {
    sid       = "Consume"
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = [var.delayer_queue_arn]
  }

  statement {
    sid       = "PutEvents"
    actions   = ["events:PutEvents"]
    resources = [aws_cloudwatch_event_bus.due.arn]
  }
}

resource "aws_iam_role" "rule" {
  name               = "${var.name}-rule"
  assume_role_policy = data.aws_iam_policy_document.assume["rule"].json
}

resource "aws_iam_role_policy" "rule" {
  name   = "calls"
  role   = aws_iam_role.rule.name
  policy = data.aws_iam_policy_document.rule.json
}

data "aws_iam_policy_document" "rule" {
  statement {
    sid       = "CallTheEndpoint"
    actions   = ["events:InvokeApiDestination"]
    resources = [aws_cloudwatch_event_api_destination.endpoint.arn]
  }
}
