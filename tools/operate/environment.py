"""Find an applied environment: its outputs, and clients of its AWS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from tools.deploy.tfvars import check_environment
from tools.local.stack import running_stack
from tools.project import LOCAL, WORK, CommandError
from tools.terraform import open_workspace

#: Longer than the functions' 60 s, because a redrive waits for one.
_READ_TIMEOUT_SECONDS = 75


@dataclass(frozen=True, slots=True)
class Environment:
    """An applied environment: its name, the Terraform root's outputs, and clients by the service's name."""

    name: str
    outputs: Mapping[str, Any]
    client: Callable[[str], Any]


def find_environment(name: str) -> Environment:
    """Return the environment that ENV names, the local stack or one in AWS. Raises CommandError."""
    check_environment(name)
    if name == LOCAL:
        stack = running_stack()
        if stack is None:
            raise CommandError("the local stack is not running: start it with make local")
        return Environment(name, {**stack.outputs, "api_url": stack.api_url}, stack.client)
    outputs = open_workspace(name, WORK / name, has_local_state=False).outputs()
    if "aws_region" not in outputs:
        raise CommandError(f"{name} was never applied: run make plan ENV={name} and make apply ENV={name} first")
    config = Config(
        connect_timeout=5, read_timeout=_READ_TIMEOUT_SECONDS, retries={"mode": "standard", "total_max_attempts": 3}
    )

    def client(service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]  # the stubs want a literal
            service, region_name=outputs["aws_region"], config=config
        )

    return Environment(name, outputs, client)
