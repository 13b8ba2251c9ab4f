"""How the layers share two processors, and what is printed at the end."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A group for each folder of tests, run by one process, so that what it sets up is set up once.

    Those that apply come first, for they wait most of the time.
    """
    here = Path(__file__).parent
    for item in items:
        item.add_marker(pytest.mark.xdist_group(item.path.relative_to(here).parts[0]))
    items.sort(key=lambda item: not {"deploying", "end_to_end"} & {*item.path.parts})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of the deliberate bugs and what the model said of each, if they were tried."""
    properties = [pair for report in terminalreporter.getreports("passed") for pair in report.user_properties]
    caught = [value for name, value in properties if name == "deliberate bug"]
    if caught:
        width = max(len(name) for name, _ in caught)
        terminalreporter.write_sep("-", "deliberate bugs, and what the model says of them")
        for name, finding in caught:
            terminalreporter.write_line(f"{name:{width}}  {finding}")
