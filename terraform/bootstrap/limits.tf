# What no role made here can ever do, whoever allows it. In one account it is enough that the policy of a bucket, a table, a
# queue, a function or a role allows something, and the apply role writes those: it could give itself, or the plan role,
# what holds schedules. A Deny goes before any Allow.

locals {
  # By role, the documents of its policies.
  allowed = merge(
    { plan = [data.aws_iam_policy_document.read["plan"]] },
    { for environment in keys(var.environments) : "apply-${environment}" => [
      data.aws_iam_policy_document.read["apply-${environment}"],
      data.aws_iam_policy_document.write[environment],
    ] },
  )
}

data "aws_iam_policy_document" "limit" {
  for_each = local.allowed

  # Lambda encrypts a function's settings with AWS's own key for it, on behalf of whoever deploys. The policy of that key
  # allows that, and a Deny here would refuse it. Nothing that holds schedules is encrypted with a key of the account.
  statement {
    sid         = "NothingElse"
    effect      = "Deny"
    not_actions = distinct(concat(flatten([for document in each.value : document.statement[*].actions]), ["kms:*"]))
    resources   = ["*"]
  }

  # Of all objects, the roles need those alone that are states or locks.
  statement {
    sid           = "NoOtherObjects"
    effect        = "Deny"
    actions       = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    not_resources = flatten([for environment in local.readers[each.key] : [local.names[environment].state, "${local.names[environment].state}.tflock"]])
  }
}

# A policy of its own, because what the roles are allowed fills most of what their inline policies may hold.
resource "aws_iam_policy" "limit" {
  for_each = local.allowed

  name        = "${local.prefix}-limit-${each.key}"
  description = "What the role ${local.prefix}-${each.key} is denied, whoever allows it"
  policy      = data.aws_iam_policy_document.limit[each.key].json
}

resource "aws_iam_role_policy_attachment" "limit" {
  for_each = local.allowed

  policy_arn = aws_iam_policy.limit[each.key].arn
  role       = aws_iam_role.terraform[each.key].name
}
