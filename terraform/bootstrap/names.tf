# The ARNs of the delayer's resources, by environment. Every resource of terraform/ is named delayer-<environment>-…; the
# roles made here are not, so that no policy for an environment applies to them. ARNs are built from names, also for
# resources made here, so that a plan shows every policy completely.

data "aws_partition" "current" {}

locals {
  prefix = "terraform-delayer"

  arn = "arn:${data.aws_partition.current.partition}"

  # The principal of API Gateway's service-linked role.
  api_gateway = "ops.apigateway.amazonaws.com"

  # The principal of the service-linked role by which autoscaling changes the capacity of tables.
  autoscaling = "dynamodb.application-autoscaling.amazonaws.com"

  state_bucket = "${local.arn}:s3:::${var.state_bucket}"

  names = { for environment, region in var.environments : environment => {
    alarms       = "${local.arn}:cloudwatch:${region}:${var.account_id}:alarm:delayer-${environment}-*"
    alarms_all   = "${local.arn}:cloudwatch:${region}:${var.account_id}:alarm:*"
    apis         = "${local.arn}:apigateway:${region}::/apis"
    api_parts    = "${local.arn}:apigateway:${region}::/apis/*"
    api_tags     = "${local.arn}:apigateway:${region}::/tags/*"
    boundary     = "${local.arn}:iam::${var.account_id}:policy/${local.prefix}-boundary-${environment}"
    bucket       = "${local.arn}:s3:::delayer-${environment}-failures-*"
    dashboard    = "${local.arn}:cloudwatch::${var.account_id}:dashboard/delayer-${environment}"
    functions    = "${local.arn}:lambda:${region}:${var.account_id}:function:delayer-${environment}-*"
    function_log = "${local.arn}:logs:${region}:${var.account_id}:log-group:/aws/lambda/delayer-${environment}-*"
    api_log      = "${local.arn}:logs:${region}:${var.account_id}:log-group:/aws/vendedlogs/delayer-${environment}-*"
    keys         = "${local.arn}:kms:${region}:${var.account_id}:key/*"
    mappings     = "${local.arn}:lambda:${region}:${var.account_id}:event-source-mapping:*"
    no_alarm     = "${local.arn}:cloudwatch:${region}:${var.account_id}:alarm:"
    queues       = "${local.arn}:sqs:${region}:${var.account_id}:delayer-${environment}-*"
    roles        = "${local.arn}:iam::${var.account_id}:role/delayer-${environment}-*"
    rules        = "${local.arn}:events:${region}:${var.account_id}:rule/delayer-${environment}-*"
    scaled       = "${local.arn}:application-autoscaling:${region}:${var.account_id}:scalable-target/*"
    state        = "${local.state_bucket}/delayer/${environment}.tfstate"
    tables       = "${local.arn}:dynamodb:${region}:${var.account_id}:table/delayer-${environment}-*"
    tracking     = "${local.arn}:cloudwatch:${region}:${var.account_id}:alarm:TargetTracking-table/delayer-${environment}-*"
  } }
}
