"""Statements of policies: which permissions one allows and another doesn't."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tools.review.statements import gained, lost_denials, policy_statements, wildcards

GET = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::delayer-prod-x/a"}
TLS = {"Bool": {"aws:SecureTransport": "false"}}


def policy(*statements: dict[str, Any]) -> Any:
    """Return the statements of a policy that is read."""
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
def test_policy_that_allows_no_more_gains_nothing(before: dict[str, Any], after: dict[str, Any]) -> None:
    """The same in another form, less, or with more conditions."""
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
def test_policy_that_allows_more_gains_a_statement(before: dict[str, Any], after: dict[str, Any]) -> None:
    """More actions, resources or principals, other conditions, and negated elements."""
    assert gained(policy(before), policy(after))


def test_gained_statement_holds_only_new_permissions() -> None:
    """The permissions that it had before are left out."""
    (statement,) = gained(policy(GET), policy(GET | {"Action": ["s3:GetObject", "s3:PutObject"]}))
    assert str(statement) == "Allow s3:PutObject on arn:aws:s3:::delayer-prod-x/a"


def test_statements_are_compared_together() -> None:
    """One statement may allow what two allowed."""
    put = GET | {"Action": "s3:PutObject"}
    assert gained(policy(GET, put), policy(GET | {"Action": ["s3:PutObject", "s3:GetObject"]})) == []


def test_denial_is_lost_if_less_is_denied() -> None:
    """Another form of the same denial is none that is lost."""
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
def test_wildcards_reach_beyond_the_environment(statement: dict[str, Any], found: list[str]) -> None:
    """A star after the environment's own prefix is none."""
    (read,) = policy(statement)
    assert wildcards(read, "delayer-prod") == found


@pytest.mark.parametrize("value", [None, 7, "", "no JSON", "[]", "{}", '{"Statement": ["x"]}'])
def test_value_that_is_no_policy_has_no_statements(value: Any) -> None:
    """None stands for no policy."""
    assert policy_statements(value) is None


@pytest.mark.parametrize("condition", [["x"], {"Bool": "x"}, "x", 1])
def test_malformed_condition_equals_no_other(condition: Any) -> None:
    """It doesn't end the review, and covers no statement."""
    odd = GET | {"Condition": condition}
    assert gained(policy(GET | {"Condition": TLS}), policy(odd)) != []
    assert gained(policy(odd), policy(GET | {"Condition": TLS})) != []
    assert gained(policy(odd), policy(odd)) == []


def test_json_that_is_nested_too_deep_is_no_policy() -> None:
    """The JSON reader gives up."""
    assert policy_statements("[" * 100_000 + "]" * 100_000) is None


@pytest.mark.parametrize("own_prefix", ["", "delayer-"])
def test_unknown_environment_has_no_prefix(own_prefix: str) -> None:
    """The part that all names begin with is not enough."""
    (statement,) = policy(GET | {"Resource": "arn:aws:s3:::delayer-prod-x/*"})
    assert wildcards(statement, own_prefix) == ["arn:aws:s3:::delayer-prod-x/*"]
    assert wildcards(statement, "delayer-prod") == []
