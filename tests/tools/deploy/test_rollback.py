"""What make rollback builds, plans and refuses; and what changes a plan: code does, documents and tests don't."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

import pytest

from tests.support.checkouts import FUNCTIONS, ROOT, clean_environment, lend_terraform, make_checkout, write_program
from tests.support.commands import end_of, move_project
from tools.deploy import rollback
from tools.deploy.plan import PlanFiles
from tools.deploy.rollback import build_packages, check_function, find_commit, install_packages, other_changes
from tools.project import CACHE, CommandError
from tools.review.digest import digest
from tools.terraform import terraform_command

#: The sweep's variables.
_VARIABLES = {
    "DELAYER_PERIOD_SECONDS": "840",
    "METRICS_NAMESPACE": "delayer-dev",
    "SHARD_COUNT": "16",
    "STREAM_ARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/t/stream/2026",
    "TABLE_NAME": "t",
}


class Step(NamedTuple):
    """What stood after a step: the plan without its time, every package's bytes, and the digest of the whole plan."""

    plan: dict[str, Any]
    packages: dict[str, bytes]
    digest: str


class Repository:
    """A repository with a checkout that can build and plan."""

    def __init__(self, root: Path) -> None:
        self.root = make_checkout(root)
        lend_terraform(root)
        (root / ".venv").mkdir(exist_ok=True)
        (root / ".venv" / "build").symlink_to(ROOT / ".venv" / "build")
        for name in (".gitignore", "pyproject.toml", "requirements.txt"):
            shutil.copy2(ROOT / name, root)
        for path in (ROOT / "build").glob("*.py"):
            shutil.copy2(path, root / "build")
        shutil.copytree(ROOT / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__"))
        (root / "build" / "work" / "cache").mkdir(parents=True)
        for name in ("wheels", "prepared"):
            (root / "build" / "work" / "cache" / name).symlink_to(CACHE / name)
        for name in ("docs/page.md", "tests/test_it.py", "README.md"):
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_text("first\n")
        self.run("git", "init", "--quiet")
        self.commit()

    def run(self, *command: str) -> str:
        """Run a command here, to its good end."""
        own = clean_environment(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_SYSTEM=os.devnull)
        done = subprocess.run(command, cwd=self.root, env=own, check=False, capture_output=True, text=True)  # noqa: S603
        assert done.returncode == 0, done.stderr
        return done.stdout

    def commit(self) -> None:
        """Commit all that is here."""
        self.run("git", "add", "--all")
        self.run("git", "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "-m", "m")

    def append(self, name: str, text: str) -> None:
        """Change a file."""
        with (self.root / name).open("a") as file:
            file.write(text)

    def planned(self, module: str = "plan", *arguments: str) -> Step:
        """Build (a rollback does that itself) and plan dev offline."""
        if module == "plan":
            self.run(str(ROOT / ".venv" / "build" / "bin" / "python"), "build/package.py")
        self.run(sys.executable, "-m", f"tools.deploy.{module}", *arguments, "--offline")
        folder, plan = "build/work/dev-offline/terraform", str(self.root / "build/plans/dev-offline.tfplan")
        shown = json.loads(self.run(*terraform_command(), f"-chdir={folder}", "show", "-json", plan))
        digested = digest(shown)
        del shown["timestamp"]
        # These are in any order.
        shown["relevant_attributes"].sort(key=str)
        for each in modules(shown["planned_values"]["root_module"]):
            each.get("child_modules", []).sort(key=lambda child: str(child["address"]))
        packages = (self.root / "build" / "dist").glob("*.zip")
        return Step(shown, {package.stem: package.read_bytes() for package in packages}, digested)


def modules(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a planned module and all modules below it."""
    yield module
    for child in module.get("child_modules", []):
        yield from modules(child)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository that the steps below change, one after the other."""
    subprocess.run(["make", "--silent", ".venv/build/.installed"], cwd=ROOT, check=True)  # noqa: S607 -- the user's make
    return Repository(tmp_path_factory.mktemp("rollback") / "checkout")


@pytest.fixture(scope="module")
def first(repository: Repository) -> Step:
    """The first commit, planned."""
    return repository.planned("plan", "dev")


@pytest.fixture(scope="module")
def coded(repository: Repository, first: Step) -> Step:
    """The third commit, planned: after one that changes documents and tests, it changes one function's code."""
    assert first.plan
    for name in ("docs/page.md", "tests/test_it.py", "README.md"):
        repository.append(name, "second\n")
    repository.commit()
    repository.append("src/task_1minute_enqueuer/main.py", "# third\n")
    repository.commit()
    return repository.planned("plan", "dev")


@pytest.fixture(scope="module")
def rolled_back(repository: Repository, coded: Step) -> Step:
    """The second commit's code, planned from the third, in a checkout where somebody is at work."""
    assert coded.plan
    repository.append("src/delayer/schedules.py", "# not committed\n")
    return repository.planned("rollback", "dev", "HEAD~1")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value in a document that holds no other, with where it is."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, f"{path}/{key}")
    else:
        yield path, value


class TestPlan:
    """The content of plans by the real Terraform."""

    def test_code_changes_a_hash_and_nothing_else(self, first: Step, coded: Step) -> None:
        """After a change of one function's code, that function's hash is all that differs."""
        before, after = dict(leaves(first.plan)), dict(leaves(coded.plan))
        assert before.keys() == after.keys()
        different = {path for path, value in before.items() if after[path] != value}
        assert {path.rpartition("/")[2] for path in different} == {"source_code_hash"}
        assert {name for name in FUNCTIONS if first.packages[name] != coded.packages[name]} == {"task-1minute-enqueuer"}

    def test_a_rollback_plans_the_earlier_code(self, first: Step, coded: Step, rolled_back: Step) -> None:
        """The packages are the earlier commit's, to the byte, and the hash goes back alone.

        That commit had changed documents and tests, and so has the checkout: neither shows in packages or plan.
        """
        assert rolled_back.packages == first.packages != coded.packages
        assert rolled_back.plan == first.plan != coded.plan

    def test_the_digest_is_of_what_changes(self, first: Step, coded: Step, rolled_back: Step) -> None:
        """Plans of one change have one digest, though made at other times and commits; of other code, another."""
        assert rolled_back.digest == first.digest != coded.digest

    @pytest.mark.usefixtures("rolled_back")
    def test_a_rollback_leaves_the_checkout_alone(self, repository: Repository) -> None:
        """Uncommitted changes stay, and no checkout is left behind."""
        assert repository.run("git", "status", "--porcelain").split() == ["M", "src/delayer/schedules.py"]
        assert list((repository.root / "build" / "work").glob("packages-*")) == []


@pytest.fixture
def here(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository, as the one that the tool is in."""
    move_project(monkeypatch, repository.root)
    return repository.root


class TestCommit:
    """Which commits can be rolled back to."""

    @pytest.mark.usefixtures("here")
    @pytest.mark.parametrize(
        ("commit", "said"),
        [
            ("", r"no commit is named: give TO="),
            ("nowhere", r"there is no commit 'nowhere' here; .*git fetch --unshallow"),
            ("--all", r"there is no commit '--all' here"),
            ("HEAD:README.md", r"there is no commit 'HEAD:README\.md' here"),
        ],
    )
    def test_none(self, commit: str, said: str) -> None:
        """A missing, unknown or malformed commit is reported in a line."""
        with pytest.raises(CommandError, match=rf"^{said}"):
            find_commit(commit)

    def test_before_the_packages(self, here: Path, repository: Repository) -> None:
        """A commit without the packaging toolchain is refused before anything is built."""
        tree = repository.run("git", "mktree").strip() or repository.run("git", "hash-object", "-t", "tree", os.devnull)
        name = repository.run(
            "git", "-c", "user.name=t", "-c", "user.email=t@example.com", "commit-tree", tree.strip(), "-m", "m"
        ).strip()
        with pytest.raises(CommandError, match=rf"^{name} has no build/package\.py"):
            find_commit(name)
        assert here.exists()

    @pytest.mark.usefixtures("here")
    def test_found(self, repository: Repository) -> None:
        """Any name of a commit will do."""
        assert find_commit("HEAD") == repository.run("git", "rev-parse", "HEAD").strip()

    @pytest.mark.parametrize(("environment", "said"), [("", "no environment is named"), ("nowhere", "no environment")])
    def test_which_environment(self, capsys: pytest.CaptureFixture[str], environment: str, said: str) -> None:
        """An environment that is missing or unknown is one line; the status is 1."""
        assert end_of(rollback.rollback, environment, "HEAD") == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("make x: ")
        assert said in line


class TestBuild:
    """An earlier commit is built by its own toolchain."""

    @pytest.fixture
    def fake_make(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        """Stands in for make: notes where it runs and builds a package, or fails if there is a file `fails`."""
        program = write_program(
            tmp_path / "programs" / "make",
            "import os, pathlib, sys\n"
            "here = pathlib.Path(__file__).parent\n"
            "(here / 'called').write_text(f'{sys.argv[1:]} {sorted(os.listdir())}')\n"
            "pathlib.Path('build/dist').mkdir()\n"
            "pathlib.Path('build/dist/a.zip').write_bytes(b'a')\n"
            "sys.exit((here / 'fails').exists())\n",
        )
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
        return program.parent

    def another_toolchain(self, repository: Repository) -> str:
        """A commit whose packaging toolchain is locked otherwise."""
        lock = repository.root / "build" / "requirements.txt"
        before = lock.read_text()
        lock.write_text(f"# another\n{before}")
        repository.run("git", "add", str(lock))
        tree = repository.run("git", "write-tree").strip()
        lock.write_text(before)
        repository.run("git", "reset", "--quiet")
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.com")
        return repository.run("git", *identity, "commit-tree", tree, "-m", "m").strip()

    @pytest.mark.usefixtures("here")
    def test_another_toolchain(self, repository: Repository, fake_make: Path) -> None:
        """Where its lock is another, its own make installs it and builds, in its checkout."""
        with build_packages(self.another_toolchain(repository)) as built:
            assert [package.read_bytes() for package in built] == [b"a"]
        called = (fake_make / "called").read_text()
        assert called.startswith("['package'] [")
        assert "'src'" in called

    @pytest.mark.usefixtures("here")
    def test_failed(self, repository: Repository, fake_make: Path) -> None:
        """If it can't be built, that is said, and the checkout is gone all the same."""
        (fake_make / "fails").touch()
        commit = self.another_toolchain(repository)
        with (
            pytest.raises(CommandError, match=rf"^the packages of {commit[:12]} were not built; see above$"),
            build_packages(commit),
        ):
            pass
        assert list((repository.root / "build" / "work").glob("packages-*")) == []

    def test_function_that_was_not_there_yet(self, here: Path, tmp_path: Path) -> None:
        """A commit that lacks a function is refused, and the packages that are here stay."""
        before = {path.name: path.read_bytes() for path in (here / "build" / "dist").iterdir()}
        others = [tmp_path / f"{name}.zip" for name in FUNCTIONS[1:]]
        for package in others:
            package.touch()
        with pytest.raises(CommandError, match=r"^0123456789ab has no api-schedule-delete\.zip, which this checkout"):
            install_packages(others, "0123456789abcdef")
        assert {path.name: path.read_bytes() for path in (here / "build" / "dist").iterdir()} == before


class TestFunction:
    """Code that would not start with this Terraform is not planned."""

    @pytest.fixture
    def package(self, tmp_path: Path) -> Path:
        """A package of today's sweep."""
        path = tmp_path / "task-1minute-enqueuer.zip"
        with ZipFile(path, "w") as archive:
            for name in ("task_1minute_enqueuer", "delayer"):
                for source in (ROOT / "src" / name).glob("*.py"):
                    archive.write(source, f"{name}/{source.name}")
        return path

    def test_starts(self, package: Path) -> None:
        """A variable that the code doesn't know is none of its business."""
        check_function(package, "task_1minute_enqueuer.main.handler", _VARIABLES | {"LATER": "x"}, "0" * 40)

    def test_known_after_apply(self, package: Path) -> None:
        """Variables that are known after the apply can't be judged."""
        check_function(package, "task_1minute_enqueuer.main.handler", None, "0" * 40)

    @pytest.mark.parametrize("missing", sorted(_VARIABLES))
    def test_variable_that_is_not_set_any_more(self, package: Path, missing: str) -> None:
        """A setting that the earlier code needs, and this Terraform doesn't give, is named."""
        variables = {name: value for name, value in _VARIABLES.items() if name != missing}
        with pytest.raises(CommandError, match=rf"^task-1minute-enqueuer\.zip of 0{{12}} would not start .*{missing}"):
            check_function(package, "task_1minute_enqueuer.main.handler", variables, "0" * 40)

    def test_handler_that_was_elsewhere(self, package: Path) -> None:
        """A module that Lambda could not import is named."""
        with pytest.raises(CommandError, match=r"has no task_1minute_enqueuer/start\.py, which this checkout"):
            check_function(package, "task_1minute_enqueuer.start.handler", _VARIABLES, "0" * 40)

    def test_no_plan_is_left(
        self, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """After such a refusal there is nothing that could be applied."""
        plan = here / "build" / "plans" / "refused.tfplan"
        after = {"filename": "x/a.zip", "handler": "a.main.handler", "environment": [{"variables": {}}]}
        change = {"type": "aws_lambda_function", "mode": "managed", "change": {"after": after}}
        with ZipFile(here / "build" / "dist" / "a.zip", "w"):
            pass
        monkeypatch.setattr(rollback, "build_packages", lambda _: contextlib.nullcontext([]))
        monkeypatch.setattr(rollback, "install_packages", lambda *_: None)
        monkeypatch.setattr(rollback, "plan", lambda *_, **__: plan.touch())
        monkeypatch.setattr(rollback, "plan_files", lambda *_, **__: PlanFiles(*[plan] * 4))
        monkeypatch.setattr(rollback, "read_plan", lambda *_, **__: {"resource_changes": [change]})
        assert end_of(rollback.rollback, "dev", "HEAD") == 1
        assert re.match(r"make x: a\.zip of \w{12} has no a/main\.py", capsys.readouterr().err)
        assert not plan.exists()


def test_what_else_is_changed_is_told() -> None:
    """Of a checkout whose Terraform is not the deployed one, everything else that would change is named."""

    def change(address: str, *actions: str, mode: str = "managed") -> dict[str, Any]:
        return {"address": address, "type": address.partition(".")[0], "mode": mode, "change": {"actions": actions}}

    changes = [
        change("aws_lambda_function.a", "update"), change("aws_sqs_queue.b", "no-op"),
        change("aws_sqs_queue.c", "delete", "create"), change("aws_iam_policy_document.d", "read", mode="data"),
    ]  # fmt: skip
    for found in changes:
        found["change"]["actions"] = list(found["change"]["actions"])
    assert other_changes({"resource_changes": changes}) == ["aws_sqs_queue.c"]
