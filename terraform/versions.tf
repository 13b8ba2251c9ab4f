terraform {
  # 1.11: the S3 backend's own lock (use_lockfile) is generally available.
  required_version = ">= 1.11.0, < 2.0.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }

  # The rest is in environments/<environment>.s3.tfbackend.
  backend "s3" {}
}

provider "aws" {
  allowed_account_ids = [var.account_id]
  region              = var.region

  default_tags {
    tags = {
      Environment = var.environment
      Project     = "delayer"
    }
  }
}
