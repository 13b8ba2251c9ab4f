# One role plans all environments, and each environment has a role that applies.

resource "aws_iam_role" "terraform" {
  for_each = local.subjects

  name               = "${local.prefix}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.trust[each.key].json
}

resource "aws_iam_role_policy" "read" {
  for_each = local.subjects

  name   = "read"
  policy = data.aws_iam_policy_document.read[each.key].json
  role   = aws_iam_role.terraform[each.key].name
}

resource "aws_iam_role_policy" "write" {
  for_each = var.environments

  name   = "write"
  policy = data.aws_iam_policy_document.write[each.key].json
  role   = aws_iam_role.terraform["apply-${each.key}"].name
}
