# The dashboard. Its first row answers: is anything late, lost or stuck?

locals {
  # Whose metrics: a namespace and one dimension.
  measured = merge(
    { for role, plain_name in local.roles : role => [var.metrics_namespace, "service", plain_name] },
    { for plain_name, name in var.function_names : plain_name => ["AWS/Lambda", "FunctionName", name] },
    {
      queue             = ["AWS/SQS", "QueueName", var.queue_name]
      dead_letter_queue = ["AWS/SQS", "QueueName", var.dead_letter_queue_name]
      table             = ["AWS/DynamoDB", "TableName", var.table_name]
    },
  )

  # Rows of widgets, side by side; 24 columns make a row. A metric is whose, its name, a statistic and a label.
  dashboard = [
    [
      { title = "Late? (s after the pointInTime)", view = "singleValue", width = 4, metrics = [
        ["fast_track", "Lateness", "Maximum", "worst"],
        ["fast_track", "SchedulesEnqueuedLate", "Sum", "schedules"],
      ] },
      { title = "Lost?", view = "singleValue", width = 4, metrics = [
        ["dead_letter_queue", "ApproximateNumberOfMessagesVisible", "Maximum", "dead letters"],
        ["fast_track", "SchedulesFailed", "Sum", "in the failure bucket"],
        [local.roles.fast_track, "DestinationDeliveryFailures", "Sum", "not kept"],
      ] },
      { title = "Stuck?", view = "singleValue", width = 4, metrics = [
        [local.roles.fast_track, "IteratorAge", "Maximum", "stream behind, ms"],
        ["sweep", "SchedulesLeft", "Maximum", "left by a sweep"],
        [local.roles.sweep, "Errors", "Sum", "failed sweeps"],
      ] },
      { title = "With how many seconds in hand schedules entered the queue, and how late", view = "timeSeries", width = 12, metrics = [
        ["fast_track", "Lead", "p1", "lead: 99 % had more"],
        ["fast_track", "Lead", "p50", "lead: half had more"],
        ["fast_track", "Lateness", "p99", "lateness: 99 % had less"],
        ["fast_track", "Lateness", "Maximum", "lateness: worst"],
      ] },
    ],
    [
      { title = "In", view = "timeSeries", width = 8, metrics = [
        ["post", "SchedulesAccepted", "Sum", "accepted"],
        ["post", "SchedulesRepeated", "Sum", "repeated"],
        ["post", "SchedulesRejected", "Sum", "rejected"],
        ["post", "PostsThrottled", "Sum", "answered 503"],
      ] },
      { title = "Swept", view = "timeSeries", width = 8, metrics = [
        ["sweep", "SchedulesSwept", "Sum", "swept"],
        ["sweep", "SchedulesLeft", "Sum", "left for the next minute"],
        ["sweep", "SweepsCutShort", "Sum", "sweeps cut short"],
        ["sweep", "SweepsCutShort", "SampleCount", "sweeps"],
      ] },
      { title = "Out", view = "timeSeries", width = 8, metrics = [
        ["fast_track", "SchedulesEnqueued", "Sum", "enqueued"],
        ["fast_track", "SchedulesEnqueuedLate", "Sum", "enqueued late"],
        ["fast_track", "SchedulesCancelled", "Sum", "cancelled"],
        ["fast_track", "SchedulesFailed", "Sum", "failed"],
        ["fast_track", "HandoversLeftToSweep", "Sum", "left to the sweep"],
      ] },
    ],
    [
      { title = "In the delayer queue", view = "timeSeries", width = 8, metrics = [
        ["queue", "ApproximateNumberOfMessagesDelayed", "Maximum", "waiting for their pointInTime"],
        ["queue", "ApproximateNumberOfMessagesVisible", "Maximum", "waiting for a consumer"],
        ["queue", "ApproximateNumberOfMessagesNotVisible", "Maximum", "with a consumer"],
      ] },
      { title = "Errors and throttles of the functions", view = "timeSeries", width = 8, metrics = [
        for metric in setproduct(keys(var.function_names), ["Errors", "Throttles"]) :
        [metric[0], metric[1], "Sum", "${metric[0]}: ${lower(metric[1])}"]
      ] },
      { title = "Throttles of the table", view = "timeSeries", width = 8, metrics = [
        ["table", "WriteThrottleEvents", "Sum", "writes"],
        ["table", "ReadThrottleEvents", "Sum", "reads"],
      ] },
    ],
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = flatten([for y, row in local.dashboard : [for position, widget in row : {
      type   = "metric"
      x      = sum(concat([0], [for left in slice(row, 0, position) : left.width]))
      y      = 6 * y
      width  = widget.width
      height = 6
      properties = {
        title  = widget.title
        view   = widget.view
        region = var.region
        period = 60
        # A number is that of all the time shown, not of its last minute.
        setPeriodToTimeRange = widget.view == "singleValue"
        metrics = [for metric in widget.metrics : [
          local.measured[metric[0]][0], metric[1],
          local.measured[metric[0]][1], local.measured[metric[0]][2],
          { stat = metric[2], label = metric[3] },
        ]]
      }
    }]])
  })
}
