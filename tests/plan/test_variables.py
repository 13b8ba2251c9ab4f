"""A wrong variable is refused with a sentence that says what is right; environments differ in variables only."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import tftest

from tests.plan.planned import call, delayer, of_type, references
from tools.project import environments

TERRAFORM = Path(__file__).parents[2] / "terraform"

#: Wrong values and what is said of each. Terraform reports all of a plan's wrong variables at once, so each of these
#: rounds is one plan; but it looks no further at a variable that is judged by another one that is wrong.
ROUNDS: list[dict[str, tuple[Any, str]]] = [
    {
        "authorization": ({"type": "NONE"}, "an API open to everyone is not offered"),
        "delayer_period_seconds": (179, "from 180 to 840"),
        "deletion_protection": ("perhaps", "a bool is required"),
        "horizon_days": (0, "whole number of days from 1 to 36500"),
        "log_retention_days": (8, "CloudWatch Logs keeps logs for"),
        "max_lateness_seconds": (59, "whole number of seconds from 60 to 31536000"),
        "parallelization_factor": (0, "whole number from 1 to 10"),
        "region": ("Ireland", "an AWS region's name"),
        "throttling": ({"rate_limit": 0}, "0 would refuse every request"),
    },
    {
        "authorization": ({"type": "JWT"}, "needs an issuer that starts with https://"),
        "delayer_period_seconds": (841, "from 180 to 840"),
        "horizon_days": (1.5, "whole number of days from 1 to 36500"),
        "max_lateness_seconds": (60.5, "or null to deliver everything"),
        "parallelization_factor": (11, "whole number from 1 to 10"),
        "reserved_concurrency": ({"api-schedule-post": 0}, "0 would stop the function"),
    },
    {
        "authorization": ({"issuer": "https://x.example"}, "AWS_IAM has neither"),
        "delayer_period_seconds": (179, "from 180 to 840"),
        "parallelization_factor": (1.5, "whole number from 1 to 10"),
        "mapping_metrics": (False, "with alarms, mapping_metrics must be true"),
        "sweep_workers": (5, "no more than there are shards"),
        "throttling": ({"burst_limit": 1.5}, "the burst a whole number"),
    },
    {
        "delayer_period_seconds": (200.5, "whole number of seconds"),
        "shard_count": (1001, "whole number from 1 to 1000"),
    },
    {"shortest_delayer_period_seconds": (59, "whole number of seconds from 60 to 180")},
    {"shortest_delayer_period_seconds": (181, "whole number of seconds from 60 to 180")},
    {"shortest_delayer_period_seconds": (60.5, "whole number of seconds from 60 to 180")},
    {"reserved_concurrency": ({"api": 1}, "reserved_concurrency names api")},
    {"alarm_topic_arn": ("arn:aws:sns:us-east-1:123456789012:on-call", "in the environment's region")},
    {"shard_count": (1.5, "whole number from 1 to 1000")},
    {"shard_count": (0, "whole number from 1 to 1000")},
    {"reserved_concurrency": ({"task-1minute-enqueuer": 1}, "or a worker's shards would not be swept")},
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
    """What Terraform says of each round's variables, without its line drawing."""
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
def test_a_wrong_variable_is_refused_with_its_sentence(refusals: list[str], number: int, name: str) -> None:
    """The plan fails, names the variable and says what it must be."""
    errors = [error for error in refusals[number].split("Error: ") if f"var.{name}" in error or f'"{name}"' in error]
    assert ROUNDS[number][name][1] in " ".join(errors)


def test_a_greatest_lateness_reaches_the_fast_track(make_plan: Any) -> None:
    """The smallest one is allowed, and the function's settings refer to it.

    What they are is known after an apply: the end-to-end tests see that without one the variable isn't set at all.
    """
    plan = make_plan("dev", max_lateness_seconds="60")
    settings = call(plan, "stream_dynamodb_fasttrack_enqueuer")["environment_variables"]
    assert "var.max_lateness_seconds" in references(settings)


