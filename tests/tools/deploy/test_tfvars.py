"""An environment's files are refused where Terraform would take a mistake, with the line and what to do."""

import shutil
from pathlib import Path

import pytest

from tests.support.fake_terraform import FakeTerraform
from tools.deploy.tfvars import check_files, check_version, variable_files
from tools.project import CONFIGURATION, CommandError, environments


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """A copy of the variables and the environments' files, to be changed."""
    shutil.copytree(CONFIGURATION / "environments", tmp_path / "environments")
    for path in (*variable_files(CONFIGURATION), CONFIGURATION / "versions.tf"):
        shutil.copy2(path, tmp_path)
    return tmp_path


def replace(configuration: Path, name: str, text: str, by: str) -> int:
    """Change a file's one place that has a text, and return its line."""
    path = configuration / "environments" / name
    before, found, after = path.read_text().partition(text)
    assert found
    assert text not in after
    path.write_text(before + by + after)
    return before.count("\n") + 1


@pytest.mark.parametrize("environment", environments())
def test_own_files_pass(environment: str) -> None:
    """Every environment's files are as they should be."""
    check_files(environment)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("shardcount", r"did you mean shard_count\?"),
        ("log_retention", r"did you mean log_retention_days\?"),
        ("deletionProtection", r"did you mean deletion_protection\?"),
        ("colour", "remove it"),
    ],
)
def test_unknown_variable_is_named_with_its_line(configuration: Path, name: str, advice: str) -> None:
    """A misspelt variable names its file, its line and the nearest variable, where one is near."""
    line = replace(configuration, "dev.tfvars", "shard_count = 4\n", f"{name} = 4\n")
    with pytest.raises(
        CommandError,
        match=rf"^terraform/environments/dev\.tfvars, line {line}: there is no variable {name}: {advice}$",
    ):
        check_files("dev", configuration)


def test_every_unknown_variable_is_named(configuration: Path) -> None:
    """All of them are a line each, in order: Terraform's own warning names two."""
    path = configuration / "environments" / "dev.tfvars"
    first = len(path.read_text().splitlines()) + 1
    path.write_text(path.read_text() + "a1 = 1\nb2 = 2\nc3 = 3\nd4 = 4\n")
    with pytest.raises(CommandError) as refused:
        check_files("dev", configuration)
    lines = str(refused.value).splitlines()
    assert [line.split(": ")[0].rpartition(" ")[2] for line in lines] == [str(first + n) for n in range(4)]
    assert [line.split(": ")[1].rpartition(" ")[2] for line in lines] == ["a1", "b2", "c3", "d4"]


def test_only_settings_count(configuration: Path) -> None:
    """Comments, lists, objects and texts of several lines may hold anything."""
    path = configuration / "environments" / "dev.tfvars"
    further = """
/* shardcount = 1
environment = "prod" */
// shardcount = 1
authorization = {
  type      = "JWT"
  issuer    = "https://issuer.example"
  audiences = [
    "environment",
  ]
}
permissions_boundary = <<-EOT
  shardcount  = 4
  environment = "prod"
EOT
"""
    before = path.read_text()
    path.write_text("\n".join(line for line in before.splitlines() if "permissions_boundary" not in line) + further)
    check_files("dev", configuration)


def test_another_environments_name_is_refused(configuration: Path) -> None:
    """A file that was copied says which line makes it another environment's."""
    line = replace(configuration, "dev.tfvars", 'environment = "dev"', 'environment = "prod"')
    with pytest.raises(
        CommandError,
        match=rf'^terraform/environments/dev\.tfvars, line {line}: environment is "prod", and this file is for dev: '
        r'set it to "dev"$',
    ):
        check_files("dev", configuration)


def test_another_environments_state_is_refused(configuration: Path) -> None:
    """A backend file whose key is another environment's would plan against, and change, that one's state."""
    line = replace(configuration, "dev.s3.tfbackend", "delayer/dev.tfstate", "delayer/prod.tfstate")
    with pytest.raises(
        CommandError,
        match=rf'^terraform/environments/dev\.s3\.tfbackend, line {line}: key is "delayer/prod\.tfstate", and this '
        r'file is for dev: set it to "delayer/dev\.tfstate"$',
    ):
        check_files("dev", configuration)


def test_too_old_terraform_is_refused(configuration: Path) -> None:
    """The configuration's own requirement is met, and no other would be."""
    (configuration / "versions.tf").write_text('terraform {\n  required_version = ">= 9.0.0"\n}\n')
    check_version(CONFIGURATION)
    with pytest.raises(CommandError, match=r"^this is Terraform 1\.\S+, and >= 9\.0\.0 is needed: "):
        check_version(configuration)


@pytest.mark.parametrize("text", ["shard_count = {", "shard_count = 4\nshard_count = 5", 'x "y" {}'])
def test_what_terraform_refuses_is_left_to_it(configuration: Path, text: str) -> None:
    """A file that is no list of settings, or sets one twice, has Terraform's own error later."""
    replace(configuration, "dev.tfvars", "shard_count = 4\n", f"{text}\n")
    check_files("dev", configuration)


def test_terraform_that_answers_nothing_is_no_pass(fake_terraform: FakeTerraform) -> None:
    """Where the files could not be judged, nothing goes on."""
    fake_terraform.says("validate", "")
    with pytest.raises(CommandError, match=r"^terraform validate failed"):
        check_files("dev")
