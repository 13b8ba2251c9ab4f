"""Which environment a command is about, and what is said where there is none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.commands import move_project
from tools.local.stack import Stack
from tools.operate import environment as environments
from tools.operate.environment import find_environment
from tools.project import CommandError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.fake_terraform import FakeTerraform


class TestOpen:
    """Which environment is meant."""

    @pytest.mark.parametrize(("name", "said"), [("", "no environment is named"), ("nope", "no environment 'nope'")])
    def test_unknown(self, name: str, said: str) -> None:
        """A name that is missing or unknown is one line, which names those there are."""
        with pytest.raises(CommandError, match=rf"^.*{said}: give ENV= one of dev, staging, prod, local$"):
            find_environment(name)

    def test_local_stack_is_not_running(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The message says how to start it."""
        monkeypatch.setattr(environments, "running_stack", lambda: None)
        with pytest.raises(CommandError, match=r"^the local stack is not running: start it with make local$"):
            find_environment("local")

    def test_never_applied(self, fake_terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
        """A state without outputs is no KeyError."""
        move_project(monkeypatch, tmp_path)
        fake_terraform.says("output", "{}")
        with pytest.raises(CommandError, match=r"^dev was never applied: run make plan ENV=dev and make apply ENV=dev"):
            find_environment("dev")

    def test_wrong_files(self, fake_terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where an environment's backend file is another's, nothing is read of that one's state."""

        def refuse(name: str) -> None:
            raise CommandError(f"{name}: wrong")

        monkeypatch.setattr(environments, "check_environment", refuse)
        with pytest.raises(CommandError, match=r"^dev: wrong$"):
            find_environment("dev")
        assert fake_terraform.calls("init") == []

    def test_region(self, fake_terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
        """Clients are of the region that the environment is in, whatever the shell's is."""
        move_project(monkeypatch, tmp_path)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        fake_terraform.says("output", json.dumps({"aws_region": {"value": "eu-west-1"}}))
        assert find_environment("dev").client("sqs").meta.region_name == "eu-west-1"

    def test_local(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """The local stack's own outputs and clients are used, and the API's address there."""
        stack = Stack("http://127.0.0.1:4567", tmp_path, {"api_id": "abc", "api_url": "https://elsewhere"})
        monkeypatch.setattr(environments, "running_stack", lambda: stack)
        environment = find_environment("local")
        assert environment.outputs == {"api_id": "abc", "api_url": stack.api_url}
        assert stack.api_url.startswith(stack.endpoint)
        assert environment.client("s3").meta.endpoint_url == stack.endpoint
