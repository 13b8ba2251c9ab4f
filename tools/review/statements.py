"""Read the statements of access policies, and compare what two policies allow and deny."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

from tools.review.plan import UNKNOWN, parsed

#: Actions that take no resource (Service Authorization Reference) and show only names.
WITHOUT_RESOURCE = {"dynamodb:ListStreams", "logs:DescribeLogGroups"}

#: The elements of a statement in JSON, by their names in the data source aws_iam_policy_document.
_ELEMENTS = {
    "sid": "Sid", "effect": "Effect", "actions": "Action", "resources": "Resource", "principals": "Principal",
    "not_actions": "NotAction", "not_resources": "NotResource", "not_principals": "NotPrincipal",
}  # fmt: skip

type _Condition = tuple[str, str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of a policy; elements that it doesn't have are empty.

    `principals` are like `Service:lambda.amazonaws.com`, `conditions` (operator, key, values). `negations` are the
    elements NotAction, NotResource and NotPrincipal, which are compared as a whole.
    """

    sid: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    principals: tuple[str, ...]
    conditions: frozenset[_Condition]
    negations: tuple[str, ...] = ()

    @property
    def has_tls_only(self) -> bool:
        """Whether the statement denies requests without TLS."""
        return self.effect == "Deny" and ("Bool", "aws:SecureTransport", ("false",)) in self.conditions

    @property
    def is_unknown(self) -> bool:
        """Whether part of the statement is known only after the apply."""
        elements = (self.actions, self.resources, self.principals, *(values for *_, values in self.conditions))
        return any(repr(UNKNOWN) in texts for texts in elements)

    def __str__(self) -> str:
        parts = [self.effect, ", ".join((*self.actions, *self.negations)) or "nothing"]
        parts += [f"on {', '.join(self.resources)}"] if self.resources else []
        parts += [f"by {', '.join(self.principals)}"] if self.principals else []
        parts += [f"if {key} {test} {', '.join(values)}" for test, key, values in sorted(self.conditions)]
        return " ".join(parts)


class _Atom(NamedTuple):
    """One action on one resource by one principal, of all that a statement combines."""

    action: str
    resource: str
    principal: str
    conditions: frozenset[_Condition]
    negations: tuple[str, ...]


def _covers(wide: _Atom, other: _Atom) -> bool:
    """Return whether one matches every request that the other matches."""
    return (
        wide.negations == other.negations
        and wide.principal in (other.principal, "AWS:*")
        and _pattern(wide.action.lower()).fullmatch(other.action.lower()) is not None
        and _pattern(wide.resource).fullmatch(other.resource) is not None
        and all(any(_implies(one, condition) for one in other.conditions) for condition in wide.conditions)
    )


def _implies(one: _Condition, other: _Condition) -> bool:
    """Return whether every request that meets a condition meets the other. Each of its values is enough."""
    (test, key, values), (other_test, other_key, others) = one, other
    is_wider = set(values) >= set(others) if "Not" in test else set(values) <= set(others)
    return (test, key) == (other_test, other_key) and is_wider


def policy_statements(value: Any) -> tuple[Statement, ...] | None:
    """Return the statements of a policy in JSON; None if the value is no policy."""
    document = parsed(value) if isinstance(value, str) else None
    found = document.get("Statement") if isinstance(document, dict) else None
    statements: list[Any] = found if isinstance(found, list) else [found]
    if not all(isinstance(statement, dict) for statement in statements):
        return None
    return tuple(_statement(each, _conditions(each.get("Condition") or {})) for each in statements)


def document_statements(values: Mapping[str, Any]) -> tuple[Statement, ...]:
    """Return the statements of the data source aws_iam_policy_document; unknown values are named as unknown."""
    return tuple(
        _statement(
            {element: each.get(name) for name, element in _ELEMENTS.items()},
            [tuple(map(block.get, ("test", "variable", "values"))) for block in _listed(each.get("condition"))],
        )
        for each in _listed(values.get("statement"))
        if isinstance(each, dict)
    )


def gained(before: Sequence[Statement], after: Sequence[Statement]) -> list[Statement]:
    """Return the statements that allow more than before, reduced to the new permissions."""
    grown = []
    for statement, new in _new("Allow", before, after):
        actions, resources, principals, *_ = map(_distinct, zip(*new, strict=True))
        grown.append(replace(statement, actions=actions, resources=resources, principals=principals))
    return grown


