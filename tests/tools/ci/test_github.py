"""The workflows' calls to GitHub, with a stand-in for gh."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkouts import write_program
from tests.support.commands import end_of
from tools.ci import github
from tools.ci.github import Run, drift_body, put_comment, put_drift_issue, review_body, reviewed_run
from tools.project import CommandError

REPOSITORY = "owner/delayer"
MERGED = "a" * 40
HEAD = "b" * 40
RUN = Run(REPOSITORY, "7", MERGED, f"https://github.example/{REPOSITORY}/actions/runs/7")
OURS = {"login": "github-actions[bot]"}

#: Stands in for gh: records its arguments and its input, and answers what a test has put into answers.json for the
#: path; a list is a page of a list. A download writes a file.
_GH = """
import json, pathlib, sys
here = pathlib.Path(__file__).parent
arguments = sys.argv[1:]
answers = json.loads((here / "answers.json").read_text())
if arguments[0] == "api":
    method, path = arguments[2], next(part for part in arguments if part.startswith("repos/"))
    said = json.loads(sys.stdin.read()) if "--input" in arguments else None
    query = dict(part.split("=", 1) for part in arguments if "=" in part)
    with (here / "calls").open("a") as calls:
        print(json.dumps([method, path, said if said is not None else query]), file=calls)
    if method == "GET":
        if path not in answers:
            sys.exit(f"gh: Not Found (HTTP 404): {path}")
        print(json.dumps([answers[path]] if "--paginate" in arguments else answers[path]))
    else:
        print("{}")
else:
    values = dict(zip(arguments[3::2], arguments[4::2]))
    with (here / "calls").open("a") as calls:
        print(json.dumps(["download", arguments[2], values["--name"]]), file=calls)
    for name, text in answers[values["--name"]].items():
        pathlib.Path(values["--dir"], name).write_text(text)
"""


class FakeGh:
    """A program on PATH in gh's place."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._answers: dict[str, Any] = {}
        write_program(folder / "gh", _GH)
        self.answers("repos/none", [])

    def answers(self, path: str, answer: Any) -> None:
        """From now on, this is the answer for a path below the repository, or an artifact's files by their names."""
        self._answers[path.replace("REPO", f"repos/{REPOSITORY}")] = answer
        (self.folder / "answers.json").write_text(json.dumps(self._answers))

    def has_artifacts(self, run: int, *names: str, expired: bool = False) -> None:
        """From now on, a run has these artifacts."""
        listed = [{"name": name, "expired": expired} for name in names]
        self.answers(f"REPO/actions/runs/{run}/artifacts", {"artifacts": listed})

    def calls(self, method: str) -> list[list[Any]]:
        """Every call of a method: its path, and what was said or asked."""
        path = self.folder / "calls"
        calls = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [rest for found, *rest in calls if found == method]


