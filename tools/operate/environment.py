"""An environment by its name, and, once it is applied, what Terraform made of it, with clients to look into it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from tools.deploy.tfvars import check_environment
from tools.local.stack import running_stack
from tools.project import WORK, CommandError
from tools.terraform import open_workspace

__all__ = ["Environment", "find_environment"]

#: The functions answer within their 60 s; what is waited for must be longer.
_READ_TIMEOUT_SECONDS = 75


@dataclass(frozen=True, slots=True)
class Environment:
    """An applied environment: its name, the Terraform root's outputs, and clients by the service's name.

    The output `api_url` is where the API answers, also where it is the embedded AWS's.
    """

    name: str
    outputs: Mapping[str, Any]
    client: Callable[[str], Any]


def find_environment(name: str) -> Environment:
    """Return the environment that ENV= names, the local stack or a real one. Raises CommandError."""
    check_environment(name)
    if name == "local":
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
        # By a string, no type can be told.
        return boto3.client(service, region_name=outputs["aws_region"], config=config)  # type: ignore[call-overload]

    return Environment(name, outputs, client)
