"""make package-twice: build the committed code again, in a clone with a toolchain of its own, and compare the zips."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tools.processes import git, hear_interrupts, run

ROOT = Path(__file__).resolve().parents[2]

_CLONE = ROOT / "build" / "work" / "twice"


def different_packages() -> list[str]:
    """Return the names of the zips that a clone of HEAD builds to other bytes. Raises OSError if it can't be built."""
    shutil.rmtree(_CLONE, ignore_errors=True)
    try:
        top = git(ROOT, "rev-parse", "--show-toplevel").output.strip()
        cloned = git(ROOT, "clone", "--quiet", "--no-hardlinks", top, str(_CLONE))
        if cloned.status:
            raise OSError(f"git could not clone the checkout: {cloned.errors.strip()}")
        project = _CLONE / git(ROOT, "rev-parse", "--show-prefix").output.strip()
        if run(["make", "package"], folder=project, is_shown=True).status:
            raise OSError("the clone was not built; see above")
        packages = sorted((ROOT / "build" / "dist").glob("*.zip"))
        return [
            path.name for path in packages if path.read_bytes() != (project / "build" / "dist" / path.name).read_bytes()
        ]
    finally:
        shutil.rmtree(_CLONE, ignore_errors=True)


def main() -> int:
    """Build twice and compare; return the exit status."""
    hear_interrupts()
    try:
        different = different_packages()
    except OSError as error:
        print(f"make package-twice: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("make package-twice: interrupted", file=sys.stderr)
        return 130
    if different:
        print(f"make package-twice: {', '.join(different)} have other bytes than a clone's", file=sys.stderr)
        return 1
    print("Both builds gave the same bytes.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
