"""Read the statements of access policies, and compare what two policies allow and deny."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Any

from tools.review.plan import UNKNOWN, Sensitive

#: Actions that take no resource (Service Authorization Reference) and show only names.
WITHOUT_RESOURCE = {"dynamodb:ListStreams", "logs:DescribeLogGroups"}


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
    conditions: frozenset[tuple[str, str, tuple[str, ...]]]
    negations: tuple[str, ...] = ()

    @property
    def has_tls_only(self) -> bool:
        """Whether the statement denies requests without TLS."""
        return self.effect == "Deny" and ("Bool", "aws:SecureTransport", ("false",)) in self.conditions

    @property
    def is_unknown(self) -> bool:
        """Whether part of the statement is known only after the apply."""
        return repr(UNKNOWN) in (*self.actions, *self.resources, *self.principals) or any(
            repr(UNKNOWN) in values for _, _, values in self.conditions
        )

    def __str__(self) -> str:
        parts = [self.effect, ", ".join((*self.actions, *self.negations)) or "nothing"]
        parts += [f"on {', '.join(self.resources)}"] if self.resources else []
        parts += [f"by {', '.join(self.principals)}"] if self.principals else []
        parts += [f"if {key} {test} {', '.join(values)}" for test, key, values in sorted(self.conditions)]
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class _Atom:
    """One action on one resource by one principal, of all that a statement combines."""

    action: str
    resource: str
    principal: str
    conditions: frozenset[tuple[str, str, tuple[str, ...]]]
    negations: tuple[str, ...]

    def covers(self, other: _Atom) -> bool:
        """Return whether this matches every request that the other matches."""
        return (
            self.negations == other.negations
            and _matches(self.action.lower(), other.action.lower())
            and _matches(self.resource, other.resource)
            and self.principal in (other.principal, "AWS:*")
            and all(any(_implies(one, condition) for one in other.conditions) for condition in self.conditions)
        )


def _implies(one: tuple[str, str, tuple[str, ...]], other: tuple[str, str, tuple[str, ...]]) -> bool:
    """Return whether every request that meets a condition meets the other. Each of its values is enough."""
    (test, key, values), (other_test, other_key, others) = one, other
    is_wider = set(values) >= set(others) if "Not" in test else set(values) <= set(others)
    return (test, key) == (other_test, other_key) and is_wider


def policy_statements(value: Any) -> tuple[Statement, ...] | None:
    """Return the statements of a policy in JSON; None if the value is no policy."""
    if not isinstance(value, str):
        return None
    try:
        document = json.loads(value)
    except (RecursionError, ValueError):
        return None
    if not isinstance(document, dict) or "Statement" not in document:
        return None
    found = document["Statement"]
    statements = found if isinstance(found, list) else [found]
    if not all(isinstance(statement, dict) for statement in statements):
        return None
    return tuple(_statement(statement) for statement in statements)


def document_statements(values: Mapping[str, Any]) -> tuple[Statement, ...]:
    """Return the statements of the data source aws_iam_policy_document; unknown values are named as unknown."""
    found = values.get("statement")
    if not isinstance(found, list):
        return ()
    return tuple(_document_statement(statement) for statement in found if isinstance(statement, dict))


def gained(before: Sequence[Statement], after: Sequence[Statement]) -> list[Statement]:
    """Return the statements that allow more than before, reduced to the new permissions."""
    allowed = [atom for statement in before if statement.effect == "Allow" for atom in _atoms(statement)]
    same = set(allowed)
    grown = []
    for statement in after:
        if statement.effect != "Allow":
            continue
        new = [
            atom for atom in _atoms(statement) if atom not in same and not any(known.covers(atom) for known in allowed)
        ]
        if new:
            actions, resources, principals = (
                _distinct(getattr(atom, name) for atom in new) for name in ("action", "resource", "principal")
            )
            grown.append(replace(statement, actions=actions, resources=resources, principals=principals))
    return grown


def lost_denials(before: Sequence[Statement], after: Sequence[Statement]) -> list[Statement]:
    """Return the statements whose denials are not all denied afterwards."""
    denied = [atom for statement in after if statement.effect == "Deny" for atom in _atoms(statement)]
    return [
        statement
        for statement in before
        if statement.effect == "Deny"
        and not all(any(known.covers(atom) for known in denied) for atom in _atoms(statement))
    ]


def wildcards(statement: Statement, own_prefix: str) -> list[str]:
    """Return the parts of a statement that allow more than they name: everyone, and `*` in actions and resources.

    A `*` after the environment's own prefix, as in `<bucket>/fasttrack/*`, is allowed, and so is `*` for actions that
    list names and take no resource.
    """
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


def _matches(pattern: str, text: str) -> bool:
    """Return whether `pattern` matches every string that `text` matches. A `?` doesn't match a `*`."""
    return pattern == text or _expression(pattern).fullmatch(text) is not None


