"""Reading of a function's settings from its environment variables, once, when it starts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Environment", "SettingsError", "load_or_exit"]


#: No setting has more digits, and int() refuses very long numbers.
_MAX_DIGITS = 18


class SettingsError(Exception):
    """A setting is missing or invalid. The message is one line that names every wrong variable."""


class Environment:
    """Reads typed values and collects mistakes, so that one start reports all of them."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._mistakes: list[str] = []

    def text(self, name: str) -> str:
        """Return the value of `name`, which must not be empty."""
        value = self._variables.get(name, "")
        if not value:
            self._mistakes.append(f"{name} is not set")
        return value

    def whole_number(self, name: str, minimum: int, maximum: int) -> int:
        """Return the value of `name` as an integer from `minimum` to `maximum`, both included."""
        value = self.text(name)
        if not value:
            return minimum
        if not (value.isascii() and value.isdecimal() and len(value) <= _MAX_DIGITS):
            self._mistakes.append(f"{name} must be a whole number from {minimum} to {maximum}, not {value[:40]!r}")
            return minimum
        number = int(value)
        if not minimum <= number <= maximum:
            self._mistakes.append(f"{name} must be from {minimum} to {maximum}, not {number}")
        return number

    def check(self) -> None:
        """Raise SettingsError if any value read so far was missing or invalid."""
        if self._mistakes:
            raise SettingsError("wrong settings: " + "; ".join(self._mistakes))


def load_or_exit[Settings](load: Callable[[Mapping[str, str]], Settings], variables: Mapping[str, str]) -> Settings:
    """Return the settings, or end the process with one line on standard error.

    A misconfigured function must not start. Lambda then logs the line and the failed start, and the event stays at its
    source.
    """
    try:
        return load(variables)
    except SettingsError as error:
        sys.exit(str(error))
