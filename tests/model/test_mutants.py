"""The model notices every deliberate bug."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.model.machine import Tally, run
from tests.model.mutants import MUTANTS, Mutant
from tests.model.system import Violation

#: A bug has to be found with one of these seeds, in so many runs of each.
SEEDS = range(1, 61)
RUNS_PER_SEED = 40


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_deliberate_bug(
    mutant: Mutant, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    """The model alone finds it, and says what it breaks; the table at the end of the run has it."""
    mutant.apply(monkeypatch)
    before = Tally.runs
    with pytest.raises(Violation) as violation:  # noqa: PT012  (the first seed that finds it ends it)
        for seed in SEEDS:
            run(RUNS_PER_SEED, seed, is_shrinking=False)
    record_property("deliberate bug", (mutant.name, f"run {Tally.runs - before - 1}: {violation.value}"))
