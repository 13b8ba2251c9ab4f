"""Compare two values: attribute by attribute, also in JSON texts, and policies statement by statement."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.review.plan import is_blank
from tools.review.statements import Statement, policy_statements

__all__ = ["Difference", "PolicyDifference", "differences", "policy_difference"]


@dataclass(frozen=True, slots=True)
class Difference:
    """An attribute and its two values; None for a value that is not set."""

    path: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class PolicyDifference:
    """An attribute that is a policy, and its statements that go and come."""

    path: str
    removed: tuple[Statement, ...]
    added: tuple[Statement, ...]


def differences(old: Any, new: Any, path: str = "") -> Iterator[Difference | PolicyDifference]:
    """Yield every difference of two values, in the order of the attributes' names."""
    if old == new or (is_blank(old) and is_blank(new)):
        return
    policies = [policy_statements(value) for value in (old, new)]
    if _is_all(policies, old, new):
        before, after = (statements or () for statements in policies)
        if found := policy_difference(path, before, after):
            yield found
        return
    documents = [_document(value) for value in (old, new)]
    if _is_all(documents, old, new):
        old, new = (document if document is not None else type(_first(documents))() for document in documents)
    old, new = _single(old, new)
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new}):
            yield from differences(old.get(name), new.get(name), f"{path}.{name}" if path else name)
    elif _is_blocks(old) and _is_blocks(new) and not (is_blank(old) or is_blank(new)):
        for index in range(max(len(old), len(new))):
            one, other = (blocks[index] if index < len(blocks) else None for blocks in (old, new))
            yield from differences(one, other, f"{path}[{index}]")
    else:
        yield Difference(path, old, new)


def policy_difference(path: str, before: Sequence[Statement], after: Sequence[Statement]) -> PolicyDifference | None:
    """Return the statements that go and come; None if none does."""
    removed = tuple(statement for statement in before if statement not in after)
    added = tuple(statement for statement in after if statement not in before)
    return PolicyDifference(path, removed, added) if removed or added else None


def _is_all(found: list[Any], old: Any, new: Any) -> bool:
    """Return whether something was found in both values, or in one while the other is blank."""
    return any(part is not None for part in found) and all(
        part is not None or is_blank(value) for part, value in zip(found, (old, new), strict=True)
    )


def _first(found: list[Any]) -> Any:
    return next(part for part in found if part is not None)


def _document(value: Any) -> Any:
    """Return the object or array in a JSON text; None if it is no such text."""
    if not isinstance(value, str) or not value.startswith(("{", "[")):
        return None
    try:
        return json.loads(value)
    except (RecursionError, ValueError):
        return None


def _single(old: Any, new: Any) -> tuple[Any, Any]:
    """Return the contents of a block of which there is at most one, so that its path needs no index."""
    if all(_is_blocks(value) or is_blank(value) for value in (old, new)):
        counts = [len(value or ()) for value in (old, new)]
        if max(counts) == 1 and isinstance(old or new, list):
            return (old[0] if old else {}), (new[0] if new else {})
    return old, new


def _is_blocks(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, Mapping) for part in value)
