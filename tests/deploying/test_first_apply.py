"""The first apply of dev, as the role for it, with its state in S3."""

from __future__ import annotations

import json
import subprocess
import time

from tests.deploying.conftest import BUCKET, History
from tests.support.http_events import body_text, http_event, iam_caller
from tools.terraform import terraform_command

ROLE = "delayer-dev-api-schedule-post"


def test_the_apply_role_can_apply(history: History) -> None:
    """Planned and applied with nothing but the role's permissions, each call judged by them."""
    assert "Apply complete!" in history.said["apply"].stdout


def test_the_state_is_in_s3_and_unlocked(history: History) -> None:
    """The environment's state is an object of the bucket, and the lock is gone."""
    objects = history.account.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    assert {each["Key"] for each in objects} == {"bootstrap/delayer.tfstate", "delayer/dev.tfstate"}


def test_the_plan_role_can_plan_and_finds_no_change(history: History) -> None:
    """A plan with reads alone is made, without the lock, and is empty.

    But for what the embedded AWS doesn't keep, which the local environment does without: most settings of an alarm, and
    that the stream mapping has metrics.
    """
    checkout = history.account.checkout
    command = [*terraform_command(), "-chdir=build/work/dev/terraform", "show", "-json", "../../../plans/dev.tfplan"]
    shown = subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True)  # noqa: S603 -- our own
    changes = [each for each in json.loads(shown.stdout)["resource_changes"] if each["change"]["actions"] != ["no-op"]]
    assert all(each["change"]["actions"] == ["update"] for each in changes)
    others = [each for each in changes if each["type"] != "aws_cloudwatch_metric_alarm"]
    assert [(each["type"], differing(each["change"])) for each in others] == [
        ("aws_lambda_event_source_mapping", {"metrics_config"})
    ]


def differing(change: dict[str, dict[str, object]]) -> set[str]:
    """The attributes that a change gives another value."""
    before, after = change["before"], change["after"]
    return {name for name in before | after if before.get(name) != after.get(name)}


def test_a_function_works_within_its_boundary(history: History) -> None:
    """Its role carries the boundary that the bootstrap made, and it can store a schedule."""
    account = history.account
    role = account.client("iam").get_role(RoleName=ROLE)["Role"]
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"].endswith(":policy/terraform-delayer-boundary-dev")
    due = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86_400))
    event = http_event(body_text(due, {"order": 1}), caller=iam_caller("arn:aws:iam::111122223333:user/orders"))
    answer = account.client("lambda").invoke(FunctionName=ROLE, Payload=json.dumps(event))
    assert json.loads(answer["Payload"].read())["statusCode"] == 201
