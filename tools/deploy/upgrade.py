"""make upgrade, after the Python locks: the AWS provider's lock for every platform, and the locked Terraform's version.

The provider's own version is a choice, made in versions.tf; Terraform's is that of the locked PyPI package.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tools.deploy.terraform import TerraformError, document_in, plain_text, terraform_command
from tools.processes import environment, hear_interrupts, run
from tools.project import CONFIGURATION, ROOT

__all__ = ["PLATFORMS", "lock_provider", "lock_terraform", "locked_roots"]

#: Where the delayer is planned and applied from.
PLATFORMS = ("darwin_amd64", "darwin_arm64", "linux_amd64", "linux_arm64", "windows_amd64")


def locked_roots(configuration: Path) -> list[Path]:
    """The folders below `configuration`, itself among them, that have a provider lock of their own."""
    return sorted(path.parent for path in configuration.rglob(".terraform.lock.hcl") if ".terraform" not in path.parts)


def lock_provider(root: Path) -> None:
    """Write a folder's provider lock anew, with the hashes of all platforms. Raises TerraformError; the lock stays."""
    lock = root / ".terraform.lock.hcl"
    before = lock.read_bytes()
    # What Terraform notes of the modules is not wanted beside the configuration.
    notes = ROOT / "build" / "work" / "upgrade" / root.name
    notes.mkdir(parents=True, exist_ok=True)
    _run(root, notes, "get")
    # A lock that is there holds its versions, even against versions.tf.
    lock.unlink()
    try:
        _run(root, notes, "providers", "lock", *(f"-platform={platform}" for platform in PLATFORMS))
    except TerraformError as error:
        raise TerraformError(
            f"{error}\n\n{lock.relative_to(root.parent)} is as it was: this needs registry.terraform.io, for every "
            "platform's package"
        ) from error
    finally:
        if not lock.exists():
            lock.write_bytes(before)


def lock_terraform(path: Path) -> str:
    """Write the locked Terraform's version for version managers, and return it. Raises TerraformError."""
    version: str = document_in(_run(ROOT, ROOT, "version", "-json"))["terraform_version"]
    path.write_text(f"{version}\n", encoding="utf-8")
    return version


def _run(root: Path, notes: Path, *arguments: str) -> str:
    variables = environment({"TF_DATA_DIR": str(notes), "CHECKPOINT_DISABLE": "1"})
    done = run([*terraform_command(), f"-chdir={root}", *arguments], variables=variables)
    if done.status:
        raise TerraformError(f"terraform {' '.join(arguments[:2])} failed:\n{plain_text(done.errors)}")
    return done.output


def main() -> int:
    """Lock Terraform's version, then every provider; returns the exit status."""
    hear_interrupts()
    try:
        print(f"Terraform {lock_terraform(ROOT / '.terraform-version')}")
        for root in locked_roots(CONFIGURATION):
            print(f"Locking the provider of {root.relative_to(ROOT)}/ for {', '.join(PLATFORMS)}")
            lock_provider(root)
    except (TerraformError, OSError) as error:
        print(f"make upgrade: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("make upgrade: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
