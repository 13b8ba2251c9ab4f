# The queue in which a message waits invisibly until its pointInTime, and the one for messages that consumers failed to
# handle.

resource "aws_sqs_queue" "delayer" {
  name = var.name

  # The maximum in AWS provider 5. The post function checks payloads against it.
  max_message_size          = 262144
  message_retention_seconds = 4 * 24 * 60 * 60
  receive_wait_time_seconds = 20
  sqs_managed_sse_enabled   = true
  # How long a consumer has for a message before another consumer gets it.
  visibility_timeout_seconds = 60

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
}

resource "aws_sqs_queue" "dead_letter" {
  name = "${var.name}-dead-letter"

  max_message_size = 262144
  # Longer than in the delayer queue, because a message that is moved keeps its age.
  message_retention_seconds = 14 * 24 * 60 * 60
  sqs_managed_sse_enabled   = true
}

data "aws_iam_policy_document" "tls_only" {
  for_each = { delayer = aws_sqs_queue.delayer, dead_letter = aws_sqs_queue.dead_letter }

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [each.value.arn]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sqs_queue_policy" "delayer" {
  policy    = data.aws_iam_policy_document.tls_only["delayer"].json
  queue_url = aws_sqs_queue.delayer.url
}

resource "aws_sqs_queue_policy" "dead_letter" {
  policy    = data.aws_iam_policy_document.tls_only["dead_letter"].json
  queue_url = aws_sqs_queue.dead_letter.url
}
