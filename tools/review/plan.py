"""Read a plan as `terraform show -json` prints it into a small model that shows no sensitive value."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import zip_longest
from typing import Any

from tools.project import CommandError
from tools.review.documents import documents

#: The major versions of the format. Terraform raises it when readers of the earlier one would misunderstand it.
_FORMATS = ("0", "1")

_SINGLE_ACTIONS = {
    "create": "create",
    "delete": "destroy",
    "forget": "forget",
    "no-op": "no-op",
    "read": "read",
    "update": "update",
}

#: The parts of a plan that are read.
_ARRAYS = (
    "action_invocations", "checks", "deferred_action_invocations", "deferred_changes", "resource_changes",
    "resource_drift",
)  # fmt: skip
_OBJECTS = ("configuration", "output_changes", "planned_values", "prior_state", "variables")

#: As terraform/variables.tf allows them.
_ENVIRONMENT = re.compile(r"[a-z][a-z0-9]{1,11}")

#: A program that Terraform runs, or a server that it asks, while it plans.
_ASKING_DATA = ("external", "http")


class PlanError(CommandError):
    """The input is no plan that can be reviewed. The message, one line, is for the person at the terminal."""


class _Unknown:
    def __repr__(self) -> str:
        return "(known after apply)"


#: A fact in a plan beside the changes that is a danger: the sentence in dangers.toml, its subject, and a detail.
type Fact = tuple[str, str, Any]

#: Stands for every value that is known only after the apply.
UNKNOWN = _Unknown()


@dataclass(frozen=True, slots=True)
class Sensitive:
    """Stands for a sensitive value, which can be compared with another and not shown."""

    _value: Any = field(repr=False)

    def __repr__(self) -> str:
        return "(sensitive)"


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """A change of one resource, or of one output.

    `before` and `after` are the attributes, empty while the resource doesn't exist. `forced_by` are the paths of the
    attributes that force a replacement, and `facts` are words about the change besides its values.
    """

    address: str
    module: str
    mode: str
    type: str
    name: str
    action: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    forced_by: tuple[tuple[str, ...], ...] = ()
    facts: tuple[tuple[str, Any], ...] = ()

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


@dataclass(frozen=True)
class Plan:
    """A plan of one environment ("" if its configuration has none): the change of each resource and output.

    `variables` are the root's. `documents` are the policy documents that Terraform reads only when it applies, by the
    address and the attribute that they become. `packages` are the zips that were built here: the base64 SHA-256 of
    each, by file name.
    """

    environment: str
    is_first: bool
    resources: tuple[Change, ...]
    outputs: tuple[Change, ...] = ()
    drift: tuple[Change, ...] = ()
    facts: tuple[Fact, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    documents: Mapping[tuple[str, str], Change] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """The resources that change."""
        return tuple(change for change in self.resources if change.action not in ("no-op", "read"))

    @cached_property
    def _by_type(self) -> Mapping[str, list[Change]]:
        found = defaultdict(list)
        for change in self.resources:
            found[change.type].append(change)
        return found

    def unread(self, *, with_policies: bool) -> list[Change]:
        """Return the policy documents that Terraform reads when it applies, perhaps with those that are a policy."""
        known = set() if with_policies else {document.address for document in self.documents.values()}
        found = (each for each in self.all_of_type("aws_iam_policy_document") if each.action == "read")
        return [each for each in found if each.address not in known]

    @cached_property
    def emptied(self) -> frozenset[tuple[str, str]]:
        """The modules and types of which every resource is destroyed."""
        kept = {(change.module, change.type) for change in self.resources if change.action != "destroy"}
        return frozenset({(each.module, each.type) for each in self.resources if each.action == "destroy"} - kept)

    def of_type(self, *types: str) -> Iterator[Change]:
        """Return the changed resources of some types."""
        return (change for change in self.all_of_type(*types) if change.action not in ("no-op", "read"))

    def all_of_type(self, *types: str) -> list[Change]:
        """Return the resources of some types, with those that stay."""
        return [change for kind in types for change in self._by_type.get(kind, ())]


def plan_from(document: Any, source: str, packages: Mapping[str, str] | None = None) -> Plan:
    """Return the plan in the parsed output of `terraform show -json`. Raises PlanError, which names it as `source`."""
    if not isinstance(document, dict) or "format_version" not in document:
        raise PlanError(f"{source} is not a plan as terraform show -json prints it: it has no format_version")
    version = str(document["format_version"])
    if version.partition(".")[0] not in _FORMATS:
        raise PlanError(
            f"{source} is a plan in format {version}, of Terraform {document.get('terraform_version', 'unknown')}, "
            "which is newer than this review: it reads formats 0.x and 1.x"
        )
    if not {"resource_changes", "planned_values", "output_changes"} & set(document):
        raise PlanError(f"{source} is not a plan: it has no resource_changes. Is it a state?")
    for name in (*_ARRAYS, *_OBJECTS):
        if name in document and not isinstance(document[name], list if name in _ARRAYS else dict):
            # Read as empty, it would make a plan that changes nothing.
            raise PlanError(
                f"{source} is not a plan as terraform show -json prints it: its {name} is not an "
                f"{'array' if name in _ARRAYS else 'object'}"
            )
    try:
        return _plan(document, packages or {})
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


def _plan(document: dict[str, Any], packages: Mapping[str, str]) -> Plan:
    resources = tuple(map(_resource, document.get("resource_changes", ())))
    outputs = tuple(_output(name, found) for name, found in sorted(document.get("output_changes", {}).items()))
    drift = tuple(map(_resource, document.get("resource_drift", ())))
    kept = set(_state_addresses(document.get("prior_state", {}).get("values") or {}))
    variables = {name: found.get("value") for name, found in document.get("variables", {}).items()}
    environment = variables.get("environment")
    existing = any(change.exists for change in (*resources, *drift) if change.mode == "managed")
    return Plan(
        environment=environment if isinstance(environment, str) and _ENVIRONMENT.fullmatch(environment) else "",
        is_first=not existing and not kept and not any(output.before.get("value") for output in outputs),
        resources=resources,
        outputs=outputs,
        drift=tuple(change for change in drift if change.action != "no-op"),
        facts=tuple(dict.fromkeys(_facts(document, resources, kept))),
        variables=variables,
        documents=dict(documents(resources, document.get("configuration", {}).get("root_module") or {})),
        packages=packages,
    )


def _facts(document: Mapping[str, Any], resources: tuple[Change, ...], kept: set[str]) -> Iterator[Fact]:
    """Find what a plan says beside its changes, and what else happens when it is made or applied."""
    known = {change.address for change in resources} | {str(fact[1]) for each in resources for fact in each.facts}
    # Terraform before 1.8 doesn't say whether a plan is complete. A plan without changes may only refresh the state.
    if document.get("errored"):
        yield "plan-partial/failed", "plan", None
    elif not document.get("complete", not resources or kept <= known):
        yield "plan-partial", "plan", None
    for found in document.get("resource_drift", ()):
        if found["change"]["actions"] == ["delete"]:
            yield "vanished", found["address"], None
    for change in resources:
        if "imported with" in dict(change.facts) and change.action != "destroy":
            yield "imported", change.address, dict(change.facts)["imported with"]
    yield from _notes(document)
    yield from _programs(document.get("configuration", {}).get("root_module") or {})


def _notes(document: Mapping[str, Any]) -> Iterator[Fact]:
    for found in document.get("checks", ()):
        if found["status"] in ("fail", "error"):
            messages = [
                problem["message"] for each in found.get("instances") or () for problem in each.get("problems") or ()
            ]
            yield "check-failed", found["address"]["to_display"], "; ".join(map(str, messages)) or found["status"]
    for found in document.get("deferred_changes", ()):
        yield "change-deferred", found["resource_change"]["address"], found.get("reason")
    for found in document.get("action_invocations", ()):
        yield "action-invoked", found["address"], None
    for found in document.get("deferred_action_invocations", ()):
        yield "action-invoked/deferred", found["action_invocation"]["address"], found.get("reason")


def _programs(module: Mapping[str, Any], prefix: str = "") -> Iterator[Fact]:
    """Find provisioners, and data that asks a program or a server."""
    for resource in module.get("resources") or ():
        address = f"{prefix}{resource.get('address') or '{}.{}'.format(resource.get('type'), resource.get('name'))}"
        for provisioner in resource.get("provisioners") or ():
            yield "program-run/provisioner", address, provisioner.get("type")
        if resource.get("mode") == "data" and resource.get("type") in _ASKING_DATA:
            yield f"program-run/{resource['type']}", address, None
    for name, call in (module.get("module_calls") or {}).items():
        yield from _programs(call.get("module") or {}, f"{prefix}module.{name}.")


def _state_addresses(values: Mapping[str, Any]) -> Iterator[str]:
    """Return the addresses of the managed resources in a prior state."""
    modules = [values.get("root_module") or {}]
    while modules:
        module = modules.pop()
        modules.extend(module.get("child_modules") or ())
        yield from (found["address"] for found in module.get("resources") or () if found.get("mode") == "managed")


def _resource(found: dict[str, Any]) -> Change:
    change = found["change"]
    before, after = _values(change)
    for name in ("address", "mode", "type", "name"):
        if not isinstance(found[name], str):
            raise TypeError(f"{name} {found[name]!r}")
    facts = {
        "deposed": found.get("deposed"),
        "moved from": found.get("previous_address"),
        "imported with": change.get("importing") and (change["importing"].get("id") or "an identity"),
        "reason": str(found.get("action_reason") or "").replace("_", " "),
    }
    action = _action(change["actions"])
    if action == "replace" and change["actions"][0] == "create":
        facts["create before destroy"] = "the new one is created first"
    return Change(
        address=found["address"],
        module=found.get("module_address") or "",
        mode=found["mode"],
        type=found["type"],
        name=found["name"],
        action=action,
        before=_attributes(before),
        after=_attributes(after),
        forced_by=tuple(tuple(map(str, path)) for path in change.get("replace_paths") or ()),
        facts=tuple((name, fact) for name, fact in facts.items() if fact),
    )


def _output(name: str, change: dict[str, Any]) -> Change:
    before, after = _values(change)
    old, new = ({} if value is None else {"value": value} for value in (before, after))
    return Change(f"output.{name}", "", "output", "output", name, _action(change["actions"]), old, new)


def _action(actions: list[str]) -> str:
    """Return one word for Terraform's actions; a replacement has two, in any order. Raises KeyError for others."""
    is_replacement = sorted(actions) in (["create", "delete"], ["create", "forget"])
    return "replace" if is_replacement else _SINGLE_ACTIONS[",".join(actions)]


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
    if not _is_marked(marks):
        return value
    if isinstance(marks, dict) and (value is None or isinstance(value, dict)):
        known = value or {}
        names = [*known, *(name for name in marks if name not in known and _is_marked(marks[name]))]
        return {name: _fill(known.get(name), marks.get(name, False)) for name in names}
    if isinstance(marks, list) and isinstance(value, list):
        return [_fill(part, mark) for part, mark in zip_longest(value, marks)]
    # Marks of another shape than the value hide what is known.
    return UNKNOWN
