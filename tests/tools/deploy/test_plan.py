"""What make plan, make apply and make destroy do, and above all what they refuse."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.checkouts import (
    FUNCTIONS,
    clean_environment,
    lend_terraform,
    make_checkout,
    write_packages_check,
    write_program,
)
from tests.tools.conftest import FakeTerraform
from tests.tools.deploy.test_explanations import LOCKED, NO_BUCKET, STALE, TOO_OLD
from tools.deploy import plan as deploy
from tools.deploy.packages import note_commit
from tools.deploy.terraform import TerraformError, planned_packages, terraform_command
from tools.project import environments

#: Stands in for a Terraform that is applying, says so in a file, and when interrupted writes its state before it
#: ends; told twice, it drops that.
_SLOW_TERRAFORM = """
import pathlib, signal, sys, time
folder = pathlib.Path(__file__).parent
if sys.argv[2] in ("show", "validate"):
    print((folder / f"{sys.argv[2]}.says").read_text())
if sys.argv[2] != "apply":
    sys.exit()
signals = {signal.SIGINT, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
(folder / "applying").touch()
signal.sigwait(signals)
time.sleep(0.5)
(folder / "state").write_text("dropped" if signal.sigpending() else "written")
sys.exit(1)
"""


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which the real Terraform has made an offline plan for dev. Not to be changed."""
    checkout = make_checkout(tmp_path_factory.mktemp("planned") / "a checkout, naïvely named")
    lend_terraform(checkout)
    done = subprocess.run(
        [sys.executable, "-m", "tools.deploy.plan", "plan", "dev", "--offline"],
        cwd=checkout, env=clean_environment(), check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (checkout / "printed").write_text(done.stdout)
    return checkout


@pytest.fixture(scope="module")
def plan_json(planned: Path) -> str:
    """That plan, as Terraform shows it to programs."""
    folder = planned / "build" / "work" / "dev-offline" / "terraform"
    plan = planned / "build" / "plans" / "dev-offline.tfplan"
    command = [*terraform_command(), f"-chdir={folder}", "show", "-json", str(plan)]
    return subprocess.run(  # noqa: S603 -- our own command
        command, env=clean_environment(), check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def checkout(
    planned: Path, plan_json: str, fake_terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Path:
    """A checkout with the packages that were planned, and a plan for dev that can be applied."""
    root = tmp_path / "checkout"
    shutil.copytree(planned / "build" / "dist", root / "build" / "dist")
    write_packages_check(root)
    (root / "build" / "plans").mkdir()
    (root / "build" / "plans" / "dev.tfplan").touch()
    for module in ("plan", "terraform"):
        monkeypatch.setattr(f"tools.deploy.{module}.ROOT", root)
    monkeypatch.setattr(deploy, "_PACKAGES", root / "build" / "dist")
    fake_terraform.says("show", plan_json)
    return root


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
        with pytest.raises(TerraformError, match="terraform plan failed for environment dev"):
            deploy.plan("dev", is_offline=False)
        assert not (checkout / "build" / "plans" / "dev.tfplan").exists()

    @pytest.mark.usefixtures("fake_terraform")
    def test_review_of_an_earlier_plan(self, checkout: Path) -> None:
        """The page of an earlier plan doesn't stay to be taken for this one's; an offline plan leaves it alone."""
        written = [path("dev", is_offline=False) for path in (deploy.review_path, deploy.digest_path)]
        for path in written:
            path.touch()
        deploy.plan("dev", is_offline=True)
        assert all(path.exists() for path in written)
        deploy.plan("dev", is_offline=False)
        assert {path.name for path in (checkout / "build" / "plans").iterdir()} == set()

    def test_packages_of_other_sources(self, checkout: Path, fake_terraform: FakeTerraform) -> None:
        """What was built from other sources, or not at all, isn't planned: one sentence says what to run."""
        (checkout / "build" / "problem").write_text("There is no build/dist/x.zip")
        with pytest.raises(
            TerraformError, match=r"^There is no build/dist/x\.zip: run make package first, as make plan"
        ):
            deploy.plan_checkout("dev", is_offline=False)
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
        assert deploy.main(["plan", "dev"]) == 1
        (line,) = capfd.readouterr().err.splitlines()
        assert line.startswith(f"make plan: {sentence}")

    @pytest.mark.usefixtures("checkout")
    def test_unknown_error(self, fake_terraform: FakeTerraform, capfd: pytest.CaptureFixture[str]) -> None:
        """What isn't known is shown whole, above the line that says what failed."""
        fake_terraform.fails("plan", "Error: this\n  and that")
        assert deploy.main(["plan", "dev"]) == 1
        assert capfd.readouterr().err == (
            "Error: this\n  and that\nmake plan: terraform plan failed for environment dev; see above\n"
        )

    @pytest.mark.usefixtures("checkout")
    def test_local_needs_the_stack(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The local environment is planned where it runs; where it doesn't, the message says how to start it."""
        monkeypatch.setattr(deploy, "running_stack", lambda: None)
        with pytest.raises(TerraformError, match="not running: start it with make local, or plan with OFFLINE=1"):
            deploy.plan("local", is_offline=False)


class TestApply:
    """Just what was planned is applied, or nothing."""

    def test_as_planned(self, checkout: Path, fake_terraform: FakeTerraform) -> None:
        """The plan file is what Terraform applies; applied, it is gone."""
        deploy.apply("dev", is_offline=False)
        plan = checkout / "build" / "plans" / "dev.tfplan"
        (call,) = fake_terraform.calls("apply")
        assert call[-1] == str(plan)
        assert not plan.exists()

    @pytest.mark.usefixtures("fake_terraform")
    def test_rolled_back(self, checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Whose packages are applied is said if they are not this checkout's own."""
        note_commit(checkout / "build" / "dist", "0123456789abcdef")
        deploy.apply("dev", is_offline=False)
        assert "The packages are those of 0123456789ab, put here by make rollback." in capsys.readouterr().out

    @pytest.mark.parametrize("function", FUNCTIONS)
    def test_another_package(self, checkout: Path, fake_terraform: FakeTerraform, function: str) -> None:
        """A zip that was built anew after the plan is not deployed unseen."""
        (checkout / "build" / "dist" / f"{function}.zip").write_bytes(b"another")
        with pytest.raises(TerraformError, match=rf"{function}\.zip is not the package that was planned.*make plan"):
            deploy.apply("dev", is_offline=False)
        assert fake_terraform.calls("apply") == []

    def test_missing_package(self, checkout: Path, fake_terraform: FakeTerraform) -> None:
        """A zip that is gone is named, too."""
        (checkout / "build" / "dist" / "api-schedule-post.zip").unlink()
        with pytest.raises(TerraformError, match=r"api-schedule-post\.zip is not .*now missing"):
            deploy.apply("dev", is_offline=False)
        assert fake_terraform.calls("apply") == []

    def test_sources_changed_since(self, checkout: Path, fake_terraform: FakeTerraform) -> None:
        """Who has changed the code since the plan is told to plan again, and gets nothing applied."""
        deploy.plan_checkout("dev", is_offline=False)
        (checkout / "build" / "plans" / "dev.tfplan").touch()
        (checkout / "build" / "problem").write_text("Built from other sources: build/dist/x.zip")
        with pytest.raises(TerraformError, match=r"other sources: build/dist/x\.zip: run make plan ENV=dev again, and"):
            deploy.apply("dev", is_offline=False)
        assert fake_terraform.calls("apply") == []

    def test_packages_from_elsewhere(self, checkout: Path, fake_terraform: FakeTerraform) -> None:
        """A plan of packages that were never the checkout's, as a rollback's, is not held against its sources."""
        deploy.plan_checkout("dev", is_offline=False)
        deploy.plan("dev", is_offline=False)
        (checkout / "build" / "plans" / "dev.tfplan").touch()
        (checkout / "build" / "problem").write_text("Built from other sources: build/dist/x.zip")
        deploy.apply("dev", is_offline=False)
        assert len(fake_terraform.calls("apply")) == 1

    def test_state_changed_since(self, checkout: Path, fake_terraform: FakeTerraform) -> None:
        """A plan of an earlier state can't be applied, and the message says what to do; the plan is still there."""
        fake_terraform.fails("apply", STALE)
        with pytest.raises(TerraformError, match=r"the state of dev has changed .*: run make plan ENV=dev again, and"):
            deploy.apply("dev", is_offline=False)
        assert (checkout / "build" / "plans" / "dev.tfplan").exists()

    def test_plan_for_another_environment(self, checkout: Path, fake_terraform: FakeTerraform) -> None:
        """A plan file that was renamed doesn't deploy one environment as another."""
        plans = checkout / "build" / "plans"
        (plans / "dev.tfplan").rename(plans / "prod.tfplan")
        with pytest.raises(TerraformError, match="the plan is for environment dev, not prod"):
            deploy.apply("prod", is_offline=False)
        assert fake_terraform.calls("apply") == []

    def test_no_plan(self, checkout: Path, fake_terraform: FakeTerraform) -> None:
        """Where nothing was planned, Terraform isn't even started."""
        (checkout / "build" / "plans" / "dev.tfplan").unlink()
        with pytest.raises(TerraformError, match="no plan to apply: run make plan ENV=dev first"):
            deploy.apply("dev", is_offline=False)
        assert fake_terraform.calls("init") == []

    def test_offline(self, checkout: Path) -> None:
        """An offline plan was compared with nothing, and is not applied."""
        assert (checkout / "build" / "plans" / "dev.tfplan").exists()
        with pytest.raises(TerraformError, match=r"offline plan .* can't be applied"):
            deploy.apply("dev", is_offline=True)

    def test_failed(self, checkout: Path, fake_terraform: FakeTerraform) -> None:
        """After a failed apply the plan is kept: Terraform says itself whether it is stale."""
        fake_terraform.fails("apply", "no")
        with pytest.raises(TerraformError, match="terraform apply failed for environment dev"):
            deploy.apply("dev", is_offline=False)
        assert (checkout / "build" / "plans" / "dev.tfplan").exists()


@pytest.mark.usefixtures("checkout")
class TestDestroy:
    """What is protected is not taken apart."""

    @staticmethod
    def state(*, is_protected: bool) -> str:
        """An applied environment's state, as Terraform shows it to programs."""
        table = {"type": "aws_dynamodb_table", "values": {"deletion_protection_enabled": is_protected}}
        return json.dumps({"values": {"root_module": {"child_modules": [{"resources": [table]}]}}})

    def test_protected(self, fake_terraform: FakeTerraform) -> None:
        """A protected table keeps everything around it, and the message says how to mean it."""
        fake_terraform.says("show", self.state(is_protected=True))
        with pytest.raises(TerraformError, match=r"prod is protected.*deletion_protection = false in .*prod\.tfvars"):
            deploy.destroy("prod", is_offline=False)
        assert fake_terraform.calls("destroy") == []

    def test_not_protected(self, fake_terraform: FakeTerraform) -> None:
        """What isn't protected is destroyed by Terraform, which asks first."""
        fake_terraform.says("show", self.state(is_protected=False))
        deploy.destroy("dev", is_offline=False)
        (call,) = fake_terraform.calls("destroy")
        assert not any("auto-approve" in argument for argument in call)

    def test_nothing_there(self, fake_terraform: FakeTerraform) -> None:
        """An environment that was never applied shows no values, and is no error."""
        fake_terraform.says("show", '{"format_version": "1.0"}')
        deploy.destroy("dev", is_offline=False)
        assert len(fake_terraform.calls("destroy")) == 1


class TestCommandLine:
    """One line for people, and a status for programs."""

    @pytest.mark.parametrize("action", ["plan", "apply", "destroy"])
    @pytest.mark.parametrize(
        ("name", "said"), [("", "no environment is named"), ("nowhere", "no environment 'nowhere'")]
    )
    def test_which_environment(self, capsys: pytest.CaptureFixture[str], action: str, name: str, said: str) -> None:
        """An environment that is missing or unknown is one line that names those there are; the status is 1."""
        assert deploy.main([action, name]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"make {action}: ")
        assert said in line
        assert line.endswith(", ".join(environments()))

    @pytest.mark.usefixtures("checkout")
    @pytest.mark.parametrize("action", ["plan", "apply", "destroy"])
    def test_wrong_file(self, fake_terraform: FakeTerraform, capsys: pytest.CaptureFixture[str], action: str) -> None:
        """A misspelt variable is one sentence at every command that takes an environment, before Terraform's init."""
        found = {
            "summary": "Unsupported argument",
            "detail": 'An argument named "shardcount" is not expected here.',
            "range": {"filename": "dev.tfvars.tf", "start": {"line": 7}},
            "snippet": {"code": "shardcount = 4"},
        }
        fake_terraform.says("validate", json.dumps({"diagnostics": [found]}))
        assert deploy.main([action, "dev"]) == 1
        assert capsys.readouterr().err == (
            f"make {action}: terraform/environments/dev.tfvars, line 7: there is no variable shardcount: did you mean "
            "shard_count?\n"
        )
        assert fake_terraform.calls("init") == []

    @pytest.mark.usefixtures("checkout")
    @pytest.mark.parametrize("action", ["plan", "apply", "destroy"])
    def test_too_old_terraform(
        self, fake_terraform: FakeTerraform, capsys: pytest.CaptureFixture[str], action: str
    ) -> None:
        """A Terraform that the configuration refuses is one sentence, which says what to run instead."""
        fake_terraform.fails("init", TOO_OLD)
        assert deploy.main([action, "dev"]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"make {action}: this is Terraform 1.9.8, and >= 1.11.0, < 2.0.0 is needed: ")

    @pytest.mark.usefixtures("checkout")
    def test_interrupted(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        """Ctrl-C ends in one line and the status that shells expect."""

        def interrupt() -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(deploy, "running_stack", interrupt)
        assert deploy.main(["plan", "local"]) == 130
        assert capsys.readouterr().err == "make plan: interrupted\n"

    @pytest.mark.parametrize("ends", ["Ctrl-C", "SIGTERM"])
    def test_terraform_is_waited_for(self, plan_json: str, tmp_path: Path, ends: str) -> None:
        """Interrupted while it applies, Terraform is told once and writes its state before the command ends."""
        checkout = make_checkout(tmp_path / "checkout")
        (checkout / "build" / "plans").mkdir()
        (checkout / "build" / "plans" / "dev.tfplan").touch()
        fake = write_program(tmp_path / "programs" / "terraform", _SLOW_TERRAFORM)
        (fake.parent / "show.says").write_text(plan_json)
        (fake.parent / "validate.says").write_text('{"diagnostics": []}')
        # A mirror, for machines that don't reach the registry.
        (tmp_path / "home/.terraform.d/plugins/registry.terraform.io/hashicorp/aws/5.100.0").mkdir(parents=True)
        process = subprocess.Popen(
            [sys.executable, "-m", "tools.deploy.plan", "apply", "dev"],
            cwd=checkout, env=clean_environment(PATH=f"{fake.parent}{os.pathsep}{os.environ['PATH']}"),
            stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        while not (fake.parent / "applying").exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        if ends == "Ctrl-C":
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.terminate()
        _, errors = process.communicate()
        assert (fake.parent / "state").read_text() == "written"
        assert (process.returncode, errors) == (130, "make apply: interrupted\n")

    def test_plan_names_every_package(self, plan_json: str) -> None:
        """What a plan is checked for is every function's package."""
        assert {Path(name).stem for name in planned_packages(json.loads(plan_json))} == set(FUNCTIONS)
