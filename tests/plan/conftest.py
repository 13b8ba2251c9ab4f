"""Plan each environment once per session: no AWS account, no network, empty packages."""

from __future__ import annotations

import functools
import json
import os
import shlex
from collections.abc import Callable
from typing import Any

import pytest
import tftest

from tools.deploy.plan import NO_CREDENTIALS
from tools.project import environments, functions
from tools.terraform import open_workspace, terraform_command

type MakePlan = Callable[..., Any]


@pytest.fixture(scope="session")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return Terraform in a folder of its own, ready to plan any environment."""
    folder = tmp_path_factory.mktemp("plan")
    packages = folder / "packages"
    packages.mkdir()
    for name in functions():
        (packages / f"{name}.zip").write_bytes(b"a plan only reads the hash")
    # No variable of the caller's environment may reach a plan.
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("AWS_", "TF_VAR_")):
                patch.delenv(name)
        patch.setattr("tools.terraform.DIST", packages)
        workspace = open_workspace("local", folder / "work", has_local_state=True, variables=NO_CREDENTIALS)
    # tftest accepts the name of one program only.
    program = folder / "terraform"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(terraform_command())} "$@"\n')
    program.chmod(0o755)
    return tftest.TerraformTest(str(workspace.folder), binary=str(program), env=dict(workspace.variables))


@pytest.fixture(scope="session")
def make_plan(terraform: Any, tmp_path_factory: pytest.TempPathFactory) -> MakePlan:
    """Return a function that plans an environment, with further variables."""

    @functools.cache
    def plan(name: str, /, **variables: Any) -> Any:
        # tftest passes single variables before the environment's file, which would override them; not so a second file.
        further = tmp_path_factory.mktemp("variables") / "further.tfvars.json"
        further.write_text(json.dumps({variable: json.loads(value) for variable, value in variables.items()}))
        # use_cache stays off, because tftest's cache does not notice changed files.
        return terraform.plan(output=True, tf_var_file=[f"environments/{name}.tfvars", str(further)])

    return plan


@pytest.fixture(scope="session")
def unusual(make_plan: MakePlan) -> Any:
    """Return a plan of prod with settings that no environment uses."""
    return make_plan(
        "prod",
        authorization='{"type": "JWT", "issuer": "https://issuer.example", "audiences": ["delayer"], '
        '"scopes": {"DELETE /schedules/{scheduleId}": ["schedules/cancel"]}}',
        reserved_concurrency='{"api-schedule-delete": 5, "api-schedule-get": 6, "api-schedule-post": 7, '
        '"task-1minute-enqueuer": 12, "stream-dynamodb-fasttrack_enqueuer": 9}',
        sweep_paused="true",
        sweep_workers="12",
    )


@pytest.fixture(scope="session", params=environments())
def environment(request: pytest.FixtureRequest) -> str:
    """Return each environment's name in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def plan(make_plan: MakePlan, environment: str) -> Any:
    """Return each environment's plan in turn."""
    return make_plan(environment)
