"""docs/settings.md names every variable of the root, with its default, and an example of each object."""

from __future__ import annotations

import re

import pytest

from tests.support.documents import ROOT, example

_PAGE = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
_FOLDER = ROOT / "terraform"
_DECLARED = dict(
    re.findall(
        r'^variable "(\w+)" \{$(.*?)^\}$',
        "\n".join(path.read_text(encoding="utf-8") for path in _FOLDER.glob("*.tf")),
        re.MULTILINE | re.DOTALL,
    )
)
_OBJECTS = sorted(name for name, body in _DECLARED.items() if re.search(r"type += (object|map)\(", body))


def test_table_has_every_variable_and_its_default() -> None:
    """A variable without a default has an empty cell."""
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|", _PAGE, re.MULTILINE)
    shown = {name: default.strip() for name, default in rows}
    defaults = {name: re.search(r"^  default +=  *([^#\n]+)", body, re.MULTILINE) for name, body in _DECLARED.items()}
    assert shown == {name: f"`{found[1].strip()}`" if found else "" for name, found in defaults.items()}


@pytest.mark.parametrize("name", _OBJECTS)
def test_every_object_has_an_example(name: str) -> None:
    """The example sets the variable, and names only attributes that its type has."""
    code = example("docs/settings.md", name, "hcl")
    assert code.startswith(f"{name} = {{\n")
    attributes = set(re.findall(r"^  (\w+) +=", code, re.MULTILINE))
    declared = set(re.findall(r"^    (\w+) += (?:object|optional)\(", _DECLARED[name], re.MULTILINE))
    assert attributes == declared
