"""Which files decide a function's zip, and whether a commit holds them.

build/package.py records beside its caches what it made each zip of; package_commits.py compares the record with a
commit. Neither asks `git status`, which can be made blind: by ignore rules, by flags in the index, by settings.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tools.processes import git
from tools.project import Function, ProjectError, read_functions

__all__ = [
    "SHARED_PACKAGE",
    "Held",
    "InputsError",
    "Record",
    "git_names",
    "held",
    "is_module",
    "list_sources",
    "packaged",
]

#: What our functions share.
SHARED_PACKAGE = "delayer"

#: Names of modules that are packaged. Editors' locks (.#x.py) and copies (x.orig.py, x copy.py), the files of macOS
#: (._x.py) and of notebooks (.ipynb_checkpoints), and what git's merge tools leave (x_LOCAL_12.py) have other names.
_MODULE = re.compile(r"src/(?P<package>[a-z_][a-z0-9_]*)/(?:[a-z_][a-z0-9_]*/)*[a-z_][a-z0-9_]*\.py")

#: Where the inputs of all zips are.
_FOLDERS = ("src", "build", "tools", "requirements.txt")

_REGULAR_FILES = ("100644", "100755")


class InputsError(Exception):
    """The inputs can't be known. The message says in one line why."""


class Record(NamedTuple):
    """What a zip was made of: each file with its `git_names`, the function, Python's version; and the zip's SHA-256."""

    files: dict[str, list[str]]
    function: Function
    python: str
    zip: str

    def text(self) -> str:
        """Return the record as a file holds it."""
        return json.dumps(self._asdict(), indent=1, sort_keys=True)

    @staticmethod
    def read(path: Path) -> Record | None:
        """Return the record in a file; None if the file is missing or holds none."""
        try:
            record = Record(**json.loads(path.read_text(encoding="utf-8")))
            return record._replace(function=Function(*record.function))
        except (OSError, TypeError, ValueError):
            return None


class Held(NamedTuple):
    """What a commit holds: git's name of each file's content, and the functions."""

    files: dict[str, str]
    functions: list[Function]

    def differences(self, record: Record) -> list[str]:
        """Return the files in which what a zip was made of and the commit differ; none if the zip is the commit's."""
        sources = packaged(self.files, record.function)
        differing = {
            path for path in {*sources, *record.files} if self.files.get(path) not in record.files.get(path, ())
        }
        if record.function not in self.functions:
            differing.add("pyproject.toml")
        return sorted(differing)


def git_names(content: bytes) -> list[str]:
    """Return git's names of a file's content: in repositories that use SHA-1, and in those that use SHA-256."""
    named = b"blob %d\0" % len(content) + content
    return [hashlib.sha1(named, usedforsecurity=False).hexdigest(), hashlib.sha256(named).hexdigest()]


def held(root: Path, commit: str) -> Held | None:
    """Return what a commit holds of the project in a folder; None if there is no such commit, or no project in it."""
    try:
        tree = git(root, "ls-tree", "-r", "-z", commit, "--", *_FOLDERS)
        pyproject = git(root, "cat-file", "blob", f"{commit}:./pyproject.toml")
    except OSError:
        return None
    if tree.status or pyproject.status:
        return None
    files = {}
    for line in filter(None, tree.output.split("\0")):
        description, _, path = line.partition("\t")
        mode, _, name = description.split(" ")
        if mode in _REGULAR_FILES:
            files[path] = name
    try:
        return Held(files, read_functions(pyproject.output))
    except ProjectError:
        return Held(files, [])


def list_sources(root: Path) -> list[str]:
    """Return the files below src/ that git tracks or would add; where the project is in no repository, all.

    Raises:
        InputsError: git can't list them.
    """
    try:
        listed = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "src")
    except OSError:
        listed = None
    if listed and listed.status and "not a git repository" not in listed.errors:
        raise InputsError(f"git can't list the files in src: {listed.errors.strip().splitlines()[-1]}")
    if listed and listed.output:
        return sorted(set(filter(None, listed.output.split("\0"))))
    # No git, no repository, or a copy that lies in another project's repository and is none of its files.
    return sorted(path.relative_to(root).as_posix() for path in (root / "src").rglob("*"))


def is_module(path: str) -> bool:
    """Return whether a path is a module's, of any package below src/."""
    return _MODULE.fullmatch(path) is not None


def packaged(paths: Iterable[str], function: Function) -> list[str]:
    """Return those of the paths that are modules of the function's package or of the shared one."""
    packages = (function.package, SHARED_PACKAGE)
    return [path for path in paths if (match := _MODULE.fullmatch(path)) and match["package"] in packages]
