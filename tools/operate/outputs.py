"""make outputs: print an environment's outputs as a list, as lines for a shell to evaluate, or as JSON."""

import json
import re
import shlex
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tools.operate.environment import find_environment
from tools.project import CommandError
from tools.terminal import main


def _as_list(outputs: Mapping[str, Any]) -> str:
    """Return the outputs in two columns, a map's entries indented below its name."""
    rows: list[tuple[str, str]] = []
    for name, value in sorted(outputs.items()):
        if isinstance(value, Mapping):
            rows += [(name, ""), *((f"  {key}", entry) for key, entry in sorted(value.items()))]
        else:
            rows.append((name, value))
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


#: By FORMAT, which is empty if it is not set.
_FORMATS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "": _as_list,
    "env": _as_exports,
    "json": partial(json.dumps, indent=2, sort_keys=True),
}


def show(environment: str, form: str) -> None:
    """Print an environment's outputs. Raises CommandError, also for an unknown format."""
    if form not in _FORMATS:
        raise CommandError(f"there is no format {form!r}: set FORMAT to env or json, or leave it out for a list")
    print(_FORMATS[form](find_environment(environment).outputs))


if __name__ == "__main__":
    main("make outputs", show)
