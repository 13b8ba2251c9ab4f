"""Read a plan as `terraform show -json` prints it into a small model that shows no sensitive value."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, repeat, zip_longest
from typing import Any

from tools.project import CommandError

#: The parts of a plan that are read, with their shapes.
_PARTS: Mapping[str, type] = dict.fromkeys(
    ("action_invocations", "checks", "deferred_action_invocations", "deferred_changes", "resource_changes",
     "resource_drift"), list,
) | dict.fromkeys(("configuration", "output_changes", "planned_values", "prior_state", "variables"), dict)  # fmt: skip

#: The attributes that hold a policy.
POLICY_ATTRIBUTES = ("assume_role_policy", "policy")

#: One word for Terraform's actions; a replacement has two, in any order.
_ACTIONS = {"create,delete": "replace", "create,forget": "replace", "delete": "destroy"}
_ACTIONS |= {name: name for name in ("create", "forget", "no-op", "read", "update")}

#: An instance key in an address, and the last step of a module's address.
_KEY = re.compile(r'\[(?:"(?:\\.|[^"\\])*"|\d+)\]')
_LAST_STEP = re.compile(rf"\.?module\.[^.\[]+(?:{_KEY.pattern})?$")

#: What a configuration says of each resource and each call of a module, by the address without instance keys.
type _Declared = Mapping[str, Mapping[str, Any]]


class _Unknown:
    def __repr__(self) -> str:
        return "(known after apply)"


#: Stands for every value that is known only after the apply.
UNKNOWN = _Unknown()


@dataclass(frozen=True, slots=True)
class Sensitive:
    """Stands for a sensitive value, which can be compared with another and not shown."""

    _value: Any

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
    facts: Mapping[str, Any] = field(default_factory=dict)

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

    `outputs` and `drift` are those that change. `facts` are dangers beside the changes: a sentence, its subject, and a
    detail. `documents` are the policy documents that Terraform reads only when it applies, by the address and attribute
    that they become. `packages` are the zips that were built here: the base64 SHA-256 of each, by file name.
    """

    environment: str
    is_first: bool
    resources: tuple[Change, ...]
    outputs: tuple[Change, ...] = ()
    drift: tuple[Change, ...] = ()
    facts: tuple[tuple[str, str, Any], ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    documents: Mapping[tuple[str, str], Change] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """The resources that change."""
        return tuple(change for change in self.resources if change.action not in ("no-op", "read"))

    @cached_property
    def by_type(self) -> Mapping[str, list[Change]]:
        """The resources by their type, also those that stay."""
        found = defaultdict(list)
        for change in self.resources:
            found[change.type].append(change)
        return found

    def of_type(self, kind: str) -> list[Change]:
        """Return the resources of a type that change."""
        return [change for change in self.by_type[kind] if change.action not in ("no-op", "read")]

    def unread(self, *, with_policies: bool) -> list[Change]:
        """Return the policy documents that Terraform reads when it applies, perhaps with those that are a policy."""
        known = () if with_policies else {document.address for document in self.documents.values()}
        found = self.by_type["aws_iam_policy_document"]
        return [each for each in found if each.action == "read" and each.address not in known]


def plan_from(document: Any, source: str, packages: Mapping[str, str] | None = None) -> Plan:
    """Return the plan in the parsed output of `terraform show -json`. Raises CommandError, which names `source`."""
    if not isinstance(document, dict) or "format_version" not in document:
        raise CommandError(f"{source} is not a plan as terraform show -json prints it: it has no format_version")
    version = str(document["format_version"])
    # Terraform raises the major version when readers of the earlier one would misunderstand the format.
    if version.partition(".")[0] not in ("0", "1"):
        raise CommandError(
            f"{source} is a plan in format {version}, of Terraform {document.get('terraform_version', 'unknown')}, "
            "which is newer than this review: it reads formats 0.x and 1.x"
        )
    if not {"resource_changes", "planned_values", "output_changes"} & set(document):
        raise CommandError(f"{source} is not a plan: it has no resource_changes. Is it a state?")
    for name, kind in _PARTS.items():
        if not isinstance(document.get(name, kind()), kind):
            # Read as empty, it would make a plan that changes nothing.
            word = "array" if kind is list else "object"
            raise CommandError(f"{source} is not a plan as terraform show -json prints it: its {name} is not an {word}")
    try:
        return _plan(document, packages or {})
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise CommandError(f"{source} can't be read as a plan: {error!r} where something else is expected") from error


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
    """Return the value of a JSON text; None if it is none."""
    try:
        return json.loads(value)
    except (RecursionError, TypeError, ValueError):
        return None


def without_keys(address: str) -> str:
    """Return an address without the instance keys in it: the same for all instances of a declaration."""
    return _KEY.sub("", address)


def _plan(document: dict[str, Any], packages: Mapping[str, str]) -> Plan:
    resources = tuple(map(_resource, document.get("resource_changes", ())))
    outputs = tuple(_output(name, found) for name, found in sorted(document.get("output_changes", {}).items()))
    drift = tuple(map(_resource, document.get("resource_drift", ())))
    kept = set(_state_addresses((document.get("prior_state", {}).get("values") or {}).get("root_module") or {}))
    declared = dict(_declared(document.get("configuration", {}).get("root_module") or {}))
    variables = {name: found.get("value") for name, found in document.get("variables", {}).items()}
    environment: Any = variables.get("environment")
    # As terraform/variables.tf allows them.
    is_named = isinstance(environment, str) and re.fullmatch(r"[a-z][a-z0-9]{1,11}", environment)
    existing = any(change.before for change in (*resources, *drift) if change.mode == "managed")
    return Plan(
        environment=environment if is_named else "",
        is_first=not existing and not kept and not any(output.before.get("value") for output in outputs),
        resources=resources,
        outputs=tuple(output for output in outputs if output.action != "no-op"),
        drift=tuple(change for change in drift if change.action != "no-op"),
        facts=tuple(dict.fromkeys(_facts(document, resources, kept, declared))),
        variables=variables,
        documents=dict(_documents(resources, declared)),
        packages=packages,
    )


def _declared(module: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    for found in module.get("resources") or ():
        yield f"{prefix}{found.get('address') or '{}.{}'.format(found.get('type'), found.get('name'))}", found
    for name, call in (module.get("module_calls") or {}).items():
        yield f"{prefix}module.{name}", call
        yield from _declared(call.get("module") or {}, f"{prefix}module.{name}.")


def _documents(resources: Iterable[Change], declared: _Declared) -> Iterator[tuple[tuple[str, str], Change]]:
    """Return each policy that is exactly one unread document, by its address and attribute, with the document."""
    unread = {change.address: change for change in resources if change.action == "read"}
    for change in resources if unread else ():
        address = f"{change.module}.{change.type}.{change.name}".removeprefix(".")
        for attribute in POLICY_ATTRIBUTES:
            if found := unread.get(_document_address(declared, change.module, address, attribute)):
                yield (change.address, attribute), found


def _document_address(declared: _Declared, module: str, address: str, name: str) -> str:
    """Return the address of the document that an attribute, or an argument of a module's call, is; "" if none."""
    expressions = declared.get(without_keys(address), {}).get("expressions") or {}
    named = (expressions.get(name) or {}).get("references") or [""]
    if module and named[0].startswith("var."):
        return _document_address(declared, _LAST_STEP.sub("", module), module, named[0].removeprefix("var."))
    # Terraform names the attribute first, then its resource: an expression that refers to more names more.
    if named[0].endswith(".json") and all(named[0].startswith(name) for name in named):
        return f"{module}.{named[0]}".removeprefix(".").removesuffix(".json")
    return ""


def _facts(
    document: Mapping[str, Any], resources: Iterable[Change], kept: set[str], declared: _Declared
) -> Iterator[tuple[str, str, Any]]:
    """Find what a plan says beside its changes, and what else happens when it is made or applied."""
    known = {change.address for change in resources} | {str(fact) for each in resources for fact in each.facts.values()}
    # Terraform before 1.8 doesn't say whether a plan is complete. A plan without changes may only refresh the state.
    if document.get("errored"):
        yield "plan-partial/failed", "plan", None
    elif not document.get("complete", not resources or kept <= known):
        yield "plan-partial", "plan", None
    for found in document.get("resource_drift", ()):
        if found["change"]["actions"] == ["delete"]:
            yield "vanished", found["address"], None
    for change in resources:
        if "imported with" in change.facts and change.action != "destroy":
            yield "imported", change.address, change.facts["imported with"]
    yield from _notes(document)
    for address, resource in declared.items():
        for provisioner in resource.get("provisioners") or ():
            yield "program-run/provisioner", address, provisioner.get("type")
        # A program that Terraform runs, or a server that it asks, while it plans.
        if resource.get("mode") == "data" and resource.get("type") in ("external", "http"):
            yield f"program-run/{resource['type']}", address, None


def _notes(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for found in document.get("checks", ()):
        if found["status"] in ("fail", "error"):
            problems = chain.from_iterable(each.get("problems") or () for each in found.get("instances") or ())
            messages = "; ".join(str(problem["message"]) for problem in problems)
            yield "check-failed", found["address"]["to_display"], messages or found["status"]
    for found in document.get("deferred_changes", ()):
        yield "change-deferred", found["resource_change"]["address"], found.get("reason")
    for found in document.get("action_invocations", ()):
        yield "action-invoked", found["address"], None
    for found in document.get("deferred_action_invocations", ()):
        yield "action-invoked/deferred", found["action_invocation"]["address"], found.get("reason")


def _state_addresses(module: Mapping[str, Any]) -> Iterator[str]:
    yield from (found["address"] for found in module.get("resources") or () if found.get("mode") == "managed")
    for child in module.get("child_modules") or ():
        yield from _state_addresses(child)


def _resource(found: dict[str, Any]) -> Change:
    change = found["change"]
    # A resource that is unknown or sensitive as a whole has one attribute.
    before, after = (
        {} if value is None else value if isinstance(value, dict) else {"(all)": value} for value in _values(change)
    )
    named = {name: found[name] for name in ("address", "mode", "type", "name")}
    for name, text in named.items():
        if not isinstance(text, str):
            raise TypeError(f"{name} {text!r}")
    action = _ACTIONS[",".join(sorted(change["actions"]))]
    is_created_first = action == "replace" and change["actions"][0] == "create"
    facts = {
        "deposed": found.get("deposed"),
        "moved from": found.get("previous_address"),
        "imported with": change.get("importing") and (change["importing"].get("id") or "an identity"),
        "reason": str(found.get("action_reason") or "").replace("_", " "),
        "create before destroy": is_created_first and "the new one is created first",
    }
    return Change(
        **named,
        module=found.get("module_address") or "",
        action=action,
        before=before,
        after=after,
        forced_by=tuple(tuple(map(str, path)) for path in change.get("replace_paths") or ()),
        facts={name: fact for name, fact in facts.items() if fact},
    )


def _output(name: str, change: dict[str, Any]) -> Change:
    old, new = ({} if value is None else {"value": value} for value in _values(change))
    return Change(
        f"output.{name}", "", "output", "output", name, _ACTIONS[",".join(sorted(change["actions"]))], old, new
    )


def _values(change: dict[str, Any]) -> tuple[Any, Any]:
    # A mark on one side counts on both, so that a value that becomes sensitive is not shown for the last time.
    marks = change.get("before_sensitive"), change.get("after_sensitive")
    return _mask(change.get("before"), *marks), _mask(_fill(change.get("after"), change.get("after_unknown")), *marks)


def _is_marked(marks: Any) -> bool:
    """Return whether any value is marked: Terraform's marks are true, or an object or array that holds it."""
    if isinstance(marks, dict | list):
        return any(map(_is_marked, marks.values() if isinstance(marks, dict) else marks))
    return marks is True


def _mask(value: Any, *marks: Any) -> Any:
    """Hide the parts of a value that are marked as sensitive; all of it if marks and value differ in shape."""
    given = [mark for mark in marks if _is_marked(mark)]
    if not given or value is None:
        return value
    if isinstance(value, dict) and all(isinstance(mark, dict) for mark in given):
        return {name: _mask(part, *(mark.get(name) for mark in given)) for name, part in value.items()}
    if isinstance(value, list) and all(isinstance(mark, list) for mark in given):
        # Parts beyond the marks are hidden.
        parts = chain(zip_longest(*(mark for mark in marks if isinstance(mark, list))), repeat((True,)))
        return [_mask(part, *found) for part, found in zip(value, parts, strict=False)]
    return Sensitive(value)


def _fill(value: Any, marks: Any) -> Any:
    """Put UNKNOWN into a value where it is marked as known only after the apply."""
    if not _is_marked(marks):
        return value
    if isinstance(marks, dict) and (value is None or isinstance(value, dict)):
        known = value or {}
        return known | {name: _fill(known.get(name), mark) for name, mark in marks.items() if _is_marked(mark)}
    if isinstance(marks, list) and isinstance(value, list):
        return [_fill(part, mark) for part, mark in zip_longest(value, marks)]
    # Marks of another shape than the value hide what is known.
    return UNKNOWN
