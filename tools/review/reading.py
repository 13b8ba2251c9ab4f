"""Read a plan's JSON from a file or from standard input, or say what the file is instead."""

from __future__ import annotations

import codecs
import json
import sys
from pathlib import Path
from typing import Any

from tools.review.plan import PlanError

_MAKE_ONE = "run terraform show -json PLAN > plan.json, and review that"

_LOG = f"is the log of terraform plan -json, which has no values: save the plan with -out, and {_MAKE_ONE}"

#: What the first bytes of a file say that it is.
_BEGINNINGS = {
    b"PK\x03\x04": f"is a saved plan, not its JSON: {_MAKE_ONE}",
    b"tfplan": f"is a saved plan of an old Terraform, not its JSON: {_MAKE_ONE}",
    b"\x1f\x8b": "is compressed: unpack it with gunzip, and review the result",
    b"[command]": "begins with a line of setup-terraform's wrapper: set terraform_wrapper to false in that step",
}


def read_document(path: str) -> Any:
    """Return the parsed JSON in a file, or of standard input for `-`. Raises PlanError and OSError."""
    source = "standard input" if path == "-" else path
    content = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    for beginning, meaning in _BEGINNINGS.items():
        if content.startswith(beginning):
            raise PlanError(f"{source} {meaning}")
    if not content.strip():
        raise PlanError(f"{source} is empty: {_MAKE_ONE}")
    try:
        text = content.decode(_encoding(content))
    except UnicodeDecodeError as error:
        raise PlanError(
            f"{source} is not in UTF-8, as terraform show -json prints it, nor in UTF-16: did a shell write it in "
            "another encoding?"
        ) from error
    del content
    return _checked(_parsed(text, source), source)


def _encoding(content: bytes) -> str:
    """Return the encoding of a JSON text: by its byte order mark, or because it begins with two ASCII characters."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return {b"\0": "utf-16-be"}.get(content[:1]) or {b"\0": "utf-16-le"}.get(content[1:2]) or "utf-8-sig"


def _parsed(text: str, source: str) -> Any:
    try:
        return json.loads(text)
    except (RecursionError, ValueError) as error:
        first = next((line for line in text.splitlines() if line.strip()), "")
        if '"@level"' in first or '"@message"' in first:
            raise PlanError(f"{source} {_LOG}") from error
        if "::debug::" in text or "terraform-bin" in first:
            raise PlanError(f"{source} {_BEGINNINGS[b'[command]']}") from error
        if first.startswith(("Terraform ", "OpenTofu ", "\x1b[")):
            raise PlanError(f"{source} is a plan for people, not its JSON: {_MAKE_ONE}") from error
        reason = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        raise PlanError(f"{source} is not JSON, as terraform show -json prints it ({reason})") from error


def _checked(document: Any, source: str) -> Any:
    """Return the document, if it is none that is often taken for a plan. Raises PlanError."""
    members = document if isinstance(document, dict) else {}
    if "lineage" in members or ("values" in members and "planned_values" not in members):
        raise PlanError(f"{source} is a state, not a plan: {_MAKE_ONE}")
    if "@level" in members:
        raise PlanError(f"{source} {_LOG}")
    return document
