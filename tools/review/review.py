"""Review a plan: find its dangers, and write the page and the digest."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from tools.deploy.plan import check_packages, digest_path, plan_path, review_path
from tools.deploy.plan import read_plan as read_planned
from tools.deploy.tfvars import check_environment
from tools.project import ROOT
from tools.review.accepted import judge, read_accepted
from tools.review.code import code_changes
from tools.review.dangers import find_dangers
from tools.review.digest import digest
from tools.review.markdown import render
from tools.review.plan import Plan, PlanError, plan_from, read_plan

__all__ = ["accepted_file", "read_file", "review", "review_environment", "review_or_fail"]


def accepted_file(environment: str) -> str:
    """Return the file of an environment's accepted dangers, relative to the checkout."""
    return f"terraform/environments/{environment}.accepted.toml"


def review(plan: Plan, root: Path, today: date) -> tuple[str, bool]:
    """Return the page, and whether it names a danger that the environment's file does not accept. Raises PlanError."""
    shown = accepted_file(plan.environment)
    entries = read_accepted(root / shown, shown, today) if plan.environment else []
    judgement = judge(find_dangers(plan), entries, today)
    return render(plan, judgement, code_changes(plan)), bool(judgement.dangers)


def review_or_fail(plan: Plan, source: str) -> tuple[str, bool]:
    try:
        return review(plan, ROOT, datetime.now(UTC).date())
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        # Rules read values as the provider writes them; the error names the value that is of another kind.
        raise PlanError(f"{source} can't be reviewed: {error!r} where something else is expected") from error


def read_file(path: Path) -> Plan:
    """Return the plan in a file. Raises PlanError and OSError."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PlanError(
            f"{path} is not in UTF-8, as terraform show -json prints it: did a shell write it in another encoding?"
        ) from error
    return read_plan(text, str(path))


def _planned(environment: str, *, is_offline: bool = False) -> tuple[Plan, dict[str, Any]]:
    """Return the plan that make plan wrote, parsed and as JSON. Raises PlanError and CommandError."""
    check_environment(environment)
    again = f"run make plan ENV={environment}{' OFFLINE=1' if is_offline else ''}"
    path = plan_path(environment, is_offline=is_offline)
    if not path.exists():
        raise PlanError(f"there is no plan to review: {again} first")
    document = read_planned(environment, is_offline=is_offline)
    plan = plan_from(document, str(path.relative_to(ROOT)))
    if plan.environment != environment:
        raise PlanError(f"the plan is for environment {plan.environment}, not {environment}: {again} again")
    check_packages(environment, document, is_offline=is_offline)
    return plan, document


def review_environment(environment: str, *, is_offline: bool = False) -> tuple[str, bool]:
    """Review the plan that make plan wrote, and keep the page and the plan's digest beside it.

    Return the page, and whether it names a danger that is not accepted. Raises PlanError and CommandError.
    """
    written = review_path(environment, is_offline=is_offline)
    kept = digest_path(environment, is_offline=is_offline)
    for path in (written, kept):
        path.unlink(missing_ok=True)
    plan, document = _planned(environment, is_offline=is_offline)
    source = str(plan_path(environment, is_offline=is_offline).relative_to(ROOT))
    page, is_dangerous = review_or_fail(plan, source)
    kept.write_text(f"{digest(document, source)}\n", encoding="utf-8")
    written.write_text(page, encoding="utf-8")
    return page, is_dangerous
