"""make review and python -m tools.review: exit statuses, and one line for everything that is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkouts import clean_environment
from tests.support.commands import status_of
from tests.support.review.expected import DANGERS_OF
from tests.support.review.kept_plans import BOOTSTRAP, kept_plan, kept_text
from tools.deploy import plan as deploy
from tools.project import ROOT, CommandError
from tools.review import __main__ as command

TODAY = datetime.now(UTC).date()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in which a plan for prod was written."""
    (tmp_path / "build" / "plans").mkdir(parents=True)
    (tmp_path / "build" / "plans" / "prod.tfplan").touch()
    (tmp_path / "terraform" / "environments").mkdir(parents=True)
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(deploy, "ROOT", tmp_path)
    return tmp_path


def planned(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Terraform shows this scenario's plan as the one that was written."""
    document = kept_plan(name)
    monkeypatch.setattr(deploy, "read_plan", lambda _environment, *, is_offline: document)  # noqa: ARG005


def accept(root: Path, expires: str) -> None:
    """Accept the danger of sweep_paused."""
    (root / "terraform" / "environments" / "prod.accepted.toml").write_text(f"""
[[accepted]]
danger = "sweep-paused"
address = RULE
reason = "The stream is recreated."
expires = {expires}
""")


def written(folder: Path, name: str) -> str:
    """Write a scenario's plan to a file, and return its path."""
    path = folder / f"{name}.json"
    path.write_text(kept_text(name))
    return str(path)


class TestStatus:
    """What programs are told."""

    def test_harmless(self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        """0, and the page is printed and kept."""
        planned(monkeypatch, "harmless")
        assert status_of(command.main, "--environment", "prod") == 0
        printed = capsys.readouterr().out
        assert "**No known danger.**" in printed
        assert (root / "build" / "plans" / "prod.review.md").read_text() == printed.removesuffix("\n")

    def test_dangerous(self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        """2, and the danger is the first thing that is said."""
        planned(monkeypatch, "sweep_paused")
        assert status_of(command.main, "--environment", "prod") == 2
        assert "1. No sweep would run" in capsys.readouterr().out
        assert (root / "build" / "plans" / "prod.review.md").exists()

    @pytest.mark.parametrize(("expires", "status"), [(f"{TODAY + timedelta(days=1)}", 0), ("2020-01-01", 2)])
    def test_accepted(self, root: Path, monkeypatch: pytest.MonkeyPatch, expires: str, status: int) -> None:
        """An accepted danger stops nothing until its entry expires."""
        planned(monkeypatch, "sweep_paused")
        accept(root, expires)
        assert status_of(command.main, "--environment", "prod") == status

    @pytest.mark.parametrize(("name", "status"), [("unchanged", 0), ("shards_lowered", 2)])
    @pytest.mark.usefixtures("root")
    def test_any_file(self, tmp_path: Path, name: str, status: int) -> None:
        """The JSON of any plan is reviewed the same, with a byte order mark as without."""
        path = tmp_path / "plan.json"
        for encoding in ("utf-8", "utf-8-sig"):
            path.write_text(kept_text(name), encoding=encoding)
            assert status_of(command.main, str(path)) == status

    @pytest.mark.parametrize("name", sorted(DANGERS_OF))
    @pytest.mark.usefixtures("root")
    def test_every_danger_stops(self, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str) -> None:
        """Of every plan with a danger, the command's status is 2, and its dangers stand before all else."""
        assert status_of(command.main, written(tmp_path, name)) == 2
        dangers = capsys.readouterr().out.partition("| create | update |")[0]
        for danger, address, words in DANGERS_OF[name]:
            assert words in dangers
            assert f"`{danger}` at `{address}`" in dangers

    @pytest.mark.usefixtures("root")
    def test_another_root(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Where no environment is known, nothing can be accepted, and every name with a star is a wildcard."""
        assert status_of(command.main, str(BOOTSTRAP)) == 2
        page = capsys.readouterr().out
        assert page.startswith("# Review of the plan\n")
        assert "with `arn:aws:dynamodb:eu-west-1:111122223333:table/delayer-dev-*`" in page

    def test_offline(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What a first apply would create doesn't take the place of the real plan's page."""
        planned(monkeypatch, "unchanged")
        assert status_of(command.main, "--environment", "prod") == 0
        page = (root / "build" / "plans" / "prod.review.md").read_text()
        deploy.plan_path("prod", is_offline=True).touch()
        planned(monkeypatch, "first")
        assert status_of(command.main, "--environment", "prod", "--offline") == 0
        assert (root / "build" / "plans" / "prod.review.md").read_text() == page
        assert "first apply" in (root / "build" / "plans" / "prod-offline.review.md").read_text()

    def test_digest(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Beside the page is kept what proves that two plans change the same."""
        kept = root / "build" / "plans" / "prod.changes.sha256"
        digests = set()
        for name in ("harmless", "sweep_paused", "harmless"):
            planned(monkeypatch, name)
            command.main(["--environment", "prod"])
            digests.add(kept.read_text())
        assert len(digests) == 2


@pytest.mark.usefixtures("root")
class TestRefusals:
    """Status 1 and one line on stderr, never a page."""

    def refused(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
        """What is said to these arguments."""
        capsys.readouterr()
        assert status_of(command.main, *arguments) == 1
        printed = capsys.readouterr()
        assert printed.out == ""
        (line,) = printed.err.splitlines()
        assert line.startswith("make review: ")
        return line

    def changed(self, folder: Path, **values: Any) -> str:
        """A plan's file with something else in it."""
        path = folder / "plan.json"
        path.write_text(json.dumps(kept_plan("unchanged") | values))
        return str(path)

    @pytest.mark.parametrize("environment", ["", "nowhere"])
    def test_no_such_environment(self, capsys: pytest.CaptureFixture[str], environment: str) -> None:
        """The environments that there are are named."""
        assert "give ENV= one of dev" in self.refused(capsys, "--environment", environment)

    def test_no_plan(self, capsys: pytest.CaptureFixture[str]) -> None:
        """What to run first is said, offline too."""
        assert "there is no plan to review: run make plan ENV=dev first" in self.refused(capsys, "--environment", "dev")
        said = self.refused(capsys, "--environment", "prod", "--offline")
        assert "run make plan ENV=prod OFFLINE=1 first" in said

    def test_of_another_environment(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        """A plan that was copied to another's name is not taken for it."""
        planned(monkeypatch, "unchanged")
        deploy.plan_path("dev", is_offline=False).touch()
        said = self.refused(capsys, "--environment", "dev")
        assert "the plan is for environment prod, not dev: run make plan ENV=dev again" in said

    def test_terraform_fails(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        """What Terraform says in a frame is told in one line: here of a plan that a newer one wrote."""

        def fail(_environment: str, *, is_offline: bool) -> None:
            assert not is_offline
            raise CommandError("terraform show failed:\n╷\n│ Error: plan format 99\n│ \n│ Use a newer one.\n╵")

        monkeypatch.setattr(deploy, "read_plan", fail)
        said = self.refused(capsys, "--environment", "prod")
        assert said == "make review: terraform show failed: Error: plan format 99 Use a newer one."

    def test_no_file(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A file that is not there is named."""
        assert "nowhere.json" in self.refused(capsys, "nowhere.json")

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "is not JSON, so not a plan as terraform show -json prints it"),
            (b"{", "is not JSON, so not a plan as terraform show -json prints it"),
            (b"\xff", "plan.json is not in UTF-8, as terraform show -json prints it"),
            ('{"format_version": "1.2"}'.encode("utf-16"), "plan.json is not in UTF-8, as terraform show -json prints"),
            (b"[" * 100_000, "plan.json is not JSON"),
            (b"[]", "it names no format_version"),
            (b"{}", "it names no format_version"),
            (b'{"format_version": "1.0", "values": {}}', "it says of no resource what becomes of it. Is it a state?"),
            (b'{"format_version": "1.2", "resource_changes": [1]}', "is not a plan that can be read"),
            (b'{"format_version": "1.2", "resource_changes": {}}', "its resource_changes is no array"),
            (b'{"format_version": "1.2", "resource_changes": null}', "its resource_changes is no array"),
            (b'{"format_version": "1.2", "resource_changes": [], "variables": []}', "its variables is no object"),
        ],
    )
    def test_unreadable(self, capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes, said: str) -> None:
        """What is no plan is said to be none."""
        path = tmp_path / "plan.json"
        path.write_bytes(content)
        assert said in self.refused(capsys, str(path))

    def test_newer_format(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        """A format that this review does not know is not guessed at."""
        path = self.changed(tmp_path, format_version="2.0", terraform_version="2.1.0")
        assert (
            "in format 2.0, of Terraform 2.1.0, which is newer than this review: it reads format 1.x"
            in self.refused(capsys, path)
        )

    def test_later_minor_format(self, tmp_path: Path) -> None:
        """A later minor version only adds to the format."""
        assert status_of(command.main, self.changed(tmp_path, format_version="1.99")) == 0

    def test_failed_plan(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        """What is left of a plan that failed is not all that would happen."""
        assert "is of a plan that failed" in self.refused(capsys, self.changed(tmp_path, errored=True))

    def test_unknown_action(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        """What a newer Terraform would do to a resource, and this review has no word for, is no 'nothing'."""
        changes = kept_plan("shards_lowered")["resource_changes"]
        changes[0]["change"]["actions"] = ["rename"]
        assert "('rename',)" in self.refused(capsys, self.changed(tmp_path, resource_changes=changes))

    @pytest.mark.parametrize("name", ["", "x", "../../x", "pr\0od", "\ud800", "production-of-eu", None, 1])
    def test_name_that_no_environment_has(self, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: Any) -> None:
        """A name that terraform/variables.tf would refuse is used for no path and no headline."""
        variables = kept_plan("unchanged")["variables"] | {"environment": {"value": name}}
        assert "and none can have that name" in self.refused(capsys, self.changed(tmp_path, variables=variables))

    @pytest.mark.parametrize("name", ["address", "mode", "name", "type"])
    def test_resource_without_a_name(self, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str) -> None:
        """Every resource has an address, a mode, a type and a name, by which the rules know it."""
        changes = kept_plan("shards_lowered")["resource_changes"]
        changes[0][name] = None
        said = self.refused(capsys, self.changed(tmp_path, resource_changes=changes))
        assert f"plan.json is not a plan that can be read: TypeError('{name} None')" in said

    @pytest.mark.parametrize("error", [IndexError, RecursionError, TypeError, ValueError, ZeroDivisionError])
    def test_rule_that_fails(
        self,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        error: type[Exception],
    ) -> None:
        """What a rule can't make sense of ends the review, in one line that names the file: there is no half a page."""

        def fail(_plan: Any) -> None:
            raise error("unhashable")

        monkeypatch.setattr(command, "find_dangers", fail)
        assert "plan.json can't be reviewed: " in self.refused(capsys, self.changed(tmp_path))

    def test_stale(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
        """A plan of other packages than there are now is not what would be applied; an older page of it goes."""
        planned(monkeypatch, "unchanged")
        assert status_of(command.main, "--environment", "prod") == 0

        def refuse(_environment: str, _plan: Any, *, is_offline: bool) -> None:
            assert not is_offline
            raise CommandError("build/dist/x.zip is not the package that was planned")

        monkeypatch.setattr(deploy, "check_packages", refuse)
        assert "x.zip is not the package that was planned" in self.refused(capsys, "--environment", "prod")
        assert {path.name for path in (root / "build" / "plans").iterdir()} == {"prod.tfplan"}

    @pytest.mark.parametrize("arguments", [[], ["plan.json", "--environment", "prod"], ["--nonsense"]])
    def test_usage(self, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
        """Wrong arguments are an error, not a danger."""
        with pytest.raises(SystemExit) as ended:
            command.main(arguments)
        assert ended.value.code == 1
        assert len(capsys.readouterr().err.splitlines()) == 1

    def test_malformed_file_of_accepted_dangers(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, root: Path
    ) -> None:
        """It is named, with the entry."""
        planned(monkeypatch, "sweep_paused")
        accept(root, '"soon"')
        said = self.refused(capsys, "--environment", "prod")
        assert "terraform/environments/prod.accepted.toml: entry 1 needs `expires`, a date" in said


class TestOutput:
    """The page reaches who reads it."""

    def run(self, tmp_path: Path, *further: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
        """The command in a shell, with this after it."""
        line = f"{sys.executable} -m tools.review {written(tmp_path, 'shards_lowered')} {' '.join(further)}"
        environment = clean_environment(**variables)
        return subprocess.run(["bash", "-c", line], cwd=ROOT, env=environment, check=False, capture_output=True)  # noqa: S603, S607

    def test_terminal_without_arrows(self, tmp_path: Path) -> None:
        """It is in UTF-8 also where the terminal claims to know ASCII only."""
        done = self.run(tmp_path, LC_ALL="C", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
        assert (done.returncode, done.stderr) == (2, b"")
        assert "`64` → `16`" in done.stdout.decode()

    def test_reader_that_stops(self, tmp_path: Path) -> None:
        """Who stops reading gets no traceback, and the status is the review's."""
        done = self.run(tmp_path, "| true; exit ${PIPESTATUS[0]}")
        assert (done.returncode, done.stderr) == (2, b"")
