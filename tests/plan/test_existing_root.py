"""The example in examples/existing-root: the module under another name, with its root's provider and backend."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from tools.deploy.plan import NO_CREDENTIALS
from tools.project import CONFIGURATION, ROOT, functions
from tools.review.plan import plan_from
from tools.review.review import find_dangers
from tools.terraform import LOCAL_STATE, Workspace, process_variables


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the plan of the example, without an AWS account."""
    checkout = tmp_path_factory.mktemp("checkout")
    (checkout / "terraform").symlink_to(CONFIGURATION)
    packages = checkout / "build" / "dist"
    packages.mkdir(parents=True)
    for name in functions():
        (packages / f"{name}.zip").write_bytes(b"a plan only reads the hash")
    root = shutil.copytree(ROOT / "examples" / "existing-root", checkout / "examples" / "existing-root")
    shutil.copy(CONFIGURATION / ".terraform.lock.hcl", root)
    (root / "local_override.tf").write_text(LOCAL_STATE)
    workspace = Workspace("prod", root, (), process_variables(NO_CREDENTIALS, is_on_aws=False))
    workspace.init()
    workspace.read("plan", "-input=false", "-out=plan")
    return workspace.read_json("show", "-json", "plan")


def addresses(changes: list[Any], module: str) -> set[str]:
    """Return the addresses of the resources, relative to a module."""
    return {change["address"].removeprefix(module) for change in changes if change["mode"] == "managed"}


def test_example_plans_the_whole_delayer(example: Any, make_plan: Any) -> None:
    """With two inputs it creates the resources of an environment that leaves every other setting to its default."""
    own = make_plan("prod", shard_count="16", sweep_workers="1").resource_changes.values()
    assert addresses(example["resource_changes"], "module.scheduler.") == addresses(list(own), "module.delayer.")
    names = {change["change"]["after"].get("function_name") for change in example["resource_changes"]}
    assert {f"delayer-prod-{name}" for name in functions()} <= names


def test_example_has_the_provider_and_backend_of_its_root(example: Any) -> None:
    """No module configures a provider, and no resource has the tags of our root."""
    assert set(example["configuration"]["provider_config"]) == {"aws"}
    assert not any(change["change"]["after"].get("tags_all") for change in example["resource_changes"])


def test_review_judges_the_plan_of_another_root(example: Any) -> None:
    """The review finds functions and stores under any name of the module, and a first plan destroys nothing."""
    destroyed = {**example, "resource_changes": [_destroy(change) for change in example["resource_changes"]]}
    assert not list(find_dangers(plan_from(example, "plan")))
    found = {danger.address for danger in find_dangers(plan_from(destroyed, "plan"))}
    assert "module.scheduler.module.schedule_table.aws_dynamodb_table.schedules" in found
    assert "module.scheduler.module.delayer_queue.aws_sqs_queue.delayer" in found


def _destroy(change: dict[str, Any]) -> dict[str, Any]:
    before = change["change"]["after"]
    return {**change, "change": {"actions": ["delete"], "before": before, "after": None}}
