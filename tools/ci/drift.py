"""make ci-drift: plan the deployed commit, and keep the changes that the plan would make. There must be none."""

import json
from collections.abc import Mapping
from typing import Any

from tools import terminal
from tools.deploy import plan as deploy
from tools.deploy.tfvars import check_environment
from tools.project import PLANS


def write_drift(environment: str) -> None:
    """Plan an environment and write its drift as JSON to build/plans/drift/. Raises CommandError, and writes none."""
    check_environment(environment)
    path = PLANS / "drift" / f"{environment}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    deploy.plan(environment)
    path.write_text(json.dumps(drift_of(deploy.read_plan(environment))), encoding="utf-8")


def drift_of(planned: Mapping[str, Any]) -> list[str]:
    """Return a line of Markdown for each resource and output that a plan (`terraform show -json`) would change."""
    changes = [
        (change["address"], change["change"]["actions"])
        for change in planned.get("resource_changes", [])
        if change["mode"] == "managed"
    ]
    changes += [(f"output.{name}", change["actions"]) for name, change in planned.get("output_changes", {}).items()]
    return [f"{' and '.join(actions)} `{address}`" for address, actions in changes if actions != ["no-op"]]


if __name__ == "__main__":
    terminal.main("make ci-drift", write_drift)
