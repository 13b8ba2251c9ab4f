"""Read formatted Terraform: what is in a block has one more indent than the block."""

import re
from typing import NamedTuple

_BLOCK = r'^{indent}(\w+)((?: "[^"]*")*) \{{(?:\}}|\n(.*?)^{indent}\}})$'
#: A value ends before the next line of its indent that is no closing bracket, or before a blank line.
_ARGUMENT = r"^{indent}(\w+) += (.*?)(?: #[^\n]*)?\n(?!{indent}[}})\]])(?={indent}\S|\n|\Z)"


class Block(NamedTuple):
    """A block: its type and labels, the text of its arguments' values by their names, and the blocks in it."""

    type: str
    labels: list[str]
    arguments: dict[str, str]
    blocks: list["Block"]


def read_blocks(text: str, indent: str = "") -> list[Block]:
    """Return the blocks of a text that have an indent."""
    inner = f"{indent}  "
    return [
        Block(
            kind,
            re.findall(r'"([^"]*)"', labels),
            dict(re.findall(_ARGUMENT.format(indent=inner), body, re.MULTILINE | re.DOTALL)),
            read_blocks(body, inner),
        )
        for kind, labels, body in re.findall(_BLOCK.format(indent=indent), text, re.MULTILINE | re.DOTALL)
    ]
