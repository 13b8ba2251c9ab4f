"""How processes share the tests, how signals reach them, and what is printed at the end."""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tools.processes import hear_interrupts

#: Folders whose tests share what takes long to set up: each is run by one process. Of the others, each file is. They
#: come first, in this order: two of them apply, and wait most of the time.
_TOGETHER = ("deploying", "end_to_end", "plan", "packages")


def _scope(nodeid: str) -> str:
    parts = nodeid.partition("::")[0].split("/")
    return parts[1] if parts[1] in _TOGETHER else "/".join(parts)


class _Schedule(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """Which process runs what. xdist's own mark for groups does nothing with pytest 9.2: it is lost on the way."""

    def _split_scope(self, nodeid: str) -> str:
        return _scope(nodeid)


def pytest_configure() -> None:
    """Let SIGINT end the tests and the processes that they start, even if the test run is a background job."""
    hear_interrupts()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Schedule so."""
    return _Schedule(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put those that are together first."""
    order = {name: number for number, name in enumerate(_TOGETHER)}
    items.sort(key=lambda item: order.get(_scope(item.nodeid), len(order)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of the deliberate bugs and what the model said of each, if they were tried."""
    properties = [pair for report in terminalreporter.getreports("passed") for pair in report.user_properties]
    caught = [value for name, value in properties if name == "deliberate bug"]
    if caught:
        width = max(len(name) for name, _ in caught)
        terminalreporter.write_sep("-", "deliberate bugs, and what the model says of them")
        for name, finding in caught:
            terminalreporter.write_line(f"{name:{width}}  {finding}")
