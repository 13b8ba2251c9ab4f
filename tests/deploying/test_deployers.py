"""What the roles can't do: the plan role changes nothing and reads no payload, the apply role gains no right."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from delayer.retries import error_code
from tests.deploying.conftest import (
    ACCOUNT,
    APPLY_ROLE,
    BUCKET,
    DEV,
    PLAN_ROLE,
    PULL_REQUEST,
    REGION,
    Account,
    Clients,
    History,
)

BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/terraform-delayer-boundary-dev"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
FUNCTION = "delayer-dev-api-schedule-post"
TABLE = "delayer-dev-schedules"
TABLE_ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{TABLE}"
KEY = {"shard": {"N": "0"}, "due": {"S": "1"}}

#: What identifies the target of the table's writes.
SCALED = {
    "ServiceNamespace": "dynamodb",
    "ResourceId": f"table/{TABLE}",
    "ScalableDimension": "dynamodb:table:WriteCapacityUnits",
}

#: Whom a role would let in that its maker could then become.
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
        ],
    }
)

#: What an answer is refused with.
REFUSED = {"AccessDenied", "AccessDeniedException", "403", "AuthorizationError"}

type Calls = dict[str, Callable[[], object]]


def limit(role: str) -> str:
    """Return the ARN of the policy that limits a role."""
    return f"arn:aws:iam::{ACCOUNT}:policy/{role.replace('terraform-delayer-', 'terraform-delayer-limit-')}"


def failure_bucket(account: Account) -> str:
    """dev's, whose name AWS completed."""
    buckets = account.client("s3").list_buckets()["Buckets"]
    return next(str(each["Name"]) for each in buckets if each["Name"].startswith("delayer-dev-failures-"))


def queue_url(account: Account) -> str:
    """The delayer queue's."""
    return str(account.client("sqs").get_queue_url(QueueName="delayer-dev-delayer")["QueueUrl"])


def refused(calls: Calls) -> dict[str, str]:
    """How each call was answered, by its name: the error's code, or that it was done."""
    answers = {}
    for name, call in calls.items():
        try:
            call()
        except ClientError as error:
            answers[name] = error_code(error)
        else:
            answers[name] = "done"
    return answers


def using(client: Clients, account: Account) -> Calls:
    """What only the delayer, its consumers and its operators do."""
    dynamodb, sqs, s3 = client("dynamodb"), client("sqs"), client("s3")
    queue, bucket = queue_url(account), failure_bucket(account)
    return {
        "read an item": lambda: dynamodb.get_item(TableName=TABLE, Key=KEY),
        "read all items": lambda: dynamodb.scan(TableName=TABLE),
        "put an item": lambda: dynamodb.put_item(TableName=TABLE, Item=KEY),
        "delete an item": lambda: dynamodb.delete_item(TableName=TABLE, Key=KEY),
        "receive": lambda: sqs.receive_message(QueueUrl=queue),
        "send": lambda: sqs.send_message(QueueUrl=queue, MessageBody="x"),
        "purge": lambda: sqs.purge_queue(QueueUrl=queue),
        "read a failure": lambda: s3.get_object(Bucket=bucket, Key="fasttrack/x"),
        "delete a failure": lambda: s3.delete_object(Bucket=bucket, Key="fasttrack/x"),
        "read a log": lambda: client("logs").filter_log_events(logGroupName=f"/aws/lambda/{FUNCTION}"),
        "invoke": lambda: client("lambda").invoke(FunctionName=FUNCTION),
        "read another's state": lambda: s3.get_object(Bucket=BUCKET, Key="bootstrap/delayer.tfstate"),
        "write another's state": lambda: s3.put_object(Bucket=BUCKET, Key="bootstrap/delayer.tfstate", Body=b"{}"),
        "delete the state": lambda: s3.delete_object(Bucket=BUCKET, Key="delayer/dev.tfstate"),
    }


