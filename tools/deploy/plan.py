"""make plan, make apply and make destroy: one environment, the plan that was seen, and the packages in it."""

from __future__ import annotations

import argparse
import base64
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.deploy.packages import other_commit
from tools.deploy.terraform import TerraformError, Workspace, open_workspace, planned_packages, resources
from tools.local.stack import running_stack
from tools.operate.environment import check_environment
from tools.processes import hear_interrupts, run
from tools.project import ROOT

__all__ = [
    "NO_CREDENTIALS",
    "apply",
    "check_environment",
    "check_packages",
    "destroy",
    "digest_path",
    "plan",
    "plan_checkout",
    "plan_path",
    "read_plan",
    "read_state",
    "review_path",
]

_PACKAGES = ROOT / "build" / "dist"

#: Terraform's provider wants some, and an offline plan asks AWS nothing.
NO_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "offline",
    "AWS_SECRET_ACCESS_KEY": "offline",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def plan_checkout(environment: str, *, is_offline: bool) -> None:
    """Plan with the packages that the checkout's sources make. Raises TerraformError if there are others, or none."""
    _check_packages("run make package first, as make plan does")
    plan(environment, is_offline=is_offline)
    _mark(environment, is_offline=is_offline).touch()


def plan(environment: str, *, is_offline: bool) -> None:
    """Write a plan file and show it, with whatever packages there are. Raises TerraformError."""
    workspace = _workspace(environment, is_offline=is_offline)
    if is_offline:
        # What a first apply would create, whatever an earlier plan here left behind.
        (workspace.folder / "terraform.tfstate").unlink(missing_ok=True)
    path = plan_path(environment, is_offline=is_offline)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    for of_another in (_mark, review_path, digest_path):
        of_another(environment, is_offline=is_offline).unlink(missing_ok=True)
    workspace.run("plan", "-input=false", f"-var-file=environments/{environment}.tfvars", f"-out={path}")
    shown = path.relative_to(ROOT)
    if is_offline:
        print(f"\nThe plan is in {shown}. It shows what a first apply would create, and can't be applied.")
    else:
        print(f"\nThe plan is in {shown}. To apply exactly this plan: make apply ENV={environment}")


def apply(environment: str, *, is_offline: bool) -> None:
    """Apply exactly the plan that `plan` wrote, with the packages planned then. Raises TerraformError."""
    if is_offline:
        raise TerraformError("an offline plan shows what a first apply would create; it can't be applied")
    path = plan_path(environment, is_offline=False)
    if not path.exists():
        raise TerraformError(f"there is no plan to apply: run make plan ENV={environment} first, and read it")
    workspace = _workspace(environment, is_offline=False)
    planned = workspace.read_json("show", "-json", str(path))
    planned_for = planned["variables"]["environment"]["value"]
    if planned_for != environment:
        raise TerraformError(f"the plan is for environment {planned_for}, not {environment}: run make plan again")
    check_packages(environment, planned, is_offline=False)
    commit = other_commit(_PACKAGES)
    if commit:
        print(f"The packages are those of {commit[:12]}, put here by make rollback.", flush=True)
    workspace.run("apply", "-input=false", str(path))
    path.unlink()
    _mark(environment, is_offline=False).unlink(missing_ok=True)


def destroy(environment: str, *, is_offline: bool) -> None:
    """Destroy an environment, after Terraform has shown what and asked. Raises TerraformError, also if it is protected.

    AWS itself would refuse to delete the protected table, but only after the queue with its messages was gone, and the
    stream's only reader.
    """
    if is_offline:
        raise TerraformError("there is nothing to destroy offline")
    workspace = _workspace(environment, is_offline=False)
    for table in resources(workspace.read_json("show", "-json").get("values", {}), "aws_dynamodb_table"):
        if table["deletion_protection_enabled"]:
            raise TerraformError(
                f"{environment} is protected, and its schedules and messages would be lost: if that is meant, set "
                f"deletion_protection = false in terraform/environments/{environment}.tfvars and apply that first"
            )
    workspace.run("destroy", f"-var-file=environments/{environment}.tfvars")


