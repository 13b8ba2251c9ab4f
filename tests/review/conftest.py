"""The plans that are kept, as the review reads them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.review.real_plans import kept_plan
from tests.support.property_tests import use_profile
from tools.review.plan import Plan, read_plan

use_profile()

type ReadScenario = Callable[[str], Plan]


@pytest.fixture(scope="session")
def scenario() -> ReadScenario:
    """A scenario's plan, by its name in scenarios.py."""
    return lambda name: read_plan(kept_plan(name), name)