def destroying(client: Clients, account: Account) -> Calls:
    """What would lose schedules, the place up to which the stream was read, or the API's address."""
    mapping = account.client("lambda").list_event_source_mappings()["EventSourceMappings"][0]["UUID"]
    api = account.client("apigatewayv2").get_apis()["Items"][0]["ApiId"]
    return {
        "delete the table": lambda: client("dynamodb").delete_table(TableName=TABLE),
        "delete the queue": lambda: client("sqs").delete_queue(QueueUrl=queue_url(account)),
        "delete the failure bucket": lambda: client("s3").delete_bucket(Bucket=failure_bucket(account)),
        "delete the mapping": lambda: client("lambda").delete_event_source_mapping(UUID=mapping),
        "delete the API": lambda: client("apigatewayv2").delete_api(ApiId=api),
        "delete a log group": lambda: client("logs").delete_log_group(logGroupName=f"/aws/lambda/{FUNCTION}"),
        "delete the state bucket": lambda: client("s3").delete_bucket(Bucket=BUCKET),
        "delete the state bucket's policy": lambda: client("s3").delete_bucket_policy(Bucket=BUCKET),
    }


def gaining(client: Clients) -> Calls:
    """Every way known to gain a right by having some."""
    iam, functions = client("iam"), client("lambda")
    role = {"AssumeRolePolicyDocument": TRUST}
    code = {"Runtime": "python3.13", "Handler": "x.y", "Code": {"ZipFile": b"x"}}
    own = f"arn:aws:iam::{ACCOUNT}:role/{APPLY_ROLE}"
    return {
        "add to its own policy": lambda: iam.put_role_policy(
            RoleName=APPLY_ROLE, PolicyName="more", PolicyDocument=EVERYTHING
        ),
        "attach a policy to itself": lambda: iam.attach_role_policy(RoleName=APPLY_ROLE, PolicyArn=ADMINISTRATOR),
        "let others be it": lambda: iam.update_assume_role_policy(RoleName=APPLY_ROLE, PolicyDocument=TRUST),
        "let a role of its kind be made": lambda: iam.create_role(RoleName="terraform-delayer-apply-more", **role),
        "make a role without a boundary": lambda: iam.create_role(RoleName="delayer-dev-more", **role),
        "make a role with another boundary": lambda: iam.create_role(
            RoleName="delayer-dev-more", PermissionsBoundary=ADMINISTRATOR, **role
        ),
        "make a role of another name": lambda: iam.create_role(
            RoleName="delayer-prod-more", PermissionsBoundary=BOUNDARY, **role
        ),
        "take a boundary off": lambda: iam.delete_role_permissions_boundary(RoleName=FUNCTION),
        "put another boundary on": lambda: iam.put_role_permissions_boundary(
            RoleName=FUNCTION, PermissionsBoundary=ADMINISTRATOR
        ),
        "change the boundary": lambda: iam.create_policy_version(
            PolicyArn=BOUNDARY, PolicyDocument=EVERYTHING, SetAsDefault=True
        ),
        "attach a policy to a function's role": lambda: iam.attach_role_policy(
            RoleName=FUNCTION, PolicyArn=ADMINISTRATOR
        ),
        "make a user": lambda: iam.create_user(UserName="delayer-dev-more"),
        "trust another issuer": lambda: iam.create_open_id_connect_provider(Url="https://issuer.example"),
        "take off what limits it": lambda: iam.detach_role_policy(RoleName=APPLY_ROLE, PolicyArn=limit(APPLY_ROLE)),
        "change what limits it": lambda: iam.create_policy_version(
            PolicyArn=limit(APPLY_ROLE), PolicyDocument=EVERYTHING, SetAsDefault=True
        ),
        "delete what limits it": lambda: iam.delete_policy(PolicyArn=limit(APPLY_ROLE)),
        "give its own role to a function": lambda: functions.create_function(
            FunctionName="delayer-dev-more", Role=own, **code
        ),
        "give its own role to the function": lambda: functions.update_function_configuration(
            FunctionName=FUNCTION, Role=own
        ),
        "change another environment's function": lambda: functions.update_function_configuration(
            FunctionName="delayer-prod-api-schedule-post", Timeout=1
        ),
    }


