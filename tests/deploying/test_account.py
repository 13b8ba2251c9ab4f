"""What make bootstrap made of an empty account."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.deploying.conftest import APPLY_ROLE, BUCKET, DEV, PLAN_ROLE, PULL_REQUEST, REPOSITORY, Account, History


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
    ("role", "subject"),
    [
        (PLAN_ROLE, PULL_REQUEST),
        (PLAN_ROLE, f"repo:{REPOSITORY}:ref:refs/heads/main"),
        (APPLY_ROLE, DEV),
    ],
)
@pytest.mark.usefixtures("history")
def test_who_may_assume_a_role(account: Account, role: str, subject: str) -> None:
    """A pull request plans, and so does the default branch; a job in the environment applies."""
    assert role in account.clients_of(role, subject)("sts").get_caller_identity()["Arn"]


@pytest.mark.parametrize(
    ("role", "subject"),
    [
        (PLAN_ROLE, "repo:someone/delayer:pull_request"),
        (PLAN_ROLE, f"repo:{REPOSITORY}-2:pull_request"),
        (PLAN_ROLE, f"repo:{REPOSITORY}:ref:refs/heads/other"),
        (PLAN_ROLE, DEV),
        (APPLY_ROLE, PULL_REQUEST),
        (APPLY_ROLE, f"repo:{REPOSITORY}:ref:refs/heads/main"),
        (APPLY_ROLE, f"repo:{REPOSITORY}:environment:prod"),
        (APPLY_ROLE, "repo:someone/delayer:environment:dev"),
    ],
)
@pytest.mark.usefixtures("history")
def test_who_may_not(account: Account, role: str, subject: str) -> None:
    """No other repository, branch or environment, and no pull request to apply."""
    with pytest.raises(ClientError, match="AccessDenied"):
        account.clients_of(role, subject)
