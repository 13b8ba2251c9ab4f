"""Let Terraform plan the scenarios against the kept state, and make that state anew on the embedded AWS."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from tests.support.review.kept_plans import APPLIED, applied_state, instance_address, write_lines
from tests.support.review.scenarios import CAPACITY, SCENARIOS, TOPIC, Scenario
from tools.deploy.plan import NO_CREDENTIALS
from tools.local import stack as local_stack
from tools.project import CONFIGURATION, functions
from tools.terraform import LOCAL_STATE, Workspace, open_workspace, process_variables

#: The embedded AWS's account, and prod's.
_ACCOUNTS = ("000000000000", "777788889999")

_BOOTSTRAP = {
    "account_id": "111122223333",
    "environments": {"dev": "eu-west-1"},
    "region": "eu-west-1",
    "repository": "orders/delayer",
    "state_bucket": "orders-terraform-state",
}


class Planner:
    """Let Terraform plan scenarios in a folder, without asking AWS."""

    def __init__(self, folder: Path) -> None:
        self._packages = folder / "packages"
        self._packages.mkdir(parents=True)
        with mock.patch("tools.terraform.DIST", self._packages):
            self._workspace = open_workspace("prod", folder / "work", has_local_state=True, variables=NO_CREDENTIALS)
        # Terraform remembers where links to modules lead; the copies are to be used instead.
        shutil.rmtree(self._workspace.folder / ".terraform" / "modules")
        lay_out(self._workspace.folder, Scenario())
        self._workspace.init()

    def plan(self, scenario: Scenario) -> dict[str, Any]:
        """Return the plan of a scenario as Terraform shows it."""
        folder = self._workspace.folder
        lay_out(folder, scenario)
        write_packages(self._packages, scenario.packages)
        state = folder / "terraform.tfstate"
        state.unlink(missing_ok=True)
        if (applied := applied_state(scenario)) is not None:
            state.write_text(json.dumps(applied))
        (folder / "further.tfvars.json").write_text(json.dumps(scenario.variables))
        self._workspace.read(
            "plan", "-input=false", "-refresh=false", "-var-file=environments/prod.tfvars",
            "-var-file=further.tfvars.json", "-out=scenario.tfplan", *scenario.arguments,
        )  # fmt: skip
        plan: dict[str, Any] = json.loads(self._workspace.read("show", "-json", "scenario.tfplan"))
        return plan


def write_packages(folder: Path, changed: tuple[str, ...] = ()) -> None:
    """Write a reproducible zip for each function; the code of the functions in `changed` differs."""
    for name in functions():
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            code = f"# {name}{', changed' if name in changed else ''}\n"
            archive.writestr(zipfile.ZipInfo("main.py", (1980, 1, 1, 0, 0, 0)), code)


def lay_out(folder: Path, scenario: Scenario) -> None:
    """Replace a workspace's links to the configuration with copies, and make a scenario's changes to them."""
    for path in folder.iterdir():
        if path.is_symlink() or path.name in ("review_override.tf", "review_added.tf"):
            path.unlink()
        elif path.is_dir() and path.name != ".terraform":
            shutil.rmtree(path)
    shutil.copytree(CONFIGURATION, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".terraform", "bootstrap"))
    for module, text in scenario.overrides.items():
        (folder / module / "review_override.tf").write_text(text)
    for module, text in scenario.added.items():
        (folder / module / "review_added.tf").write_text(text)
    for module, addresses in scenario.removed.items():
        for address in addresses:
            _remove(folder / module / "main.tf", address)


def _remove(path: Path, address: str) -> None:
    kind, name = address.split(".")
    text, count = re.subn(
        rf'^resource "{kind}" "{name}" \{{\n.*?^\}}\n', "", path.read_text(), flags=re.MULTILINE | re.DOTALL
    )
    assert count == 1, address
    path.write_text(text)


def write_states(folder: Path) -> None:
    """Apply prod to the embedded AWS, and keep its state: prod's own, and what capacity, tokens and a topic change."""
    with _embedded_aws(folder / "stack") as stack:
        packages = folder / "packages"
        packages.mkdir()
        write_packages(packages)
        with mock.patch("tools.terraform.DIST", packages):
            workspace = open_workspace("prod", stack.folder, has_local_state=True, variables=stack.variables)
        state = _settled(workspace, stack.endpoint)
        capacity = _settled(workspace, stack.endpoint, f"-var=table_capacity={json.dumps(CAPACITY)}")
        authorization = json.dumps(SCENARIOS["authorization_jwt"].variables["authorization"])
        tokens = _settled(workspace, stack.endpoint, f"-var=authorization={authorization}")
        topic = _settled(workspace, stack.endpoint, f"-var=alarm_topic_arn={TOPIC}")
    write_lines(APPLIED / "prod.json", state)
    scaled = [*_changed(state, capacity, ".schedule_table"), *_changed(state, capacity, ".monitoring")]
    write_lines(APPLIED / "capacity.json", {"resources": scaled})
    write_lines(APPLIED / "jwt.json", {"resources": _changed(state, tokens, ".http_api")})
    write_lines(APPLIED / "topic.json", {"resources": _changed(state, topic, ".monitoring")})


