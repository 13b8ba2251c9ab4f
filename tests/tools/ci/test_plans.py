"""The reviewed plan is applied if it still holds; another one only if its review is the same."""

import json
import shutil
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from tests.support.checkouts import clean_environment
from tests.support.commands import end_of, move_project
from tests.support.fake_terraform import FakeTerraform
from tests.support.review.addresses import RULE
from tests.support.review.kept_plans import kept_text
from tools.ci import plans
from tools.ci.plans import State, apply, current_state, pack, planned_state, reason_to_plan_again
from tools.deploy.plan import plan_files
from tools.project import CommandError
from tools.terraform import Workspace

STATE = State("a lineage", 4)
TREE = "1" * 40


def write_plan(path: Path, state: State = STATE) -> None:
    """A plan file, as far as it is read here."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with ZipFile(path, "w") as archive:
        archive.writestr("tfstate", json.dumps({"version": 4, "lineage": state.lineage, "serial": state.serial}))


def folder_of_terraform(folder: Path) -> Workspace:
    """Terraform in a folder of the test's own."""
    return Workspace("dev", folder, (), clean_environment())


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """A folder as it is packed, beside packages that are the same."""
    folder = tmp_path / "packed"
    write_plan(folder / "plan.tfplan")
    (folder / "review.md").write_text("the review\n")
    (folder / "commit.json").write_text(json.dumps({"commit": "2" * 40, "tree": TREE}))
    for place in (folder, tmp_path / "dist"):
        place.mkdir(exist_ok=True)
        (place / "a.zip").write_bytes(b"a")
    return folder


