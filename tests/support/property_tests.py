"""How the property-based tests run: the same examples every time, none of them timed, nothing written to disk."""

from __future__ import annotations

import tempfile

from hypothesis import HealthCheck, configuration, settings

__all__ = ["UNCHECKED", "use_profile"]

#: How long examples take to generate says something about the machine only; and no example needs a fixture made anew.
UNCHECKED = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)


def use_profile() -> None:
    """Make it the profile of the tests that are collected from here on."""
    configuration.set_hypothesis_home_dir(tempfile.gettempdir())
    settings.register_profile(
        "delayer",
        deadline=None,
        derandomize=True,
        database=None,
        max_examples=150,
        suppress_health_check=UNCHECKED,
    )
    settings.load_profile("delayer")