def writing(client: Clients, account: Account) -> Calls:
    """What an apply does."""
    own = f"arn:aws:iam::{ACCOUNT}:role/{FUNCTION}"
    s3, functions = client("s3"), client("lambda")
    mapping = account.client("lambda").list_event_source_mappings()["EventSourceMappings"][0]["UUID"]
    topic = {"AlarmName": "delayer-dev-more", "MetricName": "x", "Namespace": "x", "EvaluationPeriods": 1, "Period": 60}
    return {
        "write the state": lambda: s3.put_object(Bucket=BUCKET, Key="delayer/dev.tfstate", Body=b"{}"),
        "lock the state": lambda: s3.put_object(Bucket=BUCKET, Key="delayer/dev.tfstate.tflock", Body=b"{}"),
        "change a function": lambda: functions.update_function_configuration(FunctionName=FUNCTION, Timeout=1),
        "change a function's code": lambda: functions.update_function_code(FunctionName=FUNCTION, ZipFile=b"x"),
        "pause the mapping": lambda: functions.update_event_source_mapping(UUID=mapping, Enabled=False),
        "change the table": lambda: client("dynamodb").update_table(
            TableName=TABLE, StreamSpecification={"StreamEnabled": False}
        ),
        "scale the table": lambda: client("application-autoscaling").register_scalable_target(
            **SCALED, MinCapacity=10, MaxCapacity=200
        ),
        "change the queue": lambda: client("sqs").set_queue_attributes(
            QueueUrl=queue_url(account), Attributes={"DelaySeconds": "1"}
        ),
        "disable the rule": lambda: client("events").put_rule(
            Name="delayer-dev-minute-0", ScheduleExpression="rate(1 minute)", State="DISABLED"
        ),
        "make an alarm": lambda: client("cloudwatch").put_metric_alarm(
            **topic, ComparisonOperator="GreaterThanThreshold", Statistic="Sum", Threshold=1
        ),
        "make an API": lambda: client("apigatewayv2").create_api(Name="more", ProtocolType="HTTP"),
        "make a role": lambda: client("iam").create_role(
            RoleName="delayer-dev-more", AssumeRolePolicyDocument=TRUST, PermissionsBoundary=BOUNDARY
        ),
        "make a function": lambda: functions.create_function(
            FunctionName="delayer-dev-more", Role=own, Runtime="python3.13", Handler="x.y", Code={"ZipFile": b"x"}
        ),
        "keep a log shorter": lambda: client("logs").put_retention_policy(
            logGroupName=f"/aws/lambda/{FUNCTION}", retentionInDays=1
        ),
    }


@pytest.fixture(scope="module")
def plan_role(history: History) -> Clients:
    """Clients of a pull request's job."""
    return history.account.clients_of(PLAN_ROLE, PULL_REQUEST)


@pytest.fixture(scope="module")
def apply_role(history: History) -> Clients:
    """Clients of a job in the environment dev."""
    return history.account.clients_of(APPLY_ROLE, DEV)


def test_the_plan_role_changes_nothing(plan_role: Clients, account: Account) -> None:
    """Whatever an apply does, a destroy, or someone who wants more rights: it is refused."""
    answers = refused(writing(plan_role, account) | destroying(plan_role, account) | gaining(plan_role))
    assert {name: code for name, code in answers.items() if code not in REFUSED} == {}


@pytest.mark.parametrize("role", ["plan_role", "apply_role"])
def test_no_role_has_to_do_with_schedules(account: Account, role: str, request: pytest.FixtureRequest) -> None:
    """Neither can read, put or remove one, in the table, the queue, the bucket or a log, nor call a function."""
    clients: Any = request.getfixturevalue(role)
    answers = refused(using(clients, account))
    assert {name: code for name, code in answers.items() if code not in REFUSED} == {}


def test_the_apply_role_deletes_nothing_that_holds_schedules(apply_role: Clients, account: Account) -> None:
    """What was never to be lost is not lost by a pipeline, whatever plan was approved."""
    answers = refused(destroying(apply_role, account))
    assert {name: code for name, code in answers.items() if code not in REFUSED} == {}


def test_the_apply_role_gains_no_right(apply_role: Clients) -> None:
    """Not by its own policies, not by another role, not by a function that it would give one to."""
    answers = refused(gaining(apply_role))
    assert {name: code for name, code in answers.items() if code not in REFUSED} == {}


