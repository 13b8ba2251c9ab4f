# The alarms. Each key is the alarm's name without the prefix, and its section in the runbook.

locals {
  runbook = "docs/operations/runbook.md"

  # The dimension of the metrics that each function writes.
  services = { for label, function in var.functions : label => { service = function.service } }

  # The dimension of the metrics that Lambda measures.
  functions = { for label, function in var.functions : label => { FunctionName = function.function_name } }

  # Alarms on one metric. The default threshold is 0. Most metrics are missing when nothing happens. One breaching minute
  # is enough, so missing minutes are not filled: a filler would hide a value that CloudWatch gets late. `minutes` counts
  # the latest values, which suits a metric with a value every minute.
  metric_alarms = merge(local.api_function_alarms, {
    late = {
      meaning    = "A schedule entered the queue long after its pointInTime."
      namespace  = var.metrics_namespace
      metric     = "Lateness"
      dimensions = local.services.fast_track
      statistic  = "Maximum"
      # The API accepts a pointInTime up to 60 s in the past and has 25 s to store the schedule.
      threshold = 85
    }
    dead-letters = {
      meaning    = "Consumers failed to handle a message, which is now in the dead-letter queue."
      namespace  = "AWS/SQS"
      metric     = "ApproximateNumberOfMessagesVisible"
      dimensions = { QueueName = var.dead_letter_queue_name }
      statistic  = "Maximum"
    }
    records-failed = {
      meaning    = "The fast track put a record that can never be sent into the failure bucket."
      namespace  = var.metrics_namespace
      metric     = "SchedulesFailed"
      dimensions = local.services.fast_track
    }
    records-discarded = {
      meaning    = "The stream mapping gave up records that were too old, and put them into the failure bucket."
      namespace  = "AWS/Lambda"
      metric     = "OnFailureDestinationDeliveredEventCount"
      dimensions = { EventSourceMappingUUID = var.stream_mapping_uuid }
    }
    records-lost = {
      meaning    = "The stream mapping gave up records and could not put them into the failure bucket."
      namespace  = "AWS/Lambda"
      metric     = "DestinationDeliveryFailures"
      dimensions = local.functions.fast_track
    }
    sweep-failed = {
      meaning    = "A sweep failed: records stayed in the table, or the fast track does not read the table's stream."
      namespace  = "AWS/Lambda"
      metric     = "Errors"
      dimensions = local.functions.sweep
    }
    sweep-cut-short = {
      meaning    = "Three consecutive sweeps did not finish in their minute: more is due than they can delete."
      namespace  = var.metrics_namespace
      metric     = "SweepsCutShort"
      dimensions = local.services.sweep
      minutes    = 3
    }
  })

  api_function_alarms = {
    for label, function in var.functions : "${label}-errors" => {
      meaning    = "The ${label} function failed: a fault of the deployment (a permission, a table), never of a request."
      namespace  = "AWS/Lambda"
      metric     = "Errors"
      dimensions = local.functions[label]
    } if function.has_routes
  }

  # Alarms on one metric that is missing in many minutes, for `minutes` of the last `of_minutes`. Missing minutes are
  # filled with 0. Otherwise CloudWatch would look for older values, count minutes that are further apart, and keep an
  # alarm after the last value. `minutes` is below `of_minutes`, because the last minute's value may arrive late.
  sparse_alarms = {
    stream-behind = {
      meaning    = "The fast track reads the stream a minute late or more: schedules that are due soon will be late."
      namespace  = "AWS/Lambda"
      metric     = "IteratorAge"
      dimensions = local.functions.fast_track
      statistic  = "Maximum"
      # Milliseconds. A third of the shortest delayer period, so that there is time to act.
      threshold  = 60 * 1000
      minutes    = 2
      of_minutes = 3
    }
    fast-track-errors = {
      meaning    = "The fast track fails or times out repeatedly. Lambda retries its batches, so messages may be sent twice."
      namespace  = "AWS/Lambda"
      metric     = "Errors"
      dimensions = local.functions.fast_track
      # A single failure is harmless, because Lambda retries the batch.
      minutes    = 2
      of_minutes = 5
    }
    api-errors = {
      meaning    = "The API repeatedly answers 5xx."
      namespace  = "AWS/ApiGateway"
      metric     = "5xx"
      dimensions = { ApiId = var.api_id }
      # A caller retries after a single error.
      minutes    = 3
      of_minutes = 5
    }
    posts-throttled = {
      meaning    = "The API repeatedly answers posts with 503, because DynamoDB throttles the table."
      namespace  = var.metrics_namespace
      metric     = "PostsThrottled"
      dimensions = local.services.post
      minutes    = 3
      of_minutes = 5
    }
    writes-throttled = {
      meaning    = "DynamoDB repeatedly throttles writes to the table: posts or hand-overs are slow."
      namespace  = "AWS/DynamoDB"
      metric     = "WriteThrottleEvents"
      dimensions = { TableName = var.table_name }
      # A burst over the table's limit is retried, and done within a minute or two.
      minutes    = 3
      of_minutes = 5
    }
    reads-throttled = {
      meaning    = "DynamoDB repeatedly throttles the queries of the sweeps."
      namespace  = "AWS/DynamoDB"
      metric     = "ReadThrottleEvents"
      dimensions = { TableName = var.table_name }
      minutes    = 3
      of_minutes = 5
    }
  }

  # Alarms on expressions. The one named `alarm` is compared with the threshold.
  expression_alarms = merge(
    {
      for key, alarm in local.sparse_alarms : key => merge(alarm, {
        expressions = { alarm = "FILL(measured, 0)" }
        metrics     = { measured = alarm }
      })
    },
    {
      functions-throttled = {
        meaning     = "Lambda repeatedly throttles a function: the account or the function has too little concurrency."
        expressions = { alarm = "FILL(SUM(METRICS()), 0)" }
        metrics = {
          for function, dimensions in local.functions : function => {
            namespace = "AWS/Lambda", metric = "Throttles", dimensions = dimensions
          }
        }
        minutes    = 3
        of_minutes = 5
      }
      no-sweep = {
        meaning = (
          var.sweep.paused
          ? "Sweeps are paused, so this alarm is silent."
          : "Fewer sweeps ended than there are workers: schedules wait in the table."
        )
        expressions = {
          # The minutes in which the sweeps of all workers ended.
          complete = "IF(sweeps >= ${var.sweep.workers}, sweeps)"
          # Without a value before the first such minute, so that the alarm does not fire after the first apply, after a
          # pause or when workers are added. A later minute without a sweep is 0.
          alarm = "IF(FILL(complete, REPEAT), FILL(sweeps, 0))"
        }
        metrics = {
          # Every sweep that ends writes one value, 0 or 1.
          sweeps = {
            namespace  = var.metrics_namespace
            metric     = "SweepsCutShort"
            dimensions = local.services.sweep
            statistic  = "SampleCount"
          }
        }
        comparison = "LessThanThreshold"
        threshold  = var.sweep.paused ? 0 : var.sweep.workers
        # Three low minutes of five can be normal: ticks just before and just after a whole minute leave every other minute
        # without a sweep, and the last minute's value may not have arrived.
        minutes    = 4
        of_minutes = 5
        # Without any values, sweeps have not started yet or stopped long ago: the alarm keeps its state.
        missing_data = var.sweep.paused ? "notBreaching" : "ignore"
      }
      swept-not-enqueued = {
        meaning = "Sweeps delete records and the fast track sends nothing: for a day, the stream has the only copies."
        expressions = {
          deleted = "FILL(swept, 0)"
          # SUM skips missing values. All metrics of the fast track are missing while it does not run.
          handled = "SUM([deleted, enqueued, failed, cancelled]) - deleted"
          # A sweep may end in one minute and its messages be sent in the next. x - DIFF(x) is x one minute earlier: the
          # records deleted then must be handled in that minute or in this one.
          alarm = "IF((deleted - DIFF(deleted)) > 0 AND (2 * handled - DIFF(handled)) == 0, 1, 0)"
        }
        metrics = {
          swept = {
            namespace = var.metrics_namespace, metric = "SchedulesSwept", dimensions = local.services.sweep
          }
          enqueued = {
            namespace = var.metrics_namespace, metric = "SchedulesEnqueued", dimensions = local.services.fast_track
          }
          failed = {
            namespace = var.metrics_namespace, metric = "SchedulesFailed", dimensions = local.services.fast_track
          }
          cancelled = {
            namespace = var.metrics_namespace, metric = "SchedulesCancelled", dimensions = local.services.fast_track
          }
        }
        # Three minutes, because retries bridge a shorter outage of SQS. Of an hour, because with little traffic most minutes
        # sweep nothing. Therefore an alarm may last an hour longer than its cause.
        minutes    = 3
        of_minutes = 60
      }
    },
  )
}

