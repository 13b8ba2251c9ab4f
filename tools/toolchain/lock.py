"""make lock: pin what the .in files ask for, with hashes, in the .txt files beside them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tools.processes import environment, hear_interrupts, run

ROOT = Path(__file__).resolve().parents[2]

#: In this order: some constrain the next.
LOCKS = (
    "requirements",
    "build/requirements",
    "tools/requirements",
    "tools/ministack",
    "tools/terraform",
    "tools/chaos",
    "tests/requirements",
    "tests/scan",
)


def lock(name: str, *, is_upgrade: bool) -> bool:
    """Write a lock anew, with the newest of everything if `is_upgrade`; return whether pip-compile succeeded.

    A lock holds no setting of this machine, and its header names the target that made it.
    """
    options = ["--quiet", "--no-config", "--no-emit-index-url", "--no-emit-find-links", "--generate-hashes"]
    options += ["--strip-extras", "--allow-unsafe", *(["--upgrade"] if is_upgrade else [])]
    variables = environment(
        {"PIP_CONFIG_FILE": os.devnull, "CUSTOM_COMPILE_COMMAND": "make lock"}, without=("PIP_FIND_LINKS",)
    )
    # -P: not the folder build/ here, but the package of that name that pip-compile needs.
    command = [sys.executable, "-P", "-m", "piptools", "compile", *options, f"--output-file={name}.txt", f"{name}.in"]
    return run(command, variables=variables, folder=ROOT, is_shown=True).status == 0


def main(arguments: list[str]) -> int:
    """Write every lock; return the exit status."""
    hear_interrupts()
    try:
        for name in LOCKS:
            print(f"Locking {name}.txt", flush=True)
            if not lock(name, is_upgrade="--upgrade" in arguments):
                print(f"make lock: {name}.txt could not be locked; see above", file=sys.stderr)
                return 1
    except OSError as error:
        print(f"make lock: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("make lock: interrupted; run it again to lock the rest", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
