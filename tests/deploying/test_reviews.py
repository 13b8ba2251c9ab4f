"""A review of real plans for an applied environment, by the role that may only read, with the state in S3."""

from __future__ import annotations

from tests.deploying.conftest import History


def test_a_plan_without_danger_passes(history: History) -> None:
    """What the embedded AWS forgets is set anew, and there is no danger in that."""
    said = history.said["review of the second plan"]
    assert said.returncode == 0
    assert "**No known danger.**" in said.stdout
    assert "## Dangers" not in said.stdout


def test_a_danger_is_named_first_and_fails(history: History) -> None:
    """Fewer shards: what would happen to schedules stands before everything else, and the command fails."""
    said = history.said["review of fewer shards"]
    assert said.returncode != 0
    page = said.stdout[said.stdout.index("# Review") :]
    first = page.index("Pending schedules in shards 2 to 3 would never be swept")
    assert page.index("## Dangers") < first < page.index("## Changes")
    assert "`shards-unswept`" in page[first : page.index("## Changes")]
