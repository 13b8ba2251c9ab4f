"""The model finds every deliberate bug."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.model.machine import Tally, run
from tests.model.mutants import MUTANTS, Mutant
from tests.model.system import Violation

#: A bug must be found with one of these seeds, in this many runs of each.
SEEDS = range(1, 61)
RUNS_PER_SEED = 40


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_model_finds_deliberate_bug(
    mutant: Mutant, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    """A run violates an invariant. A table at the end of the test run shows which."""
    mutant.apply(monkeypatch)
    before = Tally.runs
    with pytest.raises(Violation) as violation:  # noqa: PT012  (the first seed that finds the bug ends the loop)
        for seed in SEEDS:
            run(RUNS_PER_SEED, seed, is_shrinking=False)
    record_property("deliberate bug", (mutant.name, f"run {Tally.runs - before - 1}: {violation.value}"))
