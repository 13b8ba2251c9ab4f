"""make package-twice: build the committed code again, in a clone with a toolchain of its own, and compare the zips."""

import shutil

from tools import terminal
from tools.processes import git, run
from tools.project import DIST, ROOT, WORK, CommandError


def build_twice() -> None:
    """Build a clone of HEAD and compare. Raises CommandError if the bytes differ."""
    clone = WORK / "twice"
    shutil.rmtree(clone, ignore_errors=True)
    try:
        top = git(ROOT, "rev-parse", "--show-toplevel").output.strip()
        cloned = git(ROOT, "clone", "--quiet", "--no-hardlinks", top, str(clone))
        if cloned.status:
            raise CommandError(f"git could not clone the checkout: {cloned.errors.strip()}")
        project = clone / git(ROOT, "rev-parse", "--show-prefix").output.strip()
        if run(["make", "package"], folder=project, is_shown=True).status:
            raise CommandError("the clone was not built; see above")
        different = [
            path.name
            for path in sorted(DIST.glob("*.zip"))
            if path.read_bytes() != (project / "build" / "dist" / path.name).read_bytes()
        ]
    finally:
        shutil.rmtree(clone, ignore_errors=True)
    if different:
        raise CommandError(f"{', '.join(different)} have other bytes than a clone's")
    print("Both builds gave the same bytes.")


if __name__ == "__main__":
    terminal.main("make package-twice", build_twice)
