"""The model finds nothing in the code as it is."""

from __future__ import annotations

from tests.model.soak import soak

RUNS = 1_000
SEED = 1


def test_the_code_as_it_is() -> None:
    """At least a thousand runs of fifty steps break nothing."""
    soaked = soak(RUNS, SEED)
    assert soaked.finding is None, soaked.finding
    assert soaked.whole_runs >= RUNS
