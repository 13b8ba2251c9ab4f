"""make ci-drift: plan what is deployed, and keep what that would do. With no change of code it has to be nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from tools.deploy import plan as deploy
from tools.deploy.terraform import TerraformError
from tools.processes import hear_interrupts
from tools.project import ROOT

__all__ = ["drift_of", "write_drift"]


def drift_of(plan: Mapping[str, Any]) -> list[str]:
    """What a plan (`terraform show -json`) would do, a line for each resource and output, in Markdown."""
    changes = [
        (change["address"], change["change"]["actions"])
        for change in plan.get("resource_changes", [])
        if change["mode"] == "managed"
    ]
    changes += [(f"output.{name}", change["actions"]) for name, change in plan.get("output_changes", {}).items()]
    return [f"{' and '.join(actions)} `{address}`" for address, actions in changes if actions != ["no-op"]]


def write_drift(environment: str) -> None:
    """Plan an environment and write its drift as JSON to build/plans/drift/. Raises TerraformError, and writes none."""
    path = ROOT / "build" / "plans" / "drift" / f"{environment}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    deploy.plan(environment, is_offline=False)
    path.write_text(json.dumps(drift_of(deploy.read_plan(environment, is_offline=False))), encoding="utf-8")


def main(environment: str) -> int:
    """The command line: an environment; returns the exit status."""
    hear_interrupts()
    try:
        deploy.check_environment(environment)
        write_drift(environment)
    except (TerraformError, OSError) as error:
        print(f"make ci-drift: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("make ci-drift: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
