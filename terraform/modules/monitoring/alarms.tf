# The alarms. Each key is the alarm's name after the environment's, and its section in the runbook.

locals {
  runbook = "docs/operations/runbook.md"

  # The functions that alarms and dashboard look at one by one.
  roles = {
    fast_track = "stream-dynamodb-fasttrack_enqueuer"
    post       = "api-schedule-post"
    sweep      = "task-1minute-enqueuer"
  }

  # The dimension of the metrics that a function writes itself.
  services = { for role, plain_name in local.roles : role => { service = plain_name } }

  # The dimension of Lambda's own metrics of a function.
  functions = { for role, plain_name in local.roles : role => { FunctionName = var.function_names[plain_name] } }

  # Alarms on one metric, whose threshold is 0 unless it is given. Most metrics are missing when nothing happens. One
  # breaching minute is enough, so nothing is filled in: a value that CloudWatch gets late would hide behind the filler.
  # `minutes` counts the latest values, which suits a metric with one every minute.
  metric_alarms = {
    late = {
      meaning    = "A schedule entered the queue long after its pointInTime."
      namespace  = var.metrics_namespace
      metric     = "Lateness"
      dimensions = local.services.fast_track
      statistic  = "Maximum"
      # The API takes what is up to 60 s past, which is late by its sender, and has 15 s to store it.
      threshold = 75
    }
    dead-letters = {
      meaning    = "Consumers failed to handle a message, and it lies in the dead-letter queue."
      namespace  = "AWS/SQS"
      metric     = "ApproximateNumberOfMessagesVisible"
      dimensions = { QueueName = var.dead_letter_queue_name }
      statistic  = "Maximum"
    }
    records-failed = {
      meaning    = "The fast track met a record that can never be sent, and put it into the failure bucket."
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
      meaning    = "A sweep failed: records stayed, or the table's stream is not the one that is read."
      namespace  = "AWS/Lambda"
      metric     = "Errors"
      dimensions = local.functions.sweep
    }
    sweep-cut-short = {
      meaning    = "Three sweeps running did not finish in their minute: more is due than they can delete."
      namespace  = var.metrics_namespace
      metric     = "SweepsCutShort"
      dimensions = local.services.sweep
      minutes    = 3
    }
    post-errors = {
      meaning    = "The post function failed: a fault of the deployment (a permission, a table), never of a request."
      namespace  = "AWS/Lambda"
      metric     = "Errors"
      dimensions = local.functions.post
    }
  }

  # Alarms on one metric that is missing in many minutes, for `minutes` of the last `of_minutes`. Missing minutes are
  # filled with 0: CloudWatch would otherwise look for older values, count minutes that are further apart, and keep an
  # alarm after the last one. `minutes` is below `of_minutes`, because the last minute's value may arrive late.
  sparse_alarms = {
    stream-behind = {
      meaning    = "The fast track reads the stream a minute late or more: what is due soon will be late."
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
      meaning    = "The fast track fails or times out again and again. Its batches come again, and may be sent again."
      namespace  = "AWS/Lambda"
      metric     = "Errors"
      dimensions = local.functions.fast_track
      # One that is killed is no trouble: its batch comes again.
      minutes    = 2
      of_minutes = 5
    }
    api-errors = {
      meaning    = "The API keeps answering 5xx."
      namespace  = "AWS/ApiGateway"
      metric     = "5xx"
      dimensions = { ApiId = var.api_id }
      # A caller posts again after one.
      minutes    = 3
      of_minutes = 5
    }
    posts-throttled = {
      meaning    = "Posts keep being answered 503, for the table takes no more."
      namespace  = var.metrics_namespace
      metric     = "PostsThrottled"
      dimensions = local.services.post
      minutes    = 3
      of_minutes = 5
    }
    writes-throttled = {
      meaning    = "The table keeps refusing writes: posts or hand-overs are slowed down."
      namespace  = "AWS/DynamoDB"
      metric     = "WriteThrottleEvents"
      dimensions = { TableName = var.table_name }
      # A burst larger than what the table takes in a second is retried, and over within a minute or two.
      minutes    = 3
      of_minutes = 5
    }
    reads-throttled = {
      meaning    = "The table keeps refusing the sweeps' queries."
      namespace  = "AWS/DynamoDB"
      metric     = "ReadThrottleEvents"
      dimensions = { TableName = var.table_name }
      minutes    = 3
      of_minutes = 5
    }
  }

  # Alarms on expressions. `alarm` is the one that is compared.
  expression_alarms = merge(
    {
      for key, alarm in local.sparse_alarms : key => merge(alarm, {
        expressions = { alarm = "FILL(measured, 0)" }
        metrics     = { measured = alarm }
      })
    },
    {
      functions-throttled = {
        meaning     = "Lambda keeps refusing to run a function: the account or the function has too little concurrency."
        expressions = { alarm = "FILL(SUM(METRICS()), 0)" }
        metrics = {
          for plain_name, name in var.function_names : replace(plain_name, "-", "_") => {
            namespace = "AWS/Lambda", metric = "Throttles", dimensions = { FunctionName = name }
          }
        }
        minutes    = 3
        of_minutes = 5
      }
      no-sweep = {
        meaning = (
          var.sweep.paused
          ? "Sweeps are paused, so this alarm is silent."
          : "Fewer sweeps came to their end than there are workers: schedules wait in the table."
        )
        expressions = {
          # The minutes in which a sweep of every worker ended.
          complete = "IF(sweeps >= ${var.sweep.workers}, sweeps)"
          # No value before the first of those: sweeps that have just begun, after a first apply, a pause or with more
          # workers, can't be missed. A minute without a sweep after it is 0.
          alarm = "IF(FILL(complete, REPEAT), FILL(sweeps, 0))"
        }
        metrics = {
          # Every sweep that ends counts this once, as 0 or 1.
          sweeps = {
            namespace  = var.metrics_namespace
            metric     = "SweepsCutShort"
            dimensions = local.services.sweep
            statistic  = "SampleCount"
          }
        }
        comparison = "LessThanThreshold"
        threshold  = var.sweep.paused ? 0 : var.sweep.workers
        # Three low minutes of five can be well: ticks just before and just after whole minutes leave every other minute
        # without any, and the last minute's metric may not have arrived.
        minutes    = 4
        of_minutes = 5
        # Where there are no values at all, sweeps have not begun, or stopped long ago: the state stays as it is.
        missing_data = var.sweep.paused ? "notBreaching" : "ignore"
      }
      swept-not-enqueued = {
        meaning = "Sweeps delete records and the fast track enqueues nothing: the stream is their only copy, for a day."
        expressions = {
          deleted = "FILL(swept, 0)"
          # SUM skips missing values, and everything of the fast track's is missing while it does not run.
          handled = "SUM([deleted, enqueued, failed, cancelled]) - deleted"
          # A sweep may end in one minute and its messages be sent in the next. x - DIFF(x) is x a minute before: what was
          # deleted a minute before has to be handled in that minute or in this one.
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
        # Three, because retries bridge a shorter standstill of SQS. Of an hour, because with little traffic most minutes
        # sweep nothing; an alarm may therefore last an hour after the cause has gone.
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

locals {
  actions = var.topic_arn == null ? [] : [var.topic_arn]
}
