"""Which commit a package was built from, kept in git notes: docs/adr/0008 says why there.

`make plan` notes it of the packages that it has just built, if HEAD holds all that they were built from. A workflow's
clone has no notes: `make ci-note` builds the packages of the commit that GitHub says is deployed. If that commit were
another, the note would still be right, and the review would find none for what is deployed.
"""

from __future__ import annotations

import base64
import hashlib
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.deploy.packages import build_packages, find_commit
from tools.deploy.terraform import TerraformError
from tools.package_inputs import Record, held
from tools.processes import git, hear_interrupts
from tools.project import ROOT

__all__ = ["NOTES", "Checkout", "commit_of", "note_checkout", "note_packages"]

NOTES = "refs/notes/packages"

#: A note is the machine's, not a person's; git wants a name all the same.
_NOTED_BY = ("-c", "user.name=make plan", "-c", "user.email=make-plan@localhost")


@dataclass(frozen=True, slots=True)
class Checkout:
    """A git checkout. Where a commit may be None, the files as they are now are meant."""

    root: Path

    def git(self, *arguments: str, index: Path | None = None) -> str | None:
        """Return what git prints, with another index if it is given; None if git fails or is not there."""
        try:
            done = git(self.root, *arguments, added={"GIT_INDEX_FILE": str(index)} if index else None)
        except OSError:
            return None
        return done.output if done.status == 0 else None

    def told(self, commit: str) -> str:
        """A commit in a few words: its short name, date and subject."""
        return (self.git("show", "--no-patch", "--date=short", "--format=%h of %cd, %s", commit) or commit).strip()

    def read(self, commit: str | None, path: str) -> str:
        """A file's text, empty if there is none."""
        if commit is not None:
            return self.git("cat-file", "blob", f"{commit}:./{path}") or ""
        file = self.root / path
        return file.read_text(encoding="utf-8") if file.is_file() else ""

    def changed_files(self, old: str, new: str | None, *paths: str) -> Iterator[str]:
        """Yield the files that differ, with the lines added and removed."""
        with tempfile.TemporaryDirectory() as folder:
            # The user's index may keep git from noticing that a file was changed. This one does not.
            index = Path(folder) / "index"
            self.git("read-tree", "HEAD", index=index)
            commits = (old,) if new is None else (old, new)
            numbers = ("--numstat", "--no-renames", "--no-ext-diff", "--no-textconv", "--relative")
            for line in (self.git("diff", *numbers, *commits, "--", *paths, index=index) or "").splitlines():
                added, removed, path = line.split("\t", 2)
                yield f"{path} +{added} -{removed}"
            if new is None:
                untracked = self.git("ls-files", "--others", "--exclude-standard", "--", *paths, index=index) or ""
                yield from (f"{path} new, not committed" for path in untracked.splitlines())


def note_checkout(checkout: Checkout, packages: Path) -> None:
    """Note the packages in a folder as HEAD's, if they were made of nothing but its files."""
    head = (checkout.git("rev-parse", "HEAD") or "").strip()
    inputs = held(checkout.root, head)
    if inputs is None:
        return
    built = []
    for package in packages.glob("*.zip"):
        record = Record.read(checkout.root / "build" / "cache" / f"{package.stem}.built")
        is_recorded = record and record.zip == hashlib.sha256(package.read_bytes()).hexdigest()
        if record and is_recorded and not inputs.differences(record):
            built.append(package)
    note_packages(checkout, head, built)


def note_packages(checkout: Checkout, commit: str, packages: Iterable[Path]) -> None:
    """Note of a commit that these packages were built from it."""
    known = (checkout.git("notes", f"--ref={NOTES}", "show", commit) or "").splitlines()
    built = [
        f"{path.stem} {base64.b64encode(hashlib.sha256(path.read_bytes()).digest()).decode()}"
        for path in sorted(packages)
    ]
    # Another Python may have built others from the same commit; those stay noted.
    lines = [*known, *(line for line in built if line not in known)]
    if lines != known:
        checkout.git(*_NOTED_BY, "notes", f"--ref={NOTES}", "add", "--force", "--message", "\n".join(lines), commit)


def commit_of(checkout: Checkout, function: str, sha256: str) -> str | None:
    """The newest commit that this package was built from, as far as this clone has it; `sha256` is in base64."""
    noted = ("--name-only", "--no-color", "--full-name", "--fixed-strings", "-e", f"{function} {sha256}", NOTES)
    # The notes are at the top of their tree, wherever the project is in its repository.
    found = checkout.git("grep", *noted, "--", ":(top)")
    # A note is a file, named by the commit, in folders of its first digits once there are many.
    names = [line.removeprefix(f"{NOTES}:").replace("/", "") for line in (found or "").splitlines()]
    here = [name for name in names if checkout.git("cat-file", "-e", f"{name}^{{commit}}") is not None]
    if not here:
        return None
    newest = checkout.git("rev-list", "--no-walk=sorted", "--max-count=1", *here)
    return newest.strip() if newest else None


def main(arguments: list[str]) -> int:
    """The command line: nothing, for what was just built here; or a commit, whose packages are built for it."""
    hear_interrupts()
    if not arguments:
        note_checkout(Checkout(ROOT), ROOT / "build" / "dist")
        return 0
    try:
        commit = find_commit(*arguments)
        with build_packages(commit) as packages:
            note_packages(Checkout(ROOT), commit, packages)
        print(f"Noted of {commit[:12]} which packages are built from it.")
    except (TerraformError, OSError) as error:
        # The review then says that the deployed commit is not known, and is of use all the same.
        print(f"make ci-note: {error}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
