"""Commands of README.md, as a reader pastes them."""

from __future__ import annotations

from pathlib import Path

__all__ = ["cancel_command"]

_README = Path(__file__).parents[2] / "README.md"


def cancel_command(schedule_id: str) -> str:
    """The commands that cancel a schedule, with its scheduleId in the place of the example's."""
    text = _README.read_text(encoding="utf-8")
    command = text.partition("**To cancel**")[2].partition("```sh\n")[2].partition("```")[0]
    example, _, rest = command.partition("\n")
    assert example.startswith("SCHEDULE_ID=")
    return f"SCHEDULE_ID={schedule_id}\n{rest}"
