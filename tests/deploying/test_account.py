"""What make bootstrap made of an empty account."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.deploying.conftest import (
    ACCOUNT,
    APPLY_ROLE,
    BUCKET,
    DEV,
    NEWER,
    OLDER,
    PLAN_ROLE,
    PROD_ACCOUNT,
    PULL_REQUEST,
    Account,
    History,
)

APPLY_PROD = "terraform-delayer-apply-prod"


def test_it_asks_first(history: History) -> None:
    """What is to be made is shown and asked for, and at the end it says where its state is and how to go on."""
    said = history.said["bootstrap"].stdout
    assert "Do you want to perform these actions?" in said
    assert f"s3://{BUCKET}/bootstrap/delayer.tfstate" in said
    assert said.endswith("Next: make plan ENV=dev\n")


def test_its_state_is_in_the_bucket_that_it_made(history: History) -> None:
    """It was moved there, and no copy is left in the checkout."""
    account = history.account
    state = json.loads(account.client("s3").get_object(Bucket=BUCKET, Key="bootstrap/delayer.tfstate")["Body"].read())
    assert {"aws_s3_bucket", "aws_iam_openid_connect_provider"} <= {each["type"] for each in state["resources"]}
    assert list(account.checkout.glob("build/work/bootstrap-*/*.tfstate*")) == []


def test_a_second_bootstrap_changes_nothing(history: History) -> None:
    """From another checkout, by the state in the bucket, nothing is left to do, and nothing is asked."""
    done = history.said["bootstrap again"]
    assert done.returncode == 0, done.stderr
    assert "No changes." in done.stdout
    assert "Do you want" not in done.stdout


def test_the_bucket_keeps_states_safe(history: History) -> None:
    """Versioned, encrypted, by TLS only, owned by the account alone, closed to the public; old versions go."""
    s3 = history.account.client("s3")
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    (rule,) = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    (statement,) = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
    (owned,) = s3.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"]["Rules"]
    assert owned["ObjectOwnership"] == "BucketOwnerEnforced"
    assert all(s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values())
    rules = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert [rule["NoncurrentVersionExpiration"] for rule in rules if "NoncurrentVersionExpiration" in rule] == [
        {"NoncurrentDays": 90}
    ]


@pytest.mark.parametrize(
    ("account_id", "role", "subject"),
    [
        (ACCOUNT, PLAN_ROLE, PULL_REQUEST),
        (ACCOUNT, PLAN_ROLE, f"{NEWER}:ref:refs/heads/main"),
        (ACCOUNT, APPLY_ROLE, DEV),
        (PROD_ACCOUNT, PLAN_ROLE, f"{OLDER}:pull_request"),
        (PROD_ACCOUNT, PLAN_ROLE, f"{OLDER}:ref:refs/heads/main"),
        (PROD_ACCOUNT, APPLY_PROD, f"{OLDER}:environment:prod"),
    ],
)
def test_job_whose_token_is_trusted_assumes_the_role(
    history: History, account_id: str, role: str, subject: str
) -> None:
    """A pull request plans, and so does the default branch; a job in the environment applies."""
    done = history.said["bootstrap of an older repository"]
    assert done.returncode == 0, done.stderr
    arn = history.account.clients_of(role, subject, account_id)("sts").get_caller_identity()["Arn"]
    assert arn == f"arn:aws:sts::{account_id}:assumed-role/{role}/test"


@pytest.mark.parametrize(
    ("account_id", "role", "subject"),
    [
        (ACCOUNT, PLAN_ROLE, "repo:someone@123456/delayer@1332703028:pull_request"),
        (ACCOUNT, PLAN_ROLE, "repo:orders@654321/delayer@1332703028:pull_request"),
        (ACCOUNT, PLAN_ROLE, "repo:orders@123456/delayer@8203072331:pull_request"),
        (ACCOUNT, PLAN_ROLE, f"{NEWER}1:pull_request"),
        (ACCOUNT, PLAN_ROLE, f"{NEWER}:ref:refs/heads/other"),
        (ACCOUNT, PLAN_ROLE, DEV),
        (ACCOUNT, PLAN_ROLE, f"{OLDER}:pull_request"),
        (ACCOUNT, APPLY_ROLE, PULL_REQUEST),
        (ACCOUNT, APPLY_ROLE, f"{NEWER}:ref:refs/heads/main"),
        (ACCOUNT, APPLY_ROLE, f"{NEWER}:environment:prod"),
        (ACCOUNT, APPLY_ROLE, f"{OLDER}:environment:dev"),
        (PROD_ACCOUNT, PLAN_ROLE, "repo:someone/delayer:pull_request"),
        (PROD_ACCOUNT, PLAN_ROLE, f"{OLDER}-2:pull_request"),
        (PROD_ACCOUNT, PLAN_ROLE, PULL_REQUEST),
        (PROD_ACCOUNT, APPLY_PROD, f"{NEWER}:environment:prod"),
        (PROD_ACCOUNT, APPLY_PROD, f"{OLDER}:environment:dev"),
    ],
)
@pytest.mark.usefixtures("history")
def test_job_whose_token_is_not_trusted_is_refused(account: Account, account_id: str, role: str, subject: str) -> None:
    """No other owner, repository, branch or environment, no pull request to apply, and no other form of subject."""
    with pytest.raises(ClientError, match="AccessDenied"):
        account.clients_of(role, subject, account_id)
