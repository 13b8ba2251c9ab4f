# Who may assume the roles: workflows of one repository, with the token that GitHub signs for each job. No key is stored
# anywhere.

locals {
  github = "token.actions.githubusercontent.com"

  # The prefix of a token's subject. For every repository that was created, renamed or transferred after 15 July 2026, GitHub
  # appends the ids to the names, so that whoever takes over a name does not take over its roles.
  repository = (
    var.repository_id == null
    ? "repo:${var.repository}"
    : "repo:${join("/", formatlist("%s@%s", split("/", var.repository), [var.repository_owner_id, var.repository_id]))}"
  )

  # The subjects that each role trusts. GitHub gives jobs of a fork's pull request no token.
  subjects = merge(
    # Pull requests, and the default branch, whose scheduled plans detect drift.
    { plan = ["${local.repository}:pull_request", "${local.repository}:ref:refs/heads/main"] },
    # Only a job in the environment, after the approvals that GitHub requires for it.
    { for environment in keys(var.environments) : "apply-${environment}" => ["${local.repository}:environment:${environment}"] },
  )
}

# AWS has the certificates of GitHub's issuer and needs no thumbprint.
resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://${local.github}"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "trust" {
  for_each = local.subjects

  statement {
    sid     = "ByItsGitHubToken"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.github.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.github}:aud"
      values   = aws_iam_openid_connect_provider.github.client_id_list
    }

    condition {
      test     = "StringEquals"
      variable = "${local.github}:sub"
      values   = each.value
    }
  }
}
