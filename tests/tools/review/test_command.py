"""make review and python -m tools.review: exit statuses, and one line for every error."""

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
from tests.support.review.addresses import RULE
from tests.support.review.expected import DANGERS_OF
from tests.support.review.kept_plans import BOOTSTRAP, kept_plan, kept_text
from tools.deploy import plan as deploy
from tools.project import ROOT, CommandError
from tools.review import __main__ as command
from tools.review import review as reviewing

TODAY = datetime.now(UTC).date()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a checkout with a plan for prod."""
    (tmp_path / "build" / "plans").mkdir(parents=True)
    (tmp_path / "build" / "plans" / "prod.tfplan").touch()
    (tmp_path / "terraform" / "environments").mkdir(parents=True)
    for module in (deploy, reviewing):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(deploy, "PLANS", tmp_path / "build" / "plans")
    return tmp_path


def planned(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let Terraform show this scenario's plan as the written one."""
    document = kept_plan(name)
    monkeypatch.setattr(deploy, "read_plan", lambda _environment, *, is_offline: document)  # noqa: ARG005


def accept(root: Path, expires: str) -> None:
    """Accept the danger of the scenario sweep_paused."""
    (root / "terraform" / "environments" / "prod.accepted.toml").write_text(f"""
[[accepted]]
danger = "sweep-paused"
address = '{RULE}'
reason = "The stream is recreated."
expires = {expires}

[[accepted]]
danger = "alarms-loosened"
address = "*.monitoring"
reason = "The alarm is silent while sweeps are paused."
expires = {expires}
""")


def written(folder: Path, name: str) -> str:
    """Write a scenario's plan to a file, and return its path."""
    path = folder / f"{name}.json"
    path.write_text(kept_text(name))
    return str(path)


