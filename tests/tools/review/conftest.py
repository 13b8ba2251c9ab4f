"""The plans that are kept, as the review reads them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.property_tests import use_profile
from tests.tools.review.real_plans import kept_plan
from tools.review.plan import Plan, read_plan

use_profile()

type ReadScenario = Callable[[str], Plan]


def changed(name: str, address: str, **values: Any) -> Plan:
    """A real plan with some planned values of one resource set otherwise."""
    document = json.loads(kept_plan(name))
    (change,) = [found["change"] for found in document["resource_changes"] if found["address"] == address]
    for side, value in values.items():
        change[side].update(value)
    return read_plan(json.dumps(document), name)


@pytest.fixture(scope="session")
def scenario() -> ReadScenario:
    """A scenario's plan, by its name in scenarios.py."""
    return lambda name: read_plan(kept_plan(name), name)
