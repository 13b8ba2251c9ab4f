"""A command finds the environment that ENV names, or refuses it in one sentence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tools.local.stack import Stack
from tools.operate import environment as environments
from tools.operate.environment import find_environment
from tools.project import CommandError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.fake_terraform import FakeTerraform


class TestFind:
    """ENV names the local stack or an environment in AWS."""

    @pytest.mark.parametrize(
        ("name", "said"), [("", "no environment is named"), ("nope", "there is no environment 'nope'")]
    )
    def test_unknown_name_is_refused(self, name: str, said: str) -> None:
        """The sentence lists the environments that exist."""
        with pytest.raises(CommandError, match=rf"^{said}: give ENV= one of dev, staging, prod, local$"):
            find_environment(name)

    def test_local_stack_that_is_not_running_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The sentence has the command that starts it."""
        monkeypatch.setattr(environments, "running_stack", lambda: None)
        with pytest.raises(CommandError, match=r"^the local stack is not running: start it with make local$"):
            find_environment("local")

    def test_environment_without_outputs_is_refused(
        self, fake_terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
    ) -> None:
        """It was never applied."""
        monkeypatch.setattr(environments, "WORK", tmp_path)
        fake_terraform.says("output", "{}")
        with pytest.raises(CommandError, match=r"^dev was never applied: run make plan ENV=dev and make apply ENV=dev"):
            find_environment("dev")

    def test_wrong_files_are_refused_before_terraform_starts(
        self, fake_terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A backend file that is another environment's must not be read by."""

        def refuse(name: str) -> None:
            raise CommandError(f"{name}: wrong")

        monkeypatch.setattr(environments, "check_environment", refuse)
        with pytest.raises(CommandError, match=r"^dev: wrong$"):
            find_environment("dev")
        assert fake_terraform.calls("init") == []

    def test_clients_are_of_the_environments_region(
        self, fake_terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
    ) -> None:
        """The shell's region doesn't matter."""
        monkeypatch.setattr(environments, "WORK", tmp_path)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        fake_terraform.says("output", json.dumps({"aws_region": {"value": "eu-west-1"}}))
        assert find_environment("dev").client("sqs").meta.region_name == "eu-west-1"

    def test_local_stack_has_its_own_clients_and_address(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """The API's address is that of the embedded AWS."""
        stack = Stack("http://127.0.0.1:4567", tmp_path, {"api_id": "abc", "api_url": "https://elsewhere"})
        monkeypatch.setattr(environments, "running_stack", lambda: stack)
        environment = find_environment("local")
        assert environment.outputs == {"api_id": "abc", "api_url": stack.api_url}
        assert stack.api_url.startswith(stack.endpoint)
        assert environment.client("s3").meta.endpoint_url == stack.endpoint
