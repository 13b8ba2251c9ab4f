"""The changes of a plan as one SHA-256, including values that a page cuts, hides or leaves out.

Two plans of the same change have the same digest, whenever and wherever they are made. It leaves out what may differ
between them: times, the order in which Terraform found resources, resources that stay, and attributes that stay of
resources that change, because another merge may have changed these meanwhile.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

_text = partial(json.dumps, sort_keys=True)


def digest(document: Mapping[str, Any]) -> str:
    """Return the digest of the parsed output of `terraform show -json`, which `plan_from` can read."""
    outputs = (
        _text([name, *_values(change)])
        for name, change in document.get("output_changes", {}).items()
        if change["actions"] != ["no-op"]
    )
    changes = {
        "resources": sorted(map(_text, _resources(document.get("resource_changes", ())))),
        "outputs": sorted(outputs),
        "further": [document.get(name) for name in ("action_invocations", "deferred_changes")],
    }
    return hashlib.sha256(_text(changes).encode()).hexdigest()


def _resources(resources: Iterable[Mapping[str, Any]]) -> Iterator[list[Any]]:
    for found in resources:
        change = found["change"]
        origin = [each for each in (found.get("previous_address"), change.get("importing")) if each]
        if change["actions"] != ["no-op"] or origin:
            yield [found["address"], found.get("deposed"), origin, change.get("replace_paths"), *_values(change)]


def _values(change: Mapping[str, Any]) -> Iterator[Any]:
    yield change["actions"]
    sides = [change.get(side) for side in ("before", "after", "after_unknown", "before_sensitive", "after_sensitive")]
    if not any(isinstance(side, dict) for side in sides[:2]):
        yield sides
        return
    attributes = [side if isinstance(side, dict) else {} for side in sides]
    yield [side for side in sides if side is True]
    for name in sorted(set().union(*attributes[:3])):
        before, after, unknown, *marks = (side.get(name) for side in attributes)
        if unknown is True:
            # Attributes that AWS reports, like the time of the last change, differ in any case.
            yield [name, "unknown", marks]
        elif before != after or unknown:
            yield [name, before, after, unknown, marks]
