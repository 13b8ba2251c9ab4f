"""The project's folders, environments and functions: the one list of each."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]

#: The Terraform root module.
CONFIGURATION = ROOT / "terraform"

#: The functions' zips: `make package` puts them here, and Terraform takes them from here.
DIST = ROOT / "build" / "dist"
PLANS = ROOT / "build" / "plans"
#: Everything that only the commands themselves read.
WORK = ROOT / "build" / "work"
#: Downloads and prepared wheels: deleting it costs time and nothing else.
CACHE = WORK / "cache"

#: The functions by their roles, for whoever means one of them; pyproject.toml declares them by these names.
DELETE, POST = "api-schedule-delete", "api-schedule-post"
FAST_TRACK, SWEEP = "stream-dynamodb-fasttrack_enqueuer", "task-1minute-enqueuer"

#: The environment of the local stack. It has no state in AWS.
LOCAL = "local"


class CommandError(Exception):
    """A command can't do what it was asked. The message says in one sentence what is wrong and what to do."""


class Function(NamedTuple):
    """A Lambda function: its plain name, its package below src/, and the AWS services that it calls."""

    name: str
    package: str
    services: list[str]


def read_functions(pyproject: str) -> list[Function]:
    """Return the functions that the text of a pyproject.toml declares, sorted by name.

    Raises:
        CommandError: [tool.delayer.functions] is missing or malformed.
    """
    try:
        table = tomllib.loads(pyproject)["tool"]["delayer"]["functions"]
        return [Function(name, table[name]["package"], sorted(table[name]["services"])) for name in sorted(table)]
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise CommandError(
            f"pyproject.toml: [tool.delayer.functions.<function>] must name a package and services ({error!r})"
        ) from error


@functools.cache
def functions() -> dict[str, Function]:
    """Return this checkout's functions by their plain names. Raises CommandError."""
    return {function.name: function for function in read_functions(_pyproject())}


@functools.cache
def deployed_environments() -> tuple[str, ...]:
    """Return the environments that live in AWS, in the order of promotion. Raises CommandError."""
    try:
        return tuple(tomllib.loads(_pyproject())["tool"]["delayer"]["environments"])
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise CommandError(f"pyproject.toml: [tool.delayer] must list the environments ({error!r})") from error


def environments() -> tuple[str, ...]:
    """Return all environments, the local one last. Raises CommandError."""
    return (*deployed_environments(), LOCAL)


def check_environment(name: str, among: tuple[str, ...] | None = None) -> None:
    """Raise CommandError if there is no environment of this name."""
    known = environments() if among is None else among
    if name not in known:
        problem = f"there is no environment {name!r}" if name else "no environment is named"
        raise CommandError(f"{problem}: give ENV= one of {', '.join(known)}")


def _pyproject() -> str:
    return (ROOT / "pyproject.toml").read_text(encoding="utf-8")
