"""make lock: pin what the .in files ask for, with hashes, in the .txt files beside them."""

from __future__ import annotations

import os
import sys

from tools.processes import environment, run
from tools.project import ROOT, CommandError
from tools.terminal import end

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


def lock_all(*, is_upgrade: bool) -> None:
    """Write every lock anew. Raises CommandError at the first that fails."""
    for name in LOCKS:
        print(f"Locking {name}.txt", flush=True)
        if not lock(name, is_upgrade=is_upgrade):
            raise CommandError(f"{name}.txt could not be locked; see above")


if __name__ == "__main__":
    end(
        "make lock",
        lambda: lock_all(is_upgrade="--upgrade" in sys.argv),
        interrupted="interrupted; run it again to lock the rest",
    )
