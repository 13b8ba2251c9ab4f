"""What changes in the functions' code: told from the zips' hashes, and by git where it knows what they are of."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.package_commits import Checkout, commit_of
from tools.review.plan import Change, Plan

__all__ = ["CodeChange", "code_changes"]

#: What every package is made by and from, besides the function's own sources, the shared ones and the lock.
_TOOLCHAIN = ("build",)


@dataclass(frozen=True, slots=True)
class CodeChange:
    """A function whose package changes. The hashes are as the plan has them: base64 of SHA-256, or not a text.

    `deployed` is the commit of the deployed package; `files` and `packages` are what changed since, and mean nothing
    without it. `planned` is the commit of the planned package, None if it is of none here: then the checkout as it is
    was compared. Its name is not shown: two reviews of one change are the same, whichever commit brings it.
    """

    function: str
    old: Any
    new: Any
    deployed: str | None = None
    planned: str | None = None
    files: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


def code_changes(plan: Plan, checkout: Checkout | None) -> list[CodeChange]:
    """The functions that get another package than they have; without a checkout, by their hashes alone."""
    changed = [
        change
        for change in plan.of_type("aws_lambda_function")
        if change.exists and change.after and change.differs("source_code_hash")
    ]
    return sorted((_code_change(change, checkout) for change in changed), key=lambda change: change.function)


def _code_change(change: Change, checkout: Checkout | None) -> CodeChange:
    function = Path(str(change.after.get("filename", change.name))).stem
    old, new = change.before.get("source_code_hash"), change.after.get("source_code_hash")
    deployed = commit_of(checkout, function, str(old)) if checkout else None
    if checkout is None or deployed is None:
        return CodeChange(function, old, new)
    planned = commit_of(checkout, function, str(new))
    package = _package(checkout, function)
    sources = [f"src/{name}" for name in (package, "delayer") if name]
    return CodeChange(
        function,
        old,
        new,
        checkout.told(deployed),
        planned,
        tuple(checkout.changed_files(deployed, planned, *sources, *_TOOLCHAIN)),
        tuple(_packages(checkout.read(deployed, "requirements.txt"), checkout.read(planned, "requirements.txt"))),
    )


def _package(checkout: Checkout, function: str) -> str | None:
    table = tomllib.loads(checkout.read(None, "pyproject.toml")).get("tool", {}).get("delayer", {}).get("functions", {})
    package = table.get(function, {}).get("package")
    return str(package) if package else None


def _packages(old_lock: str, new_lock: str) -> Iterator[str]:
    """The locked packages that differ, like `botocore 1.43.1 → 1.43.2`."""
    old, new = (
        dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s\\;]+)", lock, re.MULTILINE)) for lock in (old_lock, new_lock)
    )
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield f"{name} {old.get(name, 'none')} → {new.get(name, 'none')}"
