"""Wrong values are refused with a sentence, and environments differ only in variables."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import tftest

from tests.plan.planned import call, delayer, of_type, references
from tools.deploy.tfvars import declared_variables
from tools.project import environments, functions

TERRAFORM = Path(__file__).parents[2] / "terraform"

#: Valid, to be spoilt in one place.
CAPACITY = {"read": {"least": 5, "most": 50}, "write": {"least": 10, "most": 100}}

#: Wrong values and a part of each error. Terraform reports all wrong variables of a plan, so each round is one plan.
#: It skips the validations of a variable that refer to another wrong variable.
ROUNDS: list[dict[str, tuple[Any, str]]] = [
    {
        "authorization": ({"type": "NONE"}, "an API that is open to everyone is not offered"),
        "delayer_period_seconds": (179, "from 180 to 840"),
        "deletion_protection": ("perhaps", "a bool is required"),
        "horizon_days": (0, "whole number of days from 1 to 36500"),
        "log_retention_days": (8, "CloudWatch Logs keeps logs for"),
        "max_lateness_seconds": (59, "whole number of seconds from 60 to 31536000"),
        "parallelization_factor": (0, "whole number from 1 to 10"),
        "region": ("Ireland", "the name of an AWS region"),
        "table_capacity": (CAPACITY | {"write": {"least": 100, "most": 99}}, "the most must not be below the least"),
        "throttling": ({"rate_limit": 0}, "0 would refuse every request"),
    },
    {
        "authorization": ({"type": "JWT"}, "needs an issuer that starts with https://"),
        "delayer_period_seconds": (841, "from 180 to 840"),
        "horizon_days": (1.5, "whole number of days from 1 to 36500"),
        "max_lateness_seconds": (60.5, "or null to deliver everything"),
        "parallelization_factor": (11, "whole number from 1 to 10"),
        "reserved_concurrency": ({"api-schedule-post": 0}, "with 0 the function would never run"),
        "table_capacity": (CAPACITY | {"read": {"least": 0, "most": 9}}, "whole numbers of at least 1"),
    },
    {
        "authorization": ({"issuer": "https://x.example"}, "An issuer, audiences and scopes are for JWT authorization"),
        "delayer_period_seconds": (179, "from 180 to 840"),
        "parallelization_factor": (1.5, "whole number from 1 to 10"),
        "mapping_metrics": (False, "set mapping_metrics to true, or alarms to false"),
        "sweep_workers": (5, "at most shard_count"),
        "table_capacity": (CAPACITY | {"target_percent": 91}, "whole number of percent from 20 to 90"),
        "throttling": ({"burst_limit": 1.5}, "the burst a whole number"),
    },
    {
        "delayer_period_seconds": (200.5, "whole number of seconds"),
        "table_capacity": (CAPACITY | {"target_percent": 19}, "whole number of percent from 20 to 90"),
        "shard_count": (1001, "whole number from 1 to 1000"),
    },
    {
        "shortest_delayer_period_seconds": (59, "whole number of seconds from 60 to 180"),
        "table_capacity": (CAPACITY | {"read": {"least": 1.5, "most": 9}}, "whole numbers of at least 1"),
    },
    {
        "shortest_delayer_period_seconds": (181, "whole number of seconds from 60 to 180"),
        "table_capacity": ({"read": CAPACITY["read"]}, 'attribute "write" is required'),
    },
    {"shortest_delayer_period_seconds": (60.5, "whole number of seconds from 60 to 180")},
    {"shard_count": (1.5, "whole number from 1 to 1000")},
    {"shard_count": (0, "whole number from 1 to 1000")},
    {
        "reserved_concurrency": (
            {"api": 1},
            "names a function that does not exist: api. Concurrency can be reserved for",
        )
    },
    {"reserved_concurrency": ({"task-1minute-enqueuer": 1}, "or the shards of some workers would not be swept")},
    {"environment": ("Prod", "lower-case letters and digits")},
    {"environment": ("averylongname", "2 to 12")},
]


#: A region of every partition that AWS's SDKs know, and names that a later partition could have.
REGIONS = [
    "ap-southeast-2", "cn-north-1", "eu-isoe-west-1", "eu-west-1", "eusc-de-east-1", "us-gov-west-1", "us-iso-east-1",
    "us-isob-east-1", "us-isof-south-1", "abcdef-gh-north-12",
]  # fmt: skip

#: A place, a region without its number, an availability zone, and other slips.
NO_REGIONS = ["Ireland", "eu-west", "eu-west-1a", "EU-WEST-1", "eu_west_1", "west-1", "eu-west-1\n", ""]


@pytest.fixture(scope="session")
def refusals(make_plan: Any) -> list[str]:
    """Return Terraform's errors for each round of variables, without its line drawing."""
    said = []
    for variables in ROUNDS:
        values = {"sweep_workers": 2} | {name: value for name, (value, _) in variables.items()}
        with pytest.raises(tftest.TerraformTestError) as refused:
            make_plan("dev", **{name: json.dumps(value) for name, value in values.items()})
        said.append(" ".join(re.sub(r"[│╷╵]", " ", refused.value.cmd_error).split()))
    return said


