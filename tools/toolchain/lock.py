"""make lock: pin what the .in files ask for, with hashes, in the .txt files beside them."""

import os
import sys

from tools import terminal
from tools.processes import environment, run
from tools.project import ROOT, CommandError

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


def lock_all(*, is_upgrade: bool) -> None:
    """Write every lock anew, with the newest of everything if `is_upgrade`. Raises CommandError at the first failure.

    A lock holds no setting of this machine, and its header names the target that made it.
    """
    options = ["--quiet", "--no-config", "--no-emit-index-url", "--no-emit-find-links", "--generate-hashes"]
    options += ["--strip-extras", "--allow-unsafe", *(["--upgrade"] if is_upgrade else [])]
    # -P: not the folder build/ here, but the package of that name that pip-compile needs.
    command = [sys.executable, "-P", "-m", "piptools", "compile", *options]
    added = {"PIP_CONFIG_FILE": os.devnull, "CUSTOM_COMPILE_COMMAND": "make lock"}
    variables = environment(added, without=("PIP_FIND_LINKS",))
    for name in LOCKS:
        print(f"Locking {name}.txt", flush=True)
        files = [f"--output-file={name}.txt", f"{name}.in"]
        if run([*command, *files], variables=variables, folder=ROOT, is_shown=True).status:
            raise CommandError(f"{name}.txt could not be locked; see above")


if __name__ == "__main__":
    terminal.main("make lock", lock_all, interrupted="interrupted; run it again to lock the rest")
