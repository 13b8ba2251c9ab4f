"""docs/tracing.md quotes the messages and metrics of the functions."""

from __future__ import annotations

import ast
import re

from tests.support.documents import ROOT

_PAGE = (ROOT / "docs" / "tracing.md").read_text(encoding="utf-8")


def _texts(*methods: str, place: int = 0) -> set[str]:
    """Return the texts in one argument, by default the first, of each call of these methods in src/."""
    found: set[str] = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in methods:
                texts = [each.value for each in ast.walk(node.args[place]) if isinstance(each, ast.Constant)]
                found |= {text for text in texts if isinstance(text, str)}
    return found


def test_page_has_every_message_that_is_logged() -> None:
    """The tables' first cells are the messages; `rejected` and `none` stand elsewhere."""
    shown = set(re.findall(r"^\| `([a-z, ]+)` \|", _PAGE, re.MULTILINE))
    assert shown | {"rejected"} == _texts("info", "warning", "error", "_report")
    assert "Its line is `rejected`" in _PAGE


def test_page_has_every_metric() -> None:
    """They are listed in the last paragraph."""
    listed = _PAGE[_PAGE.index("Metrics are in the namespace") :]
    shown = set(re.findall(r"`([A-Z]\w+)`", listed))
    assert shown == _texts("add_metric", "_count") | _texts("_report", place=1)
