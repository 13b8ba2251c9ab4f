"""Make git repositories around small checkouts."""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.support.package_checkouts import FUNCTIONS, ROOT, Checkout

_PERSON = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "core.hooksPath=/dev/null")


class Repository(NamedTuple):
    """A repository whose top is `root`, with the project as the checkout in it or below it."""

    root: Path
    checkout: Checkout

    def git(self, *arguments: str, **added: str) -> str:
        """Run git in the project's folder with the repository's settings only; assert that it succeeds."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        variables |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"} | added
        command = ["git", "-C", str(self.checkout.root), "-c", "safe.directory=*", *arguments]
        done = subprocess.run(command, check=False, capture_output=True, env=variables, text=True)  # noqa: S603
        assert done.returncode == 0, done.stderr
        return done.stdout

    def commit(self) -> str:
        """Commit all that is not ignored; return the commit's name."""
        self.git("add", "--all")
        # A minute after the previous commit: two commits in one second have no order.
        date = f"{1_800_000_000 + 60 * int(self.git('rev-list', '--all', '--count'))} +0000"
        self.git(*_PERSON, "commit", "--quiet", "--allow-empty", "--message", "m", GIT_COMMITTER_DATE=date)
        return self.git("rev-parse", "HEAD").strip()

    def append(self, path: str, text: str = "# changed\n") -> None:
        """Append to a file of the project, or create it."""
        with (self.checkout.root / path).open("a", encoding="utf-8") as file:
            file.write(text)


def make_repository(built: Checkout, root: Path, folder: str = ".") -> Repository:
    """Copy a built checkout into a folder of a new repository, with the installed tools, and commit it."""
    checkout = built.copy(root / folder)
    (checkout.root / ".venv").mkdir()
    (checkout.root / ".venv" / "build").symlink_to(ROOT / ".venv" / "build")
    repository = Repository(root, checkout)
    subprocess.run(["git", "init", "--quiet", str(root)], check=True, capture_output=True)  # noqa: S603, S607
    repository.commit()
    assert set(FUNCTIONS) == set(checkout.zips())
    return repository