@pytest.mark.parametrize(
    ("number", "name"), [(number, name) for number, variables in enumerate(ROUNDS) for name in variables]
)
def test_wrong_value_is_refused_with_its_sentence(refusals: list[str], number: int, name: str) -> None:
    """The plan fails, and the error has the name of the variable and the valid values."""
    errors = [error for error in refusals[number].split("Error: ") if f"var.{name}" in error or f'"{name}"' in error]
    assert ROUNDS[number][name][1] in " ".join(errors)


def test_max_lateness_reaches_the_fast_track(make_plan: Any) -> None:
    """The smallest value is allowed, and the function's settings refer to the variable.

    The settings' values are known only after an apply: the end-to-end tests cover the absent variable.
    """
    plan = make_plan("dev", max_lateness_seconds="60")
    settings = call(plan, "stream_dynamodb_fasttrack_enqueuer")["environment_variables"]
    assert "var.max_lateness_seconds" in references(settings)


def test_missing_package_is_refused_with_the_remedy(terraform: Any) -> None:
    """A plan without the zips fails with the advice to run make package."""
    packages = Path(terraform.tfdir).parent / "build" / "dist"
    zip_file = packages / "task-1minute-enqueuer.zip"
    content = zip_file.read_bytes()
    zip_file.unlink()
    try:
        with pytest.raises(tftest.TerraformTestError) as refused:
            terraform.plan(tf_var_file="environments/dev.tfvars")
    finally:
        zip_file.write_bytes(content)
    assert "run make package first" in " ".join(re.sub(r"[│╷╵]", " ", refused.value.cmd_error).split())


def test_resources_are_tagged_with_project_and_environment(plan: Any, environment: str) -> None:
    """Every resource that has tags has exactly these two."""
    tagged = [change["change"]["after"].get("tags_all") for change in plan.resource_changes.values()]
    assert {json.dumps(tags, sort_keys=True) for tags in tagged if tags} == {
        json.dumps({"Environment": environment, "Project": "delayer"}, sort_keys=True)
    }


def test_plan_has_no_local_path(plan: Any) -> None:
    """The same code gives the same plan in every checkout."""
    text = json.dumps([change["change"]["after"] for change in plan.resource_changes.values()])
    assert str(TERRAFORM.parent) not in text


def test_root_has_the_outputs_of_tools_and_consumers(plan: Any) -> None:
    """`make outputs` shows these."""
    assert set(plan.configuration["root_module"]["outputs"]) == {
        "api_execution_arn", "api_id", "api_url", "aws_region", "delayer_dead_letter_queue_arn",
        "delayer_dead_letter_queue_url", "delayer_queue_arn", "delayer_queue_url", "failure_bucket_arn",
        "failure_bucket_name", "function_arns", "function_names", "log_group_names", "sweep_workers", "table_arn",
        "table_name", "table_stream_arn",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("output", "module", "attribute"),
    [
        ("api_execution_arn", "http_api.api", "aws_apigatewayv2_api.this.execution_arn"),
        ("api_id", "http_api.api", "aws_apigatewayv2_api.this.id"),
        ("delayer_dead_letter_queue_arn", "delayer_queue.dead_letter_queue", "aws_sqs_queue.dead_letter.arn"),
        ("delayer_queue_arn", "delayer_queue.queue", "aws_sqs_queue.delayer.arn"),
    ],
)
def test_output_is_its_resources_attribute(plan: Any, output: str, module: str, attribute: str) -> None:
    """Each comes from the resource itself, through the outputs of the modules."""
    outer = plan.configuration["root_module"]["outputs"][output]["expression"]
    assert references(outer)[0] == f"module.delayer.{output}"
    assert references(delayer(plan)["outputs"][output]["expression"])[1] == f"module.{module}"
    name, outputs = module.split(".")
    inside = delayer(plan)["module_calls"][name]["module"]["outputs"][outputs]["expression"]
    assert attribute in references(inside)


def test_region_is_an_output(plan: Any) -> None:
    """A user of an environment gets its region without reading its tfvars."""
    regions = {plan.outputs["aws_region"]}
    assert regions in ({"eu-west-1"}, {"us-east-1"})


def test_no_url_is_split() -> None:
    """Every part of a URL that is needed is an attribute of a resource."""
    cut = re.compile(r"\b(split|regex|trimprefix|trimsuffix|replace)\(.*url\b")
    found = {
        line.strip() for path in TERRAFORM.rglob("*.tf") for line in path.read_text().splitlines() if cut.search(line)
    }
    # The slash at the end of the provider's invoke URL.
    assert found == {'value       = trimsuffix(aws_apigatewayv2_stage.this.invoke_url, "/")'}


def test_no_condition_depends_on_the_environment_name() -> None:
    """The name is part of names and tags, and is validated. Every other difference is a variable with a reason."""
    used = {
        line.strip()
        for path in TERRAFORM.rglob("*.tf")
        for line in path.read_text().splitlines()
        if re.search(r"\bvar\.environment\b", line)
    }
    assert used == {
        'name = "delayer-${var.environment}"',
        "Environment = var.environment",
        'condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.environment))',
        # The root passes it to the module.
        "environment                     = var.environment",
    }