class TestState:
    """The state that a plan starts from, and the present one, as the real Terraform writes them."""

    @pytest.fixture
    def workspace(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
        """A configuration of one resource that needs no provider."""
        (tmp_path / "main.tf").write_text('variable "x" {}\nresource "terraform_data" "x" {\n  input = var.x\n}\n')
        workspace = folder_of_terraform(tmp_path)
        workspace.read("init", "-input=false")
        monkeypatch.setattr("tools.deploy.plan.open_environment", lambda *_, **__: workspace)
        return workspace

    def test_before_and_after_changes(self, workspace: Workspace, tmp_path: Path) -> None:
        """A plan is of the state that it was made from: none, one that still is, one that was changed since."""
        assert current_state("dev") == State("", 0)
        workspace.read("plan", "-var=x=1", f"-out={tmp_path / 'first'}")
        assert planned_state(tmp_path / "first") == State("", 0)
        workspace.read("apply", str(tmp_path / "first"))
        assert current_state("dev").lineage != ""
        workspace.read("plan", "-var=x=2", f"-out={tmp_path / 'second'}")
        assert planned_state(tmp_path / "second") == current_state("dev")
        workspace.read("apply", "-auto-approve", "-var=x=3")
        assert planned_state(tmp_path / "second").lineage == current_state("dev").lineage
        assert planned_state(tmp_path / "second").serial < current_state("dev").serial
        with pytest.raises(CommandError, match="has changed since the plan was made"):
            workspace.read("apply", "-no-color", str(tmp_path / "second"))


class TestStillTrue:
    """A plan is true of what was reviewed, and of nothing else."""

    def test_true(self, packed: Path, tmp_path: Path) -> None:
        """The same tree, whatever the commit; the same packages; the same state."""
        assert reason_to_plan_again(packed, TREE, tmp_path / "dist", STATE) is None

    def test_other_tree(self, packed: Path, tmp_path: Path) -> None:
        """What was merged together with something else is not what was reviewed."""
        reason = reason_to_plan_again(packed, "3" * 40, tmp_path / "dist", STATE)
        assert reason == f"the merged tree {'3' * 12} is not the reviewed tree {'1' * 12}"

    @pytest.mark.parametrize("change", ["other", "missing", "further"])
    def test_other_packages(self, packed: Path, tmp_path: Path, change: str) -> None:
        """Packages that this commit gives must be those that came with the plan."""
        if change == "other":
            (packed / "a.zip").write_bytes(b"b")
        elif change == "missing":
            (packed / "a.zip").unlink()
        else:
            (packed / "b.zip").write_bytes(b"b")
        reason = reason_to_plan_again(packed, TREE, tmp_path / "dist", STATE)
        assert reason == "the packages are not those that were reviewed"

    @pytest.mark.parametrize("state", [State(STATE.lineage, 5), State("another", 4)])
    def test_other_state(self, packed: Path, tmp_path: Path, state: State) -> None:
        """A state that was changed since, or is another one, was not planned for."""
        reason = reason_to_plan_again(packed, TREE, tmp_path / "dist", state)
        assert reason == f"the state has changed since the review (serial {state.serial}, not 4)"

    @pytest.mark.parametrize("name", ["plan.tfplan", "commit.json"])
    @pytest.mark.parametrize("content", [None, b"", b"{}"])
    def test_unreadable(self, packed: Path, tmp_path: Path, name: str, content: bytes | None) -> None:
        """What is damaged or not there is no reason to fail, but one to plan again."""
        (packed / name).unlink()
        if content is not None:
            (packed / name).write_bytes(content)
        reason = reason_to_plan_again(packed, TREE, tmp_path / "dist", STATE)
        assert reason is not None
        assert reason.startswith("the reviewed plan can't be read (")


class Job:
    """A checkout in which a job packs and applies; what deploy does is noted."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.did: list[str] = []
        self.plans = root / "build" / "plans"

    def plan(self, environment: str) -> None:
        """Plan anew."""
        self.did.append(f"plan {environment}")
        write_plan(self.plans / f"{environment}.tfplan", State(STATE.lineage, 5))

    def apply(self, environment: str) -> None:
        """Apply, and note which plan it was."""
        self.did.append(f"apply {environment} of serial {planned_state(self.plans / f'{environment}.tfplan').serial}")


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fake_terraform: FakeTerraform) -> Job:
    """A job on a commit, with an environment whose state is the one that was planned for."""
    root = tmp_path / "checkout"
    job = Job(root)
    (root / "build" / "dist").mkdir(parents=True)
    (root / "build" / "dist" / "a.zip").write_bytes(b"a")
    (root / ".gitignore").write_text("build\n")
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "m"]):
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        subprocess.run(["git", *identity, *command], cwd=root, check=True)  # noqa: S603, S607
    move_project(monkeypatch, root)
    monkeypatch.setattr("tools.deploy.plan.plan", job.plan)
    monkeypatch.setattr(plans, "apply_plan", job.apply)
    monkeypatch.setattr("tools.deploy.plan.open_environment", lambda *_, **__: folder_of_terraform(root))
    fake_terraform.says("state", json.dumps(STATE._asdict()))
    fake_terraform.says(
        "show", kept_text("sweep_paused").replace('"environment": {"value": "prod"}', '"environment": {"value": "dev"}')
    )
    job.plan("dev")
    job.did.clear()
    write_plan(job.plans / "dev.tfplan")
    (job.plans / "dev.review.md").write_text("the review\n")
    (job.plans / "dev.changes.sha256").write_text("a digest\n")
    assert end_of(pack, "dev") == 0
    for name in ("tfplan", "review.md", "changes.sha256"):
        (job.plans / f"dev.{name}").unlink()
    return job


@pytest.fixture
def review_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a file with the page that reviews from now on make, which names a danger.

    A second file, review.digests, is the digest of the plan's changes.
    """
    said = tmp_path / "review.says"
    said.with_suffix(".digests").write_text("a digest\n")

    def review(environment: str) -> tuple[str, bool]:
        shutil.copy(said, plan_files(environment).review)
        shutil.copy(said.with_suffix(".digests"), plan_files(environment).digest)
        return said.read_text(), True

    monkeypatch.setattr(plans, "review_environment", review)
    return said


class TestPack:
    """What a pull request's job hands on."""

    def test_folder(self, job: Job) -> None:
        """The plan, its review, the digest of its changes, every package, and the commit with its tree."""
        folder = job.plans / "reviewed" / "dev"
        names = {path.name for path in folder.iterdir()}
        assert names == {"plan.tfplan", "review.md", "changes.sha256", "a.zip", "commit.json"}
        assert set(json.loads((folder / "commit.json").read_text())) == {"commit", "tree"}

    @pytest.mark.parametrize("missing", ["tfplan", "review.md", "changes.sha256"])
    def test_nothing_to_pack(self, job: Job, capsys: pytest.CaptureFixture[str], missing: str) -> None:
        """Where planning or reviewing failed, that is said in a line."""
        for name in {"tfplan", "review.md", "changes.sha256"} - {missing}:
            (job.plans / f"dev.{name}").touch()
        assert end_of(pack, "dev") == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"make x: there is no build/plans/dev.{missing}: make ")


def accept(root: Path, address: str, expires: date) -> None:
    """Accept that the sweep is paused."""
    path = root / "terraform" / "environments" / "dev.accepted.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"[[accepted]]\ndanger = 'sweep-paused'\naddress = '{address}'\nreason = 'r'\nexpires = {expires}\n"
    )


