# The permissions that terraform plan needs to read one environment, or all. They allow no access to payloads: no item of
# the table, no message, no object of the failure bucket and no line of a log.

locals {
  # The environments that each role reads, by role.
  readers = merge(
    { plan = keys(var.environments) },
    { for environment in keys(var.environments) : "apply-${environment}" => [environment] },
  )
}

data "aws_iam_policy_document" "read" {
  for_each = { for role, environments in local.readers : role => [for each in environments : local.names[each]] }

  statement {
    sid       = "FindStates"
    actions   = ["s3:ListBucket"]
    resources = [local.state_bucket]
  }

  statement {
    sid       = "ReadStates"
    actions   = ["s3:GetObject"]
    resources = each.value[*].state
  }

  statement {
    sid       = "ReadAlarms"
    actions   = ["cloudwatch:ListTagsForResource"]
    resources = each.value[*].alarms
  }

  # Terraform finds alarms by a search, which can't be limited to some names.
  statement {
    sid       = "FindAlarms"
    actions   = ["cloudwatch:DescribeAlarms"]
    resources = distinct(each.value[*].alarms_all)
  }

  # An API's ARN has an id chosen by AWS and no name: these are all APIs of the region.
  statement {
    sid       = "ReadApis"
    actions   = ["apigateway:GET"]
    resources = distinct(concat(each.value[*].apis, each.value[*].api_parts, each.value[*].api_tags))
  }

  # Terraform finds the autoscaling of a table by a search, whose actions take no resource.
  statement {
    sid       = "FindAutoscaling"
    actions   = ["application-autoscaling:DescribeScalableTargets", "application-autoscaling:DescribeScalingPolicies"]
    resources = ["*"]
  }

  # The ARN of a target has an id chosen by AWS.
  statement {
    sid       = "ReadAutoscalingTags"
    actions   = ["application-autoscaling:ListTagsForResource"]
    resources = distinct(each.value[*].scaled)
  }

  statement {
    sid = "ReadBuckets"
    actions = [
      "s3:GetAccelerateConfiguration",
      "s3:GetBucketAcl",
      "s3:GetBucketCORS",
      "s3:GetBucketLogging",
      "s3:GetBucketObjectLockConfiguration",
      "s3:GetBucketOwnershipControls",
      "s3:GetBucketPolicy",
      "s3:GetBucketPublicAccessBlock",
      "s3:GetBucketRequestPayment",
      "s3:GetBucketTagging",
      "s3:GetBucketVersioning",
      "s3:GetBucketWebsite",
      "s3:GetEncryptionConfiguration",
      "s3:GetLifecycleConfiguration",
      "s3:GetReplicationConfiguration",
      # For HeadBucket, which checks that the bucket exists.
      "s3:ListBucket",
    ]
    resources = each.value[*].bucket
  }

  statement {
    sid       = "ReadDashboards"
    actions   = ["cloudwatch:GetDashboard"]
    resources = each.value[*].dashboard
  }

  statement {
    sid = "ReadFunctions"
    actions = [
      "lambda:GetFunction",
      "lambda:GetFunctionCodeSigningConfig",
      "lambda:GetFunctionEventInvokeConfig",
      "lambda:GetPolicy",
      "lambda:ListTags",
      "lambda:ListVersionsByFunction",
    ]
    resources = each.value[*].functions
  }

  statement {
    sid       = "ReadLogGroups"
    actions   = ["logs:ListTagsForResource"]
    resources = concat(each.value[*].api_log, each.value[*].function_log)
  }

  # Terraform also finds log groups by a search, whose action takes no resource.
  statement {
    sid       = "FindLogGroups"
    actions   = ["logs:DescribeLogGroups"]
    resources = ["*"]
  }

  # A mapping's ARN has an id chosen by AWS. A condition can limit its function, but not for the tags below.
  statement {
    sid       = "ReadStreamMappings"
    actions   = ["lambda:GetEventSourceMapping"]
    resources = ["*"]

    condition {
      test     = "ArnLike"
      variable = "lambda:FunctionArn"
      values   = each.value[*].functions
    }
  }

  statement {
    sid       = "ReadStreamMappingsTags"
    actions   = ["lambda:ListTags"]
    resources = distinct(each.value[*].mappings)
  }

  statement {
    sid       = "ReadQueues"
    actions   = ["sqs:GetQueueAttributes", "sqs:ListQueueTags"]
    resources = each.value[*].queues
  }

  statement {
    sid       = "ReadRoles"
    actions   = ["iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"]
    resources = each.value[*].roles
  }

  statement {
    sid       = "ReadRules"
    actions   = ["events:DescribeRule", "events:ListTagsForResource", "events:ListTargetsByRule"]
    resources = each.value[*].rules
  }

  statement {
    sid = "ReadTables"
    actions = [
      "dynamodb:DescribeContinuousBackups",
      "dynamodb:DescribeTable",
      "dynamodb:DescribeTimeToLive",
      "dynamodb:GetResourcePolicy",
      "dynamodb:ListTagsOfResource",
    ]
    resources = each.value[*].tables
  }
}
