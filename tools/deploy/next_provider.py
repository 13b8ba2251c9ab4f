"""Check every argument, block and attribute that the Terraform here uses against another version of the AWS provider.

The schema is that in @cdktf/provider-aws, whose major versions follow those of the provider (21 has provider 6):

    npm pack @cdktf/provider-aws@21.22.1 && tar xzf cdktf-provider-aws-21.22.1.tgz
    .venv/tools/bin/python -m tools.deploy.next_provider package

The package does not say which arguments are deprecated, which values are valid, and which defaults have changed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tools.project import ROOT

_META_ARGUMENTS = {"count", "depends_on", "for_each", "lifecycle", "provider"}

_TOP_BLOCK = re.compile(
    r'^(?:(resource|data) "(\w+)" "\w+"|provider "(aws)") \{(?:\}|\n(.*?)^\})', re.MULTILINE | re.DOTALL
)
_ATTRIBUTE = re.compile(r"\b(data\.)?(aws_\w+)\.\w+(?:\[[^\]]*\])?\)?(?:\[\*\])?\.(\w+)")
_INTERFACE = re.compile(r"^export interface (\w+) (?:extends [\w.]+ )?\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_MEMBER = re.compile(r"/\*\*(?P<comment>.*?)\*/\s*readonly \w+(?P<optional>\??): (?P<type>\w+|{)", re.DOTALL)


class Use(NamedTuple):
    """Something that the configuration uses: in which file, of which kind of object, and the path to it.

    `path` ends with "{}" for a block. A reference to an attribute is the one part of its path.
    """

    file: str
    kind: str
    path: tuple[str, ...]
    is_reference: bool = False

    def __str__(self) -> str:
        return f"{self.file}: {'.'.join((self.kind, *self.path))}"


@dataclass(frozen=True, slots=True)
class _Member:
    """A member of a cdktf interface; `type` is another interface if it is a block."""

    is_block: bool
    is_required: bool
    type: str


def read_uses(root: Path) -> list[Use]:
    """Return what the formatted .tf files below a folder use of the AWS provider."""
    uses = []
    for path in sorted(path for path in root.rglob("*.tf") if ".terraform" not in path.parts):
        text, file = path.read_text(encoding="utf-8"), str(path.relative_to(root))
        for mode, resource, provider, body in _TOP_BLOCK.findall(text):
            kind = f"data.{resource}" if mode == "data" else resource or provider
            uses.append(Use(file, kind, ()))
            uses += [Use(file, kind, found) for found in _paths(body.splitlines(), "  ")]
        # A comment may name a resource without using it.
        code = re.sub(r"#.*", "", text)
        uses += [
            Use(file, f"{data}{kind}", (name,), is_reference=True) for data, kind, name in _ATTRIBUTE.findall(code)
        ]
    return uses


def _paths(lines: list[str], indent: str) -> Iterator[tuple[str, ...]]:
    """Yield the path of each argument and block. Formatted code has one more indent in each block."""
    lines = list(lines)
    while lines:
        line = lines.pop(0)
        if argument := re.match(rf"{indent}(\w+) +=", line):
            if argument[1] not in _META_ARGUMENTS:
                yield (argument[1],)
        elif block := re.match(rf'{indent}(?:dynamic "(\w+)"|(\w+)) \{{(\}}?)$', line):
            end = 0 if block[3] else lines.index(f"{indent}}}") + 1
            inside, lines = lines[:end], lines[end:]
            found = list(_paths(inside, f"{indent}  "))
            if block[1]:
                found = [path[1:] for path in found if path[0] == "content" and path[1:] != ("{}",)]
            if block[2] not in _META_ARGUMENTS:
                yield from (((block[1] or block[2]), *path) for path in [("{}",), *found])


def check(uses: list[Use], package: Path) -> list[str]:
    """Return a line for each use that the schema in an unpacked @cdktf/provider-aws refuses, and for what it misses."""
    problems = []
    schemas = {kind: _read_schema(package, kind) for kind in {use.kind for use in uses}}
    for use in sorted(set(uses)):
        interfaces, attributes = schemas[use.kind]
        if not interfaces:
            problems.append(f"{use}: there is no such resource, data source or provider")
        elif use.is_reference:
            if use.path[0] not in attributes:
                problems.append(f"{use}: there is no such attribute")
        elif problem := _problem(use, interfaces, {each.path for each in uses if each.kind == use.kind}):
            problems.append(f"{use}: {problem}")
    return problems


def _problem(use: Use, interfaces: dict[str, dict[str, _Member]], paths: set[tuple[str, ...]]) -> str | None:
    """Return why the schema refuses an argument or block. A block must have its required members."""
    members = next(iter(interfaces.values()))
    is_block = use.path[-1:] == ("{}",)
    names = use.path[:-1] if is_block else use.path
    for position, name in enumerate(names):
        if name not in members:
            return "there is no such argument or block"
        expected = is_block or position < len(names) - 1
        if members[name].is_block is not expected:
            return f"this is {'a block' if members[name].is_block else 'an argument'} there"
        if expected:
            members = interfaces[members[name].type]
    if is_block or not names:
        given = {path[len(names)] for path in paths if path[: len(names)] == names and len(path) > len(names)}
        missing = sorted(name for name, member in members.items() if member.is_required and name not in given)
        return f"{', '.join(missing)} is required" if missing else None
    return None


def _read_schema(package: Path, kind: str) -> tuple[dict[str, dict[str, _Member]], set[str]]:
    """Return the members of each interface by name, the object's own interface first, and the object's attributes."""
    folder = (
        "provider" if kind == "aws" else kind.replace("data.aws_", "data_aws_").removeprefix("aws_").replace("_", "-")
    )
    path = package / "lib" / folder / "index.d.ts"
    if not path.exists():
        return {}, set()
    text = path.read_text(encoding="utf-8")
    interfaces = {name: dict(_members(body)) for name, body in _INTERFACE.findall(text)}
    own = next((name for name in interfaces if name.endswith("Config") and f"config?: {name}" in text), None)
    own = own or next(name for name in interfaces if f"config: {name}" in text)
    getters = re.findall(r"^    get (\w+)\(\)", text.partition("static readonly tfResourceType")[2], re.MULTILINE)
    return {own: interfaces[own], **interfaces}, {
        re.sub(r"[A-Z]", lambda c: f"_{c[0].lower()}", name) for name in getters
    }


def _members(body: str) -> Iterator[tuple[str, _Member]]:
    for found in _MEMBER.finditer(body):
        # The TypeScript names are in camel case; the link to the documentation ends with Terraform's name.
        if name := re.search(r"#(\w+) \w+#\1\}", found["comment"]):
            is_block = f"* {name[1]} block" in found["comment"]
            yield name[1], _Member(is_block, not found["optional"], found["type"])


if __name__ == "__main__":
    every_use = read_uses(ROOT / "terraform")
    found_problems = check(every_use, Path(sys.argv[1]))
    print(*found_problems, sep="\n", end="\n" if found_problems else "")
    kinds = {use.kind for use in every_use}
    print(f"{len(set(every_use))} uses of {len(kinds)} kinds of objects checked, {len(found_problems)} refused.")
    sys.exit(bool(found_problems))