def test_a_role_that_it_makes_is_bounded(apply_role: Clients, account: Account) -> None:
    """It may allow a role of the environment everything, and the role can do what the functions may, and no more."""
    iam = apply_role("iam")
    iam.create_role(RoleName="delayer-dev-bounded", AssumeRolePolicyDocument=TRUST, PermissionsBoundary=BOUNDARY)
    iam.put_role_policy(RoleName="delayer-dev-bounded", PolicyName="all", PolicyDocument=EVERYTHING)
    arn = f"arn:aws:iam::{ACCOUNT}:role/delayer-dev-bounded"
    client = account.session(account.client("sts").assume_role(RoleArn=arn, RoleSessionName="test"))
    client("dynamodb").describe_table(TableName=TABLE)
    answers = refused(gaining(client) | destroying(client, account))
    assert {name: code for name, code in answers.items() if code not in REFUSED} == {}


#: What the apply role lets in by the policies that it may write: itself, the plan role, and the session of a function.
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/{FUNCTION}/test"
PRINCIPALS = {"AWS": [*(f"arn:aws:iam::{ACCOUNT}:role/{role}" for role in (APPLY_ROLE, PLAN_ROLE)), SESSION]}
LET_IN = {"Effect": "Allow", "Principal": PRINCIPALS}


def policy(**statement: Any) -> str:
    """Return a policy that lets them in."""
    return json.dumps({"Version": "2012-10-17", "Statement": [LET_IN | statement]})


@pytest.fixture
def opened(account: Account, apply_role: Clients) -> Iterator[str]:
    """Have the apply role allow all in every policy of a resource; put the policies back. The version of a failure."""
    root, bucket, queue = account.client, failure_bucket(account), queue_url(account)
    kept = root("s3").put_object(Bucket=bucket, Key="fasttrack/x", Body=b"a record")["VersionId"]
    of_table = root("dynamodb").get_resource_policy(ResourceArn=TABLE_ARN)["Policy"]
    of_bucket = root("s3").get_bucket_policy(Bucket=bucket)["Policy"]
    attributes = root("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy", "QueueArn"])["Attributes"]
    trust = root("iam").get_role(RoleName=FUNCTION)["Role"]["AssumeRolePolicyDocument"]
    functions = apply_role("lambda")
    with contextlib.ExitStack() as stack:

        def change(do: Callable[..., object], undo: Callable[..., object], **what: Any) -> None:
            do(**what)
            stack.callback(undo)

        dynamodb, s3, sqs, iam = (apply_role(service) for service in ("dynamodb", "s3", "sqs", "iam"))
        change(
            dynamodb.put_resource_policy,
            lambda: root("dynamodb").put_resource_policy(ResourceArn=TABLE_ARN, Policy=of_table),
            ResourceArn=TABLE_ARN, Policy=policy(Action="dynamodb:*", Resource="*"),
        )  # fmt: skip
        change(
            s3.put_bucket_policy,
            lambda: root("s3").put_bucket_policy(Bucket=bucket, Policy=of_bucket),
            Bucket=bucket, Policy=policy(Action="s3:*", Resource=[f"arn:aws:s3:::{bucket}{end}" for end in ("", "/*")]),
        )  # fmt: skip
        change(
            sqs.set_queue_attributes,
            lambda: root("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"Policy": attributes["Policy"]}),
            QueueUrl=queue, Attributes={"Policy": policy(Action="sqs:*", Resource=attributes["QueueArn"])},
        )  # fmt: skip
        change(
            iam.update_assume_role_policy,
            lambda: root("iam").update_assume_role_policy(RoleName=FUNCTION, PolicyDocument=json.dumps(trust)),
            # The account lets in whom its own policies allow it: the root user, for a test, and none of the roles.
            RoleName=FUNCTION,
            PolicyDocument=policy(Action="sts:AssumeRole", Principal={"AWS": [*PRINCIPALS["AWS"], ACCOUNT]}),
        )  # fmt: skip
        for sid, principal in zip(("apply", "plan", "session"), PRINCIPALS["AWS"], strict=True):
            change(
                functions.add_permission,
                lambda sid=sid: root("lambda").remove_permission(FunctionName=FUNCTION, StatementId=sid),
                FunctionName=FUNCTION, StatementId=sid, Action="lambda:InvokeFunction", Principal=principal,
            )  # fmt: skip
        yield kept


def let_in(client: Clients, account: Account, version: str) -> Calls:
    """What those policies allow, and loses nothing that other tests need."""
    dynamodb, sqs, s3 = client("dynamodb"), client("sqs"), client("s3")
    queue, bucket = queue_url(account), failure_bucket(account)
    failure = {"Bucket": bucket, "Key": "fasttrack/x"}
    return {
        "read an item": lambda: dynamodb.get_item(TableName=TABLE, Key=KEY),
        "read items": lambda: dynamodb.batch_get_item(RequestItems={TABLE: {"Keys": [KEY]}}),
        "read all items": lambda: dynamodb.scan(TableName=TABLE),
        "delete an item": lambda: dynamodb.delete_item(TableName=TABLE, Key=KEY),
        "delete items": lambda: dynamodb.batch_write_item(RequestItems={TABLE: [{"DeleteRequest": {"Key": KEY}}]}),
        "let items expire": lambda: dynamodb.update_time_to_live(
            TableName=TABLE, TimeToLiveSpecification={"Enabled": False, "AttributeName": "x"}
        ),
        "receive": lambda: sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0),
        "read a failure": lambda: s3.get_object(**failure),
        "read a failure's version": lambda: s3.get_object(**failure, VersionId=version),
        "delete a failure": lambda: s3.delete_object(**failure),
        "delete a failure's version": lambda: s3.delete_object(**failure, VersionId=version),
        "invoke": lambda: client("lambda").invoke(FunctionName=FUNCTION),
        "become the function": lambda: client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{FUNCTION}", RoleSessionName="test"
        ),
    }


