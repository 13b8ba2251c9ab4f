"""An applied environment on moto, with a stand-in for Lambda, which moto runs in Docker only."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from delayer.schedules import due_key
from tools.operate.environment import Environment
from tools.project import FAST_TRACK, POST, SWEEP

HOUR = 3_600
THIS_HOUR = 1_795_338_000
#: Half past an hour.
NOW = THIS_HOUR + 1_800
NAMESPACE = "delayer-dev"


class Functions:
    """Stands in for Lambda's client, in an account that leaves so many executions, or that refuses (None)."""

    def __init__(self, unreserved: int | None = 1_000, reserved: Mapping[str, int] | None = None) -> None:
        self._unreserved = unreserved
        self._reserved = reserved or {}

    def get_function_configuration(self, **_: str) -> dict[str, Any]:
        """Return the sweep's settings."""
        return {"Environment": {"Variables": {"SHARD_COUNT": "3", "METRICS_NAMESPACE": NAMESPACE}}}

    def list_event_source_mappings(self, **_: str) -> dict[str, Any]:
        """Return the fast track's one mapping."""
        stream = boto3.client("dynamodb").describe_table(TableName="schedules")["Table"]["LatestStreamArn"]
        mapping = {"State": "Disabled", "EventSourceArn": stream, "ParallelizationFactor": 2}
        return {"EventSourceMappings": [mapping]}

    def get_account_settings(self) -> dict[str, Any]:
        """Return the account's limits."""
        if self._unreserved is None:
            refused = {"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}
            raise ClientError(refused, "GetAccountSettings")  # type: ignore[arg-type]
        return {"AccountLimit": {"ConcurrentExecutions": 1_000, "UnreservedConcurrentExecutions": self._unreserved}}

    def get_function_concurrency(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803 -- AWS's name
        """Return what a function reserves."""
        if FunctionName not in self._reserved:
            return {}
        return {"ReservedConcurrentExecutions": self._reserved[FunctionName]}


@contextlib.contextmanager
def moto_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    """Make an environment with an empty table of three shards."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    # moto doesn't know the endpoint of the stream's account.
    monkeypatch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
    with mock_aws():
        boto3.client("dynamodb").create_table(
            TableName="schedules",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "shard", "AttributeType": "N"},
                {"AttributeName": "due", "AttributeType": "S"},
            ],
            KeySchema=[{"AttributeName": "shard", "KeyType": "HASH"}, {"AttributeName": "due", "KeyType": "RANGE"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"},
        )
        sqs = boto3.client("sqs")
        boto3.client("s3").create_bucket(
            Bucket="failures", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        for service in (FAST_TRACK, SWEEP):
            boto3.client("logs").create_log_group(logGroupName=service)
        outputs = {
            "delayer_dead_letter_queue_url": sqs.create_queue(QueueName="dead-letter")["QueueUrl"],
            "delayer_queue_url": sqs.create_queue(QueueName="delayer")["QueueUrl"],
            "failure_bucket_name": "failures",
            "function_names": {name: name for name in (FAST_TRACK, POST, SWEEP)},
            "log_group_names": {FAST_TRACK: FAST_TRACK, SWEEP: SWEEP},
            "sweep_workers": 1,
            "table_name": "schedules",
        }

        def client(service: str) -> Any:
            return Functions() if service == "lambda" else boto3.client(service)  # type: ignore[call-overload]

        yield Environment("dev", outputs, client)


def store(shard: int, *dues: int) -> None:
    """Put schedules of 3 kB into a shard."""
    for number, due in enumerate(dues):
        boto3.client("dynamodb").put_item(
            TableName="schedules",
            Item={"shard": {"N": str(shard)}, "due": {"S": due_key(due, f"n{number}")}, "payload": {"S": "x" * 3_000}},
        )
