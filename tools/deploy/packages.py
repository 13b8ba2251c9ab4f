"""The packages of an earlier commit, built in a worktree."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.processes import git, run
from tools.project import CACHE, ROOT, WORK, CommandError

#: All files that decide the zips' bytes.
_INPUTS = ("src", "build", "tools", "pyproject.toml", "requirements.txt")


def find_commit(commit: str) -> str:
    """Return the full name of a commit whose packages can be built. Raises CommandError."""
    if not commit:
        raise CommandError("no commit is named: give TO= the commit whose code is to run again, like TO=HEAD~1")
    found = git(ROOT, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}")
    if found.status:
        raise CommandError(
            f"there is no commit {commit!r} here; in a shallow clone, git fetch --unshallow gets the others"
        )
    name = found.output.strip()
    if git(ROOT, "cat-file", "-e", f"{name}:./build/package.py").status:
        raise CommandError(f"{commit} has no build/package.py: it is older than the packages, and can't be built")
    return name


@contextlib.contextmanager
def build_packages(commit: str) -> Iterator[list[Path]]:
    """Build a commit's packages in a worktree, which is removed afterwards. Raises CommandError."""
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="packages-", dir=WORK) as folder:
        worktree = Path(folder) / "checkout"
        git(ROOT, "worktree", "prune")
        added = git(ROOT, "worktree", "add", "--quiet", "--detach", str(worktree), commit)
        if added.status:
            raise CommandError(f"git could not check {commit[:12]} out:\n{added.errors.strip()}")
        try:
            # The project may be a folder of a larger repository.
            checkout = worktree / git(ROOT, "rev-parse", "--show-prefix").output.removesuffix("\n")
            _check_worktree(checkout, commit)
            # Every build checks the wheels against the lock's hashes, and prepared wheels against all that made them.
            for name in ("wheels", "prepared"):
                (CACHE / name).mkdir(parents=True, exist_ok=True)
                shared = checkout / CACHE.relative_to(ROOT) / name
                shared.parent.mkdir(parents=True, exist_ok=True)
                shared.symlink_to(CACHE / name)
            if run(_build_command(checkout), folder=checkout, is_shown=True).status:
                raise CommandError(f"the packages of {commit[:12]} were not built; see above")
            yield sorted((checkout / "build" / "dist").glob("*.zip"))
        finally:
            git(ROOT, "worktree", "remove", "--force", str(worktree))


def _check_worktree(checkout: Path, commit: str) -> None:
    """Raise CommandError if git has changed a file while checking it out, as attributes and filters do."""
    listed = git(checkout, "ls-tree", "-r", "-z", commit, "--", *_INPUTS).output.split("\0")
    names = {}
    for mode, _, name_and_path in (line.split(" ", 2) for line in listed if line):
        name, _, path = name_and_path.partition("\t")
        if mode in ("100644", "100755"):
            names[path] = name
    hashed = git(checkout, "hash-object", "--no-filters", "--", *names)
    if hashed.status:
        raise CommandError(f"git can't read the files of {commit[:12]} that it checked out: {hashed.errors.strip()}")
    for path, name in zip(names, hashed.output.split(), strict=True):
        if name != names[path]:
            raise CommandError(
                f"git checks {path} out with other content than {commit[:12]} has: look at .git/info/attributes"
            )


def _build_command(checkout: Path) -> list[str]:
    """Return the command that builds a worktree's packages: with our toolchain if it is locked the same, else make."""
    toolchain = ROOT / ".venv" / "build"
    own, other = ROOT / "build" / "requirements.txt", checkout / "build" / "requirements.txt"
    if (toolchain / ".installed").exists() and other.exists() and own.read_bytes() == other.read_bytes():
        return [str(toolchain / "bin" / "python"), str(checkout / "build" / "package.py")]
    return ["make", "package"]
