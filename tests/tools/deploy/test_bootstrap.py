"""Which account make bootstrap is for, and in which order it makes the bucket and puts its own state there."""

import shutil
from pathlib import Path

import pytest

from tests.support.commands import end_of, move_project
from tests.support.fake_terraform import FakeTerraform
from tests.support.terraform_errors import NO_BUCKET
from tools.deploy import bootstrap
from tools.deploy.bootstrap import Account, account_of
from tools.project import CONFIGURATION, CommandError


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A checkout with a configuration that may be changed."""
    root = tmp_path / "checkout"
    shutil.copytree(CONFIGURATION, root / "terraform", ignore=shutil.ignore_patterns(".terraform"))
    move_project(monkeypatch, root)
    return root


def replace(path: Path, old: str, new: str) -> None:
    """Change a file."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


class TestAccount:
    """All but the repository is said once, in terraform/environments/."""

    @pytest.mark.usefixtures("root")
    def test_of_its_own(self) -> None:
        """An environment that has an account to itself."""
        assert account_of("prod") == Account(
            "777788889999", {"prod": "eu-west-1"}, "delayer-prod-terraform-state", "eu-west-1"
        )

    def test_shared(self, root: Path) -> None:
        """Environments in one account are bootstrapped together, whichever is named."""
        environments = root / "terraform" / "environments"
        replace(environments / "staging.tfvars", "444455556666", "111122223333")
        replace(environments / "staging.tfvars", '"eu-west-1"', '"eu-north-1"')
        replace(environments / "staging.s3.tfbackend", "delayer-staging-", "delayer-dev-")
        together = {"dev": "eu-west-1", "staging": "eu-north-1"}
        for each in together:
            assert account_of(each) == Account("111122223333", together, "delayer-dev-terraform-state", "eu-west-1")

    def test_two_buckets(self, root: Path) -> None:
        """Two buckets for one account are one too many."""
        replace(root / "terraform" / "environments" / "staging.tfvars", "444455556666", "111122223333")
        with pytest.raises(CommandError, match=r"dev and staging live in one account, 111122223333, .* same bucket"):
            account_of("dev")

    @pytest.mark.parametrize(("name", "said"), [("", "no environment is named"), ("local", "no environment 'local'")])
    def test_none(self, capsys: pytest.CaptureFixture[str], name: str, said: str) -> None:
        """What isn't in AWS has no account: one line names what is."""
        assert end_of(bootstrap.bootstrap, name) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("make x: ")
        assert said in line
        assert line.endswith("give ENV= one of dev, staging, prod")


class TestState:
    """The state goes into the bucket, which isn't there at first."""

    @pytest.fixture
    def folder(self, root: Path) -> Path:
        """Where Terraform is run."""
        return root / "build" / "work" / "bootstrap-111122223333"

    def test_first(self, folder: Path, fake_terraform: FakeTerraform) -> None:
        """Without a bucket, the state is made in a file, and moved there at the end."""
        fake_terraform.fails("init", NO_BUCKET)
        with pytest.raises(CommandError):
            bootstrap.bootstrap("dev")  # the second init fails here, too
        assert 'backend "local"' in (folder / "local_override.tf").read_text()
        assert fake_terraform.calls("apply") == []

    def test_interrupted_first(self, folder: Path, fake_terraform: FakeTerraform) -> None:
        """What an interrupted first run has left in a file is gone on with, even if the bucket is there by now."""
        folder.mkdir(parents=True)
        (folder / "terraform.tfstate").write_text("{}")
        bootstrap.bootstrap("dev")
        local, moved = fake_terraform.calls("init")
        assert not any(argument.startswith("-backend-config") for argument in local)
        assert {"-migrate-state", "-force-copy", "-backend-config=key=bootstrap/delayer.tfstate"} <= set(moved)
        assert len(fake_terraform.calls("apply")) == 1
        assert not list(folder.glob("*.tfstate*"))
        assert not (folder / "local_override.tf").exists()

    def test_later(self, root: Path, folder: Path, fake_terraform: FakeTerraform) -> None:
        """With the bucket there, the state in it is used, and only by the account's own credentials; it asks first."""
        bootstrap.bootstrap("dev")
        (init,) = fake_terraform.calls("init")
        file = root / "terraform" / "environments" / "dev.s3.tfbackend"
        settings = [str(file), "key=bootstrap/delayer.tfstate", 'allowed_account_ids=["111122223333"]']
        assert init[-3:] == [f"-backend-config={setting}" for setting in settings]
        (apply,) = fake_terraform.calls("apply")
        assert not any("auto-approve" in argument for argument in apply)
        assert {"terraform.tfvars", ".terraform.lock.hcl", "roles.tf"} <= {path.name for path in folder.iterdir()}

    def test_refused(self, folder: Path, fake_terraform: FakeTerraform) -> None:
        """A first run that is answered by no keeps what it has, and the next begins anew."""
        folder.mkdir(parents=True)
        (folder / "terraform.tfstate").write_text("{}")
        fake_terraform.fails("apply", "Apply cancelled.")
        with pytest.raises(CommandError, match="terraform apply failed"):
            bootstrap.bootstrap("dev")
        assert (folder / "terraform.tfstate").exists()


def test_the_lock_is_a_copy() -> None:
    """Both roots take the same provider, by the same hashes."""
    locks = [CONFIGURATION / folder / ".terraform.lock.hcl" for folder in (".", "bootstrap")]
    assert locks[0].read_bytes() == locks[1].read_bytes()
