"""Packages of another commit: built in a worktree, and told apart where they lie in build/dist/."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.terraform import ROOT, TerraformError

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
    found = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}")
    if found.returncode:
        raise TerraformError(
            f"there is no commit {commit!r} here; of a shallow clone, git fetch --unshallow gets the rest"
        )
    name = found.stdout.strip()
    if _git("cat-file", "-e", f"{name}:build/package.py").returncode:
        raise TerraformError(f"{commit} has no build/package.py: it is older than the packages, and can't be built")
    return name


@contextlib.contextmanager
def build_packages(commit: str) -> Iterator[list[Path]]:
    """A commit's packages, built in a worktree of its own; they are gone after. Raises TerraformError."""
    work = ROOT / "build" / "work"
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="packages-", dir=work) as folder:
        checkout = Path(folder) / "checkout"
        _git("worktree", "prune")
        added = _git("worktree", "add", "--quiet", "--detach", str(checkout), commit)
        if added.returncode:
            raise TerraformError(f"git could not check {commit[:12]} out:\n{added.stderr.strip()}")
        try:
            # Kept for all commits: at every build, wheels are compared with the lock's hashes, and what was made of
            # them with all that it was made from.
            for name in ("wheels", "prepared"):
                cache = ROOT / "build" / "cache" / name
                cache.mkdir(parents=True, exist_ok=True)
                (checkout / "build" / "cache").mkdir(exist_ok=True)
                (checkout / "build" / "cache" / name).symlink_to(cache)
            environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
            built = subprocess.run(_build_command(checkout), cwd=checkout, env=environment, check=False)
            if built.returncode:
                raise TerraformError(f"the packages of {commit[:12]} were not built; see above")
            yield sorted((checkout / "build" / "dist").glob("*.zip"))
        finally:
            _git("worktree", "remove", "--force", str(checkout))


def _hashes(packages: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(packages.glob("*.zip"))}


def _build_command(checkout: Path) -> list[str]:
    """What builds a worktree's packages: its own make; where its toolchain is locked as ours is, ours."""
    toolchain = ROOT / ".venv" / "build"
    lock = Path("build", "requirements.txt")
    if (toolchain / ".installed").exists() and _same(ROOT / lock, checkout / lock):
        return [str(toolchain / "bin" / "python"), str(checkout / "build" / "package.py")]
    return ["make", "package"]


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.read_bytes() == other.read_bytes()


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", "-C", str(ROOT), *arguments], check=False, capture_output=True, text=True)  # noqa: S607
