"""Call GitHub for the workflows: post reviews, find reviewed plans and deployed commits, report drift.

Only Python and gh are needed, so that a job that may write to GitHub installs nothing.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Self

from tools import terminal
from tools.processes import run
from tools.project import PLANS, CommandError, deployed_environments
from tools.review.markdown import fit

#: The first line of the workflows' comments and issues, by which the one of each kind is found again.
_REVIEW_MARK = "<!-- the delayer's plan review -->"
_DRIFT_MARK = "<!-- the delayer's drift -->"
_AUTHOR = "github-actions[bot]"

#: GitHub accepts 65,536 characters; the text around the reviews has far fewer than the difference.
_MAX_BODY = 60_000


class Run(NamedTuple):
    """A run of a repository's workflow, and what its token lets it ask of GitHub. Every call raises CommandError."""

    repository: str
    number: str
    commit: str
    url: str

    @classmethod
    def of_this_job(cls) -> Self:
        """Return the run of this job, from GitHub's variables."""
        try:
            repository, number = os.environ["GITHUB_REPOSITORY"], os.environ["GITHUB_RUN_ID"]
            url = f"{os.environ['GITHUB_SERVER_URL']}/{repository}/actions/runs/{number}"
            return cls(repository, number, os.environ["GITHUB_SHA"], url)
        except KeyError as error:
            raise CommandError(f"{error} is not set: this command runs in a workflow on GitHub") from error

    def get(self, path: str, *options: str, **query: str) -> Any:
        """Return what GitHub answers about a path below the repository: of a list, the first page."""
        fields = [part for item in {"per_page": "100", **query}.items() for part in ("-f", "=".join(item))]
        return json.loads(_gh("api", "--method", "GET", *options, f"repos/{self.repository}/{path}", *fields))

    def find(self, path: str, mark: str, **query: str) -> Any:
        """Return the workflows' own document that begins with `mark`, from all pages of a list; None without one."""
        for each in chain.from_iterable(self.get(path, "--paginate", "--slurp", **query)):
            is_ours = each["user"]["login"] == _AUTHOR and (each["body"] or "").startswith(mark)
            if is_ours and "pull_request" not in each:
                return each
        return None

    def send(self, method: str, path: str, **fields: str) -> None:
        """Change something below the repository."""
        _gh("api", "--method", method, f"repos/{self.repository}/{path}", "--input", "-", said=json.dumps(fields))

    def download(self, from_run: int | str, folders: Mapping[str, Path]) -> list[str]:
        """Download a run's artifacts, each by its name into a folder, and return the names of those that exist."""
        listed = self.get(f"actions/runs/{from_run}/artifacts")["artifacts"]
        there = {artifact["name"] for artifact in listed if not artifact["expired"]}
        found = [name for name in folders if name in there]
        for name in found:
            folders[name].mkdir(parents=True, exist_ok=True)
            to = ("--name", name, "--dir", str(folders[name]))
            _gh("run", "download", str(from_run), "--repo", self.repository, *to)
        return found


def _gh(*arguments: str, said: str | None = None) -> str:
    try:
        done = run(["gh", *arguments], said=said)
    except FileNotFoundError as error:
        raise CommandError("there is no gh program on PATH: the workflows' machines have one") from error
    if done.status:
        raise CommandError(f"gh {' '.join(arguments[:4])} failed: {done.errors.strip()}")
    return done.output


def comment() -> None:
    """Put every environment's review into the one comment of the pull request that PULL_REQUEST names."""
    job = Run.of_this_job()
    folders = {name: PLANS / "reviewed" / name for name in deployed_environments()}
    job.download(job.number, {f"plan-{name}": folder for name, folder in folders.items()})
    reviews = {name: _read(folder / "review.md") for name, folder in folders.items()}
    put_comment(job, os.environ["PULL_REQUEST"], review_body(reviews, job))


def review_body(reviews: Mapping[str, str | None], job: Run) -> str:
    """Return the comment of a pull request: every environment's review; None stands for a missing one."""
    share = _MAX_BODY // len(reviews)
    parts = [_REVIEW_MARK, f"What [this run]({job.url}) would change, by environment."]
    for environment, review in reviews.items():
        text = "**Not planned, or not reviewed.** The run's log says why." if review is None else review
        if len(text) > share:
            text = f"{fit(text, share)} All of it is in the run's artifact `plan-{environment}`."
        parts.append(f"<details open>\n<summary><b>{environment}</b></summary>\n\n{text.strip()}\n\n</details>")
    return "\n\n".join(parts)


def put_comment(job: Run, pull_request: str, body: str) -> None:
    """Write or update the one comment of the reviews. Raises CommandError."""
    path = f"issues/{pull_request}/comments"
    if found := job.find(path, _REVIEW_MARK):
        job.send("PATCH", f"issues/comments/{found['id']}", body=body)
    else:
        job.send("POST", path, body=body)


