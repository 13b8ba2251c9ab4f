# The fast track: the only function that sends, and only when a record is removed from the table.

module "stream_dynamodb_fasttrack_enqueuer" {
  source = "../function"

  environment_variables = merge(
    {
      DELAYER_PERIOD_SECONDS = var.delayer_period_seconds
      FAILURE_BUCKET_NAME    = module.failure_bucket.bucket.name
      METRICS_NAMESPACE      = local.metrics_namespace
      QUEUE_URL              = module.delayer_queue.queue.url
      TABLE_NAME             = module.schedule_table.table.name
    },
    var.max_lateness_seconds == null ? {} : { MAX_LATENESS_SECONDS = var.max_lateness_seconds },
  )
  handler                  = "stream_dynamodb_fasttrack_enqueuer.main.handler"
  log_retention_days       = var.log_retention_days
  memory_mb                = 512
  name                     = "${local.name}-stream-dynamodb-fasttrack_enqueuer"
  package                  = "${var.package_folder}/stream-dynamodb-fasttrack_enqueuer.zip"
  permissions_boundary_arn = var.permissions_boundary_arn
  policy                   = data.aws_iam_policy_document.stream_dynamodb_fasttrack_enqueuer.json
  reserved_concurrency     = lookup(var.reserved_concurrency, "stream-dynamodb-fasttrack_enqueuer", null)
  # Enough for one batch of the mapping below: a hundred calls to SQS.
  timeout_seconds = 60
}

data "aws_iam_policy_document" "stream_dynamodb_fasttrack_enqueuer" {
  statement {
    sid       = "HandOverByDeleting"
    actions   = ["dynamodb:BatchWriteItem"]
    resources = [module.schedule_table.table.arn]

    # BatchWriteItem can also put. A put of a schedule names the payload attribute, which is not allowed here.
    condition {
      test     = "ForAllValues:StringEquals"
      variable = "dynamodb:Attributes"
      values   = module.schedule_table.table.key_attributes
    }
  }

  # The action SendMessage also allows SendMessageBatch.
  statement {
    sid       = "Enqueue"
    actions   = ["sqs:SendMessage"]
    resources = [module.delayer_queue.queue.arn]
  }

  statement {
    sid       = "KeepWhatCanNeverBeSent"
    actions   = ["s3:PutObject"]
    resources = ["${module.failure_bucket.bucket.arn}/fasttrack/*"]
  }
}

# What Lambda calls for the stream mapping with the function's role. The function itself calls none of these.
data "aws_iam_policy_document" "stream_mapping" {
  statement {
    sid       = "ReadTheStream"
    actions   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
    resources = [module.schedule_table.table.stream_arn]
  }

  # This action takes no resource.
  statement {
    sid       = "FindStreams"
    actions   = ["dynamodb:ListStreams"]
    resources = ["*"]
  }

  statement {
    sid       = "FindTheFailureBucket"
    actions   = ["s3:ListBucket"]
    resources = [module.failure_bucket.bucket.arn]
  }

  statement {
    sid       = "KeepWhatTheMappingGivesUp"
    actions   = ["s3:PutObject"]
    resources = ["${module.failure_bucket.bucket.arn}/aws/lambda/*"]
  }
}

resource "aws_iam_role_policy" "stream_mapping" {
  name   = "stream-mapping"
  policy = data.aws_iam_policy_document.stream_mapping.json
  role   = module.stream_dynamodb_fasttrack_enqueuer.role.name
}

resource "aws_lambda_event_source_mapping" "stream" {
  # A removal is the only copy of a schedule that was handed over: none may be skipped, not even one from before the
  # mapping.
  starting_position = "TRIM_HORIZON"

  batch_size                     = 1000
  bisect_batch_on_function_error = true
  event_source_arn               = module.schedule_table.table.stream_arn
  function_name                  = module.stream_dynamodb_fasttrack_enqueuer.function.arn
  function_response_types        = ["ReportBatchItemFailures"]
  # Less than the 24 hours that a stream keeps a record, so that a record that can't be sent reaches the bucket in time.
  maximum_record_age_in_seconds = 23 * 60 * 60
  # Only a record's age ends its retries.
  maximum_retry_attempts = -1
  # The number of lanes. The events of one record stay in order, because they all go to the same lane.
  parallelization_factor = var.parallelization_factor

  destination_config {
    on_failure {
      # A bucket gets the whole record; a queue or a topic would get only its position in the stream.
      destination_arn = module.failure_bucket.bucket.arn
    }
  }

  # Counts the records that the mapping gave up, for the alarm records-discarded.
  dynamic "metrics_config" {
    for_each = var.mapping_metrics ? ["EventCount"] : []

    content {
      metrics = [metrics_config.value]
    }
  }

  filter_criteria {
    filter {
      pattern = jsonencode({ eventName = ["INSERT", "REMOVE"] })
    }
  }

  # Otherwise its first reads could be refused.
  depends_on = [aws_iam_role_policy.stream_mapping]
}
