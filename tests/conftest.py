"""How the layers share two processors: each is run by one process, so that what it sets up is set up once."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A group for each folder of tests; the end-to-end tests come first, for they wait most of the time."""
    here = Path(__file__).parent
    for item in items:
        item.add_marker(pytest.mark.xdist_group(item.path.relative_to(here).parts[0]))
    items.sort(key=lambda item: "end_to_end" not in item.path.parts)
