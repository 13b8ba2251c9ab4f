"""A checkout of the tools apart from the one that is tested, and programs in the place of those that they run."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.waiting import comes_true
from tools.project import functions

ROOT = Path(__file__).parents[2]
FUNCTIONS = tuple(functions())

#: The caller's own variables: an AWS account, Terraform's settings, those of a make that runs these tests.
_OWN = ("AWS_", "TERRAFORM", "TF_", "MAKE", "MFLAGS", "ENV", "OFFLINE", "PYTHON", "XDG_")


def make_checkout(root: Path) -> Path:
    """A checkout with the tools, the Terraform, and packages that have something in them; nothing is installed."""
    for name in ("terraform", "tools"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", ".terraform"))
    (root / "build" / "dist").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy2(ROOT / name, root)
    shutil.copy2(ROOT / "build" / "requirements.txt", root / "build")
    write_packages_check(root)
    for name in FUNCTIONS:
        (root / "build" / "dist" / f"{name}.zip").write_bytes(name.encode())
    return root


def lend_terraform(checkout: Path) -> None:
    """Let a checkout run this one's locked Terraform, for machines that have no other."""
    locked = ROOT / ".venv" / "terraform"
    if locked.exists():
        (checkout / ".venv").mkdir(exist_ok=True)
        (checkout / ".venv" / "terraform").symlink_to(locked)


def write_packages_check(root: Path) -> None:
    """Stand in for `build/package.py --check`: all is as it should be unless build/problem says otherwise."""
    program = """
from pathlib import Path
import sys
assert sys.argv[1:] == ["--check"]
problem = Path(__file__).parent / "problem"
sys.exit(problem.read_text() if problem.exists() else 0)
"""
    write_program(root / "build" / "package.py", program)


def write_program(path: Path, text: str, interpreter: str = sys.executable) -> Path:
    """An executable script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{interpreter}\n{text}", encoding="utf-8")
    path.chmod(0o755)
    return path


def clean_environment(**variables: str) -> Mapping[str, str]:
    """The process's environment without what is the caller's own."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OWN)} | variables


def is_ended(lock: Path) -> bool:
    """Whether the process that holds a lock on this file has ended, or does so soon."""
    with lock.open("ab") as file:

        def is_free() -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        return comes_true(is_free)
