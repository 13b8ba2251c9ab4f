# What the roles made here are denied, whoever allows it. Within an account, an Allow in the policy of a bucket, a table, a
# queue, a function or a role is enough, and the apply role writes those policies: it could allow itself, or the plan role,
# access to schedules. A Deny overrides every Allow.

locals {
  # The documents of each role's policies, by role.
  allowed = merge(
    { plan = [data.aws_iam_policy_document.read["plan"]] },
    { for environment in keys(var.environments) : "apply-${environment}" => [
      data.aws_iam_policy_document.read["apply-${environment}"],
      data.aws_iam_policy_document.scale[environment],
      data.aws_iam_policy_document.write[environment],
    ] },
  )
}

data "aws_iam_policy_document" "limit" {
  for_each = local.allowed

  # Lambda encrypts a function's environment variables with AWS's key for Lambda, on behalf of the deploying role. The key's
  # policy allows that, and a Deny here would refuse it. No store of schedules is encrypted with a key of the account.
  statement {
    sid         = "NothingElse"
    effect      = "Deny"
    not_actions = distinct(concat(flatten([for document in each.value : document.statement[*].actions]), ["kms:*"]))
    resources   = ["*"]
  }

  # The only objects that the roles need are states and locks.
  statement {
    sid           = "NoOtherObjects"
    effect        = "Deny"
    actions       = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    not_resources = flatten([for environment in local.readers[each.key] : [local.names[environment].state, "${local.names[environment].state}.tflock"]])
  }
}

# A separate policy, because the roles' inline policies are almost as long as IAM allows.
resource "aws_iam_policy" "limit" {
  for_each = local.allowed

  name        = "${local.prefix}-limit-${each.key}"
  description = "The denials of the role ${local.prefix}-${each.key}, which override every Allow"
  policy      = data.aws_iam_policy_document.limit[each.key].json
}

resource "aws_iam_role_policy_attachment" "limit" {
  for_each = local.allowed

  policy_arn = aws_iam_policy.limit[each.key].arn
  role       = aws_iam_role.terraform[each.key].name
}
