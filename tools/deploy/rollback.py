"""make rollback: plan an earlier commit's packages with this checkout's Terraform (docs/adr/0010)."""

import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from tools import terminal
from tools.deploy.plan import plan, plan_files, read_plan
from tools.deploy.tfvars import check_environment
from tools.processes import git, run
from tools.project import CACHE, DIST, ROOT, WORK, CommandError, functions

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
    check_environment(environment)
    found = find_commit(commit)
    print(f"Building the packages of {found[:12]} from its own files", flush=True)
    with build_packages(found) as packages:
        install_packages(packages, found)
    plan(environment, is_offline=is_offline)
    planned = read_plan(environment, is_offline=is_offline)
    try:
        for change in planned["resource_changes"]:
            after = change["change"]["after"]
            if change["type"] == "aws_lambda_function" and after:
                variables = after["environment"][0].get("variables")
                check_function(DIST / Path(after["filename"]).name, after["handler"], variables, found)
    except CommandError:
        plan_files(environment, is_offline=is_offline).plan.unlink()
        raise
    others = other_changes(planned)
    if others and not is_offline:
        more = f" and {len(others) - _MAX_SHOWN} more" if len(others) > _MAX_SHOWN else ""
        print(
            "\nThis plan changes more than code, because the checkout's Terraform is not the deployed one. It also "
            f"changes {', '.join(others[:_MAX_SHOWN])}{more}. To roll back code only, check out the deployed commit "
            "first."
        )
    print(f"The packages are those of {found[:12]}. make package, and so make plan, brings this checkout's back.")
    print("Effects on schedules that are pending or in flight: docs/operations/rollback.md")


def find_commit(commit: str) -> str:
    """Return the full name of a commit whose packages can be built. Raises CommandError."""
    if not commit:
        raise CommandError("no commit is named: give TO= the commit whose code is to run again, like TO=HEAD~1")
    found = git(ROOT, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}")
    if found.status:
        raise CommandError(
            f"there is no commit {commit!r} here; in a shallow clone, git fetch --unshallow gets the others"
        )
    name = found.output.strip()
    if git(ROOT, "cat-file", "-e", f"{name}:./build/package.py").status:
        raise CommandError(f"{commit} has no build/package.py: it is older than the packages, and can't be built")
    return name


@contextlib.contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """Check a commit out into a repository that shares our objects, and is removed afterwards; yield the project there.

    A worktree would share our attributes and filters too, which change files on the way out. Raises CommandError.
    """
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="packages-", dir=WORK) as folder:
        git(ROOT, "init", "--quiet", folder)
        objects = git(ROOT, "rev-parse", "--path-format=absolute", "--git-path", "objects").output
        Path(folder, ".git", "objects", "info", "alternates").write_text(objects, encoding="utf-8")
        done = git(Path(folder), "checkout", "--quiet", "--detach", commit)
        if done.status:
            raise CommandError(f"git could not check {commit[:12]} out:\n{done.errors.strip()}")
        # The project may be a folder of a larger repository.
        yield Path(folder, git(ROOT, "rev-parse", "--show-prefix").output.removesuffix("\n"))


@contextlib.contextmanager
def build_packages(commit: str) -> Iterator[list[Path]]:
    """Build a commit's packages in a checkout, which is removed afterwards. Raises CommandError."""
    with checked_out(commit) as checkout:
        # Every build checks the wheels against the lock's hashes, and prepared wheels against all that made them.
        for name in ("wheels", "prepared"):
            (CACHE / name).mkdir(parents=True, exist_ok=True)
            shared = checkout / CACHE.relative_to(ROOT) / name
            shared.parent.mkdir(parents=True, exist_ok=True)
            shared.symlink_to(CACHE / name)
        # With our toolchain if it is locked the same, else with its own.
        toolchain = ROOT / ".venv" / "build"
        own, other = (each / "build" / "requirements.txt" for each in (ROOT, checkout))
        is_ours = (toolchain / ".installed").exists() and other.exists() and own.read_bytes() == other.read_bytes()
        command = [toolchain / "bin" / "python", checkout / "build" / "package.py"] if is_ours else ["make", "package"]
        if run(command, folder=checkout, is_shown=True).status:
            raise CommandError(f"the packages of {commit[:12]} were not built; see above")
        yield sorted((checkout / "build" / "dist").glob("*.zip"))


def install_packages(packages: list[Path], commit: str) -> None:
    """Put a commit's packages where Terraform takes them from. Raises CommandError if a function has none."""
    found = {package.stem: package for package in packages}
    missing = ", ".join(f"{name}.zip" for name in functions() if name not in found)
    if missing:
        raise CommandError(f"{commit[:12]} has no {missing}, which this checkout's Terraform deploys")
    DIST.mkdir(parents=True, exist_ok=True)
    for name in functions():
        shutil.copy(found[name], DIST)


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
    """Raise CommandError if a package's function would not start with the handler and variables that are planned.

    `variables` that are known after the apply are None, and not checked.
    """
    module = handler.rpartition(".")[0].replace(".", "/") + ".py"
    with ZipFile(package) as archive:
        if module not in archive.namelist():
            raise CommandError(
                f"{package.name} of {commit[:12]} has no {module}, which this checkout's Terraform calls"
            )
    if variables is None:
        return
    arguments = [str(package), handler.partition(".")[0], json.dumps(variables)]
    done = run([sys.executable, "-I", "-S", "-c", _READ_SETTINGS, *arguments])
    if done.status:
        raise CommandError(
            f"{package.name} of {commit[:12]} would not start with the settings of this checkout's Terraform: "
            f"{done.errors.strip().splitlines()[-1]}"
        )


if __name__ == "__main__":
    terminal.main("make rollback", rollback)
