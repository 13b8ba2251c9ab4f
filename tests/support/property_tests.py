"""The profile of the property-based tests: fixed examples, no time limits, and no files."""

from __future__ import annotations

import tempfile

from hypothesis import HealthCheck, configuration, settings

#: The time to generate examples depends on the machine only, and no example needs a new fixture.
UNCHECKED = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)


def use_profile() -> None:
    """Use the profile for the tests that are collected after this call."""
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
