# The fast track: the only function that sends, and always for the same event, a removal from the table.

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
  handler              = "stream_dynamodb_fasttrack_enqueuer.main.handler"
  log_retention_days   = var.log_retention_days
  memory_mb            = 512
  name                 = "${local.name}-stream-dynamodb-fasttrack_enqueuer"
  package              = "${var.package_folder}/stream-dynamodb-fasttrack_enqueuer.zip"
  policy               = data.aws_iam_policy_document.stream_dynamodb_fasttrack_enqueuer.json
  permissions_boundary = var.permissions_boundary_arn
  reserved_concurrency = lookup(var.reserved_concurrency, "stream-dynamodb-fasttrack_enqueuer", null)
  # Time for a whole batch of the mapping below: a hundred calls to SQS.
  timeout_seconds = 60
}

data "aws_iam_policy_document" "stream_dynamodb_fasttrack_enqueuer" {
  statement {
    sid       = "HandOverByDeleting"
    actions   = ["dynamodb:BatchWriteItem"]
    resources = [module.schedule_table.table.arn]

    # BatchWriteItem can also put. A put of a whole schedule names the payload, which is not allowed here.
    condition {
      test     = "ForAllValues:StringEquals"
      variable = "dynamodb:Attributes"
      values   = module.schedule_table.table.key_attributes
    }
  }

  # SendMessageBatch is allowed by the action SendMessage.
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

# What Lambda itself does for the stream mapping, with the function's role. The function calls none of these.
data "aws_iam_policy_document" "stream_mapping" {
  statement {
    sid       = "ReadTheStream"
    actions   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
    resources = [module.schedule_table.table.stream_arn]
  }

  # This action knows no resource.
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
  # Removals are the only copy of what was handed over: none may be skipped, not even those before the mapping.
  starting_position = "TRIM_HORIZON"

  batch_size                     = 1000
  bisect_batch_on_function_error = true
  event_source_arn               = module.schedule_table.table.stream_arn
  function_name                  = module.stream_dynamodb_fasttrack_enqueuer.function.arn
  function_response_types        = ["ReportBatchItemFailures"]
  # Under the 24 hours that a stream keeps a record, so that what could not be sent reaches the bucket before it is gone.
  maximum_record_age_in_seconds = 23 * 60 * 60
  # Only age ends the retries.
  maximum_retry_attempts = -1
  # The events of one record stay in order: they all go to the same of these lanes.
  parallelization_factor = var.parallelization_factor

  destination_config {
    on_failure {
      # A bucket keeps the whole record; a queue or a topic would keep only where it was.
      destination_arn = module.failure_bucket.bucket.arn
    }
  }

  # Counts the records that it gave up, which the alarm records-discarded reads.
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

  depends_on = [aws_iam_role_policy.stream_mapping]
}
