"""Check every argument, block and attribute that the Terraform here uses against another version of the AWS provider.

The schema is that in @cdktf/provider-aws, whose major versions follow those of the provider (21 has provider 6). How to
run it, and what the package does not say, is in docs/operations/upgrading.md.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tools import terminal
from tools.hcl import Block, read_blocks
from tools.project import CONFIGURATION

_META_ARGUMENTS = {"count", "depends_on", "for_each", "lifecycle", "provider"}

_ATTRIBUTE = re.compile(r"\b(data\.)?(aws_\w+)\.\w+(?:\[[^\]]*\])?\)?(?:\[\*\])?\.(\w+)")
_INTERFACE = re.compile(r"^export interface (\w+) (?:extends [\w.]+ )?\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_MEMBER = re.compile(r"/\*\*(.*?)\*/\s*readonly \w+(\??): (\w+|{)", re.DOTALL)

#: The names of the blocks around an argument, and its own; those of a block end with "{}".
type _Path = tuple[str, ...]


class Use(NamedTuple):
    """Something that a file uses of a kind of object. The path of a reference is just the attribute."""

    file: str
    kind: str
    path: _Path
    is_reference: bool = False

    def __str__(self) -> str:
        return f"{self.file}: {'.'.join((self.kind, *self.path))}"


def read_uses(root: Path) -> list[Use]:
    """Return what the formatted .tf files below a folder use of the AWS provider."""
    uses = []
    for path in sorted(path for path in root.rglob("*.tf") if ".terraform" not in path.parts):
        text, file = path.read_text(encoding="utf-8"), str(path.relative_to(root))
        for block in read_blocks(text):
            if block.type in ("resource", "data", "provider"):
                kind = f"{'data.' if block.type == 'data' else ''}{block.labels[0]}"
                uses += [Use(file, kind, found) for found in [(), *_paths(block)]]
        # A comment may name a resource without using it.
        references = _ATTRIBUTE.findall(re.sub(r"#.*", "", text))
        uses += [Use(file, f"{data}{kind}", (name,), is_reference=True) for data, kind, name in references]
    return uses


def _paths(block: Block) -> Iterator[_Path]:
    """Yield the path of each argument and block in a block."""
    yield from ((name,) for name in block.arguments if name not in _META_ARGUMENTS)
    for each in block.blocks:
        name, inside = (each.labels[0], each.blocks[0]) if each.type == "dynamic" else (each.type, each)
        if name not in _META_ARGUMENTS:
            yield from ((name, *path) for path in [("{}",), *_paths(inside)])


def check(uses: list[Use], package: Path) -> list[str]:
    """Return a line for each use that the schema in an unpacked @cdktf/provider-aws refuses, and for what it misses."""
    schemas = {kind: _read_schema(package, kind) for kind in {use.kind for use in uses}}
    problems = ((use, _problem(use, uses, *schemas[use.kind])) for use in sorted(set(uses)))
    return [f"{use}: {problem}" for use, problem in problems if problem]


def _problem(use: Use, uses: list[Use], members: dict[_Path, bool], attributes: set[str]) -> str | None:
    """Return why the schema refuses a use. A block must have its required members among the uses."""
    if not (members or attributes):
        return "there is no such resource, data source or provider"
    path, names = use.path, _names(use.path)
    if use.is_reference:
        return None if path[0] in attributes else "there is no such attribute"
    if path and path not in members:
        if (*names, "{}") in members:
            return "this is a block there"
        return "this is an argument there" if names in members else "there is no such argument or block"
    given = {each.path for each in uses if each.kind == use.kind}
    required = [_names(member) for member, is_required in members.items() if is_required and member not in given]
    missing = sorted(name for *parents, name in required if tuple(parents) == names)
    return f"{', '.join(missing)} is required" if missing else None


def _names(path: _Path) -> _Path:
    return path[:-1] if path[-1:] == ("{}",) else path


def _read_schema(package: Path, kind: str) -> tuple[dict[_Path, bool], set[str]]:
    """Return an object's arguments and blocks, with whether they are required, and its attributes."""
    folder = kind.replace("data.aws_", "data_aws_").removeprefix("aws_").replace("_", "-")
    path = package / "lib" / ("provider" if kind == "aws" else folder) / "index.d.ts"
    if not path.exists():
        return {}, set()
    text = path.read_text(encoding="utf-8")
    interfaces = dict(_INTERFACE.findall(text))
    own = re.findall(r"constructor\(scope: Construct, id: string, config\??: (\w+)\)", text)[0]
    getters = re.findall(r"^    get (\w+)\(\)", text.partition("static readonly tfResourceType")[2], re.MULTILINE)
    attributes = {re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", name) for name in getters}
    return dict(_members(interfaces, own)), attributes


def _members(interfaces: dict[str, str], interface: str, path: _Path = ()) -> Iterator[tuple[_Path, bool]]:
    """Yield the path of each argument and block in an interface, and whether it is required."""
    for comment, optional, kind in _MEMBER.findall(interfaces.get(interface, "")):
        # The TypeScript names are in camel case; the link to the documentation ends with Terraform's name.
        for name in re.findall(r"#(\w+) \w+#\1\}", comment):
            if f"* {name} block" in comment:
                yield (*path, name, "{}"), not optional
                yield from _members(interfaces, kind, (*path, name))
            else:
                yield (*path, name), not optional


def check_configuration(package: str) -> bool:
    """Print what the unpacked package refuses; False if that is anything."""
    uses = read_uses(CONFIGURATION)
    problems = check(uses, Path(package))
    kinds = {use.kind for use in uses}
    print(
        *problems, f"{len(set(uses))} uses of {len(kinds)} kinds of objects checked, {len(problems)} refused.", sep="\n"
    )
    return not problems


if __name__ == "__main__":
    terminal.main("tools.deploy.next_provider", check_configuration)
