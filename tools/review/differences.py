"""Compare two values: attribute by attribute, also in JSON texts, and blocks by what identifies them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from tools.review.plan import is_blank, parsed
from tools.review.statements import policy_statements

#: The attributes by which the blocks of a set or list are matched, and the objects in a JSON array.
_IDENTITIES = ("id", "sid", "Sid", "Id", "key", "name", "route_key", "region_name", "device_name", "attribute_name")

type _Block = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """An attribute and its two values; None for a value that is not set.

    `names` lead to it, without the places of blocks; `above` are the two values at each of them but the last.
    `block` is the value that identifies the block it is in; "" if the block has none.
    """

    names: tuple[str, ...]
    old: Any
    new: Any
    above: tuple[tuple[Any, Any], ...] = ()
    block: str = ""

    @property
    def path(self) -> str:
        """The names as one text."""
        return ".".join(self.names)


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """Return every difference of two resources, in the order of the attributes' names. A policy is one attribute."""
    names = sorted({*old, *new})
    found = [each for name in names for each in _differences(Difference((name,), old.get(name), new.get(name)))]
    # The provider copies the tags into tags_all.
    tags = {each.names[1:] for each in found if each.names[0] == "tags"}
    return [each for each in found if each.names[0] != "tags_all" or each.names[1:] not in tags]


def _differences(whole: Difference) -> Iterator[Difference]:
    old, new = whole.old, whole.new
    if (old == new and isinstance(old, bool) == isinstance(new, bool)) or (is_blank(old) and is_blank(new)):
        return
    before, after = _blocks(old), _blocks(new)
    if before is None or after is None or not (before or after):
        yield whole
    elif len(before) > 1 or len(after) > 1:
        for one, other in _matched(before, after):
            yield from _differences(replace(whole, old=[one] if one else [], new=[other] if other else [], block=""))
    else:
        one, other = before[0] if before else {}, after[0] if after else {}
        block = whole.block
        if isinstance(old or new, list):
            found = (each.get(name) for each in (one, other) for name in _IDENTITIES)
            block = next((each for each in found if each and isinstance(each, str)), "")
        above = (*whole.above, (old if old is None else one, new if new is None else other))
        for name in sorted({*one, *other}):
            yield from _differences(Difference((*whole.names, name), one.get(name), other.get(name), above, block))


def _blocks(value: Any) -> Sequence[_Block] | None:
    """Return the blocks or JSON objects that a value holds, none if it is not set; None if it is anything else."""
    if policy_statements(value):
        return None
    if isinstance(value, str) and value.startswith(("{", "[")):
        value = parsed(value)
        if value is None:
            return None
    blocks = [value] if isinstance(value, Mapping) else [] if is_blank(value) else value
    return blocks if isinstance(blocks, list) and all(isinstance(block, Mapping) for block in blocks) else None


def _matched(before: Sequence[_Block], after: Sequence[_Block]) -> Iterator[tuple[_Block | None, _Block | None]]:
    """Return pairs of blocks: with the same identity, else in the order of those that are in one list only."""
    identity = next((name for name in _IDENTITIES if _identifies(name, before) and _identifies(name, after)), None)
    if identity is not None:
        known = {block[identity]: block for block in after}
        for block in before:
            yield block, known.pop(block[identity], None)
        yield from ((None, block) for block in known.values())
        return
    texts = [set(map(_text, blocks)) for blocks in (before, after)]
    gone = [block for block in before if _text(block) not in texts[1]]
    come = [block for block in after if _text(block) not in texts[0]]
    if not gone and not come:
        # They hold the same blocks, one of them more often.
        gone, come = list(before[len(after) :]), list(after[len(before) :])
    yield from zip_longest(gone, come)


def _text(block: _Block) -> str:
    """Return a text that differs between two blocks that differ: by a sensitive value, or 1 for true."""
    return json.dumps(block, sort_keys=True, default=lambda value: [repr(value), repr(getattr(value, "_value", ""))])


def _identifies(name: str, blocks: Sequence[_Block]) -> bool:
    found = [block.get(name) for block in blocks]
    return all(isinstance(each, str) and each for each in found) and len(set(found)) == len(found)
