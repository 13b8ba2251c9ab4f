"""Read and write the kept plans: what Terraform planned for each scenario, without what all of them repeat.

`applied/` holds the state that the plans start from, `plans/` a plan a scenario, each a resource a line. A kept plan
leaves out resources that stay, the values before a change (they are the state's), and the values after it that stay.
Reading puts them back.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.review.scenarios import SCENARIOS, Scenario
from tools.review.plan import POLICY_ATTRIBUTES, Plan, plan_from

PLANS = Path(__file__).parents[2] / "tools" / "review" / "plans"

APPLIED = PLANS.parent / "applied"

#: A plan of another root.
BOOTSTRAP = PLANS.parent / "other_plans" / "bootstrap.json"

#: Plans of an earlier configuration and of other roots, cut to what changes: by name.
FOUND_PLANS = PLANS.parent / "other_plans" / "found.json"

#: The scenario without a change. Beside resources, the other plans keep only members that differ from its plan.
_BASE = "unchanged"

_GONE = (["delete"], ["forget"])

#: A resource's address, taken apart.
_ADDRESS = re.compile(
    r"(?:(?P<module_address>module\..+?)\.)?(?P<data>data\.)?(?!module\.)(?P<type>[a-z]\w+)\.(?P<name>[\w-]+)(?:\[(?P<index>.+)\])?"
)

#: The variables that the review reads.
_VARIABLES = ("delayer_period_seconds", "environment", "max_lateness_seconds", "shard_count")

_COPIED = ("applyable", "complete", "errored", "format_version", "terraform_version")


def kept_plan(name: str) -> dict[str, Any]:
    """Return a scenario's plan as `terraform show -json` prints it, parsed."""
    return unpack(kept_packed(name), SCENARIOS[name])


def scenario(name: str) -> Plan:
    """Return a scenario's plan as the review reads it."""
    document = kept_plan(name)
    return plan_from(document, name, packages_of(document))


