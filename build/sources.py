"""Choose the files below src/ that are packaged.

git lists them by its index and ignore rules. `git status` would not do: flags in the index can hide changes from it.
"""

import contextlib
import functools
import re

from tools.processes import git
from tools.project import ROOT, CommandError, Function

#: Names of modules that are packaged. They exclude editors' locks (.#x.py) and copies (x.orig.py, x copy.py), files of
#: macOS (._x.py) and of notebooks (.ipynb_checkpoints), and the leftovers of git's merge tools (x_LOCAL_12.py).
_MODULE = re.compile(r"src/(?P<package>[a-z_][a-z0-9_]*)/(?:[a-z_][a-z0-9_]*/)*[a-z_][a-z0-9_]*\.py")


def sources_of(function: Function) -> dict[str, bytes]:
    """Return the contents of the function's and the shared package's modules, by their names in the zip.

    Raises:
        CommandError: git can't list them, a package is missing, or one holds a symbolic link.
    """
    packages = (function.package, "delayer")
    paths = [path for path in _listed() if (match := _MODULE.fullmatch(path)) and match["package"] in packages]
    for path in paths:
        if (ROOT / path).is_symlink():
            raise CommandError(f"{path} is a symbolic link: packages hold regular files only")
    # A file that git tracks may have been deleted.
    sources = {path.removeprefix("src/"): (ROOT / path).read_bytes() for path in paths if (ROOT / path).is_file()}
    for package in packages:
        if not any(name.startswith(f"{package}/") for name in sources):
            raise CommandError(
                f"pyproject.toml: {function.name} needs the package src/{package}/, which holds no module"
            )
    return sources


def unnamed() -> list[str]:
    """Return the visible Python files that are not packaged because their names are not modules' names."""
    return [path for path in _listed() if path.endswith(".py") and "/." not in path and not _MODULE.fullmatch(path)]


@functools.cache
def _listed() -> list[str]:
    """Return the paths below src/ that git tracks or would add; outside a repository, all paths."""
    with contextlib.suppress(OSError):
        listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "src")
        if listed.status and "not a git repository" not in listed.errors:
            raise CommandError(f"git can't list the files in src: {listed.errors.strip().splitlines()[-1]}")
        if listed.output:
            return sorted(set(filter(None, listed.output.split("\0"))))
    # No git, no repository, or a copy in another project's repository that does not track it.
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "src").rglob("*"))