@pytest.fixture
def gh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeGh:
    """A stand-in for gh, first on PATH, in a job of a run; plans are kept apart."""
    fake = FakeGh(tmp_path / "gh")
    monkeypatch.setenv("PATH", f"{fake.folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(github, "PLANS", tmp_path / "plans")
    for name, value in {
        "GITHUB_REPOSITORY": REPOSITORY, "GITHUB_RUN_ID": "7", "GITHUB_SHA": MERGED,
        "GITHUB_SERVER_URL": "https://github.example", "GITHUB_OUTPUT": str(tmp_path / "output"), "PULL_REQUEST": "12",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    return fake


class TestComment:
    """All reviews are in one comment, which is kept up to date."""

    def test_body(self) -> None:
        """Every environment is there, with its review; one without is named too."""
        body = review_body({"dev": "# Fine\n", "staging": None, "prod": "# Danger"}, RUN)
        assert RUN.url in body
        shown = ["<b>dev</b>", "# Fine", "<b>staging</b>", "**Not planned", "<b>prod</b>", "# Danger"]
        assert [body.index(text) for text in shown] == sorted(body.index(text) for text in shown)

    def test_too_long(self) -> None:
        """What GitHub would refuse for its length is cut at a line's end, and says where the rest is."""
        body = review_body(
            {"dev": "line of text\n" * 10_000, "staging": "short", "prod": "line of text\n" * 10_000}, RUN
        )
        assert len(body) < 65_536
        assert "line of text\n\n**Cut short:** " in body
        assert "All of it is in the run's artifact `plan-prod`." in body
        assert "\nshort\n" in body

    def test_first(self, gh: FakeGh) -> None:
        """Where there is none yet, it is written."""
        gh.answers("REPO/issues/12/comments", [])
        put_comment(RUN, "12", "text")
        assert gh.calls("POST") == [[f"repos/{REPOSITORY}/issues/12/comments", {"body": "text"}]]

    def test_again(self, gh: FakeGh) -> None:
        """Where there is one, that is written anew; what others wrote stays, whatever it begins with."""
        body = review_body({"dev": "x"}, RUN)
        comments = [
            {"id": 1, "user": {"login": "person"}, "body": body},
            {"id": 2, "user": OURS, "body": "something else"},
            {"id": 3, "user": OURS, "body": body},
        ]
        gh.answers("REPO/issues/12/comments", comments)
        put_comment(RUN, "12", "text")
        assert gh.calls("PATCH") == [[f"repos/{REPOSITORY}/issues/comments/3", {"body": "text"}]]
        assert gh.calls("POST") == []

    def test_command(self, gh: FakeGh) -> None:
        """The reviews are taken from the run's own artifacts; an environment without one is said to have none."""
        gh.has_artifacts(7, "plan-dev", "plan-prod", "other")
        gh.answers("plan-dev", {"review.md": "of dev"})
        gh.answers("plan-prod", {"review.md": "of prod"})
        gh.answers("REPO/issues/12/comments", [])
        assert end_of(github.comment) == 0
        ((_, said),) = gh.calls("POST")
        assert said["body"] == review_body({"dev": "of dev", "staging": None, "prod": "of prod"}, RUN)


class TestReviewed:
    """Only what was reviewed in the pull request that was merged is applied."""

    @staticmethod
    def merge(gh: FakeGh, **pull: Any) -> None:
        """This commit is the merge of pull request 12."""
        merged = {"number": 12, "merged_at": "2026-11-22T09:00:00Z", "merge_commit_sha": MERGED, "head": {"sha": HEAD}}
        gh.answers(f"REPO/commits/{MERGED}/pulls", [merged | pull])

    @staticmethod
    def plan(gh: FakeGh, *runs: tuple[int, str], repository: str = REPOSITORY) -> None:
        """The runs of plan.yml, and how they ended."""
        listed = [{"id": i, "conclusion": end, "head_repository": {"full_name": repository}} for i, end in runs]
        gh.answers("REPO/actions/workflows/plan.yml/runs", {"workflow_runs": listed})

    def test_last_run_of_the_merged_head(self, gh: FakeGh) -> None:
        """It is the last run for the pull request's last commit."""
        self.merge(gh)
        self.plan(gh, (9, "failure"), (10, "success"), (8, "success"))
        assert reviewed_run(RUN) == 10
        path, query = gh.calls("GET")[-1]
        assert path == f"repos/{REPOSITORY}/actions/workflows/plan.yml/runs"
        assert (query["head_sha"], query["event"], query["status"]) == (HEAD, "pull_request", "completed")

    @pytest.mark.parametrize("pull", [{"merged_at": None}, {"merge_commit_sha": HEAD}])
    def test_no_pull_request(self, gh: FakeGh, pull: dict[str, Any]) -> None:
        """A commit that was pushed, or is in some other pull request, has no review."""
        self.merge(gh, **pull)
        with pytest.raises(CommandError, match=rf"^{MERGED[:12]} was not merged by a pull request"):
            reviewed_run(RUN)

    def test_refused(self, gh: FakeGh) -> None:
        """A plan whose check failed is not applied, although it was merged."""
        self.merge(gh)
        self.plan(gh, (9, "success"), (10, "failure"))
        with pytest.raises(CommandError, match=r"^pull request 12 has a plan whose check ended as failure"):
            reviewed_run(RUN)

    def test_fork(self, gh: FakeGh) -> None:
        """What a fork ran was no plan."""
        self.merge(gh)
        self.plan(gh, (10, "success"), repository="other/delayer")
        with pytest.raises(CommandError, match=r"^pull request 12 was never planned"):
            reviewed_run(RUN)

    def test_fetched(self, gh: FakeGh, tmp_path: Path) -> None:
        """The artifact of the environment, and no other, is put where it is applied from."""
        self.merge(gh)
        self.plan(gh, (10, "success"))
        gh.has_artifacts(10, "plan-dev", "plan-prod")
        gh.answers("plan-dev", {"plan.tfplan": "plan"})
        assert end_of(github.fetch, "dev") == 0
        assert (tmp_path / "plans" / "reviewed" / "dev" / "plan.tfplan").read_text() == "plan"
        assert gh.calls("download") == [["10", "plan-dev"]]

    def test_expired(self, gh: FakeGh, capsys: pytest.CaptureFixture[str]) -> None:
        """A missing artifact is reported in a line; the status is 1."""
        self.merge(gh)
        self.plan(gh, (10, "success"))
        gh.has_artifacts(10, "plan-dev", expired=True)
        assert end_of(github.fetch, "dev") == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("make x: the reviewed plan of dev is gone from run 10")


class TestDeployed:
    """Which commit is deployed is what GitHub keeps of the workflow's own deployments."""

    @pytest.mark.parametrize(
        ("states", "commit"),
        [
            ([["in_progress"], ["failure", "in_progress"], ["success"], ["success"]], "sha2"),
            ([["inactive", "success", "in_progress"]], "sha0"),
            ([["failure"]], ""),
            ([], ""),
        ],
    )
    def test_last_success(self, gh: FakeGh, tmp_path: Path, states: list[list[str]], commit: str) -> None:
        """It is the last that succeeded, whatever became of later ones; or none."""
        listed = [{"id": i, "sha": f"sha{i}"} for i in range(len(states))]
        gh.answers("REPO/deployments", listed)
        for i, found in enumerate(states):
            gh.answers(f"REPO/deployments/{i}/statuses", [{"state": state} for state in found])
        assert end_of(github.deployed, "prod") == 0
        assert (tmp_path / "output").read_text() == f"commit={commit}\n"
        assert gh.calls("GET")[0][1]["environment"] == "prod"


class TestDriftIssue:
    """There is one issue, as long as there is drift."""

    @pytest.fixture
    def with_issue(self, gh: FakeGh) -> Callable[[], FakeGh]:
        """Gives a repository in which the issue is open, beside others."""

        def make() -> FakeGh:
            body = drift_body({"dev": ["update `a`"]}, RUN)
            issues = [
                {"number": 1, "user": {"login": "person"}, "body": body},
                {"number": 2, "user": OURS, "body": body, "pull_request": {}},
                {"number": 3, "user": OURS, "body": None},
                {"number": 4, "user": OURS, "body": body},
            ]
            gh.answers("REPO/issues", issues)
            return gh

        return make

    def test_body(self) -> None:
        """Each environment has its list; what could not be planned is not called free of drift."""
        body = drift_body({"dev": ["update `a`", "create `b`"], "staging": [], "prod": None}, RUN)
        assert "### dev\n\n- update `a`\n- create `b`\n\n### staging\n\nnothing\n\n### prod\n\nnot planned" in body

    def test_opened(self, gh: FakeGh) -> None:
        """The first drift opens it."""
        gh.answers("REPO/issues", [])
        drift = {"dev": [], "prod": ["update `a`"]}
        assert put_drift_issue(RUN, drift)
        ((path, said),) = gh.calls("POST")
        assert path == f"repos/{REPOSITORY}/issues"
        assert said["body"] == drift_body(drift, RUN)

    def test_updated(self, with_issue: Callable[[], FakeGh]) -> None:
        """Further drift goes into the same issue."""
        gh = with_issue()
        drift = {"dev": ["update `b`"]}
        assert put_drift_issue(RUN, drift)
        assert gh.calls("PATCH") == [[f"repos/{REPOSITORY}/issues/4", {"body": drift_body(drift, RUN)}]]
        assert gh.calls("POST") == []

    def test_closed(self, with_issue: Callable[[], FakeGh]) -> None:
        """When it is gone everywhere, it is closed with a word."""
        gh = with_issue()
        assert not put_drift_issue(RUN, {"dev": [], "prod": []})
        assert gh.calls("PATCH") == [[f"repos/{REPOSITORY}/issues/4", {"state": "closed"}]]
        assert [path for path, _ in gh.calls("POST")] == [f"repos/{REPOSITORY}/issues/4/comments"]

    def test_not_known(self, with_issue: Callable[[], FakeGh]) -> None:
        """While an environment can't be planned, it stays open."""
        gh = with_issue()
        assert not put_drift_issue(RUN, {"dev": [], "prod": None})
        assert gh.calls("PATCH") == gh.calls("POST") == []

    def test_none(self, gh: FakeGh) -> None:
        """Without drift and issue, nothing is written."""
        gh.answers("REPO/issues", [])
        assert not put_drift_issue(RUN, {"dev": []})
        assert gh.calls("PATCH") == gh.calls("POST") == []

    @pytest.mark.parametrize(("lines", "status"), [('["update `a`"]', 1), ("[]", 0)])
    def test_command(self, gh: FakeGh, capsys: pytest.CaptureFixture[str], lines: str, status: int) -> None:
        """The plans' artifacts say what has drifted, and the status whether anything has."""
        gh.has_artifacts(7, "drift-dev")
        gh.answers("drift-dev", {"dev.json": lines})
        gh.answers("REPO/issues", [])
        assert end_of(github.issue) == status
        assert capsys.readouterr().out.splitlines()[1:] == ["staging: not planned", "prod: not planned"]


class TestErrors:
    """One line, and the status 1."""

    def test_refused(self, gh: FakeGh, capsys: pytest.CaptureFixture[str]) -> None:
        """What gh says is handed on."""
        assert gh.folder.exists()
        assert end_of(github.issue) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("make x: gh api --method GET repos/owner/delayer/")
        assert "HTTP 404" in line

    def test_no_gh(self, gh: FakeGh, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        """Without the program, it is named."""
        (gh.folder / "gh").unlink()
        monkeypatch.setenv("PATH", str(gh.folder))
        assert end_of(github.issue) == 1
        assert capsys.readouterr().err.startswith("make x: there is no gh program on PATH")

    def test_elsewhere(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        """Outside of a workflow, the message says so."""
        monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
        assert end_of(github.comment) == 1
        assert capsys.readouterr().err == (
            "make x: 'GITHUB_REPOSITORY' is not set: this command runs in a workflow on GitHub\n"
        )
