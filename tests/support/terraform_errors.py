"""Errors as Terraform 1.11.4 prints them."""

STALE = """
╷
│ \x1b[31mError: \x1b[0m\x1b[1mSaved plan is stale\x1b[0m
│
│ The given plan file can no longer be applied because the state was changed
│ by another operation after the plan was created.
╵
"""

LOCKED = """
Error: Error acquiring the state lock

Error message: operation error S3: PutObject, https response error
StatusCode: 412, RequestID: 794f0c52-708f-4e7f-8c69-973b4bd6bd73, HostID:
qOdKAmD61FZpDrNkOkw26Osvl08NDJJi7tFF7kTOYKVhoODRO4DcSl0C61J/07KR, api error
PreconditionFailed: At least one of the pre-conditions you specified did not
hold
Lock Info:
  ID:        5b1b8d5e-8a60-2f6c-2c55-0f7d0b4f3f4e
  Path:      delayer-dev-terraform-state/delayer/dev.tfstate
  Operation: OperationTypeApply
  Who:       ci@runner-7
  Version:   1.11.4
  Created:   2026-11-25 16:20:11.5 +0000 UTC
  Info:


Terraform acquires a state lock to protect the state from being written
by multiple users at the same time. Please resolve the issue above and try
again. For most commands, you can disable locking with the "-lock=false"
flag, but this is not recommended.
"""

NO_BUCKET = """
Error: Failed to get existing workspaces: S3 bucket "delayer-dev-terraform-state" does not exist.

The referenced S3 bucket must have been previously created. If the S3 bucket
was created within the last minute, please wait for a minute or two and try
again.

Error: operation error S3: ListObjectsV2, https response error StatusCode: 404, RequestID: 5fd7, NoSuchBucket:
"""

NEWER = """
Error: Couldn't show local plan

Plan read error: plan file was created by Terraform 1.99.9, but this is
1.11.4; plan files cannot be transferred between different Terraform versions
"""

NO_PLAN = """
Error: Failed to read the given file as a state or plan file

State read error: Error reading bad.tfplan as a statefile: 2 problems:
"""

OTHER_ACCOUNT = """
Error: Invalid account ID

AWS account ID not allowed: 999988887777
"""

NO_CREDENTIALS = """
Error: No valid credential sources found

Please see https://developer.hashicorp.com/terraform/language/backend/s3
for more information about providing credentials.

Error: failed to refresh cached credentials, no EC2 IMDS role found,
operation error ec2imds: GetMetadata, access disabled to EC2 IMDS via client
option, or "AWS_EC2_METADATA_DISABLED" environment variable
"""

REFUSED = """
Error: validating provider credentials: retrieving caller identity from STS: operation error STS: GetCallerIdentity, https response error StatusCode: 403, RequestID: c5a0, api error InvalidClientTokenId: The security token included in the request is invalid.
"""  # noqa: E501 -- as it was said

TOO_OLD = """
╷
│ \x1b[31mError: \x1b[0m\x1b[1mUnsupported Terraform Core version\x1b[0m
│
│   on versions.tf line 3, in terraform:
│    3:   required_version = ">= 1.11.0, < 2.0.0"
│
│ This configuration does not support Terraform version 1.9.8. To proceed,
│ either choose another supported Terraform version or update this version
│ constraint. Version constraints are normally set for good reason, so updating
│ the constraint may lead to other errors or unexpected behavior.
╵
"""

NOT_OURS = """
Error: Error refreshing state: Unable to access object "delayer/dev.tfstate" in S3 bucket "delayer-dev-terraform-state": operation error S3: HeadObject, https response error StatusCode: 403, RequestID: UNGL, HostID: Ikw2, api error Forbidden: Forbidden
"""  # noqa: E501 -- as it was said
