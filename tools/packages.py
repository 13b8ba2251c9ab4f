"""Packages of another commit in build/dist/, where this checkout's are otherwise."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

__all__ = ["note_commit", "other_commit"]

_NOTE = "of-another-commit.json"


def note_commit(packages: Path, commit: str) -> None:
    """Note beside the packages that they are this commit's."""
    (packages / _NOTE).write_text(json.dumps({"commit": commit, "packages": _hashes(packages)}), encoding="utf-8")


def other_commit(packages: Path) -> str | None:
    """Which other commit's the packages are; None if they aren't as they were noted, as after the next build."""
    try:
        note = json.loads((packages / _NOTE).read_text(encoding="utf-8"))
        return str(note["commit"]) if note["packages"] == _hashes(packages) else None
    except (KeyError, OSError, TypeError, ValueError):
        return None


def _hashes(packages: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(packages.glob("*.zip"))}
