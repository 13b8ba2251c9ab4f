"""What changes in the functions' code: told from the zips' hashes, and by git where it knows what they are of."""

from __future__ import annotations

import base64
import hashlib
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.deploy.package_commits import Checkout, commit_of
from tools.deploy.packages import other_commit
from tools.review.plan import Change, Plan

__all__ = ["CodeChange", "code_changes"]

#: What every package is made by and from, besides the function's own sources, the shared ones and the lock.
_TOOLCHAIN = ("build",)


@dataclass(frozen=True, slots=True)
class CodeChange:
    """A function whose package changes. The hashes are as the plan has them: base64 of SHA-256, or not a text.

    `deployed` is the commit of the deployed package; `files` and `packages` are what changed since, and mean nothing
    without it. `planned` is the commit of the planned package, None if it is of none here: then the checkout as it is
    was compared if it `is_of_checkout`, and nothing otherwise. Its name is not shown: two reviews of one change are the
    same, whichever commit brings it.
    """

    function: str
    old: Any
    new: Any
    deployed: str | None = None
    planned: str | None = None
    files: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    is_of_checkout: bool = False


def code_changes(plan: Plan, checkout: Checkout | None) -> list[CodeChange]:
    """The functions that get another package than they have; without a checkout, by their hashes alone.

    Of a first apply there are none: all code is new.
    """
    if plan.is_first:
        return []
    changed = [
        change for change in plan.of_type("aws_lambda_function") if change.after and change.differs("source_code_hash")
    ]
    return sorted((_code_change(change, checkout) for change in changed), key=lambda change: change.function)


def _code_change(change: Change, checkout: Checkout | None) -> CodeChange:
    function = Path(str(change.after.get("filename") or change.name)).stem
    old, new = change.before.get("source_code_hash"), change.after.get("source_code_hash")
    deployed = commit_of(checkout, function, str(old)) if checkout else None
    if checkout is None or deployed is None:
        return CodeChange(function, old, new)
    planned = commit_of(checkout, function, str(new))
    is_of_checkout = planned is None and _is_of_checkout(checkout, function, new)
    if planned is None and not is_of_checkout:
        return CodeChange(function, old, new, checkout.told(deployed))
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
        is_of_checkout,
    )


def _is_of_checkout(checkout: Checkout, function: str, sha256: Any) -> bool:
    """Whether a package is the one that the checkout has built, as far as can be told."""
    folder = checkout.root / "build" / "dist"
    package = folder / f"{function}.zip"
    if not package.is_file() or other_commit(folder) is not None:
        return False
    return bool(base64.b64encode(hashlib.sha256(package.read_bytes()).digest()).decode() == sha256)


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
