output "apply_role_arns" {
  description = "The role for the job that applies, by environment."
  value       = { for environment in keys(var.environments) : environment => aws_iam_role.terraform["apply-${environment}"].arn }
  depends_on = [
    aws_iam_role_policy.read,
    aws_iam_role_policy.write,
    aws_iam_role_policy_attachment.limit,
    aws_iam_role_policy_attachment.scale,
  ]
}

output "permissions_boundaries" {
  description = "The value for the variable permissions_boundary, by environment."
  value       = { for environment, boundary in aws_iam_policy.boundary : environment => boundary.name }
}

output "plan_role_arn" {
  description = "The role for jobs that plan."
  value       = aws_iam_role.terraform["plan"].arn
  depends_on  = [aws_iam_role_policy.read, aws_iam_role_policy_attachment.limit]
}

output "state_bucket" {
  description = "The name of the bucket for the states, ready for use."
  value       = aws_s3_bucket.state.id
  depends_on = [
    aws_s3_bucket_lifecycle_configuration.state,
    aws_s3_bucket_ownership_controls.state,
    aws_s3_bucket_policy.state,
    aws_s3_bucket_server_side_encryption_configuration.state,
    aws_s3_bucket_versioning.state,
  ]
}
