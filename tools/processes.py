"""Start processes. Nothing in build/, tools/ or bench/ starts one in another way (docs/adr/0014).

Variables, configuration files and the disposition of signals are what our programs expect, so that a command behaves
the same in every shell. The packaging tool and the workflows' bare Python import this: the standard library is all.
"""

import contextlib
import json
import os
import pwd
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple, NoReturn

from tools.project import CACHE

PIPE = subprocess.PIPE

type Process = subprocess.Popen[str]

#: Ctrl-C, a kill, and a terminal that is closed.
_INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

#: Variables that change what Python, pip, git, make, Terraform or a shell does, instead of where it finds things. Those
#: of make are among them because a child make would take its parent's flags and variables for its own.
_CHANGES_BEHAVIOUR = re.compile(
    r"PYTHON.+|PIP_.+|GIT_.+|TF_(?:CLI_ARGS|DATA_DIR|INPUT|REATTACH_PROVIDERS|VAR|WORKSPACE).*"
    r"|MAKE(?:FILES|FLAGS|LEVEL|OVERRIDES)|MFLAGS|BASH_ENV|CDPATH|CLICOLOR_FORCE|FORCE_COLOR|PY_COLORS"
)

#: Exceptions: the sources of packages and the way there, and arguments for Terraform's actions (like a plan without the
#: state's lock), which nobody sets by accident.
_KEPT = re.compile(
    r"PIP_(?:CACHE_DIR|CERT|CLIENT_CERT|CONFIG_FILE|DEFAULT_TIMEOUT|EXTRA_INDEX_URL|FIND_LINKS|INDEX_URL"
    r"|KEYRING_PROVIDER|NO_CACHE_DIR|NO_INDEX|PROXY|RETRIES|TIMEOUT|TRUSTED_HOST)"
    r"|PYTHONUNBUFFERED|TF_CLI_ARGS_(?:apply|destroy|init|plan)"
)

#: Prints the settings in pip's configuration files, where later ones win. `pip config list` sorts the files by name.
#: The pip that comes with Python 3.13.0 has the settings of all files in one mapping, later ones have a mapping a file.
_READ_PIP_SETTINGS = """
import json
from pip._internal.configuration import Configuration
from pip._internal.exceptions import PipError
configuration = Configuration(isolated=False)
try:
    configuration.load()
except PipError as error:
    raise SystemExit(str(error))
found = {}
for name, value in configuration.items():
    found |= value if isinstance(value, dict) else {name: value}
print(json.dumps(found))
"""

#: Settings that win over those of the repository; the user's and the machine's files are not read. Trusting the folder
#: adds nothing: whoever runs these commands in it runs its code anyway.
_GIT_SETTINGS = {
    "color.ui": "false",
    "core.attributesFile": os.devnull,
    "core.autocrlf": "false",
    "core.eol": "lf",
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.quotePath": "false",
    "log.showSignature": "false",
    "safe.directory": "*",
}

#: A name of a commit means that commit, not what somebody's refs/replace/ puts in its place.
_GIT_VARIABLES = {
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "LC_ALL": "C.UTF-8",
}


class Done(NamedTuple):
    """A process that has ended: its exit status (negative: the signal that ended it), and what it printed."""

    status: int
    output: str
    errors: str


def environment(added: Mapping[str, str] | None = None, *, without: Sequence[str] = ()) -> dict[str, str]:
    """Return this process's variables for a child, except those that change a program's behaviour; `added` wins.

    Names that begin with one of `without` are left out. Loopback addresses are never reached through a proxy.
    """
    variables = {
        name: value
        for name, value in os.environ.items()
        if (_KEPT.fullmatch(name) or not _CHANGES_BEHAVIOUR.fullmatch(name)) and not name.startswith(tuple(without))
    }
    # Python, curl and Go disagree on which spelling wins.
    hosts = ",".join(variables.get(name, "") for name in ("no_proxy", "NO_PROXY")).split(",")
    direct = dict.fromkeys([*filter(None, hosts), "127.0.0.1", "localhost", "::1"])
    variables["no_proxy"] = variables["NO_PROXY"] = ",".join(direct)
    if not variables.get("HOME"):
        try:
            pwd.getpwuid(os.getuid())
        except KeyError:
            # pip would make a folder called ~ where it stands, and Terraform would end.
            variables["HOME"] = str(CACHE / "home")
            (CACHE / "home").mkdir(parents=True, exist_ok=True)
    return variables | {"PYTHONDONTWRITEBYTECODE": "1"} | dict(added or {})


