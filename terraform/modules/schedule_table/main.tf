# The table with the schedules that are accepted and not yet handed over, and its stream.

resource "aws_dynamodb_table" "schedules" {
  name = var.name

  billing_mode   = var.capacity == null ? "PAY_PER_REQUEST" : "PROVISIONED"
  read_capacity  = try(var.capacity.read.least, null)
  write_capacity = try(var.capacity.write.least, null)

  hash_key  = local.partition_key
  range_key = local.sort_key

  deletion_protection_enabled = var.deletion_protection

  # An insert's keys contain the due time; only a removal needs the record.
  stream_enabled   = true
  stream_view_type = "OLD_IMAGE"

  attribute {
    name = local.partition_key
    type = "N"
  }

  attribute {
    name = local.sort_key
    type = "S"
  }

  point_in_time_recovery {
    enabled = var.point_in_time_recovery
  }

  # DynamoDB always encrypts. False means with a key that AWS owns, which costs nothing and needs no permission.
  server_side_encryption {
    enabled = false
  }

  # Autoscaling changes both. Only a new table gets the values above. A table that was on demand has 0, for which the
  # provider requests 1; registering the targets then raises it to the least.
  lifecycle {
    ignore_changes = [read_capacity, write_capacity]
  }
}

locals {
  partition_key = "shard"
  sort_key      = "due"
}

data "aws_iam_policy_document" "tls_only" {
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["dynamodb:*"]
    resources = [aws_dynamodb_table.schedules.arn]

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

resource "aws_dynamodb_resource_policy" "tls_only" {
  policy       = data.aws_iam_policy_document.tls_only.json
  resource_arn = aws_dynamodb_table.schedules.arn
}
