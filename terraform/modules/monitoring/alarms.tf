# The alarms. Each key is the alarm's name after the environment's, and its section in the runbook.

locals {
  runbook = "docs/operations/runbook.md"

  # The dimension that a function's own metrics carry.
  services = {
    fast_track = { service = "stream-dynamodb-fasttrack_enqueuer" }
    post       = { service = "api-schedule-post" }
    sweep      = { service = "task-1minute-enqueuer" }
  }

  # The dimension of what Lambda itself measures.
  functions = { for function, name in var.function_names : function => { FunctionName = name } }

  # Alarms on one metric. `minutes` of the last `of_minutes` have to be over the threshold, which is 0 unless it is
  # given. Most metrics are missing when nothing happens, and that is well.
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
    stream-behind = {
      meaning    = "The fast track reads the stream a minute late or more: what is due soon will be late."
      namespace  = "AWS/Lambda"
      metric     = "IteratorAge"
      dimensions = local.functions.fast_track
      statistic  = "Maximum"
      # Milliseconds. A third of the shortest delayer period, so that there is time to act.
      threshold  = 60 * 1000
      minutes    = 2
      of_minutes = 2
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
    fast-track-errors = {
      meaning    = "The fast track fails or times out again and again. Its batches come again, and may be sent again."
      namespace  = "AWS/Lambda"
      metric     = "Errors"
      dimensions = local.functions.fast_track
      # One that is killed is no trouble: its batch comes again.
      minutes    = 2
      of_minutes = 5
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
      of_minutes = 3
    }
    no-sweep = {
      meaning = (
        var.sweep.paused
        ? "Sweeps are paused, so this alarm is silent."
        : "Fewer sweeps came to their end than there are workers: schedules wait in the table."
      )
      namespace  = var.metrics_namespace
      metric     = "SweepsCutShort"
      dimensions = local.services.sweep
      # Every sweep that ends counts this once, as 0 or 1.
      statistic  = "SampleCount"
      comparison = "LessThanThreshold"
      threshold  = var.sweep.paused ? 0 : var.sweep.workers
      # A tick just before and one just after a whole minute leave a minute without any, and nothing is wrong. Three
      # minutes are the shortest delayer period.
      minutes      = 2
      of_minutes   = 3
      missing_data = var.sweep.paused ? "notBreaching" : "breaching"
    }
    post-errors = {
      meaning    = "The post function failed: a fault of the deployment (a permission, a table), never of a request."
      namespace  = "AWS/Lambda"
      metric     = "Errors"
      dimensions = local.functions.post
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

  # Alarms on several metrics. The expression `alarm` is the one that is compared.
  expression_alarms = {
    functions-throttled = {
      meaning     = "Lambda keeps refusing to run a function: the account or the function has too little concurrency."
      expressions = { alarm = "SUM(METRICS())" }
      metrics = {
        for function, dimensions in local.functions : function => {
          namespace = "AWS/Lambda", metric = "Throttles", dimensions = dimensions
        }
      }
      minutes    = 3
      of_minutes = 5
    }
    swept-not-enqueued = {
      meaning = "Sweeps delete records and the fast track enqueues nothing: the stream is their only copy, for a day."
      # SUM leaves out what is missing, as everything of the fast track's is while it doesn't run, where + would give
      # nothing. The sweep counts every minute, and 0 too.
      expressions = {
        handled = "SUM([swept, enqueued, failed, cancelled]) - swept"
        alarm   = "IF(swept > 0 AND handled == 0, swept, 0)"
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
      # Three, for a sweep may end in one minute and its messages be sent in the next. Of an hour, for where little is
      # scheduled many minutes sweep nothing; an alarm may therefore last an hour after the cause has gone.
      minutes    = 3
      of_minutes = 60
    }
  }
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

  comparison_operator = try(each.value.comparison, "GreaterThanThreshold")
  datapoints_to_alarm = try(each.value.minutes, 1)
  evaluation_periods  = try(each.value.of_minutes, 1)
  threshold           = try(each.value.threshold, 0)
  treat_missing_data  = try(each.value.missing_data, "notBreaching")

  alarm_actions = local.actions
  ok_actions    = local.actions
}

resource "aws_cloudwatch_metric_alarm" "expression" {
  for_each = { for key, alarm in local.expression_alarms : key => alarm if var.has_alarms }

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = "${each.value.meaning} See ${local.runbook}#${each.key}"

  comparison_operator = "GreaterThanThreshold"
  datapoints_to_alarm = each.value.minutes
  evaluation_periods  = each.value.of_minutes
  threshold           = 0
  treat_missing_data  = "notBreaching"

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
        stat        = "Sum"
      }
    }
  }
}

locals {
  actions = var.topic_arn == null ? [] : [var.topic_arn]
}
