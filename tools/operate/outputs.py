"""make outputs: print an environment's outputs as a list, as lines for a shell to evaluate, or as JSON.

Nothing else goes to stdout.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tools.operate.environment import find_environment
from tools.project import CommandError
from tools.terminal import run

type Outputs = Mapping[str, Any]


def as_list(outputs: Outputs) -> str:
    """Return the outputs in two columns, a map's entries indented below its name."""
    rows: list[tuple[str, str]] = []
    for name, value in sorted(outputs.items()):
        if isinstance(value, Mapping):
            rows += [(name, ""), *((f"  {key}", str(entry)) for key, entry in sorted(value.items()))]
        else:
            rows.append((name, str(value)))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}}  {value}".rstrip() for name, value in rows)


def as_exports(outputs: Outputs) -> str:
    """Return a line `export NAME=value` for each output, and for each entry of a map, as in FUNCTION_NAME_<KEY>."""

    def variables() -> Iterator[tuple[str, Any]]:
        for name, value in sorted(outputs.items()):
            if isinstance(value, Mapping):
                yield from ((f"{name.removesuffix('s')}_{key}", entry) for key, entry in sorted(value.items()))
            else:
                yield name, value

    return "\n".join(
        f"export {re.sub(r'\W', '_', name, flags=re.ASCII).upper()}={shlex.quote(str(value))}"
        for name, value in variables()
    )


def as_json(outputs: Outputs) -> str:
    """Return the outputs as one JSON object, by their names."""
    return json.dumps(outputs, indent=2, sort_keys=True)


#: By FORMAT, which is empty if it is not set.
FORMATS: Mapping[str, Callable[[Outputs], str]] = {"": as_list, "env": as_exports, "json": as_json}


def show(environment: str, form: str) -> None:
    """Print an environment's outputs. Raises CommandError, also for an unknown format."""
    if form not in FORMATS:
        raise CommandError(f"there is no format {form!r}: set FORMAT to env or json, or leave it out for a list")
    print(FORMATS[form](find_environment(environment).outputs))


def main(arguments: list[str]) -> None:
    """Run the command line: an environment and a format, either of which may be empty. Doesn't return."""
    run("make outputs", lambda _console: show(*arguments))


if __name__ == "__main__":
    main(sys.argv[1:])
