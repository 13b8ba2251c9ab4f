"""What make plan and make apply refuse, as the real Terraform and its S3 backend refuse it: in one sentence each."""

from __future__ import annotations

import re

import pytest

from tests.deploying.conftest import BUCKET, History

#: By what was tried.
SENTENCES = {
    "plan before the bootstrap": rf"make plan: there is no bucket {BUCKET} .*: make bootstrap ENV=dev makes it, .*",
    "plan for another account": r"make plan: these credentials are for account 999988887777, .*dev\.tfvars names .*",
    "plan without credentials": r"make plan: there are no AWS credentials, .*AWS_PROFILE.*OFFLINE=1 needs none",
    "plan with unknown credentials": r"make plan: AWS refuses these credentials \(InvalidClientTokenId\): .*",
    "plan while another applies": (
        r"make plan: the state of dev is locked: by \S+@\S+, since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(Apply\)\. "
        r"Wait .* terraform -chdir=build/work/dev/terraform force-unlock [0-9a-f-]{36}"
    ),
    "apply of a plan of an earlier state": r"make apply: the state of dev has changed since .*: run make plan ENV=.*",
}


@pytest.mark.parametrize("name", SENTENCES)
def test_one_sentence_says_what_is_wrong_and_what_to_do(history: History, name: str) -> None:
    """Nothing else is printed about it, and the exit status is a failure's."""
    done = history.said[name]
    (line, *rest) = [line for line in done.stderr.splitlines() if "CLI config" not in line]
    assert re.fullmatch(SENTENCES[name], line), done.stderr
    # make's own, of the target that failed.
    assert [each for each in rest if not each.startswith("make: ***")] == []
    assert done.returncode == 2
