"""Let Terraform make the plans in plans/ anew: `python -m tests.tools.review.real_plans`.

They are planned against the state in applied/, with nothing of AWS; names of scenarios make only those.
With `state`, that state is made anew first: prod is applied to the embedded AWS, which takes a minute and a half. What
is kept names the Terraform and the provider that made it. Needed is what
`make .venv/ministack/.installed .venv/tests/.installed` installs.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.tools.review.scenarios import SCENARIOS, TOPIC, Scenario
from tools.deploy.plan import NO_CREDENTIALS
from tools.deploy.terraform import Workspace, open_workspace
from tools.local import stack as local_stack
from tools.processes import hear_interrupts
from tools.project import CONFIGURATION, ROOT
from tools.review.plan import POLICY_ATTRIBUTES

__all__ = ["PLANS", "Planner", "kept_plan", "lay_out"]

PLANS = Path(__file__).parent / "plans"
#: Ignored by git, and so by the linters.
_WORK = ROOT / "build" / "work"
_APPLIED = Path(__file__).parent / "applied"

FUNCTIONS = ("api-schedule-post", "stream-dynamodb-fasttrack_enqueuer", "task-1minute-enqueuer")

#: The embedded AWS's account, and prod's.
_ACCOUNTS = ("000000000000", "777788889999")

#: What a review reads of a plan, and so what is kept.
_VARIABLES = ("delayer_period_seconds", "environment", "max_lateness_seconds", "shard_count")
_KEPT = ("applyable", "complete", "errored", "format_version", "terraform_version")


def kept_plan(name: str) -> str:
    """A scenario's plan as it is kept."""
    return (PLANS / f"{name}.json").read_text(encoding="utf-8")


class Planner:
    """Has Terraform plan scenarios in a folder, with nothing asked of AWS."""

    def __init__(self, folder: Path) -> None:
        self._packages = folder / "packages"
        self._packages.mkdir(parents=True)
        self._workspace = open_workspace(
            "prod", folder / "work", has_local_state=True, variables=NO_CREDENTIALS, packages=self._packages
        )
        # Terraform remembers where links to modules lead; the copies are to be used instead.
        shutil.rmtree(self._workspace.folder / ".terraform" / "modules")
        lay_out(self._workspace.folder, Scenario())
        self._workspace.init()

    def plan(self, scenario: Scenario) -> dict[str, Any]:
        """What Terraform says of a scenario, cut to what is kept."""
        folder = self._workspace.folder
        lay_out(folder, scenario)
        write_packages(self._packages, scenario.packages)
        state = folder / "terraform.tfstate"
        state.unlink(missing_ok=True)
        if scenario.applied != "nothing":
            state.write_text(json.dumps(_applied(scenario.applied, scenario.missing)))
        (folder / "further.tfvars.json").write_text(json.dumps(scenario.variables))
        self._workspace.read(
            "plan", "-input=false", "-refresh=false", "-var-file=environments/prod.tfvars",
            "-var-file=further.tfvars.json", "-out=scenario.tfplan", *scenario.arguments,
        )  # fmt: skip
        return _trimmed(json.loads(self._workspace.read("show", "-json", "scenario.tfplan")))


def write_packages(folder: Path, changed: tuple[str, ...] = ()) -> None:
    """Zips that are the same at any time, but for the functions whose code is changed."""
    for name in FUNCTIONS:
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            code = f"# {name}{', changed' if name in changed else ''}\n"
            archive.writestr(zipfile.ZipInfo("main.py", (1980, 1, 1, 0, 0, 0)), code)


def lay_out(folder: Path, scenario: Scenario) -> None:
    """Copy the configuration to where a workspace has links to it, and change the copy."""
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


def _applied(name: str, missing: tuple[str, ...]) -> dict[str, Any]:
    """A state: prod's, with those resources in the place of its own that the named one keeps, and without some."""
    state: dict[str, Any] = json.loads((_APPLIED / "prod.json").read_text())
    if name != "prod":
        others = json.loads((_APPLIED / f"{name}.json").read_text())
        state["resources"] = [*(found for found in state["resources"] if _key(found) not in map(_key, others)), *others]
    state["resources"] = [found for found in state["resources"] if ".".join(_key(found)) not in missing]
    return state


def _key(resource: Mapping[str, Any]) -> tuple[str, str, str]:
    return resource.get("module", ""), resource["type"], resource["name"]


