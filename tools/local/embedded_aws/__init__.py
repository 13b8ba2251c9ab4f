"""The embedded AWS: ministack, mended where the delayer depends on what it does differently from AWS."""

from collections.abc import Callable
from typing import Any

type Function = Callable[..., Any]


def around(owner: Any, name: str) -> Callable[[Function], Function]:
    """Decorate what is called in place of `owner`'s function `name`, which it gets before the call's arguments."""
    replaced = getattr(owner, name)

    def replace(replacement: Function) -> Function:
        setattr(owner, name, lambda *arguments, **named: replacement(replaced, *arguments, **named))
        return replacement

    return replace
