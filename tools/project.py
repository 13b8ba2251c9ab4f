"""The project's root, environments and functions: the one list of each."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "CONFIGURATION",
    "DIST",
    "FAST_TRACK",
    "LOCAL",
    "POST",
    "ROOT",
    "SWEEP",
    "Function",
    "ProjectError",
    "deployed_environments",
    "environments",
    "functions",
    "read_functions",
]

ROOT = Path(__file__).resolve().parents[1]

#: The Terraform root module.
CONFIGURATION = ROOT / "terraform"

#: Where `make package` puts the functions' zips, and Terraform takes them from.
DIST = ROOT / "build" / "dist"

#: The functions by their roles, for whoever means one of them; pyproject.toml declares them by these names.
FAST_TRACK, POST, SWEEP = "stream-dynamodb-fasttrack_enqueuer", "api-schedule-post", "task-1minute-enqueuer"

#: The environment of the local stack. It has no state in AWS.
LOCAL = "local"


class ProjectError(Exception):
    """pyproject.toml does not declare the project as it should. The message names the table, in one line."""


class Function(NamedTuple):
    """A Lambda function: its plain name, its package below src/, and the AWS services that it calls."""

    name: str
    package: str
    services: list[str]


def read_functions(pyproject: str) -> list[Function]:
    """Return the functions that the text of a pyproject.toml declares, sorted by name.

    Raises:
        ProjectError: [tool.delayer.functions] is missing or malformed.
    """
    try:
        table = tomllib.loads(pyproject)["tool"]["delayer"]["functions"]
        return [Function(name, table[name]["package"], sorted(table[name]["services"])) for name in sorted(table)]
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise ProjectError(
            f"pyproject.toml: [tool.delayer.functions.<function>] must name a package and services ({error!r})"
        ) from error


@functools.cache
def functions() -> dict[str, Function]:
    """Return this checkout's functions by their plain names. Raises ProjectError."""
    return {function.name: function for function in read_functions(_pyproject())}


@functools.cache
def deployed_environments() -> tuple[str, ...]:
    """Return the environments that live in AWS, in the order of promotion. Raises ProjectError."""
    try:
        return tuple(tomllib.loads(_pyproject())["tool"]["delayer"]["environments"])
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise ProjectError(f"pyproject.toml: [tool.delayer] must list the environments ({error!r})") from error


def environments() -> tuple[str, ...]:
    """Return all environments, the local one last. Raises ProjectError."""
    return (*deployed_environments(), LOCAL)


def _pyproject() -> str:
    return (ROOT / "pyproject.toml").read_text(encoding="utf-8")
