"""make upgrade, after the Python locks: lock the AWS provider for every platform, and write down Terraform's version.

versions.tf chooses the provider's version; Terraform's is that of the locked PyPI package.
"""

import shutil
import tempfile
from pathlib import Path

from tools import terminal
from tools.processes import environment, run
from tools.project import CONFIGURATION, ROOT, CommandError
from tools.terraform import document_in, plain_text, terraform_command

#: The platforms from which the delayer is planned and applied.
PLATFORMS = ("darwin_amd64", "darwin_arm64", "linux_amd64", "linux_arm64", "windows_amd64")


def upgrade() -> None:
    """Lock Terraform's version, for version managers, then the provider of every root. Raises CommandError."""
    version = document_in(_run(ROOT, "version", "-json"))["terraform_version"]
    (ROOT / ".terraform-version").write_text(f"{version}\n", encoding="utf-8")
    print(f"Terraform {version}")
    for root in locked_roots(CONFIGURATION):
        print(f"Locking the provider of {root.relative_to(ROOT)}/ for {', '.join(PLATFORMS)}")
        lock_provider(root)


def locked_roots(configuration: Path) -> list[Path]:
    """Return the folders with a provider lock: `configuration` and folders below it."""
    return sorted(path.parent for path in configuration.rglob(".terraform.lock.hcl") if ".terraform" not in path.parts)


def lock_provider(root: Path) -> None:
    """Write a folder's provider lock anew, with the hashes of all platforms. Raises CommandError; the lock stays."""
    lock = root / ".terraform.lock.hcl"
    with tempfile.TemporaryDirectory() as folder:
        # A lock that is there would hold its versions, even against versions.tf.
        copy = shutil.copytree(root, Path(folder, root.name), ignore=shutil.ignore_patterns(".terraform*"))
        _run(copy, "get")
        try:
            _run(copy, "providers", "lock", *(f"-platform={platform}" for platform in PLATFORMS))
        except CommandError as error:
            raise CommandError(
                f"{error}\n\n{lock.relative_to(root.parent)} is as it was: this needs registry.terraform.io, for every "
                "platform's package"
            ) from error
        shutil.copyfile(copy / lock.name, lock)


def _run(root: Path, *arguments: str) -> str:
    command = [*terraform_command(), f"-chdir={root}", *arguments]
    done = run(command, variables=environment({"CHECKPOINT_DISABLE": "1"}))
    if done.status:
        raise CommandError(f"terraform {' '.join(arguments[:2])} failed:\n{plain_text(done.errors)}")
    return done.output


if __name__ == "__main__":
    terminal.main("make upgrade", upgrade)
