"""Make small checkouts to build packages from, so that a test may change them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from tools.project import functions

ROOT = Path(__file__).parents[2]

#: The package of each function.
FUNCTIONS = {name: function.package for name, function in functions().items()}

_PYTHON = ROOT / ".venv" / "build" / "bin" / "python"


class Result(NamedTuple):
    """The status and the output of a build."""

    status: int
    output: str
    errors: str


class Checkout(NamedTuple):
    """A folder with a copy of the packaging tool and of all that it reads."""

    root: Path

    @property
    def cache(self) -> Path:
        """The cache that builds share."""
        return self.root / "build" / "work" / "cache"

    @property
    def lock(self) -> Path:
        """The functions' dependencies."""
        return self.root / "requirements.txt"

    @property
    def source(self) -> Path:
        """The functions' sources."""
        return self.root / "src"

    def zip_path(self, function: str) -> Path:
        """Return the path of the function's zip."""
        return self.root / "build" / "dist" / f"{function}.zip"

    def zips(self) -> dict[str, bytes]:
        """Return the zips' bytes, by function."""
        return {function: self.zip_path(function).read_bytes() for function in FUNCTIONS}

    def start(
        self,
        environment: Mapping[str, str] | None = None,
        *,
        before: str = "",
        preexec: Callable[[], None] | None = None,
        umask: int = -1,
    ) -> subprocess.Popen[str]:
        """Start a build in the checkout's folder. `before` is a statement for its Python to run first."""
        command = [str(_PYTHON), "build/package.py"]
        if before:
            path = f"sys.path += [{str(self.root / 'build')!r}, {str(self.root)!r}]"
            run = f"import runpy, sys; {path}; {before}; runpy.run_path({command[1]!r}, run_name='__main__')"
            command = [command[0], "-I", "-B", "-c", run]
        return subprocess.Popen(  # noqa: S603 -- our own command
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.root,
            env=os.environ | dict(environment or {}),
            preexec_fn=preexec,  # noqa: PLW1509 -- this process has no threads
            umask=umask,
        )

    def build(self, environment: Mapping[str, str] | None = None, *, before: str = "", umask: int = -1) -> Result:
        """Build, and return the result."""
        process = self.start(environment, before=before, umask=umask)
        output, errors = process.communicate()
        return Result(process.returncode, output, errors)

    def check(self) -> Result:
        """Run the tool with --check."""
        command = [str(_PYTHON), str(self.root / "build" / "package.py"), "--check"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 -- our own command
        return Result(done.returncode, done.stdout, done.stderr)

    def copy(self, root: Path) -> Checkout:
        """Copy the checkout, with its zips and its cache."""
        shutil.copytree(self.root, root, symlinks=True)
        return Checkout(root)


def make_checkout(root: Path) -> Checkout:
    """Copy this tree's sources and packaging tool, with nothing built. Wheels are shared, so they are fetched once."""
    wheels = ROOT / "build" / "work" / "cache" / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    checkout = Checkout(root)
    checkout.cache.mkdir(parents=True)
    (checkout.cache / "wheels").symlink_to(wheels)
    shutil.copytree(ROOT / "src", checkout.source, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "tools").mkdir()
    toolchain = [path.relative_to(ROOT).as_posix() for path in (ROOT / "build").glob("*.py")]
    files = ("pyproject.toml", "requirements.txt", "build/requirements.txt", ".gitattributes", ".gitignore")
    for name in (*toolchain, *files, "tools/processes.py", "tools/project.py", "tools/terminal.py"):
        shutil.copy2(ROOT / name, root / name)
    return checkout


def assert_refused(result: Result, *words: str) -> None:
    """Assert that the build failed with one line that has these words in it."""
    assert result.status == 1
    assert len(result.errors.splitlines()) == 1, result.errors
    for word in words:
        assert word in result.errors


def own_wheels(checkout: Checkout) -> Path:
    """Give the checkout a folder of wheels that a test may change, and have it build from them."""
    wheels = checkout.cache / "wheels"
    shared = wheels.resolve()
    wheels.unlink()
    shutil.rmtree(checkout.root / "build" / "dist")
    wheels.mkdir()
    for wheel in shared.glob("*.whl"):
        (wheels / wheel.name).symlink_to(wheel)
    return wheels
