"""A checkout with an offline plan that the real Terraform made, and one whose plan can be applied."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkouts import clean_environment, lend_terraform, make_checkout, write_packages_check
from tests.support.commands import move_project
from tests.support.fake_terraform import FakeTerraform
from tools.terraform import terraform_command


@pytest.fixture(scope="session")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which the real Terraform has made an offline plan for dev. Not to be changed."""
    checkout = make_checkout(tmp_path_factory.mktemp("planned") / "a checkout, naïvely named")
    lend_terraform(checkout)
    done = subprocess.run(
        [sys.executable, "-m", "tools.deploy.plan", "dev", "--offline"],
        cwd=checkout, env=clean_environment(), check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (checkout / "printed").write_text(done.stdout)
    return checkout


@pytest.fixture(scope="session")
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
    move_project(monkeypatch, root)
    fake_terraform.says("show", plan_json)
    return root
