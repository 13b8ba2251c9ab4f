"""Read a plan as `terraform show -json` prints it into a small model that shows no sensitive value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

__all__ = [
    "POLICY_ATTRIBUTES",
    "UNKNOWN",
    "Change",
    "Further",
    "Plan",
    "PlanError",
    "Sensitive",
    "at",
    "is_blank",
    "parsed",
    "plan_from",
    "read_plan",
]

#: Terraform raises the major version of the format when readers of the earlier one would misunderstand it.
_FORMAT_MAJOR = "1"

_ACTIONS = {
    ("create",): "create",
    ("create", "delete"): "replace",
    ("create", "forget"): "replace",
    ("delete",): "destroy",
    ("delete", "create"): "replace",
    ("forget",): "forget",
    ("no-op",): "no-op",
    ("read",): "read",
    ("update",): "update",
}

#: The parts of a plan that are read, and their types.
_KINDS: dict[str, type] = {
    "action_invocations": list,
    "checks": list,
    "configuration": dict,
    "deferred_changes": list,
    "output_changes": dict,
    "resource_changes": list,
    "resource_drift": list,
    "variables": dict,
}

#: The attributes that hold a policy.
POLICY_ATTRIBUTES = ("assume_role_policy", "policy")

#: One step of a module's address, like `module.name["key"]`.
_MODULE = re.compile(r"module\.[^.\[]+(\[(\"(\\.|[^\"\\])*\"|\d+)\])?")

#: As terraform/variables.tf allows them.
_ENVIRONMENT = re.compile(r"[a-z][a-z0-9]{1,11}")

#: While one of a function's environment variables is unknown, the provider calls all of them unknown. A plan always
#: knows the root variables, and these have the same names in small letters.
_SETTINGS = ("DELAYER_PERIOD_SECONDS", "MAX_LATENESS_SECONDS", "SHARD_COUNT")


class PlanError(Exception):
    """The input is no plan that can be reviewed. The message, one line, is for the person at the terminal."""


class _Unknown:
    def __repr__(self) -> str:
        return "(known after apply)"


#: Stands for every value that is known only after the apply.
UNKNOWN = _Unknown()


@dataclass(frozen=True, slots=True)
class Sensitive:
    """Stands for a sensitive value, which can be compared with another and not shown."""

    _value: Any = field(repr=False)

    def __repr__(self) -> str:
        return "(sensitive)"


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one resource, or of one output.

    `before` and `after` are the attributes, empty while the resource doesn't exist. `forced_by` names the attributes
    that force a replacement.
    """

    address: str
    module: str
    mode: str
    type: str
    name: str
    action: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    forced_by: tuple[str, ...] = ()

    @property
    def exists(self) -> bool:
        """Whether the resource exists before the change."""
        return bool(self.before)

    @property
    def is_gone(self) -> bool:
        """Whether the change destroys the resource; a replacement does."""
        return self.action in ("destroy", "replace")

    def differs(self, path: str) -> bool:
        """Return whether an attribute changes, or may change."""
        old, new = at(self.before, path), at(self.after, path)
        return old != new and not (is_blank(old) and is_blank(new))

    def is_changed(self, path: str) -> bool:
        """Return whether an attribute of an existing resource changes, or may change."""
        return self.exists and self.differs(path)


