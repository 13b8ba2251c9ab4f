"""The embedded AWS enforces the policies of every role: each function can do its work and nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from delayer.retries import error_code
from tests.end_to_end.conftest import Scenario, receive
from tests.support.waiting import comes_true
from tools.local.stack import Stack

POST, GET, DELETE = "api-schedule-post", "api-schedule-get", "api-schedule-delete"
SWEEP, FAST_TRACK = "task-1minute-enqueuer", "stream-dynamodb-fasttrack_enqueuer"

#: A record that is not handed over while the tests run.
KEY = {"shard": {"N": "0"}, "due": {"S": f"{int(time.time()) + 86_400:012d}#permissions"}}
RECORD = {**KEY, "payload": {"S": "null"}}

type Clients = Callable[[str], Any]


def calls(stack: Stack, client: Clients) -> dict[str, Callable[[], object]]:
    """Return every call that a function could try, by name."""
    table, queue, bucket = (stack.outputs[name] for name in ("table_name", "delayer_queue_url", "failure_bucket_name"))
    dynamodb, sqs, s3 = client("dynamodb"), client("sqs"), client("s3")
    entry = {"Id": "0", "MessageBody": "by a test", "DelaySeconds": 900}
    query = {"KeyConditionExpression": "#s = :s", "ExpressionAttributeNames": {"#s": "shard"}}
    return {
        "put a schedule": lambda: dynamodb.put_item(TableName=table, Item=RECORD),
        "put a schedule in a batch": lambda: dynamodb.batch_write_item(
            RequestItems={table: [{"PutRequest": {"Item": RECORD}}]}
        ),
        "delete in a batch": lambda: dynamodb.batch_write_item(RequestItems={table: [{"DeleteRequest": {"Key": KEY}}]}),
        "delete": lambda: dynamodb.delete_item(TableName=table, Key=KEY),
        "get": lambda: dynamodb.get_item(TableName=table, Key=KEY),
        "query": lambda: dynamodb.query(TableName=table, **query, ExpressionAttributeValues={":s": {"N": "0"}}),
        "scan": lambda: dynamodb.scan(TableName=table, Limit=1),
        "describe the table": lambda: dynamodb.describe_table(TableName=table),
        "send": lambda: sqs.send_message_batch(QueueUrl=queue, Entries=[entry]),
        "receive": lambda: sqs.receive_message(QueueUrl=queue),
        "purge": lambda: sqs.purge_queue(QueueUrl=queue),
        "send to the dead-letter queue": lambda: sqs.send_message_batch(
            QueueUrl=stack.outputs["delayer_dead_letter_queue_url"], Entries=[entry]
        ),
        "keep a failure": lambda: s3.put_object(Bucket=bucket, Key="fasttrack/permissions", Body=b""),
        "put elsewhere in the bucket": lambda: s3.put_object(Bucket=bucket, Key="permissions", Body=b""),
        "read a failure": lambda: s3.get_object(Bucket=bucket, Key="fasttrack/permissions"),
        "remove a failure": lambda: s3.delete_object(Bucket=bucket, Key="fasttrack/permissions"),
    }


def answered(call: Callable[[], object]) -> str | None:
    """Return the error code of a call's answer."""
    try:
        call()
    except ClientError as error:
        return error_code(error)
    return None


def policy_of(stack: Stack, function: str) -> tuple[str, dict[str, Any]]:
    """Return the name of a function's role, and the policy for the function's own calls."""
    name = stack.outputs["function_names"][function]
    role = stack.client("lambda").get_function_configuration(FunctionName=name)["Role"].rpartition("/")[2]
    return role, stack.client("iam").get_role_policy(RoleName=role, PolicyName="calls")["PolicyDocument"]


@pytest.fixture
def caller(stack: Stack, request: pytest.FixtureRequest) -> Iterator[Clients]:
    """Return clients of a user who has exactly the policy of a function."""
    iam = stack.client("iam")
    _, policy = policy_of(stack, request.param)
    user = f"like-{request.param}"
    iam.create_user(UserName=user)
    iam.put_user_policy(UserName=user, PolicyName="calls", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=user)["AccessKey"]

    def client(service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
            config=Config(proxies={}),
            endpoint_url=stack.endpoint,
            region_name="us-east-1",
        )

    yield client
    # Long before it is due, so that no message is sent for it.
    stack.client("dynamodb").delete_item(TableName=stack.outputs["table_name"], Key=KEY)
    stack.client("s3").delete_object(Bucket=stack.outputs["failure_bucket_name"], Key="fasttrack/permissions")


@pytest.mark.parametrize(
    ("caller", "allowed"),
    [
        # Putting a batch needs BatchWriteItem. No condition key allows its puts without its deletes.
        (POST, {"put a schedule", "put a schedule in a batch", "delete in a batch"}),
        (GET, {"get", "query"}),
        (DELETE, {"delete"}),
        (SWEEP, {"delete in a batch", "query", "describe the table"}),
        (FAST_TRACK, {"delete in a batch", "send", "keep a failure"}),
    ],
    indirect=["caller"],
)
def test_policy_allows_exactly_the_calls_of_its_function(
    stack: Stack, scenario: Scenario, caller: Clients, allowed: set[str]
) -> None:
    """Every other call on the table, the queues and the bucket is refused.

    Where a batch may only delete, one that puts is refused, because the policy limits the attributes.
    """
    assert scenario.messages
    said = {name: answered(call) for name, call in calls(stack, caller).items()}
    assert {name for name, error in said.items() if error is None} == allowed
    assert set(said.values()) == {None, "AccessDenied", "AccessDeniedException"}


def post_due_soon(stack: Stack, payload: int) -> str:
    """Post a schedule that is due in two seconds, and return its scheduleId."""
    due = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    return str(stack.post(f'{{"pointInTime": "{due}", "payload": {payload}}}'.encode()).body["scheduleId"])


def test_no_message_is_lost_while_sending_is_denied(stack: Stack, scenario: Scenario) -> None:
    """GIVEN a fast track that may not send WHEN it may again THEN every schedule that became due arrives once."""
    assert scenario.messages
    iam, logs = stack.client("iam"), stack.client("logs")
    role, policy = policy_of(stack, FAST_TRACK)
    without = policy | {"Statement": [each for each in policy["Statement"] if each["Sid"] != "Enqueue"]}
    iam.put_role_policy(RoleName=role, PolicyName="calls", PolicyDocument=json.dumps(without))
    try:
        posted = {post_due_soon(stack, number) for number in range(5)}
        group = stack.outputs["log_group_names"][FAST_TRACK]

        def is_denied() -> bool:
            events = logs.filter_log_events(logGroupName=group, filterPattern="AccessDenied")["events"]
            return any(each in event["message"] for event in events for each in posted)

        assert comes_true(is_denied), "the fast track never met the missing permission"
    finally:
        iam.put_role_policy(RoleName=role, PolicyName="calls", PolicyDocument=json.dumps(policy))
    assert receive(stack, posted) == sorted(posted)
