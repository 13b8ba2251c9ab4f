"""Which environment a command is about, and what is said where there is none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tools import environments
from tools.environments import find_environment
from tools.stack import Stack
from tools.terraform import TerraformError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tools.conftest import FakeTerraform


class TestOpen:
    """Which environment is meant."""

    @pytest.mark.parametrize(("name", "said"), [("", "no environment is named"), ("nope", "no environment 'nope'")])
    def test_unknown(self, name: str, said: str) -> None:
        """A name that is missing or unknown is one line, which names those there are."""
        with pytest.raises(TerraformError, match=rf"^.*{said}: give ENV= one of dev, local, prod, staging$"):
            find_environment(name)

    def test_local_stack_is_not_running(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The message says how to start it."""
        monkeypatch.setattr(environments, "running_stack", lambda: None)
        with pytest.raises(TerraformError, match=r"^the local stack is not running: start it with make local$"):
            find_environment("local")

    def test_never_applied(self, fake_terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
        """A state without outputs is no KeyError."""
        monkeypatch.setattr(environments, "ROOT", tmp_path)
        fake_terraform.says("output", "{}")
        with pytest.raises(
            TerraformError, match=r"^dev was never applied: run make plan ENV=dev and make apply ENV=dev"
        ):
            find_environment("dev")

    @pytest.mark.parametrize(
        ("region", "domain"),
        [("eu-west-1", "amazonaws.com"), ("eusc-de-east-1", "amazonaws.eu"), ("cn-north-1", "amazonaws.com.cn")],
    )
    def test_region(
        self, fake_terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, region: str, domain: str
    ) -> None:
        """Clients are of the region that the environment is in, whatever the partition and the shell's region."""
        monkeypatch.setattr(environments, "ROOT", tmp_path)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        url = f"https://sqs.{region}.{domain}/123456789012/delayer-dev-delayer"
        outputs = {"table_name": {"value": "schedules"}, "delayer_queue_url": {"value": url}}
        fake_terraform.says("output", json.dumps(outputs))
        assert find_environment("dev").client("sqs").meta.region_name == region

    def test_local(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """The local stack's own outputs and clients are used."""
        stack = Stack("http://127.0.0.1:4567", tmp_path, 1, {"failure_bucket_name": "failures"})
        monkeypatch.setattr(environments, "running_stack", lambda: stack)
        environment = find_environment("local")
        assert environment.outputs == stack.outputs
        assert environment.client("s3").meta.endpoint_url == stack.endpoint
