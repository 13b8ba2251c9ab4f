"""What make dangers takes for a right review."""

from __future__ import annotations

import pytest

from tests.deploying.every_danger import fault

_DANGERS = "# Review\n\n## Dangers\n\n1. `table-destroyed` at `{}`\n"
_COUNTS = "| create | update | replace | destroy |\n"
_TABLE = "module.schedule_table.aws_dynamodb_table.schedules"
_MISSING = "it doesn't tell of recovery-shortened"


@pytest.mark.parametrize(
    ("name", "status", "page", "said"),
    [
        ("unchanged", 0, _COUNTS, None),
        ("unchanged", 1, "", "it ended with 1"),
        ("unchanged", 0, _DANGERS + _COUNTS, "it tells of a danger"),
        ("recovery_shortened", 0, _COUNTS, "it ended with 0"),
        ("recovery_shortened", 2, f"## Dangers\n`recovery-shortened` at `{_TABLE}`\n{_COUNTS}", None),
        ("recovery_shortened", 2, _COUNTS + _DANGERS, "the dangers don't come first"),
        ("recovery_shortened", 2, _DANGERS.format(_TABLE) + _COUNTS, _MISSING),
        ("recovery_shortened", 2, f"## Dangers\n`recovery-shortened` at `x`\n{_COUNTS}", _MISSING),
    ],
)  # fmt: skip
def test_fault(name: str, status: int, page: str, said: str | None) -> None:
    """The exit status, every expected danger with its address before the counts, and none where none is expected."""
    assert fault(name, status, page) == said
