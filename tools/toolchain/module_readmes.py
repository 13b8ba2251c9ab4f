"""Write the inputs and outputs of each Terraform module into its README. `make format` runs it; a test compares."""

import re
from pathlib import Path
from typing import NamedTuple

from tools import terminal
from tools.hcl import Block, read_blocks
from tools.project import ROOT


class Variable(NamedTuple):
    """An input of a module. `default` is None if it is required."""

    name: str
    type: str
    default: str | None
    description: str


def modules() -> list[Path]:
    """Return the folders of the modules."""
    return sorted(path.parent for path in (ROOT / "terraform" / "modules").glob("*/versions.tf"))


def write() -> None:
    """Write the README of every module."""
    for module in modules():
        (module / "README.md").write_text(readme(module), encoding="utf-8")


def readme(module: Path) -> str:
    """Return the README of a module: up to its heading Inputs as it is written, then what the module declares."""
    written, heading, _ = (module / "README.md").read_text(encoding="utf-8").partition("## Inputs\n")
    lines = [written + heading, "| name | type | default | description |\n|---|---|---|---|"]
    for name, kind, default, description in variables(module):
        lines.append(f"| `{name}` | `{kind}` | {'required' if default is None else f'`{default}`'} | {description} |")
    outputs = [f"| `{block.labels[0]}` | {_description(block)} |" for block in _declared(module, "output")]
    lines += ["\n## Outputs\n", "| name | description |\n|---|---|", *outputs] if outputs else []
    return "\n".join(lines) + "\n"


def variables(module: Path) -> list[Variable]:
    """Return the inputs of a module, by name."""
    return [
        Variable(block.labels[0], _value(block, "type") or "any", _value(block, "default"), _description(block))
        for block in _declared(module, "variable")
    ]


def _declared(module: Path, kind: str) -> list[Block]:
    blocks = [block for path in module.glob("*.tf") for block in read_blocks(path.read_text(encoding="utf-8"))]
    return sorted(block for block in blocks if block.type == kind)


def _description(block: Block) -> str:
    return (_value(block, "description") or "").strip('"').replace('\\"', '"').replace("|", "\\|")


def _value(block: Block, name: str) -> str | None:
    """Return an argument's value on one line, on which commas separate the attributes of an object."""
    value = block.arguments.get(name)
    return value and " ".join(re.sub(r"(?<=[^{(,\s])\n +(?=\w)", ", ", value).split())


if __name__ == "__main__":
    terminal.main("make format", write)
