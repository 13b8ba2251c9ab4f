"""What make environments shows: where the environments differ, and why."""

import io
import json
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from tests.support.fake_terraform import FakeTerraform
from tools.deploy import environments as differences
from tools.deploy.environments import compare, read_differences, read_reasons, read_values, show
from tools.deploy.tfvars import variable_files
from tools.project import CONFIGURATION, CommandError, deployed_environments, environments


class TestReasons:
    """A reason is the comment above a variable."""

    def test_comment(self) -> None:
        """A comment holds for what follows it, up to the next comment or blank line; its lines are joined."""
        text = "# for\n# both\na = 1\nb   = 2\n# for one\nc = {\n  x = 1\n}\n\nd = 4\n"
        assert read_reasons(text) == {"a": "for both", "b": "for both", "c": "for one", "d": ""}

    @pytest.mark.parametrize("environment", deployed_environments())
    def test_every_difference_has_one(self, environment: str) -> None:
        """What an environment sets otherwise than another does has a reason in its file."""
        missing = [
            name
            for name, cells in read_differences(deployed_environments()).items()
            if cells[environment][1] == "NO REASON GIVEN"
        ]
        assert missing == []

    def test_no_environment_is_left_out(self) -> None:
        """Each environment of the project's list has a file, and there is no other file."""
        assert {path.stem for path in (CONFIGURATION / "environments").glob("*.tfvars")} == set(environments())


class TestValues:
    """Values are what Terraform makes of the files."""

    def test_defaults(self) -> None:
        """A variable that a file doesn't set has its default, in objects too."""
        values = read_values("local")
        assert (values["environment"], values["shard_count"], values["max_lateness_seconds"]) == ("local", 16, None)
        assert values["throttling"] == {"burst_limit": 1000, "rate_limit": 500}

    def test_the_callers_own_variables_take_no_part(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What the shell sets for Terraform is no environment's."""
        monkeypatch.setenv("TF_VAR_horizon_days", "7")
        assert read_values("prod")["horizon_days"] == 3653

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("shard_count = 0", "whole number from 1 to 1000"),
            ("shard_count = {", r"environments/dev\.tfvars:\n(?s:.)*Error: "),
        ],
    )
    def test_refused(self, tmp_path: Path, text: str, said: str) -> None:
        """A file that Terraform refuses is named, with what it says."""
        shutil.copytree(CONFIGURATION / "environments", tmp_path / "environments")
        for path in variable_files(CONFIGURATION):
            shutil.copy2(path, tmp_path)
        tfvars = tmp_path / "environments" / "dev.tfvars"
        tfvars.write_text(tfvars.read_text().replace("shard_count = 4\n", f"{text}\n"))
        with pytest.raises(CommandError, match=said):
            read_values("dev", tmp_path)

    def test_terraforms_own_escapes(self, tmp_path: Path) -> None:
        """What Terraform quotes in a text is the text again."""
        (tmp_path / "environments").mkdir()
        (tmp_path / "modules" / "delayer").mkdir(parents=True)
        (tmp_path / "modules" / "delayer" / "variables.tf").write_text('variable "package_folder" {}\n')
        (tmp_path / "variables.tf").write_text('variable "a" {\n}\n')
        (tmp_path / "environments" / "dev.tfvars").write_text('a = "$${x} %%{y} <\\"ü\\">"\n')
        assert read_values("dev", tmp_path) == {"a": '${x} %{y} <"ü">'}


def test_wrong_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt variable is not shown as the default that it leaves in force."""

    def refuse(name: str) -> None:
        raise CommandError(f"{name}: wrong")

    monkeypatch.setattr(differences, "check_files", refuse)
    with pytest.raises(CommandError, match=r"^dev: wrong$"):
        read_differences(deployed_environments())


def test_too_old_terraform_is_refused(fake_terraform: FakeTerraform) -> None:
    """A Terraform that the configuration refuses is one sentence here as well, before it is asked for values."""
    found = {
        "summary": "Unsupported Terraform Core version",
        "snippet": {"code": '  required_version = ">= 1.11.0, < 2.0.0"'},
        "detail": "This configuration does not support Terraform version 1.9.8. To proceed, either choose another",
    }
    fake_terraform.says("validate", json.dumps({"diagnostics": [found]}))
    with pytest.raises(CommandError, match=r"^this is Terraform 1\.9\.8, and >= 1\.11\.0, < 2\.0\.0 is needed: "):
        read_differences(deployed_environments())
    assert fake_terraform.calls("console") == []


class TestComparison:
    """What is the same everywhere is not shown."""

    def test_only_what_differs(self) -> None:
        """Equal values are left out, whatever their comments, and so is the name."""
        values = {
            "a": {"environment": "a", "x": 1, "y": {"p": 1, "q": 2}, "z": 1},
            "b": {"environment": "b", "x": 2, "y": {"q": 2, "p": 1}, "z": 2},
        }
        reasons = {"a": {"x": "so", "z": "so"}, "b": {"y": "why", "z": ""}}
        assert compare(values, reasons) == {
            "x": {"a": ("1", "so"), "b": ("2", "the default")},
            "z": {"a": ("1", "so"), "b": ("2", "NO REASON GIVEN")},
        }

    def test_markdown(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A pipe gets a row for each variable, with value and reason, and what would break the table is escaped."""
        differences = {"x": {"a": ("1", "so | so"), "b": ("2", "the default")}}
        show(differences, ["a", "b"], Console(file=io.StringIO()))
        assert capsys.readouterr().out.splitlines() == [
            "| variable | a | b |",
            "|---|---|---|",
            r"| `x` | `1`<br>so \| so | `2`<br>the default |",
        ]

    def test_terminal(self) -> None:
        """A terminal gets a table; what looks like its markup is shown as it is."""
        console = Console(file=io.StringIO(), force_terminal=True, width=80)
        show({"x": {"a": ('["red"]', "so [bold]"), "b": ("2", "the default")}}, ["a", "b"], console)
        assert isinstance(console.file, io.StringIO)
        printed = console.file.getvalue()
        assert '["red"]' in printed
        assert "so [bold]" in printed
