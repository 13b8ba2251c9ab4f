"""The functions whose code a plan changes, by the hashes of their packages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.review.plan import Plan

__all__ = ["CodeChange", "code_changes"]


@dataclass(frozen=True, slots=True)
class CodeChange:
    """A function whose package changes. The hashes are the plan's: base64 of SHA-256, or no text where unknown."""

    function: str
    old: Any
    new: Any


def code_changes(plan: Plan) -> list[CodeChange]:
    """Return the functions that get another package, by name. A first apply has none: all its code is new."""
    if plan.is_first:
        return []
    return sorted(
        (
            CodeChange(
                Path(str(change.after.get("filename") or change.name)).stem,
                change.before.get("source_code_hash"),
                change.after.get("source_code_hash"),
            )
            for change in plan.of_type("aws_lambda_function")
            if change.after and change.differs("source_code_hash")
        ),
        key=lambda change: change.function,
    )
