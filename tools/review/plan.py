"""A plan as `terraform show -json` prints it, read into a small model in which no sensitive value can be shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
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

#: Terraform raises the major version of the format for what a reader of the earlier one would misunderstand.
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

#: What is read of a plan, and as what.
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

#: As terraform/modules/delayer/variables.tf allows them.
_ENVIRONMENT = re.compile(r"[a-z][a-z0-9]{1,11}")

#: If one of a function's variables is known only after the apply, the provider says so of all of them. These are root
#: variables of the same name in small letters, whose values a plan always knows.
_SETTINGS = ("DELAYER_PERIOD_SECONDS", "MAX_LATENESS_SECONDS", "SHARD_COUNT")


class PlanError(Exception):
    """What was given is no plan that can be reviewed. The message is for the person at the terminal, in one line."""


class _Unknown:
    def __repr__(self) -> str:
        return "(known after apply)"


#: In the place of every value that is known only after the apply.
UNKNOWN = _Unknown()


@dataclass(frozen=True, slots=True)
class Sensitive:
    """In the place of a sensitive value: it can be compared with another, and not shown."""

    _value: Any = field(repr=False)

    def __repr__(self) -> str:
        return "(sensitive)"


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one resource, or of one output.

    `before` and `after` are the attributes, empty where there is no resource. `forced_by` names what forces a
    replacement.
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
        """Whether there is something already that this changes."""
        return bool(self.before)

    @property
    def is_gone(self) -> bool:
        """Whether what there is would be destroyed; a replacement destroys it too."""
        return self.action in ("destroy", "replace")

    def differs(self, path: str) -> bool:
        """Whether an attribute becomes another, or may."""
        old, new = at(self.before, path), at(self.after, path)
        return old != new and not (is_blank(old) and is_blank(new))

    def is_changed(self, path: str) -> bool:
        """Whether an attribute of what is there already becomes another, or may."""
        return self.exists and self.differs(path)


@dataclass(frozen=True, slots=True)
class Further:
    """What a plan says beside the changes: of what, what it is, and in which words of its own, if any."""

    subject: str
    said: str
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan: of which environment ("" if its configuration knows none), and what becomes of each resource and output.

    `settings` are the root variables that functions are told, by the name they are told under. `documents` are the
    policy documents that Terraform will read only when it applies, by address and attribute of what they are for.
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
        """The resources that are changed."""
        return tuple(change for change in self.resources if change.action not in ("no-op", "read"))

    @property
    def is_first(self) -> bool:
        """Whether there is nothing yet, and all would be created."""
        return not any(change.exists for change in self.resources if change.mode == "managed")

    def of_type(self, *types: str) -> Iterator[Change]:
        """The changed resources of some types."""
        return (change for change in self.changes if change.type in types)


def read_plan(text: str, source: str) -> Plan:
    """Read what `terraform show -json` printed; `source` names it in messages. Raises PlanError."""
    try:
        document = json.loads(text)
    except (RecursionError, ValueError) as error:
        raise PlanError(f"{source} is not JSON, so not a plan as terraform show -json prints it ({error})") from error
    return plan_from(document, source)


def plan_from(document: Any, source: str) -> Plan:
    """The plan in what `terraform show -json` printed, parsed; `source` names it in messages. Raises PlanError."""
    if not isinstance(document, dict) or "format_version" not in document:
        raise PlanError(f"{source} is not a plan as terraform show -json prints it: it names no format_version")
    version = str(document["format_version"])
    if version.partition(".")[0] != _FORMAT_MAJOR:
        raise PlanError(
            f"{source} is a plan in format {version}, of Terraform {document.get('terraform_version', 'unknown')}, "
            f"which is newer than this review: it reads format {_FORMAT_MAJOR}.x"
        )
    if "resource_changes" not in document:
        raise PlanError(f"{source} is not a plan: it says of no resource what becomes of it. Is it a state?")
    for name, kind in _KINDS.items():
        if name in document and not isinstance(document[name], kind):
            # Taken for an empty one, it would be a plan that changes nothing.
            raise PlanError(
                f"{source} is not a plan as terraform show -json prints it: its {name} is no "
                f"{'object' if kind is dict else 'array'}"
            )
    if document.get("errored"):
        raise PlanError(f"{source} is of a plan that failed: what it holds is not all that would happen")
    try:
        return _plan(document, source)
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise PlanError(
            f"{source} is not a plan that can be read: {error!r} where something else is expected"
        ) from error


def at(values: Any, path: str) -> Any:
    """The value at a path like `environment.variables.SHARD_COUNT`, each block being the first of its kind.

    None if there is none; UNKNOWN or Sensitive if the value, or all of what it would be in, is.
    """
    for name in path.split("."):
        found = values[0] if isinstance(values, list) and values else values
        if found is UNKNOWN or isinstance(found, Sensitive):
            return found
        values = found.get(name) if isinstance(found, Mapping) else None
    return values


def is_blank(value: Any) -> bool:
    """Whether a value says nothing. Terraform and its provider don't tell one such value from another."""
    return value is None or value in ("", [], {})


