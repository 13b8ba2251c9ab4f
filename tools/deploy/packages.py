"""Packages of another commit: built in a worktree, and told apart where they lie in build/dist/."""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.deploy.terraform import TerraformError
from tools.package_inputs import git_names, held
from tools.processes import git, run
from tools.project import ROOT

__all__ = ["build_packages", "find_commit", "note_commit", "other_commit"]

_NOTE = "of-another-commit.json"


def note_commit(packages: Path, commit: str) -> None:
    """Note beside the packages that they are this commit's."""
    (packages / _NOTE).write_text(json.dumps({"commit": commit, "packages": _hashes(packages)}), encoding="utf-8")


def other_commit(packages: Path) -> str | None:
    """Which other commit's the packages are; None if they aren't as they were noted, as after the next build."""
    try:
        note = json.loads((packages / _NOTE).read_text(encoding="utf-8"))
        return str(note["commit"]) if note["packages"] == _hashes(packages) else None
    except (KeyError, OSError, TypeError, ValueError):
        return None


def find_commit(commit: str) -> str:
    """The full name of a commit whose packages can be built. Raises TerraformError."""
    if not commit:
        raise TerraformError("no commit is named: give TO= the commit whose code is to run again, like TO=HEAD~1")
    found = git(ROOT, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}")
    if found.status:
        raise TerraformError(
            f"there is no commit {commit!r} here; of a shallow clone, git fetch --unshallow gets the rest"
        )
    name = found.output.strip()
    if git(ROOT, "cat-file", "-e", f"{name}:./build/package.py").status:
        raise TerraformError(f"{commit} has no build/package.py: it is older than the packages, and can't be built")
    return name


@contextlib.contextmanager
def build_packages(commit: str) -> Iterator[list[Path]]:
    """Build a commit's packages in a worktree, which is removed afterwards. Raises TerraformError."""
    work = ROOT / "build" / "work"
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="packages-", dir=work) as folder:
        worktree = Path(folder) / "checkout"
        git(ROOT, "worktree", "prune")
        added = git(ROOT, "worktree", "add", "--quiet", "--detach", str(worktree), commit)
        if added.status:
            raise TerraformError(f"git could not check {commit[:12]} out:\n{added.errors.strip()}")
        try:
            # The project may be a folder of a larger repository.
            checkout = worktree / git(ROOT, "rev-parse", "--show-prefix").output.removesuffix("\n")
            _check_worktree(checkout, commit)
            # Kept for all commits: at every build, wheels are compared with the lock's hashes, and what was made of
            # them with all that it was made from.
            for name in ("wheels", "prepared"):
                cache = ROOT / "build" / "cache" / name
                cache.mkdir(parents=True, exist_ok=True)
                (checkout / "build" / "cache").mkdir(exist_ok=True)
                (checkout / "build" / "cache" / name).symlink_to(cache)
            if run(_build_command(checkout), folder=checkout, is_shown=True).status:
                raise TerraformError(f"the packages of {commit[:12]} were not built; see above")
            yield sorted((checkout / "build" / "dist").glob("*.zip"))
        finally:
            git(ROOT, "worktree", "remove", "--force", str(worktree))


def _check_worktree(checkout: Path, commit: str) -> None:
    """Raise TerraformError if a file that packages are built from differs from the commit's."""
    inputs = held(checkout, commit)
    for path, name in inputs.files.items() if inputs else ():
        if name not in git_names((checkout / path).read_bytes()):
            raise TerraformError(
                f"git checks {path} out otherwise than {commit[:12]} holds it: look at .git/info/attributes"
            )


def _hashes(packages: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(packages.glob("*.zip"))}


def _build_command(checkout: Path) -> list[str]:
    """Return the command that builds a worktree's packages: with our toolchain if it is locked the same, else make."""
    toolchain = ROOT / ".venv" / "build"
    lock = Path("build", "requirements.txt")
    if (toolchain / ".installed").exists() and _same(ROOT / lock, checkout / lock):
        return [str(toolchain / "bin" / "python"), str(checkout / "build" / "package.py")]
    return ["make", "package"]


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.read_bytes() == other.read_bytes()
