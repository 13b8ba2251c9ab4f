"""Kept plans are what Terraform plans today: `pytest tests/tools/review/test_fresh.py --write=plans` writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.review.kept_plans import BOOTSTRAP, kept_packed, pack, unpack, write_kept, write_lines
from tests.support.review.planner import Planner, plan_bootstrap, write_states
from tests.support.review.scenarios import SCENARIOS

#: Enough to notice that Terraform plans otherwise; all of them take minutes.
_COMPARED = ("unchanged", "shards_lowered", "queues_replaced", "sensitive")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Plan every scenario when the plans are to be written."""
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", SCENARIOS if _is_writing(metafunc.config) else _COMPARED)


def _is_writing(config: pytest.Config) -> bool:
    return config.getoption("--write", default=None) in ("plans", "state")


@pytest.fixture(scope="module")
def planner(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Planner:
    """Terraform in a folder of its own, after the state was made anew if that is asked for."""
    if pytestconfig.getoption("--write", default=None) == "state":
        write_states(tmp_path_factory.mktemp("state"))
    return Planner(tmp_path_factory.mktemp("fresh"))


def test_kept_plan_is_what_terraform_plans_today(planner: Planner, pytestconfig: pytest.Config, name: str) -> None:
    """Terraform plans it against the kept state, and unpacking restores every change."""
    fresh = planner.plan(SCENARIOS[name])
    packed = pack(fresh, SCENARIOS[name])
    if _is_writing(pytestconfig):
        write_kept(name, packed)
    assert _essence(packed) == _essence(kept_packed(name))
    assert _changes(unpack(packed, SCENARIOS[name])) == _changes(fresh)


def test_kept_bootstrap_plan_is_what_terraform_plans_today(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """It is a first apply of terraform/bootstrap/, cut to two resources."""
    fresh = plan_bootstrap(tmp_path / "bootstrap")
    if _is_writing(pytestconfig):
        write_lines(BOOTSTRAP, fresh)
    assert _essence(fresh) == _essence(json.loads(BOOTSTRAP.read_text(encoding="utf-8")))


def _essence(plan: dict[str, Any]) -> dict[str, Any]:
    """Leave out the versions: another Terraform is fine as long as it plans the same."""
    return {name: value for name, value in plan.items() if name not in ("format_version", "terraform_version")}


def _changes(plan: dict[str, Any]) -> dict[str, Any]:
    return {
        found["address"]: [found["type"], found["name"], found["mode"], found.get("module_address")]
        + [found["change"][name] for name in ("actions", "before", "after")]
        for found in plan["resource_changes"]
    }