class TestApply:
    """After the merge."""

    def test_still_true(self, job: Job, capsys: pytest.CaptureFixture[str]) -> None:
        """The very plan that was reviewed is applied, and nothing is planned."""
        assert end_of(apply, "dev") == 0
        assert job.did == ["apply dev of serial 4"]
        assert capsys.readouterr().out == "The reviewed plan of dev still holds.\n"

    def test_planned_again(
        self, job: Job, fake_terraform: FakeTerraform, review_says: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A state that has changed is planned for again, and what says the same is applied."""
        fake_terraform.says("state", json.dumps(STATE._asdict() | {"serial": 5}))
        review_says.write_text("the review\n")
        assert end_of(apply, "dev") == 0
        assert job.did == ["plan dev", "apply dev of serial 5"]
        assert "dev is planned again, because the state has changed since the review" in capsys.readouterr().out

    def test_another_review(
        self, job: Job, fake_terraform: FakeTerraform, review_says: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """What says something else is not applied, and no plan is left; the difference is shown."""
        fake_terraform.says("state", json.dumps(STATE._asdict() | {"serial": 5}))
        review_says.write_text("danger\n")
        assert end_of(apply, "dev") == 1
        assert job.did == ["plan dev"]
        assert not (job.plans / "dev.tfplan").exists()
        error = capsys.readouterr().err
        assert error.startswith("make x: the plan of dev differs from the reviewed one, and nothing was applied.")
        assert error.endswith("-the review\n+danger\n")

    def test_same_page_of_other_changes(
        self, job: Job, fake_terraform: FakeTerraform, review_says: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A page that cuts or hides where two plans differ is no proof, and that is said in words."""
        fake_terraform.says("state", json.dumps(STATE._asdict() | {"serial": 5}))
        review_says.write_text("the review\n")
        review_says.with_suffix(".digests").write_text("another digest\n")
        assert end_of(apply, "dev") == 1
        assert job.did == ["plan dev"]
        assert not (job.plans / "dev.tfplan").exists()
        assert capsys.readouterr().err.endswith(
            "\nIts page is the same, but values that the page cuts or hides are not.\n"
        )

    @pytest.mark.parametrize(("days", "status"), [(0, 0), (-1, 1)])
    def test_acceptance_that_is_over(
        self, job: Job, capsys: pytest.CaptureFixture[str], days: int, status: int
    ) -> None:
        """What a danger was accepted for may end between the review and the apply; then even a true plan stops."""
        address, today = RULE, datetime.now(UTC).date()
        accept(job.root, address, today + timedelta(days=days))
        assert end_of(apply, "dev") == status
        assert job.did == ([] if status else ["apply dev of serial 4"])
        assert (job.plans / "dev.tfplan").exists() == (status == 0)
        if status:
            assert capsys.readouterr().err.startswith(
                f"make x: sweep-paused at {address} was accepted until {today + timedelta(days=days)}, which is"
            )

    def test_another_commit(self, job: Job, review_says: Path) -> None:
        """What was merged with something else is planned again."""
        (job.root / "more").touch()
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        for command in (["add", "."], ["commit", "--quiet", "-m", "m"]):
            subprocess.run(["git", *identity, *command], cwd=job.root, check=True)  # noqa: S603, S607
        review_says.write_text("the review\n")
        assert end_of(apply, "dev") == 0
        assert job.did == ["plan dev", "apply dev of serial 5"]

    def test_no_reviewed_plan(self, job: Job, capsys: pytest.CaptureFixture[str]) -> None:
        """What was not reviewed is not applied."""
        assert end_of(apply, "prod") == 1
        assert job.did == []
        assert capsys.readouterr().err == ("make x: there is no reviewed plan of prod in build/plans/reviewed/prod\n")

    def test_which_environment(self, capsys: pytest.CaptureFixture[str]) -> None:
        """An environment that is unknown is one line; the status is 1."""
        assert end_of(apply, "nowhere") == 1
        assert capsys.readouterr().err.startswith("make x: there is no environment 'nowhere'")


#: A plan of every kind of change.
_CHANGES: Any = {
    "resource_changes": [
        {"mode": "managed", "address": "aws_sqs_queue.a", "change": {"actions": ["no-op"]}},
        {"mode": "managed", "address": "aws_sqs_queue.b", "change": {"actions": ["update"]}},
        {"mode": "managed", "address": "aws_sqs_queue.c", "change": {"actions": ["delete", "create"]}},
        {"mode": "data", "address": "data.d", "change": {"actions": ["read"]}},
    ],
    "output_changes": {"url": {"actions": ["update"]}, "name": {"actions": ["no-op"]}},
}


class TestDrift:
    """A plan of what is deployed has to be empty."""

    def test_what_counts(self) -> None:
        """What Terraform would do is drift; what it reads and what stays are none."""
        lines = ["update `aws_sqs_queue.b`", "delete and create `aws_sqs_queue.c`", "update `output.url`"]
        assert plans.drift_of(_CHANGES) == lines
        assert plans.drift_of({"resource_changes": _CHANGES["resource_changes"][:1]}) == []

    def test_written(self, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is kept for the job that reports it, also when there is none."""
        monkeypatch.setattr("tools.deploy.plan.read_plan", lambda *_, **__: {})
        assert end_of(plans.write_drift, "dev") == 0
        assert json.loads((job.plans / "drift" / "dev.json").read_text()) == []

    def test_failed(self, job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        """What could not be planned is not called free of drift."""

        def fail(*_: Any, **__: Any) -> None:
            raise CommandError("no credentials")

        monkeypatch.setattr("tools.deploy.plan.plan", fail)
        (job.plans / "drift").mkdir()
        (job.plans / "drift" / "dev.json").write_text("[]")
        assert end_of(plans.write_drift, "dev") == 1
        assert not (job.plans / "drift" / "dev.json").exists()
        assert capsys.readouterr().err == "make x: no credentials\n"
