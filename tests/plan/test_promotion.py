"""Environments differ only in their tfvars and names, and all get the same packages."""

import json
from typing import Any

import pytest

from tests.plan.planned import of_type
from tools.deploy.environments import read_differences, read_values
from tools.project import deployed_environments, environments, functions


def planned(plan: Any, environment: str) -> Any:
    """Return everything that is planned, without the environment's name."""
    assert plan.resource_changes
    text = json.dumps([plan.resource_changes, plan.output_changes], sort_keys=True)
    for name in (f"delayer-{environment}", f'"Environment": "{environment}"'):
        assert name in text
        text = text.replace(name, name.replace(environment, "ENVIRONMENT"))
    return json.loads(text)


@pytest.mark.parametrize("environment", [name for name in environments() if name != "prod"])
def test_environments_differ_only_in_variables(make_plan: Any, environment: str) -> None:
    """With prod's values, every environment plans the same as prod under another name, the local one too.

    So no condition on the name has an effect in prod that was never tried before.
    """
    prod = read_values("prod")
    given = {name: json.dumps(prod[name]) for name in read_differences([environment, "prod"])}
    assert planned(make_plan(environment, **given), environment) == planned(make_plan("prod"), "prod")


def test_differences_show_in_the_plans(make_plan: Any) -> None:
    """The comparison above can fail: unchanged, the plans of the environments differ."""
    plans = [planned(make_plan(environment), environment) for environment in deployed_environments()]
    assert all(plans.count(plan) == 1 for plan in plans)


def test_all_environments_get_the_same_zips(make_plan: Any) -> None:
    """The packages of one commit have the same hashes in every plan."""
    hashes = [
        {
            found["handler"]: found["source_code_hash"]
            for found in of_type(make_plan(name), "aws_lambda_function").values()
        }
        for name in deployed_environments()
    ]
    assert len(hashes[0]) == len(functions())
    assert all(found == hashes[0] for found in hashes)
