# The permissions that terraform apply needs for one environment. It can create and configure, but not delete, whatever has
# other people's schedules or the position in the stream: the table, the queues, the failure bucket, the log groups, the
# stream mapping, the API with its address. To delete those, a person uses other credentials.

data "aws_iam_policy_document" "write" {
  for_each = local.names

  statement {
    sid       = "WriteTheState"
    actions   = ["s3:PutObject"]
    resources = [each.value.state]
  }

  # The lock is an object beside the state that exists while it is held.
  statement {
    sid       = "LockTheState"
    actions   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    resources = ["${each.value.state}.tflock"]
  }

  statement {
    sid = "WriteAlarms"
    actions = [
      "cloudwatch:DeleteAlarms",
      "cloudwatch:PutMetricAlarm",
      "cloudwatch:TagResource",
      "cloudwatch:UntagResource",
    ]
    resources = [each.value.alarms]
  }

  statement {
    sid       = "WriteApis"
    actions   = ["apigateway:PATCH", "apigateway:POST"]
    resources = [each.value.apis, each.value.api_parts]
  }

  statement {
    sid     = "ReplaceApisParts"
    actions = ["apigateway:DELETE"]
    resources = [
      "${each.value.api_parts}/authorizers/*",
      "${each.value.api_parts}/integrations/*",
      "${each.value.api_parts}/routes/*",
    ]
  }

  statement {
    sid       = "WriteApisTags"
    actions   = ["apigateway:DELETE", "apigateway:POST", "apigateway:PUT"]
    resources = [each.value.api_tags]
  }

  # Creating a resource with tags, as with the provider's default_tags, needs these on the path of the new resource.
  statement {
    sid       = "TagApis"
    actions   = ["apigateway:TagResource", "apigateway:UntagResource"]
    resources = [each.value.apis, each.value.api_parts, each.value.api_tags]
  }

  # API Gateway creates this role with the first API of an account, on behalf of the API's creator.
  statement {
    sid       = "LetApiGatewayHaveItsRole"
    actions   = ["iam:CreateServiceLinkedRole"]
    resources = ["${local.arn}:iam::${var.account_id}:role/aws-service-role/${local.api_gateway}/AWSServiceRoleForAPIGateway"]

    condition {
      test     = "StringEquals"
      variable = "iam:AWSServiceName"
      values   = [local.api_gateway]
    }
  }

  # For a stage's access log. These deliveries belong to the account, not to a log group.
  statement {
    sid = "DeliverApisAccessLogs"
    actions = [
      "logs:CreateLogDelivery",
      "logs:DeleteLogDelivery",
      "logs:DescribeResourcePolicies",
      "logs:GetLogDelivery",
      "logs:ListLogDeliveries",
      "logs:PutResourcePolicy",
      "logs:UpdateLogDelivery",
    ]
    resources = ["*"]
  }

  statement {
    sid = "WriteBuckets"
    actions = [
      "s3:CreateBucket",
      "s3:PutBucketOwnershipControls",
      "s3:PutBucketPolicy",
      "s3:PutBucketPublicAccessBlock",
      "s3:PutBucketTagging",
      "s3:PutBucketVersioning",
      "s3:PutEncryptionConfiguration",
      "s3:PutLifecycleConfiguration",
    ]
    resources = [each.value.bucket]
  }

  statement {
    sid       = "WriteDashboards"
    actions   = ["cloudwatch:DeleteDashboards", "cloudwatch:PutDashboard"]
    resources = [each.value.dashboard]
  }

  statement {
    sid = "WriteFunctions"
    actions = [
      "lambda:AddPermission",
      "lambda:CreateFunction",
      "lambda:DeleteFunction",
      "lambda:DeleteFunctionConcurrency",
      "lambda:DeleteFunctionEventInvokeConfig",
      # Terraform waits until the function is ready.
      "lambda:GetFunctionConfiguration",
      "lambda:PutFunctionConcurrency",
      "lambda:PutFunctionEventInvokeConfig",
      "lambda:RemovePermission",
      "lambda:TagResource",
      "lambda:UntagResource",
      "lambda:UpdateFunctionCode",
      "lambda:UpdateFunctionConfiguration",
    ]
    resources = [each.value.functions]
  }

  statement {
    sid       = "WriteLogGroups"
    actions   = ["logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:TagResource", "logs:UntagResource"]
    resources = [each.value.api_log, each.value.function_log]
  }

  statement {
    sid       = "WriteStreamMappings"
    actions   = ["lambda:CreateEventSourceMapping", "lambda:UpdateEventSourceMapping"]
    resources = ["*"]

    condition {
      test     = "ArnLike"
      variable = "lambda:FunctionArn"
      values   = [each.value.functions]
    }
  }

  statement {
    sid       = "WriteStreamMappingsTags"
    actions   = ["lambda:TagResource", "lambda:UntagResource"]
    resources = [each.value.mappings]
  }

  statement {
    sid       = "WriteQueues"
    actions   = ["sqs:CreateQueue", "sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue"]
    resources = [each.value.queues]
  }

  # A role gets permissions only below the boundary that is made here, which these permissions can't change or remove.
  # Otherwise a function could get every permission of the account.
  statement {
    sid = "WriteBoundedRoles"
    actions = [
      "iam:CreateRole",
      "iam:DeleteRolePolicy",
      "iam:PutRolePermissionsBoundary",
      "iam:PutRolePolicy",
    ]
    resources = [each.value.roles]

    condition {
      test     = "StringEquals"
      variable = "iam:PermissionsBoundary"
      values   = [each.value.boundary]
    }
  }

  # None of these grants a permission.
  statement {
    sid = "WriteRoles"
    actions = [
      "iam:DeleteRole",
      "iam:ListInstanceProfilesForRole",
      "iam:TagRole",
      "iam:UntagRole",
      "iam:UpdateAssumeRolePolicy",
    ]
    resources = [each.value.roles]
  }

  statement {
    sid       = "GiveFunctionsTheirRoles"
    actions   = ["iam:PassRole"]
    resources = [each.value.roles]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["lambda.amazonaws.com"]
    }
  }

  statement {
    sid = "WriteRules"
    actions = [
      "events:DeleteRule",
      "events:PutRule",
      "events:PutTargets",
      "events:RemoveTargets",
      "events:TagResource",
      "events:UntagResource",
    ]
    resources = [each.value.rules]
  }

  statement {
    sid = "WriteTables"
    actions = [
      "dynamodb:CreateTable",
      "dynamodb:PutResourcePolicy",
      "dynamodb:TagResource",
      "dynamodb:UntagResource",
      "dynamodb:UpdateContinuousBackups",
      "dynamodb:UpdateTable",
    ]
    resources = [each.value.tables]
  }
}
