"""The reviewed plan: packed where it was made, applied after the merge if it is still true.

Terraform itself refuses a saved plan whose state has changed since. It can't know whether the commit and the packages
are those that were reviewed. A plan that was made again is the reviewed one if its page is, and the digest of all that
it changes: a page names what a first apply creates and no more, and cuts long values.
"""

from __future__ import annotations

import difflib
import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile, ZipFile

from tools.deploy import plan as deploy
from tools.deploy.package_commits import Checkout, note_checkout
from tools.deploy.terraform import TerraformError
from tools.processes import git, hear_interrupts
from tools.project import ROOT
from tools.review.plan import PlanError, plan_from
from tools.review.review import accepted_file, judge_plan, print_page, review_environment

__all__ = ["FOLDER", "State", "apply", "current_state", "pack", "planned_state", "reason_to_plan_again"]

#: Here the workflows find a folder for each environment: the plan, the review, the packages and the commit.
FOLDER = ROOT / "build" / "plans" / "reviewed"

_DIST = ROOT / "build" / "dist"
#: git's name for the project's own folder as HEAD has it, wherever in the repository it is.
_TREE = "HEAD:./"

_CHANGES, _COMMIT, _PLAN, _REVIEW = "changes.sha256", "commit.json", "plan.tfplan", "review.md"


class State(NamedTuple):
    """Which state: a lineage is one state's for its life, a serial grows with every change. ("", 0): there is none."""

    lineage: str
    serial: int


def pack(environment: str) -> None:
    """Put an environment's plan, its review, the packages and the commit into one folder. Raises TerraformError."""
    plan, review, changes = _paths(environment)
    for path, command in ((plan, "plan"), (review, "review"), (changes, "review")):
        if not path.exists():
            raise TerraformError(f"there is no {path.relative_to(ROOT)}: make {command} ENV={environment} has failed")
    folder = FOLDER / environment
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copyfile(plan, folder / _PLAN)
    shutil.copyfile(review, folder / _REVIEW)
    shutil.copyfile(changes, folder / _CHANGES)
    for package in _DIST.glob("*.zip"):
        shutil.copyfile(package, folder / package.name)
    names = {"commit": _git("HEAD"), "tree": _git(_TREE)}
    (folder / _COMMIT).write_text(json.dumps(names), encoding="utf-8")


def apply(environment: str) -> None:
    """Apply the reviewed plan, or one whose review says the same. Raises TerraformError, and applies nothing then."""
    folder = FOLDER / environment
    if not (folder / _PLAN).exists():
        raise TerraformError(f"there is no reviewed plan of {environment} in {folder.relative_to(ROOT)}")
    reason = reason_to_plan_again(folder, _git(_TREE), _DIST, current_state(environment))
    plan = deploy.plan_path(environment, is_offline=False)
    if reason is None:
        print(f"The reviewed plan of {environment} is still true.", flush=True)
        plan.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / _PLAN, plan)
        _check_acceptances(environment)
    else:
        reviewed = [(folder / name).read_text(encoding="utf-8") for name in (_REVIEW, _CHANGES)]
        print(f"{environment} is planned again, for {reason}.", flush=True)
        # As make plan does: else the page would compare the files of this checkout, and say so.
        note_checkout(Checkout(ROOT), _DIST)
        deploy.plan(environment, is_offline=False)
        _compare_reviews(environment, *reviewed)
    deploy.apply(environment, is_offline=False)