resource "aws_cloudwatch_metric_alarm" "metric" {
  for_each = { for key, alarm in local.metric_alarms : key => alarm if var.has_alarms }

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = "${each.value.meaning} See ${local.runbook}#${each.key}"

  namespace   = each.value.namespace
  metric_name = each.value.metric
  dimensions  = each.value.dimensions
  statistic   = try(each.value.statistic, "Sum")
  period      = 60

  comparison_operator = "GreaterThanThreshold"
  datapoints_to_alarm = try(each.value.minutes, 1)
  evaluation_periods  = try(each.value.minutes, 1)
  threshold           = try(each.value.threshold, 0)
  treat_missing_data  = "notBreaching"

  alarm_actions = local.actions
  ok_actions    = local.actions
}

resource "aws_cloudwatch_metric_alarm" "expression" {
  for_each = { for key, alarm in local.expression_alarms : key => alarm if var.has_alarms }

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = "${each.value.meaning} See ${local.runbook}#${each.key}"

  comparison_operator = try(each.value.comparison, "GreaterThanThreshold")
  datapoints_to_alarm = each.value.minutes
  evaluation_periods  = each.value.of_minutes
  threshold           = try(each.value.threshold, 0)
  treat_missing_data  = try(each.value.missing_data, "notBreaching")

  alarm_actions = local.actions
  ok_actions    = local.actions

  dynamic "metric_query" {
    for_each = each.value.expressions

    content {
      id          = metric_query.key
      expression  = metric_query.value
      label       = metric_query.key
      return_data = metric_query.key == "alarm"
    }
  }

  dynamic "metric_query" {
    for_each = each.value.metrics

    content {
      id = metric_query.key

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.metric
        dimensions  = metric_query.value.dimensions
        period      = 60
        stat        = try(metric_query.value.statistic, "Sum")
      }
    }
  }
}

# Alarms on provisioned capacity. Consumption has a value in every minute in which the table is used.
resource "aws_cloudwatch_metric_alarm" "capacity" {
  for_each = { for kind, most in var.most_capacity : "${kind}s-near-most" => { kind = kind, most = most } if var.has_alarms }

  alarm_name = "${var.name}-${each.key}"
  alarm_description = join(" ", [
    "The table's ${each.value.kind}s have used more than 90% of the most capacity for ten minutes: autoscaling can add little.",
    "See ${local.runbook}#${each.key}",
  ])

  namespace   = "AWS/DynamoDB"
  metric_name = "Consumed${title(each.value.kind)}CapacityUnits"
  dimensions  = { TableName = var.table_name }
  statistic   = "Sum"
  period      = 60

  # Ten of fifteen minutes: a burst that the table works off in less is what the capacity is for.
  comparison_operator = "GreaterThanThreshold"
  datapoints_to_alarm = 10
  evaluation_periods  = 15
  threshold           = 0.9 * 60 * each.value.most
  treat_missing_data  = "notBreaching"

  alarm_actions = local.actions
  ok_actions    = local.actions
}

locals {
  actions = var.topic_arn == null ? [] : [var.topic_arn]
}
