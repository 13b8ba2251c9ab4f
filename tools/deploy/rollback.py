"""make rollback: plan an earlier commit's packages with this checkout's Terraform (docs/adr/0010).

The plan is like any other: it is shown, make review reviews it, and make apply applies exactly it.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from tools.deploy.packages import build_packages, find_commit
from tools.deploy.plan import plan, plan_path, read_plan
from tools.deploy.tfvars import check_environment
from tools.processes import run
from tools.project import DIST, CommandError, functions
from tools.terminal import end, parse

#: The most addresses of other changes that are named below the plan, which shows all.
_MAX_SHOWN = 5

#: Reads a function's settings as the function does when it starts, with nothing but its package and Python.
_READ_SETTINGS = """
import importlib, json, sys
archive, package, variables = sys.argv[1:]
sys.path.insert(0, archive)
importlib.import_module(f"{package}.settings").Settings.from_environment(json.loads(variables))
"""


def rollback(environment: str, commit: str, *, is_offline: bool = False) -> None:
    """Build a commit's packages, plan them and show the plan. Raises CommandError, and leaves no plan then."""
    found = find_commit(commit)
    print(f"Building the packages of {found[:12]} in a worktree", flush=True)
    with build_packages(found) as packages:
        install_packages(packages, found)
    plan(environment, is_offline=is_offline)
    planned = read_plan(environment, is_offline=is_offline)
    try:
        for name, (handler, variables) in sorted(planned_functions(planned).items()):
            check_function(DIST / name, handler, variables, found)
    except CommandError:
        plan_path(environment, is_offline=is_offline).unlink()
        raise
    others = other_changes(planned)
    if others and not is_offline:
        print(
            "\nThis plan changes more than code, because the checkout's Terraform is not the deployed one. It also "
            f"changes {_some(others)}. To roll back code only, check out the deployed commit first."
        )
    print(f"The packages are those of {found[:12]}. make package, and so make plan, brings this checkout's back.")
    print("Effects on schedules that are pending or in flight: docs/operations/rollback.md")


def install_packages(packages: list[Path], commit: str) -> None:
    """Put a commit's packages where Terraform takes them from. Raises CommandError if a function has none."""
    needed = {f"{name}.zip" for name in functions()}
    missing = needed - {package.name for package in packages}
    if missing:
        raise CommandError(
            f"{commit[:12]} has no {', '.join(sorted(missing))}, which this checkout's Terraform deploys"
        )
    DIST.mkdir(parents=True, exist_ok=True)
    for package in packages:
        if package.name in needed:
            shutil.copyfile(package, DIST / package.name)


def planned_functions(plan: Mapping[str, Any]) -> dict[str, tuple[str, dict[str, str] | None]]:
    """Return each planned function's handler and variables by its package; None for variables known after the apply."""
    functions = {}
    for change in plan["resource_changes"]:
        if change["type"] == "aws_lambda_function" and change["change"]["after"]:
            after = change["change"]["after"]
            variables = after["environment"][0].get("variables")
            functions[Path(after["filename"]).name] = (after["handler"], variables)
    return functions


def other_changes(plan: Mapping[str, Any]) -> list[str]:
    """Return the addresses of the resources that a plan changes, functions left out."""
    return [
        change["address"]
        for change in plan["resource_changes"]
        if change["mode"] == "managed"
        and change["type"] != "aws_lambda_function"
        and change["change"]["actions"] not in (["no-op"], ["read"])
    ]


def check_function(package: Path, handler: str, variables: Mapping[str, str] | None, commit: str) -> None:
    """Raise CommandError if a package's function would not start with the handler and variables that are planned."""
    module = handler.rsplit(".", 1)[0].replace(".", "/") + ".py"
    with ZipFile(package) as archive:
        if module not in archive.namelist():
            raise CommandError(
                f"{package.name} of {commit[:12]} has no {module}, which this checkout's Terraform calls"
            )
    if variables is None:
        return
    command = [sys.executable, "-I", "-S", "-c", _READ_SETTINGS, str(package), handler.partition(".")[0]]
    done = run([*command, json.dumps(variables)])
    if done.status:
        raise CommandError(
            f"{package.name} of {commit[:12]} would not start with the settings of this checkout's Terraform: "
            f"{done.errors.strip().splitlines()[-1]}"
        )


def _some(addresses: list[str]) -> str:
    more = len(addresses) - _MAX_SHOWN
    return ", ".join(addresses[:_MAX_SHOWN]) + (f" and {more} more" if more > 0 else "")


def main(arguments: list[str]) -> None:
    """Run `make rollback`: an environment, a commit, and perhaps --offline. Exits."""

    def action() -> None:
        options = parse(arguments, "environment", "commit", switches=("offline",))
        check_environment(options.environment)
        rollback(options.environment, options.commit, is_offline=options.offline)

    end("make rollback", action)


if __name__ == "__main__":
    main(sys.argv[1:])