def test_shortest_delayer_period_lowers_the_limit(make_plan: Any) -> None:
    """With it an environment may have a period shorter than the time between two ticks."""
    plan = make_plan("dev", shortest_delayer_period_seconds="90", delayer_period_seconds="90")
    assert plan.resource_changes
    with pytest.raises(tftest.TerraformTestError) as refused:
        make_plan("dev", shortest_delayer_period_seconds="90", delayer_period_seconds="89")
    assert "from 90 to 840" in " ".join(re.sub(r"[│╷╵]", " ", refused.value.cmd_error).split())


def test_each_environment_has_its_own_state() -> None:
    """Every environment except local has an encrypted backend with a lock, and no two share a bucket and key."""
    states = set()
    for name in environments():
        path = TERRAFORM / "environments" / f"{name}.s3.tfbackend"
        if name == "local":
            assert not path.exists()
            continue
        backend = dict(re.findall(r'^(\w+)\s*=\s*"?([^"\n]+)"?$', path.read_text(), re.MULTILINE))
        assert backend["use_lockfile"] == backend["encrypt"] == "true"
        states.add((backend["bucket"], backend["key"]))
    assert len(states) == len(environments()) - 1


def test_provider_is_locked_for_every_platform() -> None:
    """The lock file has one exact version, and a published hash for each platform of the provider."""
    lock = (TERRAFORM / ".terraform.lock.hcl").read_text()
    assert re.findall(r'^\s*version\s*=\s*"(.+)"', lock, re.MULTILINE) == ["5.100.0"]
    assert len(re.findall(r'"zh:[0-9a-f]{64}"', lock)) == 15
    assert len(re.findall(r'"h1:[^"]{44}"', lock)) >= 1


def region_patterns() -> list[str]:
    """Return the pattern of every validation of a region, in all roots and modules."""
    texts = (path.read_text() for path in TERRAFORM.rglob("*.tf"))
    return [pattern for text in texts for pattern in re.findall(r'regex\("([^"]+)", (?:var\.)?region\)', text)]


def test_regions_of_all_partitions_are_accepted() -> None:
    """Every root uses one pattern for regions, which has no list of partitions."""
    patterns = region_patterns()
    assert len(patterns) >= 3
    (pattern,) = set(patterns)
    assert [region for region in REGIONS if not re.search(pattern, region)] == []
    # In Terraform, $ is the end of the text.
    assert [name for name in NO_REGIONS if re.search(pattern.replace("$", r"\Z"), name)] == []


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-eusc", "aws-iso-b", "aws-us-gov", "aws-later-one"])
def test_alarm_topic_of_any_partition_is_accepted(partition: str) -> None:
    """The pattern of a topic's ARN has no list of partitions."""
    (pattern,) = re.findall(r'regex\("([^"]+:sns:[^"]+)"', (TERRAFORM / "settings.tf").read_text())
    arn = f"arn:{partition}:sns:eusc-de-east-1:123456789012:on-call"
    assert re.search(pattern.replace("${local.region}", "eusc-de-east-1"), arn)


@pytest.mark.parametrize(
    ("region", "partition", "topic"),
    [
        ("us-isob-east-1", "aws-iso-b", "arn:aws-iso-b:sns:us-isob-east-1:123456789012:on-call"),
        # Provider 5.100.0 refuses ARNs with a region of the European Sovereign Cloud.
        ("eusc-de-east-1", "aws-eusc", None),
    ],
)
def test_environment_in_another_partition_has_its_arns(
    make_plan: Any, region: str, partition: str, topic: str | None
) -> None:
    """Region and alarm topic are accepted, and no planned ARN has the commercial partition."""
    plan = make_plan("dev", region=json.dumps(region), alarm_topic_arn=json.dumps(topic))
    boundaries = {values["permissions_boundary"] for values in of_type(plan, "aws_iam_role").values()}
    assert boundaries == {f"arn:{partition}:iam::111122223333:policy/terraform-delayer-boundary-dev"}
    assert "arn:aws:" not in json.dumps(plan.resource_changes)


def test_root_passes_every_variable_to_the_module(plan: Any) -> None:
    """The root declares the module's variables by a link to their file, and passes each unchanged."""
    assert (TERRAFORM / "settings.tf").resolve() == TERRAFORM / "modules" / "delayer" / "variables.tf"
    passed = plan.configuration["root_module"]["module_calls"]["delayer"]["expressions"]
    own = {name: passed.pop(name) for name in ("package_folder", "permissions_boundary_arn")}
    assert "var.permissions_boundary" in references(own["permissions_boundary_arn"])
    assert {name: references(value) for name, value in passed.items()} == {
        name: [f"var.{name}"] for name in declared_variables(TERRAFORM / "modules" / "delayer") if name not in own
    }


def test_functions_are_those_of_pyproject(plan: Any) -> None:
    """Terraform has its own map of the functions, from which it derives alarms, dashboard, routes and outputs."""
    assert set(plan.outputs["function_names"]) == set(functions())