def fetch(environment: str) -> None:
    """Download the reviewed plan of the merged commit."""
    job = Run.of_this_job()
    planned_by = reviewed_run(job)
    if not job.download(planned_by, {f"plan-{environment}": PLANS / "reviewed" / environment}):
        raise CommandError(
            f"the reviewed plan of {environment} is gone from run {planned_by}, because artifacts expire: "
            "open a pull request, so that it is planned and reviewed anew"
        )


def reviewed_run(job: Run) -> int:
    """Return the run of plan.yml for the last commit of the pull request that this run's commit merged.

    That run's plan is the one that was reviewed. Raises CommandError if there is none.
    """
    pulls = job.get(f"commits/{job.commit}/pulls")
    merged = next((pull for pull in pulls if pull["merged_at"] and pull["merge_commit_sha"] == job.commit), None)
    if not merged:
        raise CommandError(
            f"{job.commit[:12]} was not merged by a pull request, so nobody has reviewed its plan: plan, review and "
            "apply it from a shell, or revert it and open one"
        )
    query = {"event": "pull_request", "head_sha": merged["head"]["sha"], "status": "completed"}
    runs = job.get("actions/workflows/plan.yml/runs", **query)["workflow_runs"]
    of_ours = [each for each in runs if each["head_repository"]["full_name"] == job.repository]
    last = max(of_ours, key=lambda each: int(each["id"]), default=None)
    if last is None or last["conclusion"] != "success":
        said = "was never planned" if last is None else f"has a plan whose check ended as {last['conclusion']}"
        raise CommandError(
            f"pull request {merged['number']} {said}: nothing is applied that was not reviewed and found harmless"
        )
    return int(last["id"])


def deployed(environment: str) -> None:
    """Set the step's output `commit` to the last commit that the workflow applied with success, or to nothing."""
    job = Run.of_this_job()
    succeeded = (
        deployment["sha"]
        for deployment in job.get("deployments", environment=environment)
        # A later deployment makes an earlier one inactive, and adds that to its statuses.
        if any(status["state"] == "success" for status in job.get(f"deployments/{deployment['id']}/statuses"))
    )
    commit = next(succeeded, "")
    print(f"{environment}: {commit or 'never applied by the workflow'}")
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as output:
        output.write(f"commit={commit}\n")


def issue() -> bool:
    """Open, update or close the issue of drift; False if there is any."""
    job, folder = Run.of_this_job(), PLANS / "drift"
    job.download(job.number, {f"drift-{name}": folder for name in deployed_environments()})
    drift = {name: json.loads(_read(folder / f"{name}.json") or "null") for name in deployed_environments()}
    for name, lines in drift.items():
        print(f"{name}: {'not planned' if lines is None else '; '.join(lines) or 'no drift'}")
    return not put_drift_issue(job, drift)


def drift_body(drift: Mapping[str, Sequence[str] | None], job: Run) -> str:
    """Return the issue's text: every environment's drift; None stands for one that could not be planned."""
    beginning = (
        f"[A plan]({job.url}) of the commit that is deployed is not empty. Somebody has changed an environment by hand "
        "or rolled it back, or its last apply ended half-way. Terraform would do the following."
    )
    parts = [_DRIFT_MARK, beginning]
    for environment, lines in drift.items():
        text = "not planned" if lines is None else "\n".join(f"- {line}" for line in lines) or "nothing"
        parts.append(f"### {environment}\n\n{text}")
    parts.append(
        "`make plan` on that commit shows the values. This issue is updated, and closed when the drift is gone."
    )
    return "\n\n".join(parts)[:_MAX_BODY]


def put_drift_issue(job: Run, drift: Mapping[str, Sequence[str] | None]) -> bool:
    """Open, update or close the one issue of drift, and return whether there is drift. Raises CommandError."""
    found, body = job.find("issues", _DRIFT_MARK, state="open", creator=_AUTHOR), drift_body(drift, job)
    has_drift = any(drift.values())
    if has_drift and found:
        job.send("PATCH", f"issues/{found['number']}", body=body)
    elif has_drift:
        job.send("POST", "issues", title="A deployed environment has drifted", body=body)
    # An environment that could not be planned may still have drifted.
    elif found and None not in drift.values():
        job.send("POST", f"issues/{found['number']}/comments", body=f"Gone, says [a plan]({job.url}).")
        job.send("PATCH", f"issues/{found['number']}", state="closed")
    return has_drift


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    step = sys.argv.pop(1)
    steps: dict[str, Callable[..., bool | None]] = {
        "comment": comment, "deployed": deployed, "fetch": fetch, "issue": issue,
    }  # fmt: skip
    terminal.main(f"make ci-{step}", steps[step])
