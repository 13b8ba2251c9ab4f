"""Environments differ by their tfvars and their names, and by nothing else; all get the same packages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.plan.planned import of_type
from tools.deploy.environments import read_differences, read_values
from tools.project import deployed_environments, environments


def planned(plan: Any, environment: str) -> Any:
    """All that is planned, with the environment's name taken out."""
    assert plan.resource_changes
    text = json.dumps([plan.resource_changes, plan.output_changes], sort_keys=True)
    for name in (f"delayer-{environment}", f'"Environment": "{environment}"'):
        assert name in text
        text = text.replace(name, name.replace(environment, "ENVIRONMENT"))
    return json.loads(text)


@pytest.mark.parametrize("environment", [name for name in environments() if name != "prod"])
def test_environments_differ_in_their_variables_only(make_plan: Any, environment: str) -> None:
    """With prod's values where they differ, an environment is prod under another name, the local one too.

    So no condition on the name does in prod what was never tried before it.
    """
    prod = read_values("prod")
    given = {name: json.dumps(prod[name]) for name in read_differences([environment, "prod"])}
    assert planned(make_plan(environment, **given), environment) == planned(make_plan("prod"), "prod")


def test_every_difference_shows_in_the_plans(make_plan: Any) -> None:
    """The comparison above can fail: as they are, the environments' plans do differ."""
    plans = [planned(make_plan(environment), environment) for environment in deployed_environments()]
    assert all(plans.count(plan) == 1 for plan in plans)


def test_promotion_is_the_same_zips(make_plan: Any) -> None:
    """One commit's packages are planned with the same hashes in every environment."""
    hashes = [
        {
            found["handler"]: found["source_code_hash"]
            for found in of_type(make_plan(name), "aws_lambda_function").values()
        }
        for name in deployed_environments()
    ]
    assert len(hashes[0]) == 3
    assert all(found == hashes[0] for found in hashes)
