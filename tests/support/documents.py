"""Examples in the documents, as a reader pastes them."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]

#: Every page of the documentation, by its path in the repository.
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in (".", "docs", "terraform", "examples", "tools", "build", "bench")
    for path in (ROOT.glob("*.md") if folder == "." else (ROOT / folder).rglob("*.md"))
    if not path.is_relative_to(ROOT / "build" / "work") and ".terraform" not in path.parts
)


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
