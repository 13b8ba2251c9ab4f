"""Explain known errors of Terraform in one sentence: what is wrong, and what to do."""

from __future__ import annotations

import re
from typing import NamedTuple

_MISSING_BUCKET = re.compile(r'S3 bucket "(?P<bucket>[^"]*)" does not exist')


class _Known(NamedTuple):
    """A pattern of Terraform's message, and our sentence, which may name the pattern's groups."""

    pattern: re.Pattern[str]
    sentence: str


#: Messages of Terraform 1.11, its S3 backend and the AWS provider.
_KNOWN = (
    _Known(
        re.compile(
            r'Unsupported Terraform Core version.*required_version *= *"(?P<needed>[^"]+)".*'
            r"does not support Terraform version (?P<found>[0-9]\S*)\. "
        ),
        "this is Terraform {found}, and {needed} is needed: install such a version, or add TERRAFORM=locked to the "
        "command, which then runs the locked one from PyPI",
    ),
    _Known(
        re.compile(r"Saved plan is stale|Saved plan does not match the given state"),
        "the state of {environment} has changed since the plan was made: run "
        "make plan ENV={environment} again, and read the plan",
    ),
    _Known(
        re.compile(r"plan file was created by Terraform (?P<made>[0-9.]+\S*), but this is (?P<here>[0-9.]+\S*);"),
        "the plan was made by Terraform {made}, and this is {here}, which can't read it: use the one that made it, or "
        "run make plan ENV={environment} again, and read the plan",
    ),
    _Known(
        re.compile(r"Failed to read the given file as a state or plan file"),
        "the plan file is damaged, or no plan: run make plan ENV={environment} again, and read the plan",
    ),
    _Known(
        re.compile(
            r"Error acquiring the state lock.* ID: *(?P<id>\S+) .* Operation: *(?:OperationType)?(?P<operation>.*?) *"
            r"Who: *(?P<who>.*?) *Version: .* Created: *(?P<since>[0-9-]+ [0-9:]+)"
        ),
        "the state of {environment} is locked: by {who}, since {since} UTC ({operation}). Wait until that has ended, "
        "and try again. Only if it was killed, and holds the lock for nothing: {terraform} force-unlock {id}",
    ),
    _Known(
        re.compile(r"AWS account ID not allowed: *(?P<found>[0-9]+)"),
        "these credentials are for account {found}, and {environment} lives in another: use credentials of the account "
        "that terraform/environments/{environment}.tfvars names as account_id, or name yours there",
    ),
    _Known(
        re.compile(r"No valid credential sources found|failed to refresh cached credentials"),
        "there are no AWS credentials, which {environment} and its state in S3 need: AWS_PROFILE names a profile, "
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are a key. A plan with OFFLINE=1 needs none",
    ),
    _Known(
        re.compile(
            r"api error (?P<code>ExpiredToken\w*|InvalidClientTokenId|InvalidAccessKeyId|SignatureDoesNotMatch)"
        ),
        "AWS refuses these credentials ({code}): sign in again, or use others",
    ),
    _Known(
        _MISSING_BUCKET,
        "there is no bucket {bucket} for the state of {environment}: make bootstrap ENV={environment} makes it, or "
        "name one that there is in terraform/environments/{environment}.s3.tfbackend",
    ),
    _Known(
        re.compile(
            r'Unable to access object "(?P<key>[^"]*)" in S3 bucket "(?P<bucket>[^"]*)".*(?:Forbidden|AccessDenied)'
        ),
        "the state of {environment}, {key} in the bucket {bucket}, can't be read with these credentials. Bucket names "
        "are shared by all accounts: if this one is not yours, terraform/environments/{environment}.s3.tfbackend must "
        "name another",
    ),
)


def explain(said: str, environment: str, terraform: str) -> str | None:
    """Return the sentence for a known error, else None. `terraform` is the command for this environment."""
    text = _unwrapped(said)
    for pattern, sentence in _KNOWN:
        if found := pattern.search(text):
            return sentence.format(environment=environment, terraform=terraform, **found.groupdict())
    return None


def is_missing_bucket(said: str) -> bool:
    """Return whether the error is the missing bucket of the state."""
    return _MISSING_BUCKET.search(_unwrapped(said)) is not None


def _unwrapped(said: str) -> str:
    """Return the text on one line, without colours and Terraform's frame."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m|[╷│╵]", " ", said).split())