@pytest.mark.parametrize("role", ["plan_role", "apply_role"])
def test_role_that_a_resource_policy_lets_in_is_refused(
    account: Account, opened: str, role: str, request: pytest.FixtureRequest
) -> None:
    """Whatever the apply role writes into the policies of table, bucket, queue, function and role, its limit denies."""
    clients: Any = request.getfixturevalue(role)
    calls = let_in(clients, account, opened) | using(clients, account) | destroying(clients, account)
    assert {name: code for name, code in refused(calls).items() if code not in REFUSED} == {}


def test_role_without_its_limit_is_let_in_by_a_resource_policy(
    account: Account, apply_role: Clients, opened: str
) -> None:
    """Without the Deny, each of those policies is enough: the test above can fail."""
    iam = account.client("iam")
    iam.detach_role_policy(RoleName=APPLY_ROLE, PolicyArn=limit(APPLY_ROLE))
    try:
        answers = refused(let_in(apply_role, account, opened))
    finally:
        iam.attach_role_policy(RoleName=APPLY_ROLE, PolicyArn=limit(APPLY_ROLE))
    assert {name: code for name, code in answers.items() if code != "done"} == {}


def test_session_of_a_function_that_a_resource_policy_lets_in_is_refused(account: Account, opened: str) -> None:
    """A policy that names the session itself goes past what a boundary allows, and not past what it denies."""
    arn = f"arn:aws:iam::{ACCOUNT}:role/{FUNCTION}"
    client = account.session(account.client("sts").assume_role(RoleArn=arn, RoleSessionName="test"))
    answers = refused(let_in(client, account, opened))
    # Within the boundary, because one of the functions needs each of these; their own policies are narrower.
    for needed in ("delete an item", "delete items", "read an item"):
        assert answers.pop(needed) == "done"
    assert {name: code for name, code in answers.items() if code not in REFUSED} == {}


@pytest.fixture
def writes(account: Account) -> Iterator[Callable[[str], None]]:
    """Take a statement out of the apply role's policy for writing; it is put back."""
    iam = account.client("iam")
    role_policy = {"RoleName": APPLY_ROLE, "PolicyName": "write"}
    before = iam.get_role_policy(**role_policy)["PolicyDocument"]

    def without(sid: str) -> None:
        left = [statement for statement in before["Statement"] if statement["Sid"] != sid]
        assert len(left) == len(before["Statement"]) - 1
        iam.put_role_policy(**role_policy, PolicyDocument=json.dumps(before | {"Statement": left}))

    yield without
    iam.put_role_policy(**role_policy, PolicyDocument=json.dumps(before))


