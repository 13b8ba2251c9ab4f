"""Compare two values: attribute by attribute, also in JSON texts, and blocks by what identifies them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.review.plan import is_blank
from tools.review.statements import policy_statements

#: The attributes by which the blocks of a set or list are matched, and the objects in a JSON array.
_IDENTITIES = ("id", "sid", "Sid", "Id", "key", "name", "route_key", "region_name", "device_name", "attribute_name")


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """An attribute and its two values; None for a value that is not set.

    `names` lead to it, without the places of blocks; `around` are the two values at each of them, the last its own.
    `block` is the value that identifies the block it is in; "" if the block has none.
    """

    names: tuple[str, ...]
    around: tuple[tuple[Any, Any], ...]
    block: str = ""

    @property
    def path(self) -> str:
        """The names as one text."""
        return ".".join(self.names)

    @property
    def old(self) -> Any:
        """The value before the change."""
        return self.around[-1][0]

    @property
    def new(self) -> Any:
        """The value after the change."""
        return self.around[-1][1]


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    """Return every difference of two resources, in the order of the attributes' names. A policy is one attribute."""
    tags: set[tuple[str, ...]] = set()
    for name in sorted({*old, *new}):
        for difference in _differences((name,), ((old.get(name), new.get(name)),)):
            if name == "tags":
                tags.add(difference.names[1:])
            # The provider copies the tags into tags_all.
            if name != "tags_all" or difference.names[1:] not in tags:
                yield difference


def _differences(names: tuple[str, ...], around: tuple[tuple[Any, Any], ...], block: str = "") -> Iterator[Difference]:
    old, new = around[-1]
    if (old == new and isinstance(old, bool) == isinstance(new, bool)) or (is_blank(old) and is_blank(new)):
        return
    if not any(policy_statements(value) for value in (old, new)):
        pair = _contents(old), _contents(new)
        if _are(Mapping, *pair):
            one, other = (value or {} for value in pair)
            block = _identity(one, other) if isinstance(old or new, list) else block
            below = (*around[:-1], (old if old is None else one, new if new is None else other))
            for name in sorted({*one, *other}):
                yield from _differences((*names, name), (*below, (one.get(name), other.get(name))), block)
            return
        if _are_blocks(*pair):
            for one, other in _matched(pair[0] or (), pair[1] or ()):
                blocks = [[value] if value else [] for value in (one, other)]
                yield from _differences(names, (*around[:-1], (blocks[0], blocks[1])))
            return
    yield Difference(names, around, block)


def _identity(*blocks: Mapping[str, Any]) -> str:
    found = (block[name] for block in blocks for name in _IDENTITIES if block.get(name))
    return next((each for each in found if isinstance(each, str)), "")


def _contents(value: Any) -> Any:
    """Return the object or array in a JSON text, and the only block of a list; else the value."""
    if isinstance(value, str) and value.startswith(("{", "[")):
        try:
            value = json.loads(value)
        except (RecursionError, ValueError):
            return value
    return value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], Mapping) else value


def _are(kind: type, old: Any, new: Any) -> bool:
    """Return whether both values are of a type, or one is while the other is not set."""
    return any(isinstance(value, kind) for value in (old, new)) and all(
        isinstance(value, kind) or is_blank(value) for value in (old, new)
    )


def _are_blocks(old: Any, new: Any) -> bool:
    lists = [value if isinstance(value, list) else [value] for value in (old, new) if not is_blank(value)]
    return any(len(blocks) > 1 for blocks in lists) and all(
        isinstance(block, Mapping) for blocks in lists for block in blocks
    )


def _matched(old: Any, new: Any) -> Iterator[tuple[Any, Any]]:
    """Return pairs of blocks: with the same identity, else in the order of those that are in one list only."""
    before, after = (_listed(value) for value in (old, new))
    identity = next((name for name in _IDENTITIES if _identifies(name, before) and _identifies(name, after)), None)
    if identity is not None:
        known = {block[identity]: block for block in after}
        for block in before:
            yield block, known.pop(block[identity], None)
        yield from ((None, block) for block in known.values())
        return
    texts = [[_text(block) for block in blocks] for blocks in (before, after)]
    gone = [block for block, text in zip(before, texts[0], strict=True) if text not in set(texts[1])]
    come = [block for block, text in zip(after, texts[1], strict=True) if text not in set(texts[0])]
    if not gone and not come and len(before) != len(after):
        gone, come = before[len(after) :], after[len(before) :]
    for place in range(max(len(gone), len(come))):
        yield tuple(blocks[place] if place < len(blocks) else None for blocks in (gone, come))  # type: ignore[misc]


def _listed(value: Any) -> list[Any]:
    return [value] if isinstance(value, Mapping) else list(value)


def _identifies(name: str, blocks: Sequence[Mapping[str, Any]]) -> bool:
    found = [block.get(name) for block in blocks]
    return all(isinstance(each, str) and each for each in found) and len(set(found)) == len(found)


def _text(block: Mapping[str, Any]) -> str:
    """Return a text that differs between two blocks that differ, also in sensitive values."""
    return json.dumps(block, sort_keys=True, default=lambda value: [repr(value), repr(getattr(value, "_value", ""))])
