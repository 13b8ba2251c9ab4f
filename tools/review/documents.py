"""Find the policy document that a policy is, while Terraform reads the document only when it applies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tools.review.plan import Change

#: The attributes that hold a policy.
POLICY_ATTRIBUTES = ("assume_role_policy", "policy")

#: One step of a module's address, like `module.name["key"]`.
_STEP = re.compile(r"module\.[^.\[]+(\[(\"(\\.|[^\"\\])*\"|\d+)\])?")


def documents(resources: tuple[Change, ...], root: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Change]]:
    """Return each policy that is exactly one unread document, by its address and attribute, with the document."""
    unread = {change.address: change for change in resources if change.action == "read"}
    if not unread:
        return
    found_modules: dict[str, tuple[list[str], list[Mapping[str, Any]]]] = {}
    declared: dict[int, dict[tuple[str, str], Mapping[str, Any]]] = {}
    for change in resources:
        if change.module not in found_modules:
            steps = [step[0] for step in _STEP.finditer(change.module)]
            modules = [root]
            for step in steps:
                modules.append(_call(modules[-1], step).get("module") or {})
            found_modules[change.module] = steps, modules
        steps, modules = found_modules[change.module]
        # Instances of a module share its configuration.
        if id(modules[-1]) not in declared:
            resources_of = modules[-1].get("resources") or ()
            declared[id(modules[-1])] = {(each["type"], each["name"]): each for each in resources_of}
        named = declared[id(modules[-1])]
        expressions = named.get((change.type, change.name), {}).get("expressions") or {}
        for attribute in POLICY_ATTRIBUTES:
            found = unread.get(_address(steps, modules, expressions.get(attribute)))
            if found is not None:
                yield (change.address, attribute), found


def _address(steps: list[str], modules: list[Mapping[str, Any]], expression: Any) -> str:
    """Return the address of the document that an expression is, or passes on from the calling module; "" if none."""
    named = (expression or {}).get("references") or []
    if steps and named and named[0].startswith("var."):
        passed = (_call(modules[-2], steps[-1]).get("expressions") or {}).get(named[0].removeprefix("var."))
        return _address(steps[:-1], modules[:-1], passed)
    # Terraform names the attribute first, then its resource: an expression that refers to more names more.
    if named and named[0].endswith(".json") and all(named[0].startswith(name) for name in named):
        return ".".join([*steps, named[0].removesuffix(".json")])
    return ""


def _call(module: Mapping[str, Any], step: str) -> Mapping[str, Any]:
    """Return the call of a module in the configuration of its caller; `step` is like `module.name["key"]`."""
    name = step.split(".")[1].split("[", maxsplit=1)[0]
    found: Mapping[str, Any] = (module.get("module_calls") or {}).get(name, {})
    return found