def tagging(client: Clients, account: Account) -> Calls:
    """What an apply does with the provider's default tags."""
    gateway = client("apigatewayv2")
    tags = {"Project": "delayer"}
    api = account.client("apigatewayv2").get_apis()["Items"][0]["ApiId"]
    arn = f"arn:aws:apigateway:{REGION}::/apis/{api}"
    return {
        "make an API": lambda: gateway.create_api(Name="tagged", ProtocolType="HTTP", Tags=tags),
        "make a stage": lambda: gateway.create_stage(ApiId=api, StageName="tagged", Tags=tags),
        "tag an API": lambda: gateway.tag_resource(ResourceArn=arn, Tags=tags),
        "untag an API": lambda: gateway.untag_resource(ResourceArn=arn, TagKeys=["Nothing"]),
    }


def test_apply_role_tags_apis_by_its_own_permission(
    account: Account, apply_role: Clients, writes: Callable[[str], None]
) -> None:
    """Whoever creates with tags, tags or untags needs TagResource or UntagResource, which POST doesn't imply."""
    assert set(refused(tagging(apply_role, account)).values()) == {"done"}
    writes("TagApis")
    answers = refused(tagging(apply_role, account))
    assert {name: code for name, code in answers.items() if code not in REFUSED} == {}


def test_apply_role_lets_api_gateway_make_its_role(apply_role: Clients, writes: Callable[[str], None]) -> None:
    """In an account without it, creating an API needs the permission to make API Gateway's service-linked role."""
    calls = {"make an API": lambda: apply_role("apigatewayv2").create_api(Name="more", ProtocolType="HTTP")}
    assert refused(calls) == {"make an API": "done"}
    writes("LetApiGatewayHaveItsRole")
    assert refused(calls)["make an API"] in REFUSED


def scaling(client: Clients) -> Calls:
    """What an apply does about the autoscaling of a table with provisioned capacity."""
    autoscaling = client("application-autoscaling")
    tracking = {
        "TargetValue": 70.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBWriteCapacityUtilization"},
    }
    policy = {"PolicyName": f"{TABLE}-write", **SCALED}
    return {
        "register": lambda: autoscaling.register_scalable_target(
            **SCALED, MinCapacity=10, MaxCapacity=100, Tags={"Project": "delayer"}
        ),
        "put a policy": lambda: autoscaling.put_scaling_policy(
            **policy, PolicyType="TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration=tracking
        ),
        "delete a policy": lambda: autoscaling.delete_scaling_policy(**policy),
        "deregister": lambda: autoscaling.deregister_scalable_target(**SCALED),
    }


def test_apply_role_scales_the_table_by_a_policy_of_its_own(account: Account, apply_role: Clients) -> None:
    """Without it, nothing about autoscaling is allowed; with it, no other service's targets and no other tables."""
    iam = account.client("iam")
    attachment = {
        "RoleName": APPLY_ROLE,
        "PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/terraform-delayer-scale-dev",
    }
    iam.detach_role_policy(**attachment)
    try:
        answers = refused(scaling(apply_role))
    finally:
        iam.attach_role_policy(**attachment)
    assert {name: code for name, code in answers.items() if code not in REFUSED} == {}
    assert set(refused(scaling(apply_role)).values()) == {"done"}
    autoscaling = apply_role("application-autoscaling")
    limits = {"MinCapacity": 1, "MaxCapacity": 1}
    others = {
        "another table": SCALED | {"ResourceId": "table/delayer-prod-schedules"},
        "another service": {
            "ServiceNamespace": "ecs",
            "ResourceId": "service/cluster/name",
            "ScalableDimension": "ecs:service:DesiredCount",
        },
    }
    for name, target in others.items():
        with pytest.raises(ClientError) as error:
            autoscaling.register_scalable_target(**target, **limits)
        assert error_code(error.value) in REFUSED, name


def test_provisioned_table_is_scaled_after_the_first_apply(history: History) -> None:
    """The reads' policy is there, whatever other tests did to that of the writes, and a second plan changes nothing."""
    autoscaling = history.account.client("application-autoscaling")
    found = autoscaling.describe_scaling_policies(ServiceNamespace="dynamodb")["ScalingPolicies"]
    assert "dynamodb:table:ReadCapacityUnits" in {each["ScalableDimension"] for each in found}
    assert "# module.delayer.module.schedule_table" not in history.said["second plan"].stdout
