# The most that a function of an environment may ever do, whatever its own policies and its resources' policies say: what
# the functions together need, on everything that is named for the environment.

data "aws_iam_policy_document" "needed" {
  for_each = local.names

  statement {
    sid       = "UseTables"
    actions   = ["dynamodb:BatchWriteItem", "dynamodb:DescribeTable", "dynamodb:PutItem", "dynamodb:Query"]
    resources = [each.value.tables]
  }

  statement {
    sid       = "ReadStreams"
    actions   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
    resources = ["${each.value.tables}/stream/*"]
  }

  # This action knows no resource.
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

  # As the function, Lambda decrypts its settings, by a grant of AWS's own key for Lambda, whenever it starts.
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

# A boundary's Allow does not bound what a resource's policy allows a role's session by its own ARN; its Deny does.
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
  description = "The most that a function of the delayer's environment ${each.key} may do"
  policy      = data.aws_iam_policy_document.boundary[each.key].json
}
