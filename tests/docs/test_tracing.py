"""docs/tracing.md quotes the messages and metrics of the functions."""

from __future__ import annotations

import ast
import re

from tests.support.documents import ROOT

_PAGE = (ROOT / "docs" / "tracing.md").read_text(encoding="utf-8")


def _first_arguments(*methods: str) -> set[str]:
    """Return the texts in the first argument of each call of these methods in src/."""
    found: set[str] = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in methods:
                texts = [each.value for each in ast.walk(node.args[0]) if isinstance(each, ast.Constant)]
                found |= {text for text in texts if isinstance(text, str)}
    return found


def test_page_has_every_message_that_is_logged() -> None:
    """The tables' first cells are the messages; `rejected` and `none` stand elsewhere."""
    shown = set(re.findall(r"^\| `([a-z, ]+)` \|", _PAGE, re.MULTILINE))
    assert shown | {"rejected"} == _first_arguments("info", "warning", "error")
    assert "Its line is `rejected`" in _PAGE


def test_page_has_every_metric() -> None:
    """They are listed in the last paragraph."""
    listed = _PAGE[_PAGE.index("Metrics are in the namespace") :]
    shown = set(re.findall(r"`([A-Z]\w+)`", listed))
    assert shown == _first_arguments("add_metric", "_count")