@dataclass(frozen=True, slots=True)
class Further:
    """A fact in a plan beside the changes: its subject, its state, and the plan's own words about it, if any."""

    subject: str
    state: str
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan of one environment ("" if its configuration has none): the change of each resource and output.

    `settings` are the root variables that become settings of functions, by the name of the setting. `documents` are
    the policy documents that Terraform reads only when it applies, by the address and the attribute that they become.
    """

    environment: str
    is_complete: bool
    resources: tuple[Change, ...]
    outputs: tuple[Change, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    documents: Mapping[tuple[str, str], Change] = field(default_factory=dict)
    further: tuple[Further, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """The resources that change."""
        return tuple(change for change in self.resources if change.action not in ("no-op", "read"))

    @property
    def is_first(self) -> bool:
        """Whether no resource exists yet."""
        return not any(change.exists for change in self.resources if change.mode == "managed")

    def of_type(self, *types: str) -> Iterator[Change]:
        """Return the changed resources of some types."""
        return (change for change in self.changes if change.type in types)


def read_plan(text: str, source: str) -> Plan:
    """Read the output of `terraform show -json`. Raises PlanError, which names it as `source`."""
    try:
        document = json.loads(text)
    except (RecursionError, ValueError) as error:
        raise PlanError(f"{source} is not JSON, as terraform show -json prints it ({error})") from error
    return plan_from(document, source)


def plan_from(document: Any, source: str) -> Plan:
    """Return the plan in the parsed output of `terraform show -json`. Raises PlanError, which names it as `source`."""
    if not isinstance(document, dict) or "format_version" not in document:
        raise PlanError(f"{source} is not a plan as terraform show -json prints it: it has no format_version")
    version = str(document["format_version"])
    if version.partition(".")[0] != _FORMAT_MAJOR:
        raise PlanError(
            f"{source} is a plan in format {version}, of Terraform {document.get('terraform_version', 'unknown')}, "
            f"which is newer than this review: it reads format {_FORMAT_MAJOR}.x"
        )
    if "resource_changes" not in document:
        raise PlanError(f"{source} is not a plan: it has no resource_changes. Is it a state?")
    for name, kind in _KINDS.items():
        if name in document and not isinstance(document[name], kind):
            # Read as empty, it would make a plan that changes nothing.
            raise PlanError(
                f"{source} is not a plan as terraform show -json prints it: its {name} is not an "
                f"{'object' if kind is dict else 'array'}"
            )
    if document.get("errored"):
        raise PlanError(f"{source} is a plan that failed, so it doesn't hold every change: plan again")
    try:
        return _plan(document, source)
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise PlanError(f"{source} can't be read as a plan: {error!r} where something else is expected") from error


def at(values: Any, path: str) -> Any:
    """Return the value at a path like `environment.variables.SHARD_COUNT`, through the first block of each kind.

    None if there is none; UNKNOWN or Sensitive if the value, or a block around it, is.
    """
    for name in path.split("."):
        found = values[0] if isinstance(values, list) and values else values
        if found is UNKNOWN or isinstance(found, Sensitive):
            return found
        values = found.get(name) if isinstance(found, Mapping) else None
    return values


def is_blank(value: Any) -> bool:
    """Return whether a value counts as not set. Terraform and its provider use these values for one another."""
    return value is None or value in ("", [], {})


def parsed(value: Any) -> Any:
    """Return the value of a JSON text, None if it is no JSON; UNKNOWN or Sensitive if the text is."""
    if value is UNKNOWN or isinstance(value, Sensitive):
        return value
    try:
        return json.loads(value)
    except (RecursionError, TypeError, ValueError):
        return None


def _plan(document: dict[str, Any], source: str) -> Plan:
    resources = tuple(_resource(found) for found in document["resource_changes"])
    variables = document.get("variables", {})
    return Plan(
        environment=_environment(variables, source),
        is_complete=bool(document.get("complete", True)),
        resources=resources,
        outputs=tuple(_output(name, found) for name, found in sorted(document.get("output_changes", {}).items())),
        settings={name: variables[name.lower()]["value"] for name in _SETTINGS if name.lower() in variables},
        documents=dict(_documents(resources, document.get("configuration", {}).get("root_module", {}))),
        further=tuple(_further(document)),
    )


def _environment(variables: Mapping[str, Any], source: str) -> str:
    if "environment" not in variables:
        return ""
    found = variables["environment"]["value"]
    if not isinstance(found, str) or not _ENVIRONMENT.fullmatch(found):
        raise PlanError(f"{source} is for an environment named {str(found)[:20]!r}, which no environment can be named")
    return found


def _further(document: Mapping[str, Any]) -> Iterator[Further]:
    for found in document["resource_changes"]:
        if found.get("previous_address"):
            yield Further(found["address"], "was until now", str(found["previous_address"]))
        if found["change"].get("importing"):
            yield Further(found["address"], "is imported: it exists already, and Terraform manages it from now on")
    for found in document.get("resource_drift", ()):
        if found["change"]["actions"] == ["delete"]:
            yield Further(found["address"], "no longer exists, and Terraform did not destroy it")
    for found in document.get("checks", ()):
        if found["status"] in ("fail", "error"):
            yield Further(found["address"]["to_display"], "is a check that fails")
    for found in document.get("deferred_changes", ()):
        yield Further(found["resource_change"]["address"], "is deferred to a later plan:", str(found.get("reason")))
    for found in document.get("action_invocations", ()):
        yield Further(found["address"], "is an action that would run")


def _documents(resources: tuple[Change, ...], root: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Change]]:
    """Find the policies that are exactly one document which Terraform has not read yet."""
    unread = {change.address: change for change in resources if change.action == "read"}
    for change in resources:
        steps = [step[0] for step in _MODULE.finditer(change.module)]
        modules = [root]
        for step in steps:
            modules.append(_call(modules[-1], step).get("module", {}))
        for resource in modules[-1].get("resources", []):
            if (resource["type"], resource["name"]) == (change.type, change.name):
                for attribute in POLICY_ATTRIBUTES:
                    found = unread.get(
                        _document_address(steps, modules, resource.get("expressions", {}).get(attribute))
                    )
                    if found is not None:
                        yield (change.address, attribute), found


def _document_address(steps: list[str], modules: list[Mapping[str, Any]], expression: Any) -> str:
    """Return the address of the document that an expression is, or passes on from the calling module; "" if none."""
    named = (expression or {}).get("references", [])
    if steps and named and named[0].startswith("var."):
        passed = _call(modules[-2], steps[-1]).get("expressions", {}).get(named[0].removeprefix("var."))
        return _document_address(steps[:-1], modules[:-1], passed)
    # Terraform names the attribute first, then its resource: an expression that refers to more names more.
    if named and named[0].endswith(".json") and all(named[0].startswith(name) for name in named):
        return ".".join([*steps, named[0].removesuffix(".json")])
    return ""


def _call(module: Mapping[str, Any], step: str) -> Mapping[str, Any]:
    """Return the call of a module in the configuration of its caller; `step` is like `module.name["key"]`."""
    found: Mapping[str, Any] = module.get("module_calls", {}).get(step.split(".")[1].split("[", maxsplit=1)[0], {})
    return found


def _resource(found: dict[str, Any]) -> Change:
    change = found["change"]
    before, after = _values(change)
    for name in ("address", "mode", "type", "name"):
        if not isinstance(found[name], str):
            raise TypeError(f"{name} {found[name]!r}")
    return Change(
        address=found["address"],
        module=found.get("module_address") or "",
        mode=found["mode"],
        type=found["type"],
        name=found["name"],
        action=_ACTIONS[tuple(change["actions"])],
        before=_attributes(before),
        after=_attributes(after),
        forced_by=tuple(".".join(str(step) for step in path) for path in change.get("replace_paths", ())),
    )


def _output(name: str, change: dict[str, Any]) -> Change:
    before, after = _values(change)
    action = _ACTIONS[tuple(change["actions"])]
    return Change(f"output.{name}", "", "output", "output", name, action, {"value": before}, {"value": after})


def _attributes(values: Any) -> Mapping[str, Any]:
    """Return a resource's attributes; a resource that is unknown or sensitive as a whole has one, `(all)`."""
    if values is None:
        return {}
    return values if isinstance(values, dict) else {"(all)": values}


