"""Write the inputs and outputs of each Terraform module into its README. `make format` runs it; a test compares.

A README is written by hand up to its heading Inputs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tools.project import ROOT
from tools.terminal import end

_HEADING = "## Inputs\n"
_BLOCK = r'^{} "(\w+)" \{{\n(.*?)^\}}'


class Variable(NamedTuple):
    """An input of a module. `default` is None if it is required."""

    name: str
    type: str
    default: str | None
    description: str


def modules() -> list[Path]:
    """Return the folders of the modules."""
    return sorted(path.parent for path in (ROOT / "terraform" / "modules").glob("*/versions.tf"))


def readme(module: Path) -> str:
    """Return the README of a module with its inputs and outputs as the module declares them."""
    written, heading, _ = (module / "README.md").read_text(encoding="utf-8").partition(_HEADING)
    inputs = [
        f"| `{name}` | `{kind}` | {'required' if default is None else f'`{default}`'} | {description} |"
        for name, kind, default, description in variables(module)
    ]
    outputs = [f"| `{name}` | {_description(body)} |" for name, body in _blocks(module, "output")]
    parts = [written + heading, "| name | type | default | description |\n|---|---|---|---|", *inputs]
    if outputs:
        parts += ["\n## Outputs\n", "| name | description |\n|---|---|", *outputs]
    return "\n".join(parts) + "\n"


def variables(module: Path) -> list[Variable]:
    """Return the inputs of a module, by name."""
    return [
        Variable(name, _argument(body, "type") or "any", _argument(body, "default"), _description(body))
        for name, body in _blocks(module, "variable")
    ]


def _blocks(module: Path, kind: str) -> Iterator[tuple[str, str]]:
    text = "\n".join(path.read_text(encoding="utf-8") for path in module.glob("*.tf"))
    yield from sorted(re.findall(_BLOCK.format(kind), text, re.MULTILINE | re.DOTALL))


def _description(body: str) -> str:
    return (_argument(body, "description") or "").strip('"').replace('\\"', '"').replace("|", "\\|")


def _argument(body: str, name: str) -> str | None:
    """Return what a block of formatted code sets an argument to, on one line and without a comment."""
    found = re.search(rf"^  {name} += (.*?)(?: #[^\n]*)?\n(?=  \S|\n|\Z)(?!  [}})\]])", body, re.MULTILINE | re.DOTALL)
    if not found:
        return None
    # On one line, commas separate the attributes of an object.
    return " ".join(re.sub(r"(?<=[^{(,\s])\n +(?=\w)", ", ", found[1]).split())


def write() -> None:
    """Write the README of every module."""
    for module in modules():
        (module / "README.md").write_text(readme(module), encoding="utf-8")


if __name__ == "__main__":
    end("make format", write)
