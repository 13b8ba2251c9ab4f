# The dashboard. Its first row shows whether anything is late, lost or stuck.

locals {
  # The namespace and the one dimension of metrics, by the name that the widgets use.
  measured = merge(
    { for label, dimensions in local.services : label => [var.metrics_namespace, "service", dimensions.service] },
    { for label, dimensions in local.functions : "${label}_lambda" => ["AWS/Lambda", "FunctionName", dimensions.FunctionName] },
    {
      queue             = ["AWS/SQS", "QueueName", var.queue_name]
      dead_letter_queue = ["AWS/SQS", "QueueName", var.dead_letter_queue_name]
      table             = ["AWS/DynamoDB", "TableName", var.table_name]
    },
  )

  # Rows of widgets, side by side; a row has 24 columns. A metric is a name of `measured`, the metric's name, a statistic
  # and a label.
  dashboard = [
    [
      { title = "Late? (s after the pointInTime)", view = "singleValue", width = 4, metrics = [
        ["fast_track", "Lateness", "Maximum", "worst"],
        ["fast_track", "SchedulesEnqueuedLate", "Sum", "schedules"],
      ] },
      { title = "Lost?", view = "singleValue", width = 4, metrics = [
        ["dead_letter_queue", "ApproximateNumberOfMessagesVisible", "Maximum", "dead letters"],
        ["fast_track", "SchedulesFailed", "Sum", "in the failure bucket"],
        ["fast_track_lambda", "DestinationDeliveryFailures", "Sum", "not kept"],
      ] },
      { title = "Stuck?", view = "singleValue", width = 4, metrics = [
        ["fast_track_lambda", "IteratorAge", "Maximum", "stream behind, ms"],
        ["sweep", "SchedulesLeft", "Maximum", "left by a sweep"],
        ["sweep_lambda", "Errors", "Sum", "failed sweeps"],
      ] },
      { title = "Lead and lateness of schedules entering the queue (s)", view = "timeSeries", width = 12, metrics = [
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
      { title = "Errors and throttles of the functions", view = "timeSeries", width = 8, metrics = concat([
        for label in keys(var.functions) : [
          ["${label}_lambda", "Errors", "Sum", "${replace(label, "_", " ")}: errors"],
          ["${label}_lambda", "Throttles", "Sum", "${replace(label, "_", " ")}: throttles"],
        ]
      ]...) },
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
        # A number covers the whole period shown, not only its last minute.
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
