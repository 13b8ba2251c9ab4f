"""Review a plan: find its dangers, judge them by the environment's file of accepted ones, and make the page."""

import io
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from tools.deploy import plan as deploy
from tools.deploy.tfvars import check_environment
from tools.project import ROOT, CommandError
from tools.review.access import access_dangers
from tools.review.danger import SENTENCES, Danger, Judgement, danger, judge, read_accepted
from tools.review.digest import digest
from tools.review.functions import function_dangers
from tools.review.markdown import render
from tools.review.plan import Plan, plan_from
from tools.review.table import Judged, table_dangers


def find_dangers(plan: Plan) -> list[Danger]:
    """Return every danger of a plan once, losses first. A value that is not known yet counts as changed."""
    judged: Judged = set()
    # Forgotten resources stay as they are in AWS.
    kept = (
        replace(each, action="no-op", after=each.before) if each.action == "forget" else each for each in plan.resources
    )
    staying = replace(plan, resources=tuple(kept))
    found = [
        *function_dangers(staying, judged),
        *access_dangers(staying, judged),
        *table_dangers(plan, judged),
        *(danger(address, name, detail=detail) for name, address, detail in plan.facts),
    ]
    order = list(SENTENCES)
    return sorted(dict.fromkeys(found), key=lambda each: order.index(each.id))


def accepted_file(environment: str) -> str:
    """Return the path of an environment's accepted dangers, below the checkout."""
    return f"terraform/environments/{environment}.accepted.toml"


def judge_plan(plan: Plan) -> Judgement:
    """Judge a plan's dangers by the environment's accepted ones. Raises CommandError if that file is malformed."""
    today = datetime.now(UTC).date()
    shown = accepted_file(plan.environment)
    entries = read_accepted(ROOT / shown, shown, today) if plan.environment else ()
    return judge(find_dangers(plan), entries, today)


def review_document(document: Any, source: str) -> tuple[str, bool]:
    """Return the page of a parsed plan, and whether it has a danger that is not accepted. Raises CommandError."""
    plan = plan_from(document, source, deploy.built_packages())
    try:
        judgement = judge_plan(plan)
        return render(plan, judgement), bool(judgement.dangers)
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        # A rule met a value of another type than the provider's.
        raise CommandError(f"{source} can't be reviewed: {error!r} where something else is expected") from error


def review_environment(environment: str, *, is_offline: bool = False) -> tuple[str, bool]:
    """Review the plan that make plan wrote, like a document; keep the page and the digest of its changes beside it."""
    check_environment(environment)
    path, page_path, digest_path, _ = deploy.plan_files(environment, is_offline=is_offline)
    for stale in (page_path, digest_path):
        stale.unlink(missing_ok=True)
    again = f"run make plan ENV={environment}{' OFFLINE=1' if is_offline else ''}"
    if not path.exists():
        raise CommandError(f"there is no plan to review: {again} first")
    document = deploy.read_plan(environment, is_offline=is_offline)
    source = str(path.relative_to(ROOT))
    planned = plan_from(document, source).environment
    if planned != environment:
        found = f"environment {planned}" if planned else "no environment of the delayer"
        raise CommandError(f"the plan is for {found}, not {environment}: {again} again")
    deploy.check_packages(environment, document, is_offline=is_offline)
    page, is_dangerous = review_document(document, source)
    digest_path.write_text(f"{digest(document)}\n", encoding="utf-8")
    page_path.write_text(page, encoding="utf-8")
    return page, is_dangerous


def print_page(page: str) -> None:
    """Print a page in UTF-8 whatever the terminal's encoding is, even to a reader that stops before its end."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        print(page, flush=True)
    except BrokenPipeError:
        # Python would flush once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
