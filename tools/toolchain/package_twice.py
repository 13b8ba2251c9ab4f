"""make package-twice: build the committed code again, in a clone with a toolchain of its own, and compare the zips."""

from __future__ import annotations

import shutil

from tools.processes import git, run
from tools.project import DIST, ROOT, WORK, CommandError
from tools.terminal import end

_CLONE = WORK / "twice"


def different_packages() -> list[str]:
    """Return the names of the zips that a clone of HEAD builds to other bytes. Raises CommandError."""
    shutil.rmtree(_CLONE, ignore_errors=True)
    try:
        top = git(ROOT, "rev-parse", "--show-toplevel").output.strip()
        cloned = git(ROOT, "clone", "--quiet", "--no-hardlinks", top, str(_CLONE))
        if cloned.status:
            raise CommandError(f"git could not clone the checkout: {cloned.errors.strip()}")
        project = _CLONE / git(ROOT, "rev-parse", "--show-prefix").output.strip()
        if run(["make", "package"], folder=project, is_shown=True).status:
            raise CommandError("the clone was not built; see above")
        packages = sorted(DIST.glob("*.zip"))
        return [
            path.name for path in packages if path.read_bytes() != (project / "build" / "dist" / path.name).read_bytes()
        ]
    finally:
        shutil.rmtree(_CLONE, ignore_errors=True)


def build_twice() -> None:
    """Build twice and compare. Raises CommandError if the bytes differ."""
    if different := different_packages():
        raise CommandError(f"{', '.join(different)} have other bytes than a clone's")
    print("Both builds gave the same bytes.")


if __name__ == "__main__":
    end("make package-twice", build_twice)
