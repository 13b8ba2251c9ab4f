# Calls a function every minute, once per worker.

locals {
  # A rule of EventBridge has at most five targets.
  rules = { for index, workers in chunklist(range(var.workers), 5) : tostring(index) => workers }
}

resource "aws_cloudwatch_event_rule" "minute" {
  for_each = local.rules

  name                = "${var.name}-${each.key}"
  description         = "Sweeps the schedules that have entered the delayer period"
  schedule_expression = "rate(1 minute)"
  state               = var.paused ? "DISABLED" : "ENABLED"
}

resource "aws_cloudwatch_event_target" "worker" {
  for_each = merge([for index, workers in local.rules : { for worker in workers : tostring(worker) => index }]...)

  arn       = var.function.arn
  input     = jsonencode({ worker = tonumber(each.key), workers = var.workers })
  rule      = aws_cloudwatch_event_rule.minute[each.value].name
  target_id = "worker-${each.key}"

  # A failed tick is not retried, because the next one supersedes it.
  retry_policy {
    maximum_event_age_in_seconds = 60
    maximum_retry_attempts       = 0
  }
}

resource "aws_lambda_permission" "minute" {
  for_each = local.rules

  action        = "lambda:InvokeFunction"
  function_name = var.function.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.minute[each.key].arn
  statement_id  = "minute-${each.key}"
}
