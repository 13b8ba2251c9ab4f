# The permissions that terraform apply needs for the autoscaling of a table with provisioned capacity.

data "aws_iam_policy_document" "scale" {
  for_each = local.names

  # A condition can limit the service, but not the table. Who changes a target or a policy must also be allowed to change
  # the table, and the alarms by which autoscaling watches it.
  statement {
    sid = "WriteAutoscaling"
    actions = [
      "application-autoscaling:DeleteScalingPolicy",
      "application-autoscaling:DeregisterScalableTarget",
      "application-autoscaling:PutScalingPolicy",
      "application-autoscaling:RegisterScalableTarget",
    ]
    resources = [each.value.scaled]

    condition {
      test     = "StringEquals"
      variable = "application-autoscaling:service-namespace"
      values   = ["dynamodb"]
    }
  }

  statement {
    sid       = "TagAutoscaling"
    actions   = ["application-autoscaling:TagResource", "application-autoscaling:UntagResource"]
    resources = [each.value.scaled]
  }

  # Application Auto Scaling checks its caller's permissions by calls with invalid parameters, like an empty name (its user
  # guide, "Permissions validation for API calls on target resources").
  statement {
    sid       = "WriteAutoscalingAlarms"
    actions   = ["cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm"]
    resources = [each.value.tracking, each.value.no_alarm]
  }

  # Application Auto Scaling creates this role with the first table of an account, on behalf of who registers it.
  statement {
    sid       = "LetAutoscalingHaveItsRole"
    actions   = ["iam:CreateServiceLinkedRole"]
    resources = ["${local.arn}:iam::${var.account_id}:role/aws-service-role/${local.autoscaling}/AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"]

    condition {
      test     = "StringEquals"
      variable = "iam:AWSServiceName"
      values   = [local.autoscaling]
    }
  }
}

# A separate policy, because the roles' inline policies are almost as long as IAM allows.
resource "aws_iam_policy" "scale" {
  for_each = local.names

  name        = "${local.prefix}-scale-${each.key}"
  description = "The permissions of the role ${local.prefix}-apply-${each.key} for the autoscaling of tables"
  policy      = data.aws_iam_policy_document.scale[each.key].json
}

resource "aws_iam_role_policy_attachment" "scale" {
  for_each = var.environments

  policy_arn = aws_iam_policy.scale[each.key].arn
  role       = aws_iam_role.terraform["apply-${each.key}"].name
}