def _trimmed(plan: Mapping[str, Any]) -> dict[str, Any]:
    changes = [
        change
        for change in plan["resource_changes"]
        # The sweep's targets say that there is an environment, and which workers are called.
        if change["change"]["actions"] != ["no-op"] or change["type"] == "aws_cloudwatch_event_target"
    ]
    outputs = {name: change for name, change in plan["output_changes"].items() if change["actions"] != ["no-op"]}
    return {
        **{name: plan[name] for name in _KEPT},
        "configuration": {"root_module": _policies(plan["configuration"]["root_module"])},
        "output_changes": outputs,
        "provider_version": re.findall(r'version *= "([^"]+)"', (CONFIGURATION / ".terraform.lock.hcl").read_text())[0],
        "resource_changes": sorted(changes, key=lambda change: str(change["address"])),
        "variables": {name: plan["variables"][name] for name in _VARIABLES},
    }


def _policies(module: Mapping[str, Any]) -> dict[str, Any]:
    """Of a module's configuration, what its policies refer to."""
    resources = [
        {
            "type": resource["type"],
            "name": resource["name"],
            "expressions": {name: resource["expressions"][name] for name in named},
        }
        for resource in module.get("resources", [])
        if (named := [name for name in POLICY_ATTRIBUTES if name in resource.get("expressions", {})])
    ]
    calls = {name: {"module": _policies(call["module"])} for name, call in module.get("module_calls", {}).items()}
    return {"module_calls": calls, "resources": resources}


def _apply() -> None:
    """Apply prod to the embedded AWS, and keep its state: as it is, and what tokens and a topic change."""
    with tempfile.TemporaryDirectory(dir=_WORK) as made, _embedded_aws(Path(made) / "stack") as stack:
        packages = Path(made) / "packages"
        packages.mkdir()
        write_packages(packages)
        workspace = open_workspace(
            "prod", stack.folder, has_local_state=True, variables=stack.variables, packages=packages
        )
        state = _settled(workspace, stack.endpoint)
        authorization = json.dumps(SCENARIOS["authorization_jwt"].variables["authorization"])
        tokens = _settled(workspace, stack.endpoint, f"-var=authorization={authorization}")
        topic = _settled(workspace, stack.endpoint, f"-var=alarm_topic_arn={TOPIC}")
    contents = {
        "prod": state,
        "jwt": _changed(state, tokens, "module.http_api"),
        "topic": _changed(state, topic, "module.monitoring"),
    }
    _APPLIED.mkdir(exist_ok=True)
    for name, content in contents.items():
        (_APPLIED / f"{name}.json").write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def _changed(state: Mapping[str, Any], other: Mapping[str, Any], module: str) -> list[Any]:
    """A module's resources that are otherwise in another state."""
    known = state["resources"]
    return [found for found in other["resources"] if found not in known and found.get("module") == module]


@contextlib.contextmanager
def _embedded_aws(folder: Path) -> Iterator[local_stack.Stack]:
    folder.mkdir()
    stack = local_stack.start_embedded_aws(folder, {})
    try:
        yield stack
    finally:
        local_stack.stop(stack.folder)


def _settled(workspace: Workspace, endpoint: str, *arguments: str) -> dict[str, Any]:
    """Apply, and answer the state as AWS would have left it.

    The embedded AWS forgets some of what it is told, alarms above all, and it has no policy to bound roles by: what a
    plan would still set is what AWS has.
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
            change = wanted.get(_address(resource, instance))
            if change is not None and change["actions"] == ["update"]:
                instance["attributes"] = change["after"]
    state["resources"] = [resource for resource in state["resources"] if resource["mode"] == "managed"]
    text = json.dumps(state).replace(f"{endpoint}/", "https://sqs.eu-west-1.amazonaws.com/").replace(*_ACCOUNTS)
    return dict(json.loads(text))


def _address(resource: Mapping[str, Any], instance: Mapping[str, Any]) -> str:
    module = f"{resource['module']}." if "module" in resource else ""
    index = f"[{json.dumps(instance['index_key'])}]" if "index_key" in instance else ""
    return f"{module}{resource['type']}.{resource['name']}{index}"


def main(names: list[str]) -> None:
    """Make the plans of these names, or all; with `state`, all, after the state that they are against."""
    hear_interrupts()
    _WORK.mkdir(parents=True, exist_ok=True)
    if names == ["state"]:
        _apply()
        names = []
    PLANS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_WORK) as folder:
        planner = Planner(Path(folder))
        for name in names or SCENARIOS:
            plan = planner.plan(SCENARIOS[name])
            (PLANS / f"{name}.json").write_text(json.dumps(plan, indent=1, sort_keys=True) + "\n")
            changes = [found for found in plan["resource_changes"] if _is_change(found)]
            print(f"{name}: {len(changes)} changes")  # noqa: T201 -- what a person waits for


def _is_change(change: Mapping[str, Any]) -> bool:
    return bool(change["change"]["actions"] != ["no-op"])


if __name__ == "__main__":
    main(sys.argv[1:])