def test_a_missing_package_is_refused_with_what_to_do(terraform: Any) -> None:
    """A plan without the zips says to run make package."""
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


def test_everything_is_tagged_with_its_environment(plan: Any, environment: str) -> None:
    """What belongs to the delayer, and to which environment, can be told from its tags."""
    tagged = [change["change"]["after"].get("tags_all") for change in plan.resource_changes.values()]
    assert {json.dumps(tags, sort_keys=True) for tags in tagged if tags} == {
        json.dumps({"Environment": environment, "Project": "delayer"}, sort_keys=True)
    }


def test_a_plan_names_no_commit_and_no_folder_of_this_machine(plan: Any) -> None:
    """The same code gives the same plan wherever it is checked out."""
    text = json.dumps([change["change"]["after"] for change in plan.resource_changes.values()])
    assert str(TERRAFORM.parent) not in text


def test_the_root_outputs_what_tools_and_consumers_need(plan: Any) -> None:
    """The outputs by which the environment is used."""
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
def test_an_output_is_its_resources_attribute(plan: Any, output: str, module: str, attribute: str) -> None:
    """Each comes from the resource itself, through its module's output."""
    root, composition = plan.configuration["root_module"], delayer(plan)
    name, outputs = module.split(".")
    assert references(root["outputs"][output]["expression"])[0] == f"module.delayer.{output}"
    assert references(composition["outputs"][output]["expression"])[1] == f"module.{module}"
    inside = composition["module_calls"][name]["module"]["outputs"][outputs]["expression"]
    assert attribute in references(inside)


def test_the_region_is_an_output(plan: Any) -> None:
    """Who uses an environment learns its region without reading its tfvars."""
    regions = {plan.outputs["aws_region"]}
    assert regions in ({"eu-west-1"}, {"us-east-1"})


def test_no_url_is_taken_apart() -> None:
    """What a URL holds is an output: no Terraform splits one."""
    cut = re.compile(r"\b(split|regex|trimprefix|trimsuffix|replace)\(.*url\b")
    found = {
        line.strip() for path in TERRAFORM.rglob("*.tf") for line in path.read_text().splitlines() if cut.search(line)
    }
    # The slash at the end of the provider's invoke URL.
    assert found == {'value       = trimsuffix(aws_apigatewayv2_stage.this.invoke_url, "/")'}


def test_no_condition_depends_on_the_environments_name() -> None:
    """The name is part of names and tags, and is checked itself; everything else has a variable with a reason."""
    used = {
        line.strip()
        for path in TERRAFORM.rglob("*.tf")
        for line in path.read_text().splitlines()
        if re.search(r"\bvar\.environment\b", line)
    }
    assert used == {
        'name = "delayer-${var.environment}"',
        "environment                     = var.environment",
        "Environment = var.environment",
        'condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.environment))',
    }


def declared_types(folder: Path) -> dict[str, str]:
    """Return each declared variable's type, without white space and the defaults of optional attributes."""
    text = (folder / "variables.tf").read_text()
    types = {}
    for name, body in re.findall(r'^variable "(\w+)" \{$(.*?)^\}$', text, re.MULTILINE | re.DOTALL):
        written = re.split(r"\n  (?:default|nullable|validation)\b", body.split(" type", 1)[1])[0]
        types[name] = re.sub(r",[^,()]+\)(?=[,}\w])", ")", re.sub(r"\s+", "", written).lstrip("="))
    return types


def test_root_passes_every_variable_on(plan: Any) -> None:
    """The root has each of the module's variables, of the same type, and passes it on under the same name."""
    root, module = declared_types(TERRAFORM), declared_types(TERRAFORM / "modules" / "delayer")
    given = plan.configuration["root_module"]["module_calls"]["delayer"]["expressions"]
    shared = set(module) - {"package_folder", "permissions_boundary_arn"}
    assert set(given) == set(module)
    assert {name: references(given[name]) for name in shared} == {name: [f"var.{name}"] for name in shared}
    assert set(root) - shared == {"account_id", "permissions_boundary", "region"}
    assert {name: root[name] for name in shared} == {name: module[name] for name in shared}


