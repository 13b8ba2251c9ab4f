"""What one policy allows and another doesn't."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tools.review.statements import gained, lost_denials, policy_statements, wildcards

GET = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::delayer-prod-x/a"}
TLS = {"Bool": {"aws:SecureTransport": "false"}}


def policy(*statements: dict[str, Any]) -> Any:
    """A policy of these statements, read."""
    return policy_statements(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (GET, GET | {"Sid": "Named"}),
        (GET, GET | {"Action": ["s3:GetObject"]}),
        (GET | {"Action": "s3:*"}, GET),
        (GET | {"Action": "S3:getobject"}, GET),
        (GET | {"Resource": "arn:aws:s3:::delayer-prod-x/*"}, GET),
        (GET, GET | {"Condition": TLS}),
        (GET | {"Principal": "*"}, GET | {"Principal": {"AWS": "777788889999"}}),
        (GET, GET | {"Effect": "Deny"}),
    ],
)
def test_nothing_is_gained(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Another way to say the same, less of it, or more conditions, allow nothing new."""
    assert gained(policy(before), policy(after)) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (GET, GET | {"Action": ["s3:GetObject", "s3:PutObject"]}),
        (GET, GET | {"Action": "s3:Get*"}),
        (GET | {"Action": "s3:GetObjec?"}, GET | {"Action": "s3:GetObjec*"}),
        (GET, GET | {"Resource": ["arn:aws:s3:::delayer-prod-x/a", "arn:aws:s3:::delayer-prod-x/b"]}),
        (GET | {"Condition": TLS}, GET),
        (GET | {"Condition": TLS}, GET | {"Condition": {"Bool": {"aws:SecureTransport": "true"}}}),
        (GET | {"Principal": {"AWS": "777788889999"}}, GET | {"Principal": {"AWS": "210987654321"}}),
        (GET | {"Effect": "Deny"}, GET),
        (GET, {"Effect": "Allow", "NotAction": "iam:*", "Resource": "arn:aws:s3:::delayer-prod-x/a"}),
    ],
)
def test_something_is_gained(before: dict[str, Any], after: dict[str, Any]) -> None:
    """More actions, resources or principals, fewer or other conditions, and all that is not named."""
    assert gained(policy(before), policy(after))


def test_only_what_is_new_is_told() -> None:
    """A statement that grows is cut down to what it grew by."""
    (statement,) = gained(policy(GET), policy(GET | {"Action": ["s3:GetObject", "s3:PutObject"]}))
    assert str(statement) == "Allow s3:PutObject on arn:aws:s3:::delayer-prod-x/a"


def test_statements_are_judged_together() -> None:
    """What two statements allowed, one may."""
    put = GET | {"Action": "s3:PutObject"}
    assert gained(policy(GET, put), policy(GET | {"Action": ["s3:PutObject", "s3:GetObject"]})) == []


def test_denials() -> None:
    """A denial is lost if less is denied, not if it is said otherwise."""
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": TLS}
    assert lost_denials(policy(deny), policy(deny | {"Action": ["s3:*"]})) == []
    assert len(lost_denials(policy(deny), policy(deny | {"Action": "s3:GetObject"}))) == 1
    assert len(lost_denials(policy(deny), ())) == 1


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (GET, []),
        (GET | {"Resource": "arn:aws:s3:::delayer-prod-x/fasttrack/*"}, []),
        (GET | {"Resource": "arn:aws:s3:::*"}, ["arn:aws:s3:::*"]),
        (GET | {"Resource": "arn:aws:s3:*:1:delayer-prod-x"}, ["arn:aws:s3:*:1:delayer-prod-x"]),
        (GET | {"Action": "s3:Get*"}, ["s3:Get*"]),
        (GET | {"Principal": "*"}, ["AWS:*"]),
        (GET | {"Effect": "Deny", "Resource": "*"}, []),
        (GET | {"Action": "dynamodb:ListStreams", "Resource": "*"}, []),
        (GET | {"Action": ["dynamodb:ListStreams", "logs:DescribeLogGroups"], "Resource": "*"}, []),
        (GET | {"Action": ["dynamodb:ListStreams", "dynamodb:GetRecords"], "Resource": "*"}, ["*"]),
        (GET | {"Action": "dynamodb:List*", "Resource": "*"}, ["dynamodb:List*", "*"]),
        (GET | {"Action": "logs:PutResourcePolicy", "Resource": "*"}, ["*"]),
        (GET | {"Action": "dynamodb:ListStreams", "Resource": "*", "Principal": "*"}, ["AWS:*"]),
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, ["NotAction iam:*", "*"]),
    ],
)
def test_wildcards(statement: dict[str, Any], found: list[str]) -> None:
    """A wildcard is what reaches beyond this environment's own names."""
    (read,) = policy(statement)
    assert wildcards(read, "delayer-prod") == found


@pytest.mark.parametrize("value", [None, 7, "", "no JSON", "[]", "{}", '{"Statement": ["x"]}'])
def test_no_policy(value: Any) -> None:
    """What is no policy is not taken for one."""
    assert policy_statements(value) is None


@pytest.mark.parametrize("condition", [["x"], {"Bool": "x"}, "x", 1])
def test_condition_that_is_none(condition: Any) -> None:
    """A condition as AWS takes none is like no other: it neither ends the review nor makes a statement a known one."""
    odd = GET | {"Condition": condition}
    assert gained(policy(GET | {"Condition": TLS}), policy(odd)) != []
    assert gained(policy(odd), policy(GET | {"Condition": TLS})) != []
    assert gained(policy(odd), policy(odd)) == []


def test_json_that_is_too_deep() -> None:
    """A text that no JSON reader takes to its end is no policy."""
    assert policy_statements("[" * 100_000 + "]" * 100_000) is None


@pytest.mark.parametrize("own_prefix", ["", "delayer-"])
def test_wildcards_without_an_environment(own_prefix: str) -> None:
    """Where the environment is not known, what all names begin with is no name of ours."""
    (statement,) = policy(GET | {"Resource": "arn:aws:s3:::delayer-prod-x/*"})
    assert wildcards(statement, own_prefix) == ["arn:aws:s3:::delayer-prod-x/*"]
    assert wildcards(statement, "delayer-prod") == []