def parsed(value: Any) -> Any:
    """What a text holds as JSON, None if it is none; UNKNOWN or Sensitive if the text is."""
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
        raise PlanError(f"{source} is for an environment named {str(found)[:20]!r}, and none can have that name")
    return found


def _further(document: Mapping[str, Any]) -> Iterator[Further]:
    for found in document["resource_changes"]:
        if found.get("previous_address"):
            yield Further(found["address"], "is what was", str(found["previous_address"]))
        if found["change"].get("importing"):
            yield Further(found["address"], "is imported: it is there already, and is managed from now on")
    for found in document.get("resource_drift", ()):
        if found["change"]["actions"] == ["delete"]:
            yield Further(found["address"], "is gone, and Terraform did not remove it")
    for found in document.get("checks", ()):
        if found["status"] in ("fail", "error"):
            yield Further(found["address"]["to_display"], "is a check that does not hold")
    for found in document.get("deferred_changes", ()):
        yield Further(found["resource_change"]["address"], "is left to a later plan:", str(found.get("reason")))
    for found in document.get("action_invocations", ()):
        yield Further(found["address"], "is an action that would be run")


def _documents(resources: tuple[Change, ...], root: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Change]]:
    """The policies that are nothing but a document which Terraform has not read yet."""
    unread = {change.address: change for change in resources if change.action == "read"}
    for change in resources:
        module = root
        for call in re.findall(r"module\.([^.\[]+)", change.module):
            module = module.get("module_calls", {}).get(call, {}).get("module", {})
        for resource in module.get("resources", []):
            if (resource["type"], resource["name"]) == (change.type, change.name):
                for attribute in POLICY_ATTRIBUTES:
                    named = resource.get("expressions", {}).get(attribute, {}).get("references", [])
                    # Terraform names the attribute first, then what it is of: of another expression it names more.
                    if named and named[0].endswith(".json") and all(named[0].startswith(name) for name in named):
                        address = named[0].removesuffix(".json")
                        found = unread.get(f"{change.module}.{address}" if change.module else address)
                        if found is not None:
                            yield (change.address, attribute), found


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
    return Change(
        f"output.{name}",
        "",
        "output",
        "output",
        name,
        _ACTIONS[tuple(change["actions"])],
        {"value": before},
        {"value": after},
    )


def _attributes(values: Any) -> Mapping[str, Any]:
    """A resource's attributes. A whole resource is not marked unknown or sensitive; if it were, none would be told."""
    if values is None:
        return {}
    return values if isinstance(values, dict) else {"(all)": values}


def _values(change: dict[str, Any]) -> tuple[Any, Any]:
    # What is sensitive on one side is so on both: a value that becomes sensitive is not shown for the last time.
    marks = _union(change.get("before_sensitive", False), change.get("after_sensitive", False))
    after = _fill(change.get("after"), change.get("after_unknown", False))
    return _mask(change.get("before"), marks), _mask(after, marks)


def _union(one: Any, other: Any) -> Any:
    if one is True or other is True:
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        return {name: _union(one.get(name, False), other.get(name, False)) for name in {**one, **other}}
    if isinstance(one, list) and isinstance(other, list):
        length = max(len(one), len(other))
        padded = [[*marks, *[False] * (length - len(marks))] for marks in (one, other)]
        return [_union(*pair) for pair in zip(*padded, strict=True)]
    if _is_marked(one) and _is_marked(other):
        return True
    return one if _is_marked(one) else other


def _is_marked(marks: Any) -> bool:
    """Whether anything is marked in what Terraform gives beside values: true, or an object or array that holds it."""
    if isinstance(marks, dict):
        return any(_is_marked(mark) for mark in marks.values())
    if isinstance(marks, list):
        return any(_is_marked(mark) for mark in marks)
    return marks is True


def _mask(value: Any, marks: Any) -> Any:
    """The value with what is marked sensitive hidden; all of it where marks and value differ in shape."""
    if not _is_marked(marks) or value is None:
        return value
    if isinstance(marks, dict) and isinstance(value, dict):
        return {name: _mask(part, marks.get(name, False)) for name, part in value.items()}
    if isinstance(marks, list) and isinstance(value, list):
        return [_mask(part, marks[index] if index < len(marks) else True) for index, part in enumerate(value)]
    return Sensitive(value)


def _fill(value: Any, marks: Any) -> Any:
    """The value with UNKNOWN where it is marked as known only after the apply."""
    if marks is True:
        return UNKNOWN
    if isinstance(marks, dict) and (value is None or isinstance(value, dict)):
        known = value or {}
        names = [*known, *(name for name in marks if name not in known and _is_marked(marks[name]))]
        filled = {name: _fill(known.get(name), marks.get(name, False)) for name in names}
        return filled if filled or value is not None else None
    if isinstance(marks, list) and isinstance(value, list):
        length = max(len(marks), len(value))
        parts = [*value, *[None] * (length - len(value))]
        return [_fill(part, marks[index] if index < len(marks) else False) for index, part in enumerate(parts)]
    return value