class TestStatus:
    """The exit status."""

    def test_plan_without_danger_ends_with_0(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The page is printed and kept."""
        planned(monkeypatch, "harmless")
        assert status_of(command.main, "--environment", "prod") == 0
        printed = capsys.readouterr().out
        assert "**No danger: every change is judged harmless.**" in printed
        assert (root / "build" / "plans" / "prod.review.md").read_text() == printed.removesuffix("\n")

    def test_plan_with_a_danger_ends_with_2(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The page is kept too."""
        planned(monkeypatch, "sweep_paused")
        assert status_of(command.main, "--environment", "prod") == 2
        assert "1. No sweep would run" in capsys.readouterr().out
        assert (root / "build" / "plans" / "prod.review.md").exists()

    @pytest.mark.parametrize(("expires", "status"), [(f"{TODAY + timedelta(days=1)}", 0), ("2020-01-01", 2)])
    def test_accepted_danger_stops_nothing_until_it_expires(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, expires: str, status: int
    ) -> None:
        """After that the status is 2 again."""
        planned(monkeypatch, "sweep_paused")
        accept(root, expires)
        assert status_of(command.main, "--environment", "prod") == status

    @pytest.mark.parametrize(("name", "status"), [("unchanged", 0), ("shards_lowered", 2)])
    @pytest.mark.usefixtures("root")
    def test_json_of_any_plan_is_reviewed(self, tmp_path: Path, name: str, status: int) -> None:
        """It may begin with a byte order mark."""
        path = tmp_path / "plan.json"
        for encoding in ("utf-8", "utf-8-sig"):
            path.write_text(kept_text(name), encoding=encoding)
            assert status_of(command.main, str(path)) == status

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
    @pytest.mark.usefixtures("root")
    def test_plan_may_be_in_the_encodings_of_a_shell(self, tmp_path: Path, encoding: str) -> None:
        """PowerShell writes UTF-16."""
        path = tmp_path / "plan.json"
        path.write_text(kept_text("shards_lowered"), encoding=encoding)
        assert status_of(command.main, str(path)) == 2

    @pytest.mark.parametrize("version", ["0.1", "0.2", "1.0", "1.99"])
    @pytest.mark.usefixtures("root")
    def test_formats_of_all_terraforms_are_read(self, tmp_path: Path, version: str) -> None:
        """The first is that of Terraform 0.12. A later minor version only adds to the format."""
        path = tmp_path / "plan.json"
        document = kept_plan("shards_lowered")
        kept = ("resource_changes", "variables") if version == "0.1" else tuple(document)
        path.write_text(json.dumps({name: document[name] for name in kept} | {"format_version": version}))
        assert status_of(command.main, str(path)) == 2

    @pytest.mark.parametrize(
        "name", ["", "x", "../../x", "pr\0od", "\ud800", "production-of-eu", None, 1, {}, ["prod"]]
    )
    @pytest.mark.usefixtures("root")
    def test_environment_of_another_shape_is_unknown(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: Any
    ) -> None:
        """It would become part of a path and of the headline."""
        path = tmp_path / "plan.json"
        path.write_text(json.dumps(kept_plan("unchanged") | {"variables": {"environment": {"value": name}}}))
        assert status_of(command.main, str(path)) == 0
        assert capsys.readouterr().out.startswith("# Review of the plan\n")

    @pytest.mark.parametrize("name", sorted(DANGERS_OF))
    @pytest.mark.usefixtures("root")
    def test_every_danger_stops(self, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str) -> None:
        """The status is 2, and the dangers come before everything else."""
        assert status_of(command.main, written(tmp_path, name)) == 2
        dangers = capsys.readouterr().out.partition("**Changes:**")[0]
        for danger, address, words in DANGERS_OF[name]:
            assert words in dangers
            assert f"`{danger}` at `{address}`" in dangers

    @pytest.mark.usefixtures("root")
    def test_plan_of_another_root_has_no_environment(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Nothing can be accepted, and every name with a star is a wildcard."""
        assert status_of(command.main, str(BOOTSTRAP)) == 2
        page = capsys.readouterr().out
        assert page.startswith("# Review of the plan\n")
        assert "with `arn:aws:dynamodb:eu-west-1:111122223333:table/delayer-dev-*`" in page

    def test_offline_plan_has_a_page_of_its_own(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """It doesn't replace the page of the real plan."""
        planned(monkeypatch, "unchanged")
        assert status_of(command.main, "--environment", "prod") == 0
        page = (root / "build" / "plans" / "prod.review.md").read_text()
        deploy.plan_files("prod", is_offline=True).plan.touch()
        planned(monkeypatch, "first")
        assert status_of(command.main, "--environment", "prod", "--offline") == 0
        assert (root / "build" / "plans" / "prod.review.md").read_text() == page
        assert "first apply" in (root / "build" / "plans" / "prod-offline.review.md").read_text()

    def test_digest_is_kept_beside_the_page(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """It differs if and only if the changes do."""
        kept = root / "build" / "plans" / "prod.changes.sha256"
        digests = set()
        for name in ("harmless", "sweep_paused", "harmless"):
            planned(monkeypatch, name)
            status_of(command.main, "--environment", "prod")
            digests.add(kept.read_text())
        assert len(digests) == 2


@pytest.mark.usefixtures("root")
class TestRefusals:
    """Status 1 and one line on stderr, never a page."""

    def refused(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
        """Return the error for these arguments."""
        capsys.readouterr()
        assert status_of(command.main, *arguments) == 1
        printed = capsys.readouterr()
        assert printed.out == ""
        (line,) = printed.err.splitlines()
        assert line.startswith("make review: ")
        return line

    def changed(self, folder: Path, **values: Any) -> str:
        """Write a plan with some members changed, and return its path."""
        path = folder / "plan.json"
        path.write_text(json.dumps(kept_plan("unchanged") | values))
        return str(path)

    @pytest.mark.parametrize("environment", ["", "nowhere"])
    def test_unknown_environment_is_refused(self, capsys: pytest.CaptureFixture[str], environment: str) -> None:
        """The error lists the environments."""
        assert "give ENV= one of dev" in self.refused(capsys, "--environment", environment)

    def test_missing_plan_is_refused(self, capsys: pytest.CaptureFixture[str]) -> None:
        """The error says what to run first, offline too."""
        assert "there is no plan to review: run make plan ENV=dev first" in self.refused(capsys, "--environment", "dev")
        message = self.refused(capsys, "--environment", "prod", "--offline")
        assert "run make plan ENV=prod OFFLINE=1 first" in message

    def test_plan_of_another_environment_is_refused(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The plan was copied to another's name."""
        planned(monkeypatch, "unchanged")
        deploy.plan_files("dev").plan.touch()
        message = self.refused(capsys, "--environment", "dev")
        assert "the plan is for environment prod, not dev: run make plan ENV=dev again" in message

    def test_error_of_terraform_is_one_line(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Terraform prints it in a frame: here for a plan that a newer one wrote."""

        def fail(_environment: str, *, is_offline: bool) -> None:
            assert not is_offline
            raise CommandError("terraform show failed:\n╷\n│ Error: plan format 99\n│ \n│ Use a newer one.\n╵")

        monkeypatch.setattr(deploy, "read_plan", fail)
        message = self.refused(capsys, "--environment", "prod")
        assert message == "make review: terraform show failed: Error: plan format 99 Use a newer one."

    def test_missing_file_is_refused(self, capsys: pytest.CaptureFixture[str]) -> None:
        """The error names it."""
        assert "nowhere.json" in self.refused(capsys, "nowhere.json")

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "is empty: run terraform show -json PLAN > plan.json"),
            (b"{", "is not JSON, as terraform show -json prints it"),
            (b"\xff", "plan.json is not in UTF-8, as terraform show -json prints it"),
            ('{"format_version": "1.2"}'.encode("utf-16"), "it has no resource_changes"),
            (b"PK\x03\x04...", "is a saved plan, not its JSON: run terraform show -json PLAN > plan.json"),
            (b"\x1f\x8b...", "is compressed: unpack it with gunzip"),
            (b"[command]/opt/terraform-bin show\n{}\n", "setup-terraform's wrapper: set terraform_wrapper to false"),
            (b"{}\n::debug::stdout: {}\n", "setup-terraform's wrapper: set terraform_wrapper to false"),
            (b'{"@level":"info"}\n{"@level":"info"}\n', "is the log of terraform plan -json"),
            (b'{"version": 4, "lineage": "x", "resources": []}', "is a state, not a plan"),
            (b"Terraform will perform the following actions:\n", "is a plan for people, not its JSON"),
            (b"[" * 100_000, "plan.json is not JSON"),
            (b"[]", "it has no format_version"),
            (b"{}", "it has no format_version"),
            (b'{"format_version": "1.0", "values": {}}', "is a state, not a plan"),
            (b'{"format_version": "1.2", "resource_changes": [1]}', "can't be read as a plan"),
            (b'{"format_version": "1.2", "resource_changes": {}}', "its resource_changes is not an array"),
            (b'{"format_version": "1.2", "resource_changes": null}', "its resource_changes is not an array"),
            (b'{"format_version": "1.2", "resource_changes": [], "variables": []}', "its variables is not an object"),
        ],
    )
    def test_file_that_is_no_plan_is_refused(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes, message: str
    ) -> None:
        """The error says what is wrong with it."""
        path = tmp_path / "plan.json"
        path.write_bytes(content)
        assert message in self.refused(capsys, str(path))

    def test_newer_format_is_refused(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        """The review doesn't guess."""
        path = self.changed(tmp_path, format_version="2.0", terraform_version="2.1.0")
        assert (
            "in format 2.0, of Terraform 2.1.0, which is newer than this review: it reads formats 0.x and 1.x"
            in self.refused(capsys, path)
        )

    def test_unknown_action_is_refused(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        """A newer Terraform may have actions that the review doesn't know."""
        changes = kept_plan("shards_lowered")["resource_changes"]
        changes[0]["change"]["actions"] = ["rename"]
        assert "'rename'" in self.refused(capsys, self.changed(tmp_path, resource_changes=changes))

    @pytest.mark.parametrize("name", ["address", "mode", "name", "type"])
    def test_resource_without_address_mode_type_or_name_is_refused(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
    ) -> None:
        """The rules know a resource by these."""
        changes = kept_plan("shards_lowered")["resource_changes"]
        changes[0][name] = None
        message = self.refused(capsys, self.changed(tmp_path, resource_changes=changes))
        assert f"plan.json can't be read as a plan: TypeError('{name} None')" in message

    @pytest.mark.parametrize("error", [IndexError, RecursionError, TypeError, ValueError, ZeroDivisionError])
    def test_rule_that_fails_ends_the_review(
        self,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        error: type[Exception],
    ) -> None:
        """The error names the file, and there is no page."""

        def fail(_plan: Any) -> None:
            raise error("unhashable")

        monkeypatch.setattr(reviewing, "find_dangers", fail)
        assert "plan.json can't be reviewed: " in self.refused(capsys, self.changed(tmp_path))

    def test_plan_of_other_packages_is_refused(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, root: Path
    ) -> None:
        """It would not be applied, and an older page of it is removed."""
        planned(monkeypatch, "unchanged")
        assert status_of(command.main, "--environment", "prod") == 0

        def refuse(_environment: str, _plan: Any, *, is_offline: bool) -> None:
            assert not is_offline
            raise CommandError("build/dist/x.zip is not the package that was planned")

        monkeypatch.setattr(deploy, "check_packages", refuse)
        assert "x.zip is not the package that was planned" in self.refused(capsys, "--environment", "prod")
        assert {path.name for path in (root / "build" / "plans").iterdir()} == {"prod.tfplan"}

    @pytest.mark.parametrize("arguments", [[], ["plan.json", "--environment", "prod"], ["--nonsense"]])
    def test_wrong_arguments_end_with_1(self, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
        """Status 2 is for dangers."""
        with pytest.raises(SystemExit) as ended:
            command.main(arguments)
        assert ended.value.code == 1
        assert len(capsys.readouterr().err.splitlines()) == 1

    def test_malformed_file_of_accepted_dangers_is_refused(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, root: Path
    ) -> None:
        """The error names the file and the entry."""
        planned(monkeypatch, "sweep_paused")
        accept(root, '"soon"')
        message = self.refused(capsys, "--environment", "prod")
        assert "terraform/environments/prod.accepted.toml: entry 1 needs `expires`, a date" in message


class TestOutput:
    """Printing the page."""

    def run(self, tmp_path: Path, *further: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
        """Run the command in a shell, followed by `further`."""
        line = f"{sys.executable} -m tools.review {written(tmp_path, 'shards_lowered')} {' '.join(further)}"
        environment = clean_environment(**variables)
        return subprocess.run(["bash", "-c", line], cwd=ROOT, env=environment, check=False, capture_output=True)  # noqa: S603, S607

    def test_page_is_printed_in_utf_8(self, tmp_path: Path) -> None:
        """The terminal claims to know ASCII only."""
        done = self.run(tmp_path, LC_ALL="C", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
        assert (done.returncode, done.stderr) == (2, b"")
        assert "`64` → `16`" in done.stdout.decode()

    def test_reader_may_stop(self, tmp_path: Path) -> None:
        """There is no traceback, and the status is the review's."""
        done = self.run(tmp_path, "| true; exit ${PIPESTATUS[0]}")
        assert (done.returncode, done.stderr) == (2, b"")
