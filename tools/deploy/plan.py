"""make plan: write an environment's plan and show it. Other commands find the plan and its review from here."""

import base64
import hashlib
import sys
from pathlib import Path
from typing import Any, NamedTuple

from tools import terminal
from tools.deploy.tfvars import check_environment
from tools.local.stack import running_stack
from tools.processes import run
from tools.project import DIST, PLANS, ROOT, WORK, CommandError
from tools.terraform import Workspace, open_workspace, planned_packages

#: An offline plan asks AWS nothing, but the provider needs credentials.
NO_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "offline",
    "AWS_SECRET_ACCESS_KEY": "offline",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def plan_checkout(environment: str, *, is_offline: bool = False) -> None:
    """Plan with the packages of this checkout's sources. Raises CommandError if the packages are missing or stale."""
    check_environment(environment)
    _check_built("run make package first, as make plan does")
    plan(environment, is_offline=is_offline)
    plan_files(environment, is_offline=is_offline).mark.touch()


def plan(environment: str, *, is_offline: bool = False) -> None:
    """Write a plan file and show it, with the packages in build/dist as they are. Raises CommandError."""
    workspace = open_environment(environment, is_offline=is_offline)
    if is_offline:
        # A first apply's plan, whatever an earlier plan left here.
        (workspace.folder / "terraform.tfstate").unlink(missing_ok=True)
    files = plan_files(environment, is_offline=is_offline)
    PLANS.mkdir(parents=True, exist_ok=True)
    for stale in files:
        stale.unlink(missing_ok=True)
    workspace.run("plan", "-input=false", f"-var-file=environments/{environment}.tfvars", f"-out={files.plan}")
    print(f"\nThe plan is in {files.plan.relative_to(ROOT)}.", end=" ")
    if is_offline:
        print("It shows what a first apply would create, and can't be applied.")
    else:
        print(f"To apply exactly this plan: make apply ENV={environment}")


def open_environment(environment: str, *, is_offline: bool = False) -> Workspace:
    """Return Terraform ready to run for an environment. Raises CommandError."""
    if is_offline:
        folder = WORK / f"{environment}-offline"
        return open_workspace(environment, folder, has_local_state=True, variables=NO_CREDENTIALS)
    if environment == "local":
        stack = running_stack()
        if stack is None:
            raise CommandError("the local stack is not running: start it with make local, or plan with OFFLINE=1")
        return open_workspace(environment, stack.folder, has_local_state=True, variables=stack.variables)
    return open_workspace(environment, WORK / environment, has_local_state=False)


class PlanFiles(NamedTuple):
    """A plan, its page and the digest of its changes by `make review`, and a mark if its packages are the sources'."""

    plan: Path
    review: Path
    digest: Path
    mark: Path


def plan_files(environment: str, *, is_offline: bool = False) -> PlanFiles:
    """Return where the files of an environment's plan are."""
    suffixes = ("tfplan", "review.md", "changes.sha256", "of-the-sources")
    return PlanFiles(*(PLANS / f"{environment}{'-offline' if is_offline else ''}.{suffix}" for suffix in suffixes))


def read_plan(environment: str, *, is_offline: bool = False) -> Any:
    """Return the plan that `plan` wrote, as `terraform show -json` prints it. Raises CommandError."""
    workspace = open_environment(environment, is_offline=is_offline)
    return workspace.read_json("show", "-json", str(plan_files(environment, is_offline=is_offline).plan))


def check_packages(environment: str, plan: Any, *, is_offline: bool = False) -> None:
    """Raise CommandError if the packages, or the sources that they were built from, have changed since the plan."""
    again = f"run make plan ENV={environment}{' OFFLINE=1' if is_offline else ''} again, and read the plan"
    if plan_files(environment, is_offline=is_offline).mark.exists():
        _check_built(again)
    built = built_packages()
    for name, planned in sorted(planned_packages(plan).items()):
        # Terraform reads the file again when it applies, whatever the plan says its hash is.
        if (found := built.get(name, "missing")) != planned:
            path = (DIST / name).relative_to(ROOT)
            raise CommandError(f"{path} is not the package that was planned (SHA-256 {planned}; now {found}): {again}")


def built_packages() -> dict[str, str]:
    """Return the base64 SHA-256 of each zip that was built here, by file name."""
    return {
        path.name: base64.b64encode(hashlib.sha256(path.read_bytes()).digest()).decode() for path in DIST.glob("*.zip")
    }


def _check_built(remedy: str) -> None:
    """Raise CommandError if a zip is not what the sources would make now."""
    own = ROOT / ".venv" / "build" / "bin" / "python"
    python = own if own.exists() else Path(sys.executable)
    done = run([python, ROOT / "build" / "package.py", "--check"])
    if done.status:
        raise CommandError(f"{done.errors.strip()}: {remedy}")


if __name__ == "__main__":
    terminal.main("make plan", plan_checkout)
