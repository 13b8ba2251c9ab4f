"""Choose the files below src/ that are packaged.

git lists them by its index and ignore rules. `git status` would not do: flags in the index can hide changes from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from errors import BuildError

from tools.processes import git
from tools.project import Function

#: The package that all functions share.
SHARED_PACKAGE = "delayer"

#: Names of modules that are packaged. They exclude editors' locks (.#x.py) and copies (x.orig.py, x copy.py), files of
#: macOS (._x.py) and of notebooks (.ipynb_checkpoints), and the leftovers of git's merge tools (x_LOCAL_12.py).
_MODULE = re.compile(r"src/(?P<package>[a-z_][a-z0-9_]*)/(?:[a-z_][a-z0-9_]*/)*[a-z_][a-z0-9_]*\.py")


def list_sources(root: Path) -> list[str]:
    """Return the paths below src/ that git tracks or would add; outside a repository, all paths.

    Raises:
        BuildError: git can't list them.
    """
    try:
        listed = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "src")
    except OSError:
        listed = None
    if listed and listed.status and "not a git repository" not in listed.errors:
        raise BuildError(f"git can't list the files in src: {listed.errors.strip().splitlines()[-1]}")
    if listed and listed.output:
        return sorted(set(filter(None, listed.output.split("\0"))))
    # No git, no repository, or a copy in another project's repository that does not track it.
    return sorted(path.relative_to(root).as_posix() for path in (root / "src").rglob("*"))


def is_module(path: str) -> bool:
    """Return whether a path is a module of any package below src/."""
    return _MODULE.fullmatch(path) is not None


def packaged(paths: Iterable[str], function: Function) -> list[str]:
    """Return those of the paths that are modules of the function's package or of the shared one."""
    packages = (function.package, SHARED_PACKAGE)
    return [path for path in paths if (match := _MODULE.fullmatch(path)) and match["package"] in packages]
