"""Repositories around small checkouts, and the notes in them."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.packages.checkouts import FUNCTIONS, ROOT, Checkout
from tools.deploy import package_commits
from tools.deploy.package_commits import NOTES

__all__ = ["Repository", "make_repository"]

_PERSON = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "core.hooksPath=/dev/null")


class Repository(NamedTuple):
    """A repository whose top is `root`, with the project as the checkout in it or below it."""

    root: Path
    checkout: Checkout

    def git(self, *arguments: str, **added: str) -> str:
        """Run git in the project's folder, to its good end, with no settings but the repository's."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        variables |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"} | added
        command = ["git", "-C", str(self.checkout.root), "-c", "safe.directory=*", *arguments]
        done = subprocess.run(command, check=False, capture_output=True, env=variables, text=True)  # noqa: S603
        assert done.returncode == 0, done.stderr
        return done.stdout

    def commit(self) -> str:
        """Commit all that is not ignored; return the commit's name."""
        self.git("add", "--all")
        # A minute after the one before: of two in one second, none is the newest.
        date = f"{1_800_000_000 + 60 * int(self.git('rev-list', '--all', '--count'))} +0000"
        self.git(*_PERSON, "commit", "--quiet", "--allow-empty", "--message", "m", GIT_COMMITTER_DATE=date)
        return self.git("rev-parse", "HEAD").strip()

    def append(self, path: str, text: str = "# changed\n") -> None:
        """Change a file of the project, or make it."""
        with (self.checkout.root / path).open("a", encoding="utf-8") as file:
            file.write(text)

    def noted(self) -> set[str]:
        """Note the zips as `make plan` does; return the functions whose zips git now knows to be HEAD's."""
        root = self.checkout.root
        package_commits.note_checkout(package_commits.Checkout(root), root / "build" / "dist")
        head = self.git("rev-parse", "HEAD").strip()
        return {name for name, content in self.checkout.zips().items() if self.commit_of(name, content) == head}

    def commit_of(self, function: str, content: bytes) -> str | None:
        """Return the commit that a zip is noted of."""
        sha256 = base64.b64encode(hashlib.sha256(content).digest()).decode()
        return package_commits.commit_of(package_commits.Checkout(self.checkout.root), function, sha256)

    def built_and_noted(self) -> set[str]:
        """Forget all notes, build, and note."""
        if self.git("for-each-ref", NOTES):
            self.git("update-ref", "-d", NOTES)
        result = self.checkout.build()
        assert result.status == 0, result.errors
        return self.noted()


def make_repository(built: Checkout, root: Path, folder: str = ".") -> Repository:
    """Copy a built checkout into a folder of a new repository, with the installed tools, and commit it."""
    checkout = built.copy(root / folder)
    for name in ("packages.py", "package_commits.py"):
        shutil.copy2(ROOT / "tools" / name, checkout.root / "tools")
    (checkout.root / ".venv").mkdir()
    (checkout.root / ".venv" / "build").symlink_to(ROOT / ".venv" / "build")
    repository = Repository(root, checkout)
    subprocess.run(["git", "init", "--quiet", str(root)], check=True, capture_output=True)  # noqa: S603, S607
    repository.commit()
    assert set(FUNCTIONS) == set(checkout.zips())
    return repository