def packages_of(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the packages that were built for a plan: those that its functions would have."""
    functions = [found["change"]["after"] or {} for found in document["resource_changes"]]
    return {Path(each["filename"]).name: each["source_code_hash"] for each in functions if each.get("filename")}


def changed(name: str, address: str, **values: Any) -> Plan:
    """Return a scenario's plan in which some values of one resource are others; `after={"timeout": 3}`."""
    document = kept_plan(name)
    (change,) = [found["change"] for found in document["resource_changes"] if found["address"] == address]
    for side, value in values.items():
        change[side].update(value)
    return plan_from(document, name)


def kept_packed(name: str) -> dict[str, Any]:
    """Return a scenario's plan as it is kept, packed."""
    return _read(_BASE) | _read(name)


def kept_text(name: str) -> str:
    """Return a scenario's plan as `terraform show -json` prints it."""
    return json.dumps(kept_plan(name))


def write_kept(name: str, packed: Mapping[str, Any]) -> None:
    """Write a scenario's packed plan. The base has to be written before the others."""
    base = {} if name == _BASE else _read(_BASE)
    write_lines(PLANS / f"{name}.json", {key: value for key, value in packed.items() if base.get(key) != value})


def write_lines(path: Path, document: Mapping[str, Any]) -> None:
    """Write an object as JSON: a member a line, and an item a line where the member is a list."""
    members = []
    for key, value in sorted(document.items()):
        text = json.dumps(value, sort_keys=True)
        if isinstance(value, list) and value:
            text = "[\n" + ",\n".join(json.dumps(item, sort_keys=True) for item in value) + "\n]"
        members.append(f"{json.dumps(key)}: {text}")
    path.write_text("{\n" + ",\n".join(members) + "\n}\n", encoding="utf-8")


def applied_state(scenario: Scenario) -> dict[str, Any] | None:
    """Return the state that a scenario is planned against; None before the first apply.

    The states `capacity`, `jwt` and `topic` are prod's, with the resources that they keep in the place of prod's.
    """
    if scenario.applied == "nothing":
        return None
    state: dict[str, Any] = json.loads((APPLIED / "prod.json").read_text(encoding="utf-8"))
    others = []
    if scenario.applied != "prod":
        others = json.loads((APPLIED / f"{scenario.applied}.json").read_text(encoding="utf-8"))["resources"]
    replaced = [*map(_resource_address, others), *scenario.missing]
    state["resources"] = [found for found in state["resources"] if _resource_address(found) not in replaced] + others
    return state


def pack(plan: Mapping[str, Any], scenario: Scenario) -> dict[str, Any]:
    """Reduce a plan to what the review reads and the state doesn't hold."""
    values = _state_values(scenario)
    changes = sorted(plan["resource_changes"], key=lambda found: str(found["address"]))
    return {
        **{name: plan[name] for name in _COPIED},
        "configuration": {"root_module": _policies(plan["configuration"]["root_module"])},
        "output_changes": {
            name: change for name, change in plan["output_changes"].items() if change["actions"] != ["no-op"]
        },
        "resource_changes": [_pack_change(found, values) for found in changes if _is_change(found)],
        "variables": {name: plan["variables"][name] for name in _VARIABLES},
    }


def unpack(packed: Mapping[str, Any], scenario: Scenario) -> dict[str, Any]:
    """Put back what packing left out, resources that stay among it."""
    values = _state_values(scenario)
    changes = [_unpack_change(found, values) for found in packed["resource_changes"]]
    known = {address for found in changes for address in (found["address"], found.get("previous_address"))}
    stays = ({"address": address, "actions": ["no-op"]} for address in values if address not in known)
    changes += [_unpack_change(found, values) for found in stays]
    return {**packed, "resource_changes": sorted(changes, key=lambda found: str(found["address"]))}


def instance_address(resource: Mapping[str, Any], instance: Mapping[str, Any]) -> str:
    """Return the address of a resource's instance in a state."""
    index = f"[{json.dumps(instance['index_key'])}]" if "index_key" in instance else ""
    return f"{_resource_address(resource)}{index}"


def _read(name: str) -> dict[str, Any]:
    return dict(json.loads((PLANS / f"{name}.json").read_text(encoding="utf-8")))


def _resource_address(resource: Mapping[str, Any]) -> str:
    return ".".join(filter(None, (resource.get("module"), resource["type"], resource["name"])))


def _state_values(scenario: Scenario) -> dict[str, dict[str, Any]]:
    """Return the attributes of each applied resource, by address."""
    values = {}
    for resource in (applied_state(scenario) or {"resources": []})["resources"]:
        for instance in resource["instances"]:
            values[instance_address(resource, instance)] = instance["attributes"]
    return values


def _is_change(found: Mapping[str, Any]) -> bool:
    return found["change"]["actions"] != ["no-op"] or "previous_address" in found or "importing" in found["change"]


def _pack_change(found: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    change = found["change"]
    before = values.get(found.get("previous_address", found["address"]))
    assert change["before"] == before, f"{found['address']} differs from the state"
    packed = {
        "address": found["address"],
        "actions": change["actions"],
        **{name: found[name] for name in ("deposed", "previous_address") if name in found},
        **{name: change[name] for name in ("importing", "replace_paths") if name in change},
    }
    if change["after"] is not None:
        old = before or {}
        packed["after"] = {
            name: value for name, value in change["after"].items() if name not in old or old[name] != value
        }
    for name in ("after_unknown", "before_sensitive", "after_sensitive"):
        if marks := _marked(change[name]):
            packed[name] = marks
    return packed


def _unpack_change(packed: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    parts = _ADDRESS.fullmatch(packed["address"])
    assert parts, packed["address"]
    before = copy.deepcopy(values.get(packed.get("previous_address", packed["address"])))
    unknown = packed.get("after_unknown", {})
    change = {
        "actions": packed["actions"],
        "before": before,
        "after": None
        if packed["actions"] in _GONE
        else {name: value for name, value in copy.deepcopy(before or {}).items() if unknown.get(name) is not True}
        | packed.get("after", {}),
        "after_unknown": unknown,
        "before_sensitive": packed.get("before_sensitive", {}),
        "after_sensitive": packed.get("after_sensitive", {}),
        **{name: packed[name] for name in ("importing", "replace_paths") if name in packed},
    }
    found = {"address": packed["address"], "type": parts["type"], "name": parts["name"], "change": change}
    found["mode"] = "data" if parts["data"] else "managed"
    if parts["module_address"]:
        found["module_address"] = parts["module_address"]
    if parts["index"]:
        found["index"] = json.loads(parts["index"])
    return found | {name: packed[name] for name in ("deposed", "previous_address") if name in packed}


def _marked(marks: Any) -> Any:
    """Return the marks without the objects and arrays in which nothing is marked."""
    if isinstance(marks, dict):
        return {name: found for name, part in marks.items() if (found := _marked(part))}
    if isinstance(marks, list):
        parts = [_marked(part) or False for part in marks]
        return parts if any(parts) else []
    return marks


def _policies(module: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the policies in a module's configuration refer to."""
    resources = [
        {
            "type": resource["type"],
            "name": resource["name"],
            "expressions": {name: resource["expressions"][name] for name in named},
        }
        for resource in module.get("resources", [])
        if (named := [name for name in POLICY_ATTRIBUTES if name in resource.get("expressions", {})])
    ]
    calls = {
        name: {"expressions": _documents(call.get("expressions", {})), "module": _policies(call["module"])}
        for name, call in module.get("module_calls", {}).items()
    }
    return {"module_calls": calls, "resources": resources}


def _documents(expressions: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a module's call that are policy documents."""
    return {
        name: found
        for name, found in expressions.items()
        if isinstance(found, dict) and found.get("references", [""])[0].endswith(".json")
    }
