"""make plan: what it writes, shows and refuses."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.checkouts import FUNCTIONS
from tests.support.commands import end_of
from tests.support.fake_terraform import FakeTerraform
from tests.support.terraform_errors import LOCKED, NO_BUCKET, TOO_OLD
from tools.deploy import apply, destroy, plan
from tools.project import CommandError, environments
from tools.terraform import planned_packages


class TestPlan:
    """A plan is written to a file and shown."""

    def test_offline(self, planned: Path) -> None:
        """The real Terraform plans an environment with no account, and the output says where the plan is."""
        printed = (planned / "printed").read_text()
        assert (planned / "build" / "plans" / "dev-offline.tfplan").stat().st_size > 0
        assert "build/plans/dev-offline.tfplan" in printed.splitlines()[-1]
        assert " to add, 0 to change, 0 to destroy" in printed

    def test_no_colour_codes_in_files(self, planned: Path) -> None:
        """What is no terminal gets plain text."""
        assert "\x1b" not in (planned / "printed").read_text()

    def test_failed_plan_leaves_no_earlier_one(self, checkout: Path, fake_terraform: FakeTerraform) -> None:
        """If planning fails, an earlier plan can't be applied by mistake."""
        fake_terraform.fails("plan", "no")
        with pytest.raises(CommandError, match="terraform plan failed for environment dev"):
            plan.plan("dev")
        assert not (checkout / "build" / "plans" / "dev.tfplan").exists()

    @pytest.mark.usefixtures("fake_terraform")
    def test_review_of_an_earlier_plan(self, checkout: Path) -> None:
        """The page of an earlier plan doesn't stay to be taken for this one's; an offline plan leaves it alone."""
        written = plan.plan_files("dev")[1:3]
        for path in written:
            path.touch()
        plan.plan("dev", is_offline=True)
        assert all(path.exists() for path in written)
        plan.plan("dev")
        assert {path.name for path in (checkout / "build" / "plans").iterdir()} == set()

    def test_packages_of_other_sources(self, checkout: Path, fake_terraform: FakeTerraform) -> None:
        """What was built from other sources, or not at all, isn't planned: one sentence says what to run."""
        (checkout / "build" / "problem").write_text("There is no build/dist/x.zip")
        with pytest.raises(CommandError, match=r"^There is no build/dist/x\.zip: run make package first, as make plan"):
            plan.plan_checkout("dev")
        assert fake_terraform.calls("init") == []

    @pytest.mark.usefixtures("checkout")
    @pytest.mark.parametrize(
        ("said", "sentence"),
        [(LOCKED, "the state of dev is locked: by ci@runner-7"), (NO_BUCKET, "there is no bucket")],
    )
    def test_known_error(
        self, fake_terraform: FakeTerraform, capfd: pytest.CaptureFixture[str], said: str, sentence: str
    ) -> None:
        """What Terraform is known to say is one sentence, in the place of what it said; nothing else is printed."""
        fake_terraform.fails("plan", said)
        assert end_of(plan.plan_checkout, "dev") == 1
        (line,) = capfd.readouterr().err.splitlines()
        assert line.startswith(f"make x: {sentence}")

    @pytest.mark.usefixtures("checkout")
    def test_unknown_error(self, fake_terraform: FakeTerraform, capfd: pytest.CaptureFixture[str]) -> None:
        """What isn't known is shown whole, above the line that says what failed."""
        fake_terraform.fails("plan", "Error: this\n  and that")
        assert end_of(plan.plan_checkout, "dev") == 1
        assert capfd.readouterr().err == (
            "Error: this\n  and that\nmake x: terraform plan failed for environment dev; see above\n"
        )

    @pytest.mark.usefixtures("checkout")
    def test_local_needs_the_stack(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The local environment is planned where it runs; where it doesn't, the message says how to start it."""
        monkeypatch.setattr(plan, "running_stack", lambda: None)
        with pytest.raises(CommandError, match="not running: start it with make local, or plan with OFFLINE=1"):
            plan.plan("local")

    def test_plan_names_every_package(self, plan_json: str) -> None:
        """What a plan is checked for is every function's package."""
        assert {Path(name).stem for name in planned_packages(json.loads(plan_json))} == set(FUNCTIONS)


#: The commands that take an environment and a plan.
COMMANDS = [plan.plan_checkout, apply.apply, destroy.destroy]


class TestCommandLine:
    """One line for people, and a status for programs."""

    @pytest.mark.parametrize("action", COMMANDS)
    @pytest.mark.parametrize(
        ("name", "said"), [("", "no environment is named"), ("nowhere", "no environment 'nowhere'")]
    )
    def test_which_environment(
        self, capsys: pytest.CaptureFixture[str], action: Callable[..., None], name: str, said: str
    ) -> None:
        """An environment that is missing or unknown is one line that names those there are; the status is 1."""
        assert end_of(action, name) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("make x: ")
        assert said in line
        assert line.endswith(", ".join(environments()))

    @pytest.mark.usefixtures("checkout")
    @pytest.mark.parametrize("action", COMMANDS)
    def test_wrong_file(
        self, fake_terraform: FakeTerraform, capsys: pytest.CaptureFixture[str], action: Callable[..., None]
    ) -> None:
        """A misspelt variable is one sentence at every command that takes an environment, before Terraform's init."""
        found = {
            "summary": "Unsupported argument",
            "detail": 'An argument named "shardcount" is not expected here.',
            "range": {"filename": "dev.tfvars.tf", "start": {"line": 7}},
            "snippet": {"code": "shardcount = 4"},
        }
        fake_terraform.says("validate", json.dumps({"diagnostics": [found]}))
        assert end_of(action, "dev") == 1
        assert capsys.readouterr().err == (
            "make x: terraform/environments/dev.tfvars, line 7: there is no variable shardcount: did you mean "
            "shard_count?\n"
        )
        assert fake_terraform.calls("init") == []

    @pytest.mark.usefixtures("checkout")
    @pytest.mark.parametrize("action", COMMANDS)
    def test_too_old_terraform(
        self, fake_terraform: FakeTerraform, capsys: pytest.CaptureFixture[str], action: Callable[..., None]
    ) -> None:
        """A Terraform that the configuration refuses is one sentence, which says what to run instead."""
        fake_terraform.fails("init", TOO_OLD)
        assert end_of(action, "dev") == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("make x: this is Terraform 1.9.8, and >= 1.11.0, < 2.0.0 is needed: ")

    @pytest.mark.usefixtures("checkout")
    def test_interrupted(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        """Ctrl-C ends in one line and the status that shells expect."""

        def interrupt() -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(plan, "running_stack", interrupt)
        assert end_of(plan.plan_checkout, "local") == 130
        assert capsys.readouterr().err == "make x: interrupted\n"
