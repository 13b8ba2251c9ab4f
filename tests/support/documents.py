"""Examples in the documents, as a reader pastes them."""

from __future__ import annotations

from pathlib import Path

__all__ = ["ROOT", "cancel_command", "example"]

ROOT = Path(__file__).parents[2]


def example(page: str, heading: str, language: str) -> str:
    """Return the first block of code in a language below a heading of a page."""
    _, found, text = (ROOT / page).read_text(encoding="utf-8").partition(f"## {heading}\n")
    _, opened, code = text.partition(f"```{language}\n")
    assert found, f"{page} has no heading {heading}"
    assert opened, f"{page} has no {language} below {heading}"
    return code.partition("```")[0]


def cancel_command(schedule_id: str) -> str:
    """Return the commands that cancel a schedule, with its scheduleId in place of the example's."""
    first, _, rest = example("docs/api.md", "Cancel", "sh").partition("\n")
    assert first.startswith("SCHEDULE_ID=")
    return f"SCHEDULE_ID={schedule_id}\n{rest}"
