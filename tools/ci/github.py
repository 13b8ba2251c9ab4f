"""Call GitHub for the workflows: post reviews, find reviewed plans and deployed commits, report drift.

Only Python and gh are needed, so that a job that may write to GitHub installs nothing.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tools.processes import run
from tools.project import PLANS, CommandError, deployed_environments
from tools.review.markdown import fit
from tools.terminal import end

_REVIEWED = PLANS / "reviewed"

#: The first line of the workflows' comments and issues, by which the one of each kind is found again.
_REVIEW_MARK = "<!-- the delayer's plan review -->"
_DRIFT_MARK = "<!-- the delayer's drift -->"
_AUTHOR = "github-actions[bot]"

#: GitHub accepts 65,536 characters; the text around the reviews has far fewer than the difference.
_MAX_BODY = 60_000


class Run(NamedTuple):
    """A run of a repository's workflow."""

    repository: str
    number: str
    commit: str
    url: str

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Run:
        """Return the run of this job, from GitHub's variables. Raises CommandError."""
        try:
            repository, number = variables["GITHUB_REPOSITORY"], variables["GITHUB_RUN_ID"]
            url = f"{variables['GITHUB_SERVER_URL']}/{repository}/actions/runs/{number}"
            return cls(repository, number, variables["GITHUB_SHA"], url)
        except KeyError as error:
            raise CommandError(f"{error} is not set: this command runs in a workflow on GitHub") from error


# The review of a pull request.


def review_body(reviews: Mapping[str, str | None], run: Run) -> str:
    """Return the comment of a pull request: every environment's review; None stands for a missing one."""
    share = _MAX_BODY // max(1, len(reviews))
    parts = [_REVIEW_MARK, f"What [this run]({run.url}) would change, by environment."]
    for environment, review in reviews.items():
        text = review
        if text is None:
            text = "**Not planned, or not reviewed.** The run's log says why."
        elif len(text) > share:
            text = f"{fit(text, share)} All of it is in the run's artifact `plan-{environment}`."
        parts.append(f"<details open>\n<summary><b>{environment}</b></summary>\n\n{text.strip()}\n\n</details>")
    return "\n\n".join(parts)


def put_comment(run: Run, pull_request: str, body: str) -> None:
    """Write or update the one comment of the reviews. Raises CommandError."""
    comments = _pages(f"repos/{run.repository}/issues/{pull_request}/comments")
    for comment in comments:
        if _is_ours(comment, _REVIEW_MARK):
            _gh_api("PATCH", f"repos/{run.repository}/issues/comments/{comment['id']}", {"body": body})
            return
    _gh_api("POST", f"repos/{run.repository}/issues/{pull_request}/comments", {"body": body})


# Reviewed plans, and deployed commits.


def reviewed_run(run: Run) -> int:
    """Return the run of plan.yml for the last commit of the pull request that this run's commit merged.

    That run's plan is the one that was reviewed. Raises CommandError if there is none.
    """
    pulls = _gh_api("GET", f"repos/{run.repository}/commits/{run.commit}/pulls")
    merged = [pull for pull in pulls if pull["merged_at"] and pull["merge_commit_sha"] == run.commit]
    if not merged:
        raise CommandError(
            f"{run.commit[:12]} was not merged by a pull request, so nobody has reviewed its plan: plan, review and "
            "apply it from a shell, or revert it and open one"
        )
    head, number = merged[0]["head"]["sha"], merged[0]["number"]
    query = {"event": "pull_request", "head_sha": head, "status": "completed", "per_page": "100"}
    runs = _gh_api("GET", f"repos/{run.repository}/actions/workflows/plan.yml/runs", query)["workflow_runs"]
    of_ours = [each for each in runs if each["head_repository"]["full_name"] == run.repository]
    last = max(of_ours, key=lambda each: int(each["id"]), default=None)
    if last is None or last["conclusion"] != "success":
        said = "was never planned" if last is None else f"has a plan whose check ended as {last['conclusion']}"
        raise CommandError(f"pull request {number} {said}: nothing is applied that was not reviewed and found harmless")
    return int(last["id"])


def deployed_commit(run: Run, environment: str) -> str | None:
    """Return the last commit that the workflow applied with success; None if there is none. Raises CommandError."""
    query = {"environment": environment, "per_page": "100"}
    for deployment in _gh_api("GET", f"repos/{run.repository}/deployments", query):
        statuses = _gh_api(
            "GET", f"repos/{run.repository}/deployments/{deployment['id']}/statuses", {"per_page": "100"}
        )
        # A later deployment makes an earlier one inactive, and adds that to its statuses.
        if any(status["state"] == "success" for status in statuses):
            return str(deployment["sha"])
    return None


def download(run: Run, from_run: int | str, folders: Mapping[str, Path]) -> list[str]:
    """Download a run's artifacts, each by its name into a folder, and return the names of those that exist.

    Raises CommandError.
    """
    listed = _gh_api("GET", f"repos/{run.repository}/actions/runs/{from_run}/artifacts", {"per_page": "100"})
    there = [artifact["name"] for artifact in listed["artifacts"] if not artifact["expired"]]
    found = [name for name in folders if name in there]
    for name in found:
        folders[name].mkdir(parents=True, exist_ok=True)
        _gh("run", "download", str(from_run), "--repo", run.repository, "--name", name, "--dir", str(folders[name]))
    return found


# Drift.