def plan_path(environment: str, *, is_offline: bool) -> Path:
    """Where `plan` writes a plan."""
    return ROOT / "build" / "plans" / f"{environment}{'-offline' if is_offline else ''}.tfplan"


def review_path(environment: str, *, is_offline: bool) -> Path:
    """Where `make review` writes the page of that plan."""
    return plan_path(environment, is_offline=is_offline).with_suffix(".review.md")


def digest_path(environment: str, *, is_offline: bool) -> Path:
    """Where `make review` writes the digest of what that plan changes."""
    return plan_path(environment, is_offline=is_offline).with_suffix(".changes.sha256")


def read_plan(environment: str, *, is_offline: bool) -> Any:
    """The plan that `plan` wrote, as Terraform shows it to programs. Raises TerraformError."""
    workspace = _workspace(environment, is_offline=is_offline)
    return workspace.read_json("show", "-json", str(plan_path(environment, is_offline=is_offline)))


def read_state(environment: str) -> Any:
    """An environment's state as Terraform keeps it; None if there is none yet. Raises TerraformError."""
    return _workspace(environment, is_offline=False).read_json("state", "pull")


def _check_packages(remedy: str) -> None:
    """Raise TerraformError if a zip is not what the sources would make now, by their content."""
    own = ROOT / ".venv" / "build" / "bin" / "python"
    python = own if own.exists() else Path(sys.executable)
    done = run([python, ROOT / "build" / "package.py", "--check"])
    if done.status:
        raise TerraformError(f"{done.errors.strip()}: {remedy}")


def check_packages(environment: str, plan: Any, *, is_offline: bool) -> None:
    """Raise TerraformError if the packages, or the sources that they were built from, are not those of the plan."""
    again = f"run make plan ENV={environment}{' OFFLINE=1' if is_offline else ''} again, and read the plan"
    if _mark(environment, is_offline=is_offline).exists():
        _check_packages(again)
    for name, planned in sorted(planned_packages(plan).items()):
        path = _PACKAGES / name
        # Terraform reads the file again when it applies, whatever the plan says its hash is.
        found = base64.b64encode(hashlib.sha256(path.read_bytes()).digest()).decode() if path.exists() else "missing"
        if found != planned:
            raise TerraformError(
                f"{path.relative_to(ROOT)} is not the package that was planned (SHA-256 {planned}; now {found}): "
                f"{again}"
            )


def _mark(environment: str, *, is_offline: bool) -> Path:
    """Is there beside a plan whose packages were what the sources made; who changes the sources then plans again."""
    return plan_path(environment, is_offline=is_offline).with_suffix(".of-the-sources")


def _workspace(environment: str, *, is_offline: bool) -> Workspace:
    if is_offline:
        folder = ROOT / "build" / "work" / f"{environment}-offline"
        return open_workspace(environment, folder, has_local_state=True, variables=NO_CREDENTIALS)
    if environment == "local":
        stack = running_stack()
        if stack is None:
            raise TerraformError("the local stack is not running: start it with make local, or plan with OFFLINE=1")
        return open_workspace(environment, stack.folder, has_local_state=True, variables=stack.variables)
    return open_workspace(environment, ROOT / "build" / "work" / environment, has_local_state=False)


def main(arguments: list[str]) -> int:
    """The command line: an action, an environment, and offline or not."""
    hear_interrupts()
    actions: dict[str, Callable[..., None]] = {"plan": plan_checkout, "apply": apply, "destroy": destroy}
    parser = argparse.ArgumentParser(prog="deploy", description=__doc__)
    parser.add_argument("action", choices=actions)
    parser.add_argument("environment", nargs="?", default="")
    parser.add_argument("--offline", action="store_true")
    options = parser.parse_args(arguments)
    try:
        check_environment(options.environment)
        actions[options.action](options.environment, is_offline=options.offline)
    except (TerraformError, OSError) as error:
        print(f"make {options.action}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"make {options.action}: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
