"""make upgrade, after the Python locks: lock the AWS provider for every platform, and write down Terraform's version.

versions.tf chooses the provider's version; Terraform's is that of the locked PyPI package.
"""

from pathlib import Path

from tools import terminal
from tools.processes import environment, run
from tools.project import CONFIGURATION, ROOT, WORK, CommandError
from tools.terraform import document_in, plain_text, terraform_command

#: The platforms from which the delayer is planned and applied.
PLATFORMS = ("darwin_amd64", "darwin_arm64", "linux_amd64", "linux_arm64", "windows_amd64")


def upgrade() -> None:
    """Lock Terraform's version, then the provider of every root. Raises CommandError."""
    print(f"Terraform {lock_terraform(ROOT / '.terraform-version')}")
    for root in locked_roots(CONFIGURATION):
        print(f"Locking the provider of {root.relative_to(ROOT)}/ for {', '.join(PLATFORMS)}")
        lock_provider(root)


def locked_roots(configuration: Path) -> list[Path]:
    """Return the folders with a provider lock: `configuration` and folders below it."""
    return sorted(path.parent for path in configuration.rglob(".terraform.lock.hcl") if ".terraform" not in path.parts)


def lock_provider(root: Path) -> None:
    """Write a folder's provider lock anew, with the hashes of all platforms. Raises CommandError; the lock stays."""
    lock = root / ".terraform.lock.hcl"
    before = lock.read_bytes()
    _run(root, "get")
    # A lock that is there holds its versions, even against versions.tf.
    lock.unlink()
    try:
        _run(root, "providers", "lock", *(f"-platform={platform}" for platform in PLATFORMS))
    except CommandError as error:
        raise CommandError(
            f"{error}\n\n{lock.relative_to(root.parent)} is as it was: this needs registry.terraform.io, for every "
            "platform's package"
        ) from error
    finally:
        if not lock.exists():
            lock.write_bytes(before)


def lock_terraform(path: Path) -> str:
    """Write the locked Terraform's version for version managers, and return it. Raises CommandError."""
    version: str = document_in(_run(ROOT, "version", "-json"))["terraform_version"]
    path.write_text(f"{version}\n", encoding="utf-8")
    return version


def _run(root: Path, *arguments: str) -> str:
    # What Terraform notes of the modules is not wanted beside the configuration.
    notes = WORK / "upgrade" / root.name
    notes.mkdir(parents=True, exist_ok=True)
    variables = environment({"TF_DATA_DIR": str(notes), "CHECKPOINT_DISABLE": "1"})
    done = run([*terraform_command(), f"-chdir={root}", *arguments], variables=variables)
    if done.status:
        raise CommandError(f"terraform {' '.join(arguments[:2])} failed:\n{plain_text(done.errors)}")
    return done.output


if __name__ == "__main__":
    terminal.main("make upgrade", upgrade)
