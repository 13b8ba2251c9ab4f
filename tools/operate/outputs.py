"""make outputs: print an environment's outputs as a list, as lines for a shell to evaluate, or as JSON."""

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

from tools.operate.environment import find_environment
from tools.project import CommandError
from tools.terminal import main


def _as_list(outputs: Mapping[str, Any]) -> str:
    """Return the outputs in two columns, a map's entries indented below its name."""
    rows: list[tuple[str, str]] = []
    for name, value in sorted(outputs.items()):
        entries = sorted(value.items()) if isinstance(value, Mapping) else []
        rows += [(name, "" if entries else value), *((f"  {key}", entry) for key, entry in entries)]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}}  {value}".rstrip() for name, value in rows)


def _as_exports(outputs: Mapping[str, Any]) -> str:
    """Return a line `export NAME=value` for each output, and for each entry of a map, as in FUNCTION_NAME_<KEY>."""
    variables: dict[str, Any] = {}
    for name, value in sorted(outputs.items()):
        if isinstance(value, Mapping):
            variables |= {f"{name.removesuffix('s')}_{key}": entry for key, entry in sorted(value.items())}
        else:
            variables[name] = value
    return "\n".join(
        f"export {re.sub(r'\W', '_', name, flags=re.ASCII).upper()}={shlex.quote(str(value))}"
        for name, value in variables.items()
    )


def show(environment: str, form: str) -> None:
    """Print an environment's outputs. Raises CommandError, also for an unknown format."""
    if form not in ("", "env", "json"):
        raise CommandError(f"there is no format {form!r}: set FORMAT to env or json, or leave it out for a list")
    outputs = find_environment(environment).outputs
    as_json = json.dumps(outputs, indent=2, sort_keys=True)
    print({"": _as_list(outputs), "env": _as_exports(outputs), "json": as_json}[form])


if __name__ == "__main__":
    main("make outputs", show)
