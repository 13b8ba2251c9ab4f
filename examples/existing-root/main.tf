# A root that has the delayer beside its other resources, with its own provider and state.

terraform {
  required_version = ">= 1.11.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }

  backend "s3" {
    bucket       = "orders-terraform-state"
    key          = "orders.tfstate"
    region       = "eu-west-1"
    use_lockfile = true
  }
}

provider "aws" {
  region = "eu-west-1"
}

module "scheduler" {
  source = "../../terraform/modules/delayer"

  environment    = "prod"
  package_folder = "../../build/dist"
}

# The orders service may post schedules.
data "aws_iam_policy_document" "orders" {
  statement {
    sid       = "PostSchedules"
    actions   = ["execute-api:Invoke"]
    resources = ["${module.scheduler.api_execution_arn}/*/POST/schedules"]
  }
}

output "delayer_queue_url" {
  description = "The URL of the queue that the orders service consumes."
  value       = module.scheduler.delayer_queue_url
}
