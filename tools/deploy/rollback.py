"""make rollback: plan an earlier commit's packages with this commit's Terraform. ADR 10 says why.

The plan is like any other: it is shown, it can be reviewed, and make apply applies exactly it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from tools.deploy import plan as deploy
from tools.deploy.package_commits import Checkout, note_packages
from tools.deploy.packages import build_packages, find_commit, note_commit
from tools.deploy.terraform import TerraformError
from tools.processes import hear_interrupts, run
from tools.project import ROOT

__all__ = ["check_function", "install_packages", "other_changes", "planned_functions", "rollback"]

_DIST = ROOT / "build" / "dist"

#: Of what else would be changed, so many are named below the plan, which shows all.
_MAX_SHOWN = 5

#: Reads a function's settings as the function does when it starts, with nothing but its package and Python.
_READ_SETTINGS = """
import importlib, json, sys
archive, package, variables = sys.argv[1:]
sys.path.insert(0, archive)
importlib.import_module(f"{package}.settings").Settings.from_environment(json.loads(variables))
"""


def rollback(environment: str, commit: str, *, is_offline: bool) -> None:
    """Build a commit's packages, plan them, show the plan. Raises TerraformError, and leaves no plan then."""
    found = find_commit(commit)
    print(f"Building the packages of {found[:12]}, in a worktree of its own", flush=True)
    with build_packages(found) as packages:
        install_packages(packages, found)
        # A review can then tell what changes in the code.
        note_packages(Checkout(ROOT), found, packages)
    deploy.plan(environment, is_offline=is_offline)
    plan = deploy.read_plan(environment, is_offline=is_offline)
    try:
        for name, (handler, variables) in sorted(planned_functions(plan).items()):
            check_function(_DIST / name, handler, variables, found)
    except TerraformError:
        deploy.plan_path(environment, is_offline=is_offline).unlink()
        raise
    others = other_changes(plan)
    if others and not is_offline:
        print(
            "\nThis is not the code alone, for the checkout's Terraform is not the deployed one. It also changes "
            f"{_some(others)}. To roll back nothing but the code, check out the commit that is deployed first."
        )
    print(f"The packages are those of {found[:12]}. make package, and so make plan, brings this checkout's back.")
    print("What it does to schedules that are pending or in flight: docs/operations/rollback.md")


def install_packages(packages: list[Path], commit: str) -> None:
    """Put a commit's packages where Terraform takes them from. Raises TerraformError if a function has none."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = {f"{function}.zip" for function in table["tool"]["delayer"]["functions"]}
    missing = needed - {package.name for package in packages}
    if missing:
        raise TerraformError(
            f"{commit[:12]} has no {', '.join(sorted(missing))}, which this checkout's Terraform deploys"
        )
    _DIST.mkdir(parents=True, exist_ok=True)
    for package in packages:
        if package.name in needed:
            shutil.copyfile(package, _DIST / package.name)
    note_commit(_DIST, commit)


def planned_functions(plan: Mapping[str, Any]) -> dict[str, tuple[str, dict[str, str] | None]]:
    """By the package's name, every planned function's handler and variables; None if they are known after the apply."""
    functions = {}
    for change in plan["resource_changes"]:
        if change["type"] == "aws_lambda_function" and change["change"]["after"]:
            after = change["change"]["after"]
            variables = after["environment"][0].get("variables")
            functions[Path(after["filename"]).name] = (after["handler"], variables)
    return functions


def other_changes(plan: Mapping[str, Any]) -> list[str]:
    """The addresses of what a plan changes besides functions."""
    return [
        change["address"]
        for change in plan["resource_changes"]
        if change["mode"] == "managed"
        and change["type"] != "aws_lambda_function"
        and change["change"]["actions"] not in (["no-op"], ["read"])
    ]


def check_function(package: Path, handler: str, variables: Mapping[str, str] | None, commit: str) -> None:
    """Raise TerraformError if a package's function would not start with the handler and variables that are planned."""
    module = handler.rsplit(".", 1)[0].replace(".", "/") + ".py"
    with ZipFile(package) as archive:
        if module not in archive.namelist():
            raise TerraformError(
                f"{package.name} of {commit[:12]} has no {module}, which this checkout's Terraform calls"
            )
    if variables is None:
        return
    command = [sys.executable, "-I", "-S", "-c", _READ_SETTINGS, str(package), handler.partition(".")[0]]
    done = run([*command, json.dumps(variables)])
    if done.status:
        raise TerraformError(
            f"{package.name} of {commit[:12]} would not start with what this checkout's Terraform tells it: "
            f"{done.errors.strip().splitlines()[-1]}"
        )


def _some(addresses: list[str]) -> str:
    more = len(addresses) - _MAX_SHOWN
    return ", ".join(addresses[:_MAX_SHOWN]) + (f" and {more} more" if more > 0 else "")


def main(arguments: list[str]) -> int:
    """The command line: an environment, a commit, and offline or not."""
    hear_interrupts()
    parser = argparse.ArgumentParser(prog="rollback", description=__doc__)
    parser.add_argument("environment")
    parser.add_argument("commit")
    parser.add_argument("--offline", action="store_true")
    options = parser.parse_args(arguments)
    try:
        deploy.check_environment(options.environment)
        rollback(options.environment, options.commit, is_offline=options.offline)
    except (TerraformError, OSError) as error:
        print(f"make rollback: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("make rollback: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
