"""Install one set of locked tools into .venv/<name>. make runs this with a bare Python, before all else."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tools.processes import environment, pip_environment, start
from tools.project import ROOT, CommandError
from tools.terminal import end, printed_progress


def install(lock: Path, venv: Path) -> None:
    """Make the environment `venv` hold just what `lock` pins, unless it does already. A lock is pip-compile's.

    An environment is whole or not there: its `.installed` is written last. Another install of the same environment is
    waited for.

    Raises:
        CommandError: Python or pip failed.
        OSError: pip's configuration can't be read, or the disk is full.
        KeyboardInterrupt: interrupted; nothing is left.
    """
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    installed = venv / ".installed"
    with _only_one(venv):
        if installed.is_file() and installed.read_text(encoding="utf-8") == wanted:
            installed.touch()
            return
        shutil.rmtree(venv, ignore_errors=True)
        try:
            with tempfile.TemporaryDirectory(prefix=f"{venv.name}-", dir=venv.parent) as temporary:
                _make_venv(venv, Path(temporary))
                _pip(lock, venv, Path(temporary))
        except BaseException:
            shutil.rmtree(venv, ignore_errors=True)
            raise
        installed.write_text(wanted, encoding="utf-8")


@contextlib.contextmanager
def _only_one(venv: Path) -> Iterator[None]:
    venv.parent.mkdir(parents=True, exist_ok=True)
    with venv.with_name(f"{venv.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Another command is installing {_shown(venv)}: waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make_venv(venv: Path, temporary: Path) -> None:
    command = [sys.executable, "-I", "-m", "venv", str(venv)]
    status, output = _wait_for(command, environment(), temporary, lambda _: None)
    if status:
        raise CommandError(f"Python could not make an environment: {output.strip()}")


def _pip(lock: Path, venv: Path, temporary: Path) -> None:
    command = [str(venv / "bin" / "python"), "-I", "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--require-hashes", "--only-binary=:all:", "--progress-bar=off", f"--requirement={lock}"]
    count = len(re.findall(r"^[\w.-]+==", lock.read_text(encoding="utf-8"), re.MULTILINE))
    title = f"Installing {count} packages of {_shown(lock)} into {_shown(venv)}, once"
    read = 0

    def hear(line: str) -> None:
        nonlocal read
        read += line.startswith("Collecting ")
        report(title, read, count)

    with printed_progress(lambda line: print(line, flush=True)) as report:
        report(title, read, count)
        status, output = _wait_for(command, pip_environment(command[0]), temporary, hear)
    if status:
        lines = [line.strip() for line in output.splitlines()]
        errors = [line for line in lines if line.startswith("ERROR: ")] or lines
        raise CommandError(
            "\n".join(errors[-3:])
            + f"\nThe tools of {_shown(lock)} could not be installed. This needs PyPI (or the mirror that pip is"
            " configured for), once; run the same command again when it is reached."
        )


def _wait_for(
    command: list[str], variables: Mapping[str, str], temporary: Path, hear: Callable[[str], None]
) -> tuple[int, str]:
    """Run a command, and let `hear` have its lines as they come; return its exit status and what it printed.

    Interrupted, it is ended with its children, whose temporary files are below `temporary`.
    """
    process = start(command, variables={**variables, "TMPDIR": str(temporary)})
    assert process.stdout is not None
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            hear(line)
        return process.wait(), "".join(lines)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def main(name: str, lock: str) -> None:
    """Install the environment `name` from the file `lock`. Exits."""
    end(
        "make",
        lambda: install(ROOT / lock, ROOT / ".venv" / name),
        interrupted=f"interrupted, and nothing of .venv/{name} is left: run the same command again",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
