"""How the property-based tests run: the same examples every time, none of them timed, nothing written to disk."""

from __future__ import annotations

import tempfile

from hypothesis import configuration, settings

__all__ = ["use_profile"]


def use_profile() -> None:
    """Make it the profile of the tests that are collected from here on."""
    configuration.set_hypothesis_home_dir(tempfile.gettempdir())
    settings.register_profile("delayer", deadline=None, derandomize=True, database=None, max_examples=150)
    settings.load_profile("delayer")
