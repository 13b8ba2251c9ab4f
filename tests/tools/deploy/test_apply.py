"""make apply: the plan that was seen is applied, or nothing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.checkouts import FUNCTIONS, clean_environment, make_checkout, write_program
from tests.support.fake_terraform import FakeTerraform
from tests.support.terraform_errors import STALE
from tools.deploy import apply, plan
from tools.project import CommandError

#: Stands in for a Terraform that is applying, says so in a file, and when interrupted writes its state before it
#: ends; at a second signal, it drops that.
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


class TestApply:
    """Just what was planned is applied, or nothing."""

    def test_as_planned(self, checkout: Path, fake_terraform: FakeTerraform) -> None:
        """The plan file is what Terraform applies; applied, it is gone."""
        apply.apply("dev")
        plan = checkout / "build" / "plans" / "dev.tfplan"
        (call,) = fake_terraform.calls("apply")
        assert call[-1] == str(plan)
        assert not plan.exists()

    @pytest.mark.parametrize("function", FUNCTIONS)
    def test_another_package(self, checkout: Path, fake_terraform: FakeTerraform, function: str) -> None:
        """A zip that was built anew after the plan is not deployed unseen."""
        (checkout / "build" / "dist" / f"{function}.zip").write_bytes(b"another")
        with pytest.raises(CommandError, match=rf"{function}\.zip is not the package that was planned.*make plan"):
            apply.apply("dev")
        assert fake_terraform.calls("apply") == []

    def test_missing_package(self, checkout: Path, fake_terraform: FakeTerraform) -> None:
        """A zip that is gone is named, too."""
        (checkout / "build" / "dist" / "api-schedule-post.zip").unlink()
        with pytest.raises(CommandError, match=r"api-schedule-post\.zip is not .*now missing"):
            apply.apply("dev")
        assert fake_terraform.calls("apply") == []

    def test_sources_changed_since(self, checkout: Path, fake_terraform: FakeTerraform) -> None:
        """After a change of the code nothing is applied, and the message says to plan again."""
        plan.plan_checkout("dev")
        (checkout / "build" / "plans" / "dev.tfplan").touch()
        (checkout / "build" / "problem").write_text("Built from other sources: build/dist/x.zip")
        with pytest.raises(CommandError, match=r"other sources: build/dist/x\.zip: run make plan ENV=dev again, and"):
            apply.apply("dev")
        assert fake_terraform.calls("apply") == []

    def test_packages_from_elsewhere(self, checkout: Path, fake_terraform: FakeTerraform) -> None:
        """A plan of packages that were never the checkout's, as a rollback's, is not held against its sources."""
        plan.plan_checkout("dev")
        plan.plan("dev")
        (checkout / "build" / "plans" / "dev.tfplan").touch()
        (checkout / "build" / "problem").write_text("Built from other sources: build/dist/x.zip")
        apply.apply("dev")
        assert len(fake_terraform.calls("apply")) == 1

    def test_state_changed_since(self, checkout: Path, fake_terraform: FakeTerraform) -> None:
        """A plan of an earlier state can't be applied, and the message says what to do; the plan is still there."""
        fake_terraform.fails("apply", STALE)
        with pytest.raises(CommandError, match=r"the state of dev has changed .*: run make plan ENV=dev again, and"):
            apply.apply("dev")
        assert (checkout / "build" / "plans" / "dev.tfplan").exists()

    def test_plan_for_another_environment(self, checkout: Path, fake_terraform: FakeTerraform) -> None:
        """A plan file that was renamed doesn't deploy one environment as another."""
        plans = checkout / "build" / "plans"
        (plans / "dev.tfplan").rename(plans / "prod.tfplan")
        with pytest.raises(CommandError, match="the plan is for environment dev, not prod"):
            apply.apply("prod")
        assert fake_terraform.calls("apply") == []

    def test_no_plan(self, checkout: Path, fake_terraform: FakeTerraform) -> None:
        """Where nothing was planned, Terraform isn't even started."""
        (checkout / "build" / "plans" / "dev.tfplan").unlink()
        with pytest.raises(CommandError, match="no plan to apply: run make plan ENV=dev first"):
            apply.apply("dev")
        assert fake_terraform.calls("init") == []

    def test_offline(self, checkout: Path) -> None:
        """An offline plan was compared with nothing, and is not applied."""
        assert (checkout / "build" / "plans" / "dev.tfplan").exists()
        with pytest.raises(CommandError, match=r"offline plan .* can't be applied"):
            apply.apply("dev", is_offline=True)

    def test_failed(self, checkout: Path, fake_terraform: FakeTerraform) -> None:
        """After a failed apply the plan is kept: Terraform says itself whether it is stale."""
        fake_terraform.fails("apply", "no")
        with pytest.raises(CommandError, match="terraform apply failed for environment dev"):
            apply.apply("dev")
        assert (checkout / "build" / "plans" / "dev.tfplan").exists()

    @pytest.mark.parametrize("ends", ["Ctrl-C", "SIGTERM"])
    def test_terraform_is_waited_for(self, plan_json: str, tmp_path: Path, ends: str) -> None:
        """Interrupted while it applies, Terraform gets one signal and writes its state before the command ends."""
        checkout = make_checkout(tmp_path / "checkout")
        (checkout / "build" / "plans").mkdir()
        (checkout / "build" / "plans" / "dev.tfplan").touch()
        fake = write_program(tmp_path / "programs" / "terraform", _SLOW_TERRAFORM)
        (fake.parent / "show.says").write_text(plan_json)
        (fake.parent / "validate.says").write_text('{"diagnostics": []}')
        # A mirror, for machines that don't reach the registry.
        (tmp_path / "home/.terraform.d/plugins/registry.terraform.io/hashicorp/aws/5.100.0").mkdir(parents=True)
        process = subprocess.Popen(
            [sys.executable, "-m", "tools.deploy.apply", "dev"],
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
