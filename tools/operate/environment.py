"""Find an applied environment: its outputs, and clients of its AWS."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import boto3
from botocore.config import Config

from tools.deploy.tfvars import check_environment
from tools.local.stack import running_stack
from tools.project import LOCAL, SWEEP, WORK, CommandError
from tools.terraform import open_workspace


class Environment(NamedTuple):
    """An applied environment: its name, the Terraform root's outputs, and clients by the service's name."""

    name: str
    outputs: Mapping[str, Any]
    client: Callable[[str], Any]

    def sweep_settings(self) -> Mapping[str, str]:
        """Return the settings of the sweep by their names, like SHARD_COUNT. Raises ClientError, BotoCoreError."""
        sweep = self.outputs["function_names"][SWEEP]
        return dict(self.client("lambda").get_function_configuration(FunctionName=sweep)["Environment"]["Variables"])


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
    # The time to read is longer than the functions' 60 s, because a redrive waits for one.
    config = Config(connect_timeout=5, read_timeout=75, retries={"mode": "standard", "total_max_attempts": 3})
    return Environment(name, outputs, partial(boto3.client, region_name=outputs["aws_region"], config=config))