@lru_cache(maxsize=10_000)
def _expression(pattern: str) -> re.Pattern[str]:
    parts = (".*" if each == "*" else "[^*]" if each == "?" else re.escape(each) for each in pattern)
    return re.compile("".join(parts), re.DOTALL)


def _atoms(statement: Statement) -> Iterator[_Atom]:
    everything = product(statement.actions or ("",), statement.resources or ("",), statement.principals or ("",))
    for action, resource, principal in everything:
        yield _Atom(action, resource, principal, statement.conditions, statement.negations)


def _statement(found: Mapping[str, Any]) -> Statement:
    return Statement(
        sid=str(found.get("Sid") or ""),
        effect=str(found.get("Effect", "")),
        actions=_texts(found.get("Action")),
        resources=_texts(found.get("Resource")),
        principals=_principals(found.get("Principal")),
        conditions=_conditions(found.get("Condition") or {}),
        negations=_negations(found.get("NotAction"), found.get("NotResource"), _principals(found.get("NotPrincipal"))),
    )


def _conditions(found: Any) -> frozenset[tuple[str, str, tuple[str, ...]]]:
    if isinstance(found, dict) and all(isinstance(keys, dict) for keys in found.values()):
        return frozenset((test, key, _texts(values)) for test, keys in found.items() for key, values in keys.items())
    # AWS would not accept it: a condition that equals no other.
    return frozenset({("is", "Condition", (json.dumps(found),))})


def _document_statement(found: Mapping[str, Any]) -> Statement:
    def principals(blocks: Any) -> Iterator[str]:
        for block in blocks if isinstance(blocks, list) else []:
            yield from (f"{block.get('type')}:{name}" for name in _texts(block.get("identifiers")))

    conditions = found.get("condition")
    return Statement(
        sid=str(found.get("sid") or ""),
        effect=str(found.get("effect") or "Allow"),
        actions=_texts(found.get("actions")),
        resources=_texts(found.get("resources")),
        principals=_distinct(principals(found.get("principals"))),
        conditions=frozenset(
            (str(block.get("test")), str(block.get("variable")), _texts(block.get("values")))
            for block in (conditions if isinstance(conditions, list) else [])
        ),
        negations=_negations(
            found.get("not_actions"), found.get("not_resources"), _distinct(principals(found.get("not_principals")))
        ),
    )


def _negations(actions: Any, resources: Any, principals: Sequence[str]) -> tuple[str, ...]:
    named = {"NotAction": _texts(actions), "NotResource": _texts(resources), "NotPrincipal": principals}
    return tuple(f"{element} {text}" for element, texts in named.items() for text in texts)


def _principals(found: Any) -> tuple[str, ...]:
    if isinstance(found, dict):
        return _distinct(f"{kind}:{name}" for kind, names in found.items() for name in _texts(names))
    return tuple(f"AWS:{name}" for name in _texts(found))


def _texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if value is UNKNOWN or isinstance(value, Sensitive):
        return (repr(value),)
    parts = value if isinstance(value, list) else [value]
    return _distinct(json.dumps(part) if isinstance(part, bool) else str(part) for part in parts if part is not None)


def _distinct(texts: Iterator[str] | Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(set(texts) - {""}))