def bare_environment(added: Mapping[str, str]) -> dict[str, str]:
    """Return `added` and the caller's paths of shared libraries, without which some Pythons don't start."""
    loader = re.compile(r"(?:LD|DYLD)_(?:FALLBACK_)?LIBRARY_PATH")
    return {name: value for name, value in os.environ.items() if loader.fullmatch(name)} | dict(added)


def pip_environment(python: str | Path) -> dict[str, str]:
    """Return variables with pip's settings of where packages come from, and without its files. Raises OSError.

    Other settings in those files (a target, constraints, formats) would change what is installed and where, or end pip.
    """
    read = run([python, "-I", "-c", _READ_PIP_SETTINGS])
    if read.status:
        raise OSError(f"pip's configuration can't be read: {' '.join(read.errors.split())[-500:]}")
    found = json.loads(read.output)
    # Like pip, take an empty setting for none, and a command's own for more than the one for all.
    settings = {
        f"PIP_{name.upper().replace('-', '_')}": value
        for section in ("global", "download", "install")
        for setting, value in found.items()
        if value and (name := setting.removeprefix(f"{section}.")) != setting
    }
    own = {name: value for name, value in environment().items() if value or not _KEPT.fullmatch(name)}
    kept = {name: value for name, value in settings.items() if _KEPT.fullmatch(name)}
    return kept | own | {"PIP_CONFIG_FILE": os.devnull}


def run(
    command: Sequence[str | Path],
    *,
    variables: Mapping[str, str] | None = None,
    folder: Path | None = None,
    said: str | None = None,
    is_shown: bool = False,
) -> Done:
    """Run a command to its end, with whatever exit status. Raises OSError if it can't be started.

    `said` is its input. With `is_shown` it prints to our own output and errors, which are empty in the answer.
    """
    done = subprocess.run(
        [str(part) for part in command],
        check=False,
        cwd=folder,
        encoding="utf-8",
        env=dict(environment() if variables is None else variables),
        errors="replace",
        stderr=None if is_shown else PIPE,
        stdout=None if is_shown else PIPE,
        input=said or "",
    )
    return Done(done.returncode, done.stdout or "", done.stderr or "")


def start(
    command: Sequence[str | Path],
    *,
    variables: Mapping[str, str] | None = None,
    folder: Path | None = None,
    stdin: int | None = subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = PIPE,
    stderr: int | IO[bytes] | None = subprocess.STDOUT,
    is_apart: bool = True,
) -> Process:
    """Start a command and return its process, whose pipes carry UTF-8 text. Raises OSError if it can't be started.

    `is_apart`: in its own session, so that Ctrl-C reaches us alone, and `os.killpg` ends it with its children.
    """
    return subprocess.Popen(
        [str(part) for part in command],
        cwd=folder,
        encoding="utf-8",
        env=dict(environment() if variables is None else variables),
        errors="replace",
        start_new_session=is_apart,
        stderr=stderr,
        stdin=stdin,
        stdout=stdout,
    )


def git(folder: Path, *arguments: str) -> Done:
    """Run git in a folder with its own defaults instead of the user's settings. Raises OSError if there is no git."""
    settings = [part for name, value in _GIT_SETTINGS.items() for part in ("-c", f"{name}={value}")]
    return run(["git", "-C", folder, *settings, *arguments], variables=environment(_GIT_VARIABLES))


def hear_interrupts() -> None:
    """Let interruptions raise KeyboardInterrupt, once, unless the process handles them already.

    A shell without job control and some CI runners start commands with SIGINT ignored, which children would inherit; a
    `kill -INT` is meant for them all the same. nohup ignores the closed terminal, and that stays so.
    """

    def interrupt(_number: int, _frame: object) -> NoReturn:
        # Another Ctrl-C would only keep what the command started from being ended.
        for number in _INTERRUPTIONS:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in _INTERRUPTIONS:
        handler = signal.getsignal(number)
        is_ignored = handler == signal.SIG_IGN and number != signal.SIGHUP
        if is_ignored or handler in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, interrupt)


@contextlib.contextmanager
def held_back_interruptions(process: Process | None = None) -> Iterator[list[int]]:
    """Let interruptions wait for the end of the block, which gets the signals so far. `process` gets those but Ctrl-C.

    Ctrl-C has reached a process in our session already, and at a second signal Terraform would abandon its work.
    """
    received: list[int] = []

    def note(number: int, _frame: object) -> None:
        received.append(number)
        if process is not None and number != signal.SIGINT:
            process.terminate()

    before = {number: signal.signal(number, note) for number in _INTERRUPTIONS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if received:
            signal.raise_signal(received[0])
