"""make ci-pack: pack a plan with its review. make ci-apply: apply it after the merge if it still holds.

make ci-drift: plan the deployed commit, and keep the changes that the plan would make. There must be none.

Terraform itself refuses a saved plan whose state has changed since. It can't know whether the commit and the packages
are those that were reviewed. A plan that was made again is the reviewed one if its page is, and the digest of all that
it changes: a page names what a first apply creates and no more, and cuts long values.
"""

import difflib
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile, ZipFile

from tools import terminal
from tools.deploy import plan as deploy
from tools.deploy.apply import apply as apply_plan
from tools.deploy.tfvars import check_environment
from tools.processes import git
from tools.project import DIST, PLANS, ROOT, CommandError
from tools.review.plan import plan_from
from tools.review.review import accepted_file, judge_plan, print_page, review_environment

#: The files of a packed plan. Beside them are the packages.
_CHANGES, _COMMIT, _PLAN, _REVIEW = "changes.sha256", "commit.json", "plan.tfplan", "review.md"


class State(NamedTuple):
    """A version of a state: its lineage stays, its serial grows with every change. ("", 0): there is no state yet."""

    lineage: str
    serial: int


def pack(environment: str) -> None:
    """Put an environment's plan, its review, the packages and the commit into one folder. Raises CommandError."""
    check_environment(environment)
    files = deploy.plan_files(environment)
    made = {_PLAN: files.plan, _REVIEW: files.review, _CHANGES: files.digest}
    for name, path in made.items():
        if not path.exists():
            command = "plan" if name == _PLAN else "review"
            raise CommandError(f"there is no {path.relative_to(ROOT)}: make {command} ENV={environment} has failed")
    folder = PLANS / "reviewed" / environment
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made |= {package.name: package for package in DIST.glob("*.zip")}
    for name, path in made.items():
        shutil.copyfile(path, folder / name)
    (folder / _COMMIT).write_text(json.dumps(_head()), encoding="utf-8")


def apply(environment: str) -> None:
    """Apply the reviewed plan, or one whose review says the same. Raises CommandError, and applies nothing then."""
    check_environment(environment)
    folder = PLANS / "reviewed" / environment
    if not (folder / _PLAN).exists():
        raise CommandError(f"there is no reviewed plan of {environment} in {folder.relative_to(ROOT)}")
    reason = reason_to_plan_again(folder, _head()["tree"], DIST, current_state(environment))
    path = deploy.plan_files(environment).plan
    try:
        if reason is None:
            print(f"The reviewed plan of {environment} still holds.", flush=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / _PLAN, path)
            _check_acceptances(environment)
        else:
            print(f"{environment} is planned again, because {reason}.", flush=True)
            page, changes = ((folder / name).read_text(encoding="utf-8") for name in (_REVIEW, _CHANGES))
            deploy.plan(environment)
            _compare_reviews(environment, page, changes)
    except (OSError, CommandError):
        path.unlink(missing_ok=True)
        raise
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
    built, reviewed = ({path.name: path.read_bytes() for path in at.glob("*.zip")} for at in (packages, folder))
    if built != reviewed:
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
    state = deploy.open_environment(environment).read_json("state", "pull")
    return State("", 0) if state is None else State(state["lineage"], state["serial"])


def _check_acceptances(environment: str) -> None:
    """Raise CommandError if a danger of the plan was accepted until a day that is over."""
    reviewed = plan_from(deploy.read_plan(environment), "the reviewed plan", deploy.built_packages())
    judgement = judge_plan(reviewed)
    stopping = {(danger.id, danger.address) for danger in judgement.dangers}
    for entry in judgement.expired:
        if (entry.danger, entry.address) in stopping:
            raise CommandError(
                f"{entry.danger} at {entry.address} was accepted until {entry.expires}, which is over, and nothing was "
                f"applied: if the danger is still meant, renew its entry in {accepted_file(environment)} by a pull "
                "request"
            )


def _compare_reviews(environment: str, page: str, changes: str) -> None:
    """Raise CommandError if a review of the present plan has another page, or finds other changes."""
    new_page, _ = review_environment(environment)
    print_page(new_page)
    if (new_page, deploy.plan_files(environment).digest.read_text(encoding="utf-8")) == (page, changes):
        print("Its review is the same.", flush=True)
        return
    lines = difflib.unified_diff(page.splitlines(), new_page.splitlines(), "reviewed", "now", lineterm="")
    difference = "\n".join(lines) or "Its page is the same, but values that the page cuts or hides are not."
    raise CommandError(
        f"the plan of {environment} differs from the reviewed one, and nothing was applied. Open a pull request, so "
        f"that it is reviewed anew.\n{difference}"
    )


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


def _head() -> dict[str, str]:
    """Return git's names of HEAD's commit and, wherever in the repository the project is, of the project's tree."""
    done = git(ROOT, "rev-parse", "HEAD", "HEAD:./")
    if done.status:
        raise CommandError(f"git knows no HEAD: {done.errors.strip()}")
    return dict(zip(("commit", "tree"), done.output.split(), strict=True))


if __name__ == "__main__":
    step = sys.argv.pop(1)
    terminal.main(f"make ci-{step}", {"pack": pack, "apply": apply, "drift": write_drift}[step])
