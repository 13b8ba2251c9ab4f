"""Options of the tests, how processes share them, how signals reach them, and a table at the end."""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tools.processes import hear_interrupts

#: Folders whose tests share a slow setup: one process runs each. They come first, in this order, because two of them
#: apply Terraform and wait most of the time.
_TOGETHER = ("deploying", "end_to_end", "plan", "packages")
#: Folders of slow tests without a setup: any process runs any test. In all other folders, one process runs a file.
_APART = ("model",)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that `make soak` sets."""
    group = parser.getgroup("model", "the model of the delayer (tests/model/test_model.py)")
    group.addoption("--model-runs", type=int, default=1_000, help="number of runs (default: 1000)")
    group.addoption("--model-seed", type=int, default=1, help="seed of the first 250 runs (default: 1)")


def _scope(nodeid: str) -> str:
    path = nodeid.partition("::")[0]
    folder = path.split("/")[1]
    if folder in _TOGETHER:
        return folder
    return nodeid if folder in _APART else path


class _Schedule(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """Assigns tests to processes. xdist's own mark for groups has no effect with pytest 9.2."""

    def _split_scope(self, nodeid: str) -> str:
        return _scope(nodeid)


def pytest_configure() -> None:
    """Let SIGINT end the tests and their processes, even if the test run is a background job."""
    hear_interrupts()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Return our scheduler."""
    return _Schedule(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the folders with a slow setup first."""
    order = {name: number for number, name in enumerate(_TOGETHER)}
    items.sort(key=lambda item: order.get(_scope(item.nodeid), len(order)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the deliberate bugs and the model's finding for each, if they were tried."""
    properties = [pair for report in terminalreporter.getreports("passed") for pair in report.user_properties]
    caught = [value for name, value in properties if name == "deliberate bug"]
    if caught:
        width = max(len(name) for name, _ in caught)
        terminalreporter.write_sep("-", "deliberate bugs, and how the model noticed them")
        for name, finding in caught:
            terminalreporter.write_line(f"{name:{width}}  {finding}")
