"""The delayer keeps its promises in every run of the model.

`make test` makes 1,000 runs with fixed seeds, `make soak` as many as you like with new ones.
"""

from __future__ import annotations

import pytest

from tests.model.machine import Tally, run

#: Runs with one seed: few, so that a failure is replayed in seconds.
RUNS_PER_SEED = 250
#: Hypothesis limits the data of a run, and so ends a few runs before their last step. More are made in their place.
EXTRA_RUNS = 1.04


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test for each seed."""
    runs, first = metafunc.config.getoption("--model-runs"), metafunc.config.getoption("--model-seed")
    seeds = range(first, first + -(-runs // RUNS_PER_SEED))
    metafunc.parametrize("seed", seeds, ids=lambda seed: f"seed={seed}")


def test_every_schedule_arrives_in_time_whatever_fails(seed: int, pytestconfig: pytest.Config) -> None:
    """Runs of fifty steps with random faults break no invariant; see `System` for these."""
    runs = min(RUNS_PER_SEED, pytestconfig.getoption("--model-runs"))
    before = Tally.whole_runs
    try:
        run(int(runs * EXTRA_RUNS) + 1, seed)
    except Exception as error:
        error.add_note(f"Replay this failure: make soak RUNS={runs} SEED={seed}")
        raise
    assert Tally.whole_runs - before >= runs