def lost_denials(before: Sequence[Statement], after: Sequence[Statement]) -> list[Statement]:
    """Return the statements whose denials are not all denied afterwards."""
    return [statement for statement, _ in _new("Deny", after, before)]


def _new(
    effect: str, before: Iterable[Statement], after: Iterable[Statement]
) -> Iterator[tuple[Statement, list[_Atom]]]:
    known = dict.fromkeys(atom for statement in before for atom in _atoms(effect, statement))
    for statement in after:
        atoms = (atom for atom in _atoms(effect, statement) if atom not in known)
        if new := [atom for atom in atoms if not any(_covers(each, atom) for each in known)]:
            yield statement, new


def _atoms(effect: str, statement: Statement) -> Iterator[_Atom]:
    elements = (each or ("",) for each in (statement.actions, statement.resources, statement.principals))
    for action, resource, principal in product(*elements) if statement.effect == effect else ():
        yield _Atom(action, resource, principal, statement.conditions, statement.negations)


def wildcards(statement: Statement, own_prefix: str) -> list[str]:
    """Return the parts that allow more than they name: everyone, and a `*` that doesn't stand after the own prefix."""
    if statement.effect != "Allow":
        return []
    is_narrowest = statement.actions and set(statement.actions) <= WITHOUT_RESOURCE
    return [
        *statement.negations,
        *(action for action in statement.actions if "*" in action or "?" in action),
        *(resource for resource in statement.resources if not is_narrowest and _is_wild(resource, own_prefix)),
        *(principal for principal in statement.principals if principal.endswith(":*")),
    ]


def _is_wild(resource: str, own_prefix: str) -> bool:
    named, *rest = re.split(r"[*?]", resource, maxsplit=1)
    # While the environment is unknown, the prefix ends before its name, and names of every environment begin so.
    is_ours = own_prefix.rstrip("-") == own_prefix != "" and own_prefix in named
    return bool(rest) and not is_ours


@lru_cache(maxsize=10_000)
def _pattern(text: str) -> re.Pattern[str]:
    """Return a pattern that matches every string that `text` matches, and their patterns. A `?` matches no `*`."""
    return re.compile(re.escape(text).replace(r"\*", ".*").replace(r"\?", "[^*]"), re.DOTALL)


def _conditions(found: Any) -> Iterable[tuple[Any, ...]]:
    if not isinstance(found, dict) or not all(isinstance(keys, dict) for keys in found.values()):
        # AWS would not accept it: a condition that equals no other.
        return [("is", "Condition", json.dumps(found))]
    return [(test, key, values) for test, keys in found.items() for key, values in keys.items()]


def _statement(found: Mapping[str, Any], conditions: Iterable[tuple[Any, ...]]) -> Statement:
    negations = {name: _texts(found.get(name)) for name in ("NotAction", "NotResource")}
    negations["NotPrincipal"] = _principals(found.get("NotPrincipal"))
    return Statement(
        sid=str(found.get("Sid") or ""),
        effect=str(found.get("Effect") or "Allow"),
        actions=_texts(found.get("Action")),
        resources=_texts(found.get("Resource")),
        principals=_principals(found.get("Principal")),
        conditions=frozenset((str(test), str(key), _texts(values)) for test, key, values in conditions),
        negations=tuple(f"{element} {text}" for element, texts in negations.items() for text in texts),
    )


def _principals(found: Any) -> tuple[str, ...]:
    match found:
        case dict():
            pairs = list(found.items())
        case [dict(), *_]:
            pairs = [(block.get("type"), block.get("identifiers")) for block in found]
        case str() | list():
            pairs = [("AWS", found)]
        case _:
            pairs = []
    return _distinct(f"{kind}:{name}" for kind, names in pairs for name in _texts(names))


def _listed(blocks: Any) -> list[Any]:
    return blocks if isinstance(blocks, list) else []


def _texts(value: Any) -> tuple[str, ...]:
    parts = value if isinstance(value, list) else [value]
    return _distinct(json.dumps(part) if isinstance(part, bool) else str(part) for part in parts if part is not None)


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(texts) - {""}))
