"""Install one set of locked tools into .venv/<name>. make runs this with a bare Python, before all else."""

import contextlib
import fcntl
import functools
import hashlib
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tools import terminal
from tools.processes import environment, pip_environment, start
from tools.project import ROOT, CommandError


def install(root: Path, name: str, lock: str) -> None:
    """Make the environment .venv/`name` below `root` hold just what `lock` there pins, unless it does already.

    An environment is whole or not there, even after an interrupt: its `.installed` is written last. Another install of
    the same environment is waited for. Raises CommandError if Python or pip failed, and OSError.
    """
    wanted = hashlib.sha256((root / lock).read_bytes()).hexdigest()
    venv = root / ".venv" / name
    installed = venv / ".installed"
    venv.parent.mkdir(parents=True, exist_ok=True)
    with venv.with_name(f"{name}.lock").open("w") as other:
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Another command is installing .venv/{name}: waiting for it", flush=True)
            fcntl.flock(other, fcntl.LOCK_EX)
        if installed.is_file() and installed.read_text(encoding="utf-8") == wanted:
            installed.touch()
            return
        shutil.rmtree(venv, ignore_errors=True)
        try:
            with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=venv.parent) as temporary:
                _fill(venv, root, lock, temporary)
        except BaseException:
            shutil.rmtree(venv, ignore_errors=True)
            raise
        installed.write_text(wanted, encoding="utf-8")


def _fill(venv: Path, root: Path, lock: str, temporary: str) -> None:
    python = str(venv / "bin" / "python")
    options = ["--disable-pip-version-check", "--no-input", "--no-deps", "--require-hashes", "--only-binary=:all:"]
    command = [python, "-I", "-m", "pip", "install", *options, "--progress-bar=off", f"--requirement={root / lock}"]
    count = len(re.findall(r"^[\w.-]+==", (root / lock).read_text(encoding="utf-8"), re.MULTILINE))
    lines: list[str] = []
    with terminal.printed_progress(functools.partial(print, flush=True)) as report:

        def hear(line: str) -> None:
            lines.append(line.strip())
            read = sum(each.startswith("Collecting ") for each in lines)
            report(f"Installing {count} packages of {lock} into .venv/{venv.name}, once", read, count)

        hear("")
        if _wait_for([sys.executable, "-I", "-m", "venv", str(venv)], environment(), temporary, hear):
            raise CommandError(f"Python could not make an environment: {'\n'.join(lines).strip()}")
        status = _wait_for(command, pip_environment(python), temporary, hear)
    if status:
        errors = [line for line in lines if line.startswith("ERROR: ")] or lines
        raise CommandError(
            "\n".join(errors[-3:])
            + f"\nThe tools of {lock} could not be installed. This needs PyPI (or the mirror that pip is"
            " configured for), once; run the same command again when it is reached."
        )


def _wait_for(command: list[str], variables: Mapping[str, str], temporary: str, hear: Callable[[str], None]) -> int:
    """Run a command, let `hear` have its lines, and return its status. An interrupt ends it with its children."""
    process = start(command, variables={**variables, "TMPDIR": temporary})
    assert process.stdout is not None
    try:
        for line in process.stdout:
            hear(line)
        return process.wait()
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise


if __name__ == "__main__":
    terminal.main(
        "make",
        functools.partial(install, ROOT),
        interrupted=f"interrupted, and nothing of .venv/{sys.argv[1]} is left: run the same command again",
    )