def _values(change: dict[str, Any]) -> tuple[Any, Any]:
    # A mark on one side counts on both, so that a value that becomes sensitive is not shown for the last time.
    marks = _union(change.get("before_sensitive", False), change.get("after_sensitive", False))
    after = _fill(change.get("after"), change.get("after_unknown", False))
    return _mask(change.get("before"), marks), _mask(after, marks)


def _union(one: Any, other: Any) -> Any:
    if one is True or other is True:
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        return {name: _union(one.get(name, False), other.get(name, False)) for name in {**one, **other}}
    if isinstance(one, list) and isinstance(other, list):
        return [_union(*pair) for pair in zip_longest(one, other, fillvalue=False)]
    if _is_marked(one) and _is_marked(other):
        return True
    return one if _is_marked(one) else other


def _is_marked(marks: Any) -> bool:
    """Return whether any value is marked: Terraform's marks are true, or an object or array that holds it."""
    if isinstance(marks, dict | list):
        return any(map(_is_marked, marks.values() if isinstance(marks, dict) else marks))
    return marks is True


def _mask(value: Any, marks: Any) -> Any:
    """Hide the parts of a value that are marked sensitive; the whole value if marks and value differ in shape."""
    if not _is_marked(marks) or value is None:
        return value
    if isinstance(marks, dict) and isinstance(value, dict):
        return {name: _mask(part, marks.get(name, False)) for name, part in value.items()}
    if isinstance(marks, list) and isinstance(value, list):
        return [_mask(part, marks[index] if index < len(marks) else True) for index, part in enumerate(value)]
    return Sensitive(value)


def _fill(value: Any, marks: Any) -> Any:
    """Put UNKNOWN into a value where it is marked as known only after the apply."""
    if marks is True:
        return UNKNOWN
    if isinstance(marks, dict) and (value is None or isinstance(value, dict)):
        known = value or {}
        names = [*known, *(name for name in marks if name not in known and _is_marked(marks[name]))]
        filled = {name: _fill(known.get(name), marks.get(name, False)) for name in names}
        return filled if filled or value is not None else None
    if isinstance(marks, list) and isinstance(value, list):
        return [_fill(part, mark) for part, mark in zip_longest(value, marks)]
    return value
