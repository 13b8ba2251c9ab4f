"""The kept plans are what Terraform says: some are made anew, with nothing of AWS."""

from __future__ import annotations

import json

import pytest

from tests.tools.review.real_plans import Planner, kept_plan
from tests.tools.review.scenarios import SCENARIOS


@pytest.fixture(scope="module")
def planner(tmp_path_factory: pytest.TempPathFactory) -> Planner:
    """Terraform in a folder of its own."""
    return Planner(tmp_path_factory.mktemp("fresh"))


@pytest.mark.parametrize("name", ["unchanged", "shards_lowered", "queues_replaced", "sensitive"])
def test_the_kept_plan_is_terraforms(planner: Planner, name: str) -> None:
    """Against the kept state, Terraform plans today what is kept. If not: python -m tests.tools.review.real_plans."""
    fresh, kept = planner.plan(SCENARIOS[name]), json.loads(kept_plan(name))
    # Another version of Terraform is fine, as long as it says the same.
    for plan in (fresh, kept):
        del plan["terraform_version"], plan["format_version"]
    assert json.loads(json.dumps(fresh)) == kept
