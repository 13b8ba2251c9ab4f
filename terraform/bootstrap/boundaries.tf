# The upper limit for the functions of an environment, whatever their own policies and the policies of resources allow: the
# actions that all functions together need, on every resource named for the environment.

data "aws_iam_policy_document" "needed" {
  for_each = local.names

  statement {
    sid = "UseTables"
    actions = [
      "dynamodb:BatchWriteItem",
      "dynamodb:DeleteItem",
      "dynamodb:DescribeTable",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
    ]
    resources = [each.value.tables]
  }

  statement {
    sid       = "ReadStreams"
    actions   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
    resources = ["${each.value.tables}/stream/*"]
  }

  # This action takes no resource.
  statement {
    sid       = "FindStreams"
    actions   = ["dynamodb:ListStreams"]
    resources = ["*"]
  }

  statement {
    sid       = "Enqueue"
    actions   = ["sqs:SendMessage"]
    resources = [each.value.queues]
  }

  statement {
    sid       = "FindTheFailureBucket"
    actions   = ["s3:ListBucket"]
    resources = [each.value.bucket]
  }

  statement {
    sid       = "KeepFailures"
    actions   = ["s3:PutObject"]
    resources = ["${each.value.bucket}/*"]
  }

  # When a function starts, Lambda decrypts its environment variables as the function, by a grant of AWS's key for Lambda.
  statement {
    sid       = "DecryptSettings"
    actions   = ["kms:Decrypt"]
    resources = [each.value.keys]
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${each.value.function_log}:*"]
  }
}

# A resource's policy can allow an action to the ARN of a role's session. A boundary's Allow does not limit that, but its
# Deny does.
data "aws_iam_policy_document" "boundary" {
  for_each = local.names

  source_policy_documents = [data.aws_iam_policy_document.needed[each.key].json]

  statement {
    sid         = "NothingElse"
    effect      = "Deny"
    not_actions = distinct(flatten(data.aws_iam_policy_document.needed[each.key].statement[*].actions))
    resources   = ["*"]
  }
}

resource "aws_iam_policy" "boundary" {
  for_each = local.names

  name        = "${local.prefix}-boundary-${each.key}"
  description = "The upper limit for the functions of the delayer's environment ${each.key}"
  policy      = data.aws_iam_policy_document.boundary[each.key].json
}
