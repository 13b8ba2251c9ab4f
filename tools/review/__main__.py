"""make review: what the plan that make plan wrote would do. `python -m tools.review <plan.json>` reviews any plan.

Exit status: 0 if there is no danger, or every one is accepted; 2 if there is one that is not; 1 if there was an error.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NoReturn

from tools.deploy import plan as deploy
from tools.deploy.package_commits import Checkout
from tools.deploy.terraform import TerraformError
from tools.processes import hear_interrupts
from tools.project import ROOT
from tools.review.accepted import judge, read_accepted
from tools.review.code import code_changes
from tools.review.dangers import find_dangers
from tools.review.digest import digest
from tools.review.markdown import render
from tools.review.plan import Plan, PlanError, plan_from, read_plan

__all__ = ["accepted_file", "main", "review"]


class _Parser(argparse.ArgumentParser):
    """Status 2 is for dangers, so wrong arguments are an error like others."""

    def error(self, message: str) -> NoReturn:
        self.exit(1, f"make review: {message}\n")


def accepted_file(environment: str) -> str:
    """Where an environment's accepted dangers are, below the checkout."""
    return f"terraform/environments/{environment}.accepted.toml"


def review(plan: Plan, root: Path, today: date) -> tuple[str, bool]:
    """The page, and whether it holds a danger that the environment's file does not accept. Raises PlanError."""
    shown = accepted_file(plan.environment)
    entries = read_accepted(root / shown, shown, today) if plan.environment else []
    judgement = judge(find_dangers(plan), entries, today)
    return render(plan, judgement, code_changes(plan, Checkout(root))), bool(judgement.dangers)


def _reviewed(plan: Plan, source: str) -> tuple[str, bool]:
    try:
        return review(plan, ROOT, datetime.now(UTC).date())
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        # A value of another kind than the provider's is met by rules one by one; which one it was is in the error.
        raise PlanError(f"{source} can't be reviewed: {error!r} where something else is expected") from error


def _read(path: Path) -> Plan:
    """The plan in a file. Raises PlanError and OSError."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PlanError(
            f"{path} is not in UTF-8, as terraform show -json prints it: did a shell write it in another encoding?"
        ) from error
    return read_plan(text, str(path))


def _planned(environment: str, *, is_offline: bool) -> tuple[Plan, dict[str, Any]]:
    """The plan that make plan wrote, and what it was read from. Raises PlanError and TerraformError."""
    deploy.check_environment(environment)
    again = f"run make plan ENV={environment}{' OFFLINE=1' if is_offline else ''}"
    path = deploy.plan_path(environment, is_offline=is_offline)
    if not path.exists():
        raise PlanError(f"there is no plan to review: {again} first")
    document = deploy.read_plan(environment, is_offline=is_offline)
    plan = plan_from(document, str(path.relative_to(ROOT)))
    if plan.environment != environment:
        raise PlanError(f"the plan is for environment {plan.environment}, not {environment}: {again} again")
    deploy.check_packages(environment, document, is_offline=is_offline)
    return plan, document


def _review_planned(environment: str, *, is_offline: bool) -> tuple[str, bool]:
    """Review what make plan wrote, and keep the page and the plan's digest beside it."""
    written = deploy.review_path(environment, is_offline=is_offline)
    kept = deploy.digest_path(environment, is_offline=is_offline)
    for path in (written, kept):
        path.unlink(missing_ok=True)
    plan, document = _planned(environment, is_offline=is_offline)
    source = str(deploy.plan_path(environment, is_offline=is_offline).relative_to(ROOT))
    page, is_dangerous = _reviewed(plan, source)
    kept.write_text(f"{digest(document, source)}\n", encoding="utf-8")
    written.write_text(page, encoding="utf-8")
    return page, is_dangerous


def _one_line(error: Exception) -> str:
    """What Terraform says in a frame of many lines, in one."""
    return " ".join(re.sub(r"[╷│╵]", " ", str(error)).split())


def _print(page: str) -> None:
    """Print a page, whatever the terminal's encoding is, and whoever stops to read before its end."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        print(page, flush=True)
    except BrokenPipeError:
        # Python would try once more as it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main(arguments: list[str]) -> int:
    """The command line: a plan's JSON, or an environment whose plan is in build/plans/."""
    hear_interrupts()
    parser = _Parser(prog="review", description=__doc__)
    parser.add_argument("plan", nargs="?", type=Path, help="what terraform show -json printed")
    parser.add_argument("--environment", help="instead: the environment whose plan make plan wrote")
    parser.add_argument("--offline", action="store_true")
    options = parser.parse_args(arguments)
    if (options.plan is None) == (options.environment is None):
        parser.error("give the JSON of a plan, or --environment")
    try:
        if options.plan is not None:
            page, is_dangerous = _reviewed(_read(options.plan), str(options.plan))
        else:
            page, is_dangerous = _review_planned(options.environment, is_offline=options.offline)
        _print(page)
    except (PlanError, TerraformError, OSError) as error:
        print(f"make review: {_one_line(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("make review: interrupted", file=sys.stderr)
        return 130
    return 2 if is_dangerous else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
