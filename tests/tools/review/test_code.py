"""What changed in a function's code, as far as git and the notes of packages tell."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from tools.deploy.package_commits import Checkout, commit_of, note_checkout
from tools.package_inputs import Record, git_names, list_sources, packaged
from tools.review.code import code_changes

from tests.support.review.kept_plans import scenario
from tools.deploy.packages import note_commit
from tools.project import Function
from tools.review.plan import Plan

FUNCTION = "api-schedule-post"
PYPROJECT = f'[tool.delayer.functions.{FUNCTION}]\npackage = "api_schedule_post"\nservices = []\n'


class Repository:
    """A checkout with a history, whose packages are what a test says."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.checkout = Checkout(root)
        self.packages = root / "build" / "dist"
        self.git("init", "--quiet", "--initial-branch=main", ".")
        self.write(".gitignore", "/build/work/cache/\n/build/dist/\n")
        self.write("pyproject.toml", PYPROJECT)
        self.write("requirements.txt", "boto3==1.0 \\\n    --hash=sha256:00\nurllib3==2.0\n")
        self.write("src/api_schedule_post/handler.py", "one\n")
        self.write("src/delayer/schedules.py", "shared\n")
        self.write("src/task_1minute_enqueuer/sweep.py", "another function's\n")
        self.commit("First")

    def git(self, *arguments: str) -> str:
        """Run git."""
        command = ["git", "-C", str(self.root), "-c", "user.name=T", "-c", "user.email=t@example.org", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603

    def write(self, path: str, text: str) -> None:
        """Write a file."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def commit(self, subject: str) -> str:
        """Commit everything; the commit's name."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", subject)
        return self.git("rev-parse", "HEAD")

    def build(self, content: str) -> str:
        """Put a package in place, with a record of what it was made of, and note it as make plan does.

        Returns its hash as a plan has it.
        """
        self.write(f"build/dist/{FUNCTION}.zip", content)
        function = Function(FUNCTION, "api_schedule_post", [])
        paths = ["requirements.txt", *packaged(list_sources(self.root), function)]
        files = {path: git_names((self.root / path).read_bytes()) for path in paths}
        record = Record(files, function, "3.13", hashlib.sha256(content.encode()).hexdigest())
        self.write(f"build/work/cache/{FUNCTION}.built", record.text())
        note_checkout(self.checkout, self.packages)
        return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository of nobody: no settings of the caller's, no name to sign with."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    return Repository(tmp_path)


def plan_of(old: str, new: str) -> Plan:
    """A real plan of other code, with these hashes."""
    plan = scenario("code")
    resources = tuple(
        replace(
            change,
            before={**change.before, "source_code_hash": old},
            after={**change.after, "source_code_hash": new},
        )
        if change.type == "aws_lambda_function"
        else change
        for change in plan.resources
    )
    return replace(plan, resources=resources)


def test_hashes_alone(repository: Repository) -> None:
    """Where no note names the deployed package, the functions and their hashes are all that is told."""
    (change,) = code_changes(scenario("code"), repository.checkout)
    assert (change.function, change.deployed, change.files, change.packages) == (FUNCTION, None, (), ())
    assert change.old != change.new


def test_between_two_commits(repository: Repository) -> None:
    """The function's files and the shared ones, and what of the lock differs; nothing of another function's."""
    old = repository.build("old")
    repository.write("src/api_schedule_post/handler.py", "one\ntwo\n")
    repository.write("src/delayer/clock.py", "new\n")
    repository.write("src/task_1minute_enqueuer/sweep.py", "changed\n")
    repository.write("requirements.txt", "boto3==1.1 \\\n    --hash=sha256:11\nrich==9\n")
    repository.commit("Second")
    new = repository.build("new")
    repository.write("src/api_schedule_post/later.py", "not planned\n")
    (change,) = code_changes(plan_of(scenario, old, new), repository.checkout)
    assert change.files == ("src/api_schedule_post/handler.py +1 -0", "src/delayer/clock.py +1 -0")
    assert change.packages == ("boto3 1.0 → 1.1", "rich none → 9", "urllib3 2.0 → none")
    assert change.deployed is not None
    assert change.deployed.endswith(", First")
    assert change.planned == repository.git("rev-parse", "HEAD")


def test_uncommitted(repository: Repository) -> None:
    """A package of what is not committed is not noted, and is compared as the checkout is."""
    old = repository.build("old")
    repository.write("src/api_schedule_post/handler.py", "other\n")
    repository.write("src/delayer/new.py", "new\n")
    new = repository.build("new")
    assert commit_of(repository.checkout, FUNCTION, new) is None
    (change,) = code_changes(plan_of(scenario, old, new), repository.checkout)
    assert change.files == ("src/api_schedule_post/handler.py +1 -1", "src/delayer/new.py new, not committed")
    assert change.planned is None
    assert change.is_of_checkout


@pytest.mark.parametrize("is_rolled_back", [False, True])
def test_package_of_nothing_here(repository: Repository, *, is_rolled_back: bool) -> None:
    """A planned package that no note names, and that this checkout did not build, is compared with nothing."""
    old = repository.build("old")
    new = base64.b64encode(hashlib.sha256(b"another").digest()).decode()
    if is_rolled_back:
        repository.write(f"build/dist/{FUNCTION}.zip", "another")
        note_commit(repository.packages, "0" * 40)
    repository.write("src/api_schedule_post/handler.py", "not planned\n")
    (change,) = code_changes(plan_of(scenario, old, new), repository.checkout)
    assert change.deployed is not None
    assert (change.planned, change.is_of_checkout, change.files, change.packages) == (None, False, (), ())


def test_first_apply(repository: Repository) -> None:
    """Where nothing is there, all code is new, and none is told."""
    assert code_changes(scenario("first"), repository.checkout) == []


def test_notes_add_up(repository: Repository) -> None:
    """Another Python's package of the same commit does not put the first out of mind; a note changes no commit."""
    commit = repository.git("rev-parse", "HEAD")
    hashes = [repository.build("by 3.13.0"), repository.build("by 3.13.5"), repository.build("by 3.13.5")]
    assert [commit_of(repository.checkout, FUNCTION, found) for found in hashes] == [commit] * 3
    assert repository.git("rev-parse", "HEAD") == commit
    assert repository.git("status", "--porcelain") == ""
    assert len(repository.git("notes", "--ref=refs/notes/packages", "show", commit).splitlines()) == 2


def test_the_newest_of_the_same(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commits that differ in no source have the same package; the newest is named."""
    for number, subject in enumerate(["Second", "Third"]):
        repository.build("same")
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"2040-01-0{number + 1}T00:00:00Z")
        repository.write("README.md", subject)
        newest = repository.commit(subject)
    assert commit_of(repository.checkout, FUNCTION, repository.build("same")) == newest


def test_no_git(tmp_path: Path) -> None:
    """Outside of a git checkout nothing is noted and nothing known, and that is no error."""
    note_checkout(Checkout(tmp_path), tmp_path)
    (change,) = code_changes(scenario("code"), Checkout(tmp_path))
    assert change.deployed is None
