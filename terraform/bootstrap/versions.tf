terraform {
  # As in terraform/. This root has a copy of its lock file.
  required_version = ">= 1.11.0, < 2.0.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }

  # The bucket that is made here; make bootstrap passes its name. The first run has its state in a file, and moves it there
  # at its end.
  backend "s3" {}
}

provider "aws" {
  allowed_account_ids = [var.account_id]
  region              = var.region

  default_tags {
    tags = {
      Project = "delayer"
    }
  }
}
