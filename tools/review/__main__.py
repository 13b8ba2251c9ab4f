"""make review: what the plan that make plan wrote would do. `python -m tools.review <plan.json>` reviews any plan.

Exit status: 0 if there is no danger, or every one is accepted; 2 if there is one that is not; 1 if there was an error.
"""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from tools import deploy
from tools.package_commits import Checkout
from tools.review.accepted import judge, read_accepted
from tools.review.code import code_changes
from tools.review.dangers import find_dangers
from tools.review.markdown import render
from tools.review.plan import Plan, PlanError, plan_from, read_plan
from tools.terraform import ROOT, TerraformError

__all__ = ["main", "review"]


def review(plan: Plan, root: Path, today: date) -> tuple[str, bool]:
    """The page, and whether it holds a danger that the environment's file does not accept. Raises PlanError."""
    shown = f"terraform/environments/{plan.environment}.accepted.toml"
    judgement = judge(find_dangers(plan), read_accepted(root / shown, shown), today)
    return render(plan, judgement, code_changes(plan, Checkout(root))), bool(judgement.dangers)


def _planned(environment: str, *, is_offline: bool) -> Plan:
    """The plan that make plan wrote. Raises PlanError and TerraformError."""
    deploy.check_environment(environment)
    offline = " OFFLINE=1" if is_offline else ""
    path = deploy.plan_path(environment, is_offline=is_offline)
    if not path.exists():
        raise PlanError(f"there is no plan to review: run make plan ENV={environment}{offline} first")
    plan = plan_from(deploy.read_plan(environment, is_offline=is_offline), str(path.relative_to(ROOT)))
    if plan.environment != environment:
        raise PlanError(
            f"the plan is for environment {plan.environment}, not {environment}: run make plan ENV={environment}"
            f"{offline} again"
        )
    return plan


def _one_line(error: Exception) -> str:
    """What Terraform says in a frame of many lines, in one."""
    return " ".join(re.sub(r"[╷│╵]", " ", str(error)).split())


def main(arguments: list[str]) -> int:
    """The command line: a plan's JSON, or an environment whose plan is in build/plans/."""
    parser = argparse.ArgumentParser(prog="review", description=__doc__)
    parser.add_argument("plan", nargs="?", type=Path, help="what terraform show -json printed")
    parser.add_argument("--environment", help="instead: the environment whose plan make plan wrote")
    parser.add_argument("--offline", action="store_true")
    options = parser.parse_args(arguments)
    if (options.plan is None) == (options.environment is None):
        parser.error("give the JSON of a plan, or --environment")
    try:
        if options.plan is not None:
            plan = read_plan(options.plan.read_text(encoding="utf-8"), str(options.plan))
        else:
            plan = _planned(options.environment, is_offline=options.offline)
        page, is_dangerous = review(plan, ROOT, datetime.now(UTC).date())
        if options.plan is None:
            written = ROOT / "build" / "plans" / f"{options.environment}.review.md"
            written.write_text(page, encoding="utf-8")
        print(page)
    except (PlanError, TerraformError, OSError, UnicodeDecodeError) as error:
        print(f"make review: {_one_line(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("make review: interrupted", file=sys.stderr)
        return 130
    return 2 if is_dangerous else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
