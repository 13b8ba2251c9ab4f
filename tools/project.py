"""The project's folders, environments and functions: the one list of each."""

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


@functools.cache
def _declared() -> tuple[tuple[str, ...], dict[str, Function]]:
    try:
        table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["delayer"]
        return tuple(table["environments"]), {
            name: Function(name, function["package"], sorted(function["services"]))
            for name, function in sorted(table["functions"].items())
        }
    except (tomllib.TOMLDecodeError, AttributeError, KeyError, TypeError) as error:
        raise CommandError(
            "pyproject.toml: [tool.delayer] must list the environments, and [tool.delayer.functions.<function>] must "
            f"name a package and services ({error!r})"
        ) from error


def functions() -> dict[str, Function]:
    """Return the functions that pyproject.toml declares, by their plain names, sorted. Raises CommandError."""
    return _declared()[1]


def deployed_environments() -> tuple[str, ...]:
    """Return the environments that live in AWS, in the order of promotion. Raises CommandError."""
    return _declared()[0]


def environments() -> tuple[str, ...]:
    """Return all environments, the local one last. Raises CommandError."""
    return (*deployed_environments(), LOCAL)


def check_environment(name: str, among: tuple[str, ...] | None = None) -> None:
    """Raise CommandError if there is no environment of this name."""
    known = environments() if among is None else among
    if name not in known:
        problem = f"there is no environment {name!r}" if name else "no environment is named"
        raise CommandError(f"{problem}: give ENV= one of {', '.join(known)}")