def test_the_shortest_delayer_period_lowers_the_limit(make_plan: Any) -> None:
    """An environment that says so may have a shorter period than two ticks can be apart."""
    plan = make_plan("dev", shortest_delayer_period_seconds="90", delayer_period_seconds="90")
    assert plan.resource_changes
    with pytest.raises(tftest.TerraformTestError) as refused:
        make_plan("dev", shortest_delayer_period_seconds="90", delayer_period_seconds="89")
    assert "from 90 to 840" in " ".join(re.sub(r"[│╷╵]", " ", refused.value.cmd_error).split())


def test_each_environment_has_a_state_of_its_own() -> None:
    """Every environment but local has a backend with a lock, encrypted, and no two share a bucket and key."""
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


def test_the_provider_is_locked_for_every_platform() -> None:
    """The lock file has one exact version, and a published hash for each of the provider's platforms."""
    lock = (TERRAFORM / ".terraform.lock.hcl").read_text()
    assert re.findall(r'^\s*version\s*=\s*"(.+)"', lock, re.MULTILINE) == ["5.100.0"]
    assert len(re.findall(r'"zh:[0-9a-f]{64}"', lock)) == 15
    assert len(re.findall(r'"h1:[^"]{44}"', lock)) >= 1


def region_patterns() -> list[str]:
    """Return the pattern of every validation of a region, in all roots and modules."""
    texts = (path.read_text() for path in TERRAFORM.rglob("*.tf"))
    return [pattern for text in texts for pattern in re.findall(r'regex\("([^"]+)", (?:var\.)?region\)', text)]


def test_regions_of_all_partitions_are_accepted_everywhere() -> None:
    """Every root judges a region by one pattern, which knows no partition by its name."""
    patterns = region_patterns()
    assert len(patterns) >= 3
    (pattern,) = set(patterns)
    assert [region for region in REGIONS if not re.search(pattern, region)] == []
    # In Terraform, $ is the end of the text.
    assert [name for name in NO_REGIONS if re.search(pattern.replace("$", r"\Z"), name)] == []


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-eusc", "aws-iso-b", "aws-us-gov", "aws-later-one"])
def test_alarm_topic_of_any_partition_is_accepted(partition: str) -> None:
    """The pattern of a topic's ARN knows no partition by its name."""
    declared = (TERRAFORM / "modules" / "monitoring" / "variables.tf").read_text()
    (pattern,) = re.findall(r'regex\("([^"]+:sns:[^"]+)"', declared)
    arn = f"arn:{partition}:sns:eusc-de-east-1:123456789012:on-call"
    assert re.search(pattern.replace("${var.region}", "eusc-de-east-1"), arn)


@pytest.mark.parametrize(
    ("region", "partition", "topic"),
    [
        ("us-isob-east-1", "aws-iso-b", "arn:aws-iso-b:sns:us-isob-east-1:123456789012:on-call"),
        # Provider 5.100.0 takes no ARN with a region of the European Sovereign Cloud.
        ("eusc-de-east-1", "aws-eusc", None),
    ],
)
def test_environment_in_another_partition_has_its_arns(
    make_plan: Any, region: str, partition: str, topic: str | None
) -> None:
    """Region and alarm topic are accepted, and no planned ARN is of the commercial partition."""
    plan = make_plan("dev", region=json.dumps(region), alarm_topic_arn=json.dumps(topic))
    boundaries = {values["permissions_boundary"] for values in of_type(plan, "aws_iam_role").values()}
    assert boundaries == {f"arn:{partition}:iam::111122223333:policy/terraform-delayer-boundary-dev"}
    assert "arn:aws:" not in json.dumps(plan.resource_changes)
