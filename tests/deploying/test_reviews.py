"""Reviews of an applied environment by the role that may only read, with the state in S3."""

from __future__ import annotations

from tests.deploying.conftest import History


def test_plan_without_danger_passes(history: History) -> None:
    """The plan sets again what the embedded AWS has forgotten."""
    done = history.said["review of the second plan"]
    assert done.returncode == 0
    assert "**Every danger is accepted.**" in done.stdout
    assert "## Dangers" not in done.stdout


def test_danger_comes_first_and_fails(history: History) -> None:
    """Fewer shards: the danger stands before everything else, and the command fails."""
    done = history.said["review of fewer shards"]
    assert done.returncode != 0
    page = done.stdout[done.stdout.index("# Review") :]
    first = page.index("Pending schedules in shards 2 to 3 would never be swept")
    assert page.index("## Dangers") < first < page.index("## Changes")
    assert "`shards-unswept`" in page[first : page.index("## Changes")]