def reason_to_plan_again(folder: Path, tree: str, packages: Path, state: State) -> str | None:
    """Why a packed plan isn't true any more; None if it is.

    A merge makes a new commit, so what has to be the same is what is in it: `tree`, git's name for that.
    """
    try:
        reviewed_tree = json.loads((folder / _COMMIT).read_text(encoding="utf-8"))["tree"]
        reviewed_state = planned_state(folder / _PLAN)
    except (BadZipFile, KeyError, OSError, ValueError) as error:
        return f"what was reviewed can't be read ({error!r})"
    if reviewed_tree != tree:
        return f"what was merged is not what was reviewed (tree {tree[:12]}, not {reviewed_tree[:12]})"
    built = {path.name: path.read_bytes() for path in packages.glob("*.zip")}
    if built != {path.name: path.read_bytes() for path in folder.glob("*.zip")}:
        return "the packages are not those that were reviewed"
    if reviewed_state != state:
        return f"the state has changed since the review (serial {state.serial}, not {reviewed_state.serial})"
    return None


def planned_state(plan: Path) -> State:
    """The state that a plan starts from. Raises BadZipFile, KeyError, OSError or ValueError if it is no plan file."""
    with ZipFile(plan) as archive:
        state = json.loads(archive.read("tfstate"))
        return State(state["lineage"], state["serial"])


def current_state(environment: str) -> State:
    """The state that an environment has now. Raises TerraformError."""
    state = deploy.read_state(environment)
    return State("", 0) if state is None else State(state["lineage"], state["serial"])


def _check_acceptances(environment: str) -> None:
    """Raise TerraformError if a danger of the plan was accepted until a day that is over."""
    plan = plan_from(deploy.read_plan(environment, is_offline=False), "the reviewed plan")
    judgement = judge_plan(plan, ROOT, datetime.now(UTC).date())
    stopping = {(danger.id, danger.address) for danger in judgement.dangers}
    for entry in judgement.expired:
        if (entry.danger, entry.address) in stopping:
            deploy.plan_path(environment, is_offline=False).unlink()
            raise TerraformError(
                f"{entry.danger} at {entry.address} was accepted until {entry.expires}, which is over, and nothing was "
                f"applied: if the danger is still meant, renew its entry in {accepted_file(environment)} by a pull "
                "request"
            )


def _compare_reviews(environment: str, page: str, changes: str) -> None:
    plan, _, digest = _paths(environment)
    try:
        new_page, _ = review_environment(environment, datetime.now(UTC).date(), is_offline=False)
    except (OSError, PlanError, TerraformError):
        plan.unlink(missing_ok=True)
        raise
    print_page(new_page)
    new_changes = digest.read_text(encoding="utf-8")
    if (new_page, new_changes) == (page, changes):
        print("It says what was reviewed.", flush=True)
        return
    plan.unlink(missing_ok=True)
    if new_page == page:
        difference = "Its page is the same, but values that the page cuts or hides are not."
    else:
        difference = "\n".join(
            difflib.unified_diff(page.splitlines(), new_page.splitlines(), "reviewed", "now", lineterm="")
        )
    raise TerraformError(
        f"the plan of {environment} is not what was reviewed, and nothing was applied. Open a pull request, so that it "
        f"is reviewed anew.\n{difference}"
    )


def _paths(environment: str) -> tuple[Path, Path, Path]:
    """Where an environment's plan, its page, and the digest of its changes are."""
    return (
        deploy.plan_path(environment, is_offline=False),
        deploy.review_path(environment, is_offline=False),
        deploy.digest_path(environment, is_offline=False),
    )


def _git(revision: str) -> str:
    done = git(ROOT, "rev-parse", revision)
    if done.status:
        raise TerraformError(f"git knows no {revision}: {done.errors.strip()}")
    return done.output.strip()


def main(arguments: list[str]) -> int:
    """The command line: pack or apply, and an environment."""
    hear_interrupts()
    actions = {"pack": pack, "apply": apply}
    match arguments:
        case ["pack" | "apply" as action, environment]:
            pass
        case _:
            print("tools.ci.reviewed_plan: say pack or apply, and an environment", file=sys.stderr)
            return 1
    try:
        deploy.check_environment(environment)
        actions[action](environment)
    except (PlanError, TerraformError, OSError) as error:
        print(f"make ci-{action}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"make ci-{action}: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
