"""make ci-pack: pack a plan with its review. make ci-apply: apply it after the merge if it still holds.

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

from tools.deploy.apply import apply as apply_plan
from tools.deploy.plan import digest_path, plan, plan_path, read_plan, read_state, review_path
from tools.deploy.tfvars import check_environment
from tools.processes import git
from tools.project import DIST, PLANS, ROOT, CommandError
from tools.review.plan import PlanError, plan_from
from tools.review.review import accepted_file, built_packages, judge_plan, print_page, review_environment
from tools.terminal import end

#: The workflows' folders, one for each environment: the plan, its review, the packages and the commit.
FOLDER = PLANS / "reviewed"

#: git's name for the project's own folder as HEAD has it, wherever in the repository it is.
_TREE = "HEAD:./"

_CHANGES, _COMMIT, _PLAN, _REVIEW = "changes.sha256", "commit.json", "plan.tfplan", "review.md"


class State(NamedTuple):
    """A version of a state: its lineage stays, its serial grows with every change. ("", 0): there is no state yet."""

    lineage: str
    serial: int


def pack(environment: str) -> None:
    """Put an environment's plan, its review, the packages and the commit into one folder. Raises CommandError."""
    planned, review, changes = _paths(environment)
    for path, command in ((planned, "plan"), (review, "review"), (changes, "review")):
        if not path.exists():
            raise CommandError(f"there is no {path.relative_to(ROOT)}: make {command} ENV={environment} has failed")
    folder = FOLDER / environment
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copyfile(planned, folder / _PLAN)
    shutil.copyfile(review, folder / _REVIEW)
    shutil.copyfile(changes, folder / _CHANGES)
    for package in DIST.glob("*.zip"):
        shutil.copyfile(package, folder / package.name)
    names = {"commit": _git("HEAD"), "tree": _git(_TREE)}
    (folder / _COMMIT).write_text(json.dumps(names), encoding="utf-8")


def apply(environment: str) -> None:
    """Apply the reviewed plan, or one whose review says the same. Raises CommandError, and applies nothing then."""
    folder = FOLDER / environment
    if not (folder / _PLAN).exists():
        raise CommandError(f"there is no reviewed plan of {environment} in {folder.relative_to(ROOT)}")
    reason = reason_to_plan_again(folder, _git(_TREE), DIST, current_state(environment))
    path = plan_path(environment)
    if reason is None:
        print(f"The reviewed plan of {environment} still holds.", flush=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / _PLAN, path)
        _check_acceptances(environment)
    else:
        reviewed = [(folder / name).read_text(encoding="utf-8") for name in (_REVIEW, _CHANGES)]
        print(f"{environment} is planned again, because {reason}.", flush=True)
        plan(environment)
        _compare_reviews(environment, *reviewed)
    apply_plan(environment)


def reason_to_plan_again(folder: Path, tree: str, packages: Path, state: State) -> str | None:
    """Return why a packed plan no longer holds; None if it does.

    A merge makes a new commit, so the content is compared: `tree` is git's name of it.
    """
    try:
        reviewed_tree = json.loads((folder / _COMMIT).read_text(encoding="utf-8"))["tree"]
        reviewed_state = planned_state(folder / _PLAN)
    except (BadZipFile, KeyError, OSError, ValueError) as error:
        return f"the reviewed plan can't be read ({error!r})"
    if reviewed_tree != tree:
        return f"the merged tree {tree[:12]} is not the reviewed tree {reviewed_tree[:12]}"
    built = {path.name: path.read_bytes() for path in packages.glob("*.zip")}
    if built != {path.name: path.read_bytes() for path in folder.glob("*.zip")}:
        return "the packages are not those that were reviewed"
    if reviewed_state != state:
        return f"the state has changed since the review (serial {state.serial}, not {reviewed_state.serial})"
    return None


def planned_state(plan: Path) -> State:
    """Return the state that a plan starts from. Raises BadZipFile, KeyError, OSError or ValueError."""
    with ZipFile(plan) as archive:
        state = json.loads(archive.read("tfstate"))
        return State(state["lineage"], state["serial"])


def current_state(environment: str) -> State:
    """Return the present state of an environment. Raises CommandError."""
    state = read_state(environment)
    return State("", 0) if state is None else State(state["lineage"], state["serial"])


def _check_acceptances(environment: str) -> None:
    """Raise CommandError if a danger of the plan was accepted until a day that is over."""
    reviewed = plan_from(read_plan(environment), "the reviewed plan", built_packages())
    judgement = judge_plan(reviewed, ROOT, datetime.now(UTC).date())
    stopping = {(danger.id, danger.address) for danger in judgement.dangers}
    for entry in judgement.expired:
        if (entry.danger, entry.address) in stopping:
            plan_path(environment).unlink()
            raise CommandError(
                f"{entry.danger} at {entry.address} was accepted until {entry.expires}, which is over, and nothing was "
                f"applied: if the danger is still meant, renew its entry in {accepted_file(environment)} by a pull "
                "request"
            )


def _compare_reviews(environment: str, page: str, changes: str) -> None:
    planned, _, digest = _paths(environment)
    try:
        new_page, _ = review_environment(environment, datetime.now(UTC).date())
    except (OSError, PlanError, CommandError):
        planned.unlink(missing_ok=True)
        raise
    print_page(new_page)
    new_changes = digest.read_text(encoding="utf-8")
    if (new_page, new_changes) == (page, changes):
        print("Its review is the same.", flush=True)
        return
    planned.unlink(missing_ok=True)
    if new_page == page:
        difference = "Its page is the same, but values that the page cuts or hides are not."
    else:
        difference = "\n".join(
            difflib.unified_diff(page.splitlines(), new_page.splitlines(), "reviewed", "now", lineterm="")
        )
    raise CommandError(
        f"the plan of {environment} differs from the reviewed one, and nothing was applied. Open a pull request, so "
        f"that it is reviewed anew.\n{difference}"
    )


def _paths(environment: str) -> tuple[Path, Path, Path]:
    """Return the files of an environment's plan, its review page, and the digest of its changes."""
    return plan_path(environment), review_path(environment), digest_path(environment)


def _git(revision: str) -> str:
    done = git(ROOT, "rev-parse", revision)
    if done.status:
        raise CommandError(f"git knows no {revision}: {done.errors.strip()}")
    return done.output.strip()


def main(arguments: list[str]) -> None:
    """Run `make ci-pack` or `make ci-apply`: the action, and an environment. Exits."""
    match arguments:
        case ["pack" | "apply" as action, environment]:
            pass
        case _:
            sys.exit("tools.ci.reviewed_plan: give pack or apply, and an environment")

    def act() -> None:
        check_environment(environment)
        {"pack": pack, "apply": apply}[action](environment)

    end(f"make ci-{action}", act, failures=(PlanError,))


if __name__ == "__main__":
    main(sys.argv[1:])
