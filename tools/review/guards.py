"""How attributes are guarded: those that have to stay what they are are in guarded_stores.py and guarded_ways.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tools.review.danger import Danger, name_of, quoted
from tools.review.losses import is_lost
from tools.review.plan import UNKNOWN, Plan, at, is_blank

__all__ = ["Guard", "guard_dangers", "not_below", "stays", "stays_off"]


@dataclass(frozen=True, slots=True)
class Guard:
    """An attribute that has to stay so that `is_kept`, told its old and its new value, says so.

    In `text`, `{name}` is the resource's, `{old}` and `{new}` are the attribute's values.
    """

    type: str
    path: str
    danger: str
    is_kept: Callable[[Any, Any], bool]
    text: str


def stays(*, good: object) -> Callable[[Any, Any], bool]:
    """What has this value keeps it."""
    return lambda old, new: old != good or new == good


def stays_off(old: Any, new: Any) -> bool:
    """What is not used stays unused."""
    return not _is_off(old) or _is_off(new)


def not_below(old: Any, new: Any) -> bool:
    """A number doesn't become less."""
    return not isinstance(old, int | float) or (isinstance(new, int | float) and new >= old)


def _is_off(value: Any) -> bool:
    return is_blank(value) or value is False


def guard_dangers(plan: Plan, guards: Sequence[Guard]) -> Iterator[Danger]:
    """What had to stay as it is, and does not."""
    destroyed = set()
    for guard in guards:
        for change in plan.of_type(guard.type):
            if not change.exists or is_lost(change):
                continue
            old, new = at(change.before, guard.path), at(change.after, guard.path)
            if new is UNKNOWN and change.action == "replace" and guard.is_kept is stays_off:
                # Of what is not set, the provider calls a new one's unknown.
                continue
            if not guard.is_kept(old, new) and (guard.danger, change.address) not in destroyed:
                if change.action == "destroy":
                    destroyed.add((guard.danger, change.address))
                text = guard.text.format(name=name_of(change), old=quoted(old), new=quoted(new))
                yield Danger(guard.danger, change.address, text)