_DRIFT_CAUSES = (
    "Somebody has changed an environment by hand or rolled it back, or its last apply ended half-way. Terraform would "
    "do the following."
)


def drift_body(drift: Mapping[str, Sequence[str] | None], run: Run) -> str:
    """Return the issue's text: every environment's drift; None stands for one that could not be planned."""
    parts = [
        _DRIFT_MARK,
        f"[A plan]({run.url}) of the commit that is deployed is not empty. {_DRIFT_CAUSES}",
    ]
    for environment, lines in drift.items():
        listed = "not planned" if lines is None else "\n".join(f"- {line}" for line in lines) or "nothing"
        parts.append(f"### {environment}\n\n{listed}")
    parts.append(
        "`make plan` on that commit shows the values. This issue is updated, and closed when the drift is gone."
    )
    return "\n\n".join(parts)[:_MAX_BODY]


def put_drift_issue(run: Run, drift: Mapping[str, Sequence[str] | None]) -> bool:
    """Open, update or close the one issue of drift, and return whether there is drift. Raises CommandError."""
    issues = _pages(f"repos/{run.repository}/issues", {"state": "open", "creator": _AUTHOR})
    issue = next((each for each in issues if "pull_request" not in each and _is_ours(each, _DRIFT_MARK)), None)
    path = f"repos/{run.repository}/issues"
    if any(drift.values()):
        if issue:
            _gh_api("PATCH", f"{path}/{issue['number']}", {"body": drift_body(drift, run)})
        else:
            _gh_api("POST", path, {"title": "A deployed environment has drifted", "body": drift_body(drift, run)})
        return True
    # An environment that could not be planned may still have drifted.
    if issue and all(lines is not None for lines in drift.values()):
        _gh_api("POST", f"{path}/{issue['number']}/comments", {"body": f"Gone, says [a plan]({run.url})."})
        _gh_api("PATCH", f"{path}/{issue['number']}", {"state": "closed"})
    return False


# gh.


def _is_ours(document: Mapping[str, Any], mark: str) -> bool:
    return document["user"]["login"] == _AUTHOR and (document["body"] or "").startswith(mark)


def _pages(path: str, query: Mapping[str, str] | None = None) -> list[Any]:
    """Return all pages of a list."""
    fields = [part for item in {"per_page": "100", **(query or {})}.items() for part in ("-f", "=".join(item))]
    pages = json.loads(_gh("api", "--method", "GET", "--paginate", "--slurp", path, *fields))
    return [item for page in pages for item in page]


def _gh_api(method: str, path: str, fields: Mapping[str, str] | None = None) -> Any:
    if method == "GET":
        query = [part for item in (fields or {}).items() for part in ("-f", "=".join(item))]
        return json.loads(_gh("api", "--method", method, path, *query))
    return json.loads(_gh("api", "--method", method, path, "--input", "-", said=json.dumps(fields)))


def _gh(*arguments: str, said: str | None = None) -> str:
    try:
        done = run(["gh", *arguments], said=said)
    except FileNotFoundError as error:
        raise CommandError("there is no gh program on PATH: the workflows' machines have one") from error
    if done.status:
        raise CommandError(f"gh {' '.join(arguments[:4])} failed: {done.errors.strip()}")
    return done.output


# The commands.


def comment(run: Run) -> bool:
    """Put every environment's review into the one comment of the pull request that PULL_REQUEST names."""
    folders = {f"plan-{name}": _REVIEWED / name for name in deployed_environments()}
    download(run, run.number, folders)
    reviews = {name: _read(_REVIEWED / name / "review.md") for name in deployed_environments()}
    put_comment(run, os.environ["PULL_REQUEST"], review_body(reviews, run))
    return True


def fetch(run: Run, environment: str) -> bool:
    """Download the reviewed plan of the merged commit."""
    planned_by = reviewed_run(run)
    if not download(run, planned_by, {f"plan-{environment}": _REVIEWED / environment}):
        raise CommandError(
            f"the reviewed plan of {environment} is gone from run {planned_by}, because artifacts expire: "
            "open a pull request, so that it is planned and reviewed anew"
        )
    return True


def deployed(run: Run, environment: str) -> bool:
    """Set the step's output `commit` to the deployed commit, or to nothing."""
    commit = deployed_commit(run, environment)
    print(f"{environment}: {commit or 'never applied by the workflow'}")
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as output:
        output.write(f"commit={commit or ''}\n")
    return True


def issue(run: Run) -> bool:
    """Open, update or close the issue of drift; False if there is any."""
    folders = {f"drift-{name}": PLANS / "drift" for name in deployed_environments()}
    download(run, run.number, folders)
    texts = {name: _read(PLANS / "drift" / f"{name}.json") for name in deployed_environments()}
    drift = {name: None if text is None else json.loads(text) for name, text in texts.items()}
    for name, lines in drift.items():
        print(f"{name}: {'not planned' if lines is None else '; '.join(lines) or 'no drift'}")
    return not put_drift_issue(run, drift)


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def main(arguments: list[str]) -> None:
    """Run `make ci-<command>`: a command, and for some an environment. Exits."""
    command, *rest = arguments
    commands: dict[str, Callable[..., bool]] = {
        "comment": comment, "deployed": deployed, "fetch": fetch, "issue": issue,
    }  # fmt: skip
    end(f"make ci-{command}", lambda: commands[command](Run.from_environment(os.environ), *rest))


if __name__ == "__main__":
    main(sys.argv[1:])