def _changed(state: Mapping[str, Any], other: Mapping[str, Any], module: str) -> list[Any]:
    """Return the resources of a module that differ in the other state."""
    known = state["resources"]
    return [found for found in other["resources"] if found not in known and found.get("module", "").endswith(module)]


@contextlib.contextmanager
def _embedded_aws(folder: Path) -> Iterator[local_stack.Stack]:
    folder.mkdir()
    try:
        plugins = {"EMBEDDED_AWS_PLUGINS": "tests.support.emulated_autoscaling"}
        yield local_stack.start_embedded_aws(folder, plugins)
    finally:
        local_stack.stop(folder)


def _settled(workspace: Workspace, endpoint: str, *arguments: str) -> dict[str, Any]:
    """Apply, and return the state as AWS would have left it.

    The embedded AWS forgets some settings, those of alarms above all, and it has no policy for permissions boundaries:
    the attributes that a second plan would set are taken as AWS's.
    """
    arguments = ("-input=false", "-var-file=environments/prod.tfvars", *arguments)
    (workspace.folder / "unbounded.tfvars.json").write_text('{"permissions_boundary": null}')
    workspace.read("apply", "-auto-approve", "-parallelism=32", *arguments, "-var-file=unbounded.tfvars.json")
    workspace.read("plan", "-refresh=false", "-out=settle.tfplan", *arguments)
    plan = json.loads(workspace.read("show", "-json", "settle.tfplan"))
    wanted = {change["address"]: change["change"] for change in plan["resource_changes"]}
    state: dict[str, Any] = json.loads((workspace.folder / "terraform.tfstate").read_text())
    for resource in state["resources"]:
        for instance in resource["instances"]:
            change = wanted.get(instance_address(resource, instance))
            if change is not None and change["actions"] == ["update"]:
                instance["attributes"] = change["after"]
    state["resources"] = [resource for resource in state["resources"] if resource["mode"] == "managed"]
    text = json.dumps(state).replace(f"{endpoint}/", "https://sqs.eu-west-1.amazonaws.com/").replace(*_ACCOUNTS)
    return dict(json.loads(text))


def plan_bootstrap(folder: Path) -> dict[str, Any]:
    """Return the plan of a first apply of terraform/bootstrap/, cut to two of its resources."""
    shutil.copytree(CONFIGURATION / "bootstrap", folder, ignore=shutil.ignore_patterns(".terraform", "*.tfvars"))
    (folder / "local_override.tf").write_text(LOCAL_STATE)
    (folder / "dev.tfvars.json").write_text(json.dumps(_BOOTSTRAP))
    workspace = Workspace("dev", folder, (), process_variables(NO_CREDENTIALS, is_on_aws=False))
    workspace.init()
    workspace.read("plan", "-input=false", "-refresh=false", "-var-file=dev.tfvars.json", "-out=bootstrap.tfplan")
    plan = json.loads(workspace.read("show", "-json", "bootstrap.tfplan"))
    names = ("format_version", "terraform_version", "variables", "checks", "applyable", "complete", "errored")
    addresses = ('aws_iam_policy.boundary["dev"]', "aws_s3_bucket.state")
    changes = [found for found in plan["resource_changes"] if found["address"] in addresses]
    return {name: plan[name] for name in names} | {"resource_changes": changes}
