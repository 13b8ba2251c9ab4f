"""The alarms: without them nobody is notified that schedules are late, lost or not handed over.

A threshold is not judged, nor a number that an expression compares with: most are 0, of which no raise is small or
large, and the others are there to be tuned or follow from other settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tools.review.danger import Danger, Markdown, danger, name_of
from tools.review.plan import Change, Plan, at, is_blank

__all__ = ["alarm_dangers"]

_GONE = "destroyed"
_DISABLED = "left with their actions disabled"
_WITHOUT_ACTIONS = "left without any action"
_ELSEWHERE = "put on something else than now"

_METRIC = ("namespace", "metric_name", "statistic", "extended_statistic", "comparison_operator")
_QUERY = ("id", "expression", "metric.namespace", "metric.metric_name")


def alarm_dangers(plan: Plan) -> Iterator[Danger]:
    """Name alarms that vanish or fall silent, in one danger for each module, at the module's address."""
    silent = list(_silent(list(plan.of_type("aws_cloudwatch_metric_alarm"))))
    for module in dict.fromkeys(change.module for change, _ in silent):
        found = [(change, kind) for change, kind in silent if change.module == module]
        parts = []
        for kind in (_GONE, _DISABLED, _WITHOUT_ACTIONS, _ELSEWHERE):
            names = [name_of(change) for change, its in found if its == kind]
            if names:
                parts.append(f"{', '.join(names)} would be {kind}")
        first = danger(found[0][0], "alarms-silenced", changes=Markdown("; ".join(parts)))
        yield Danger(first.id, module or first.address, first.text)


def _silent(alarms: list[Change]) -> Iterator[tuple[Change, str]]:
    """Find the alarms that notify somebody now and would not, and what becomes of each."""
    created = [change.after for change in alarms if not change.exists]
    for change in alarms:
        if not change.exists:
            continue
        after = change.after
        if change.action == "destroy":
            successors = [other for other in created if _watched(other) == _watched(change.before)]
            after = successors[0] if successors else {}
            # An alarm that is created succeeds one alarm.
            created = [other for other in created if other is not after]
        found = _silence(change.before, after) or (_ELSEWHERE if _is_elsewhere(change.before, after) else None)
        if found:
            yield change, found


def _silence(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    if not after:
        return _GONE
    if not _has_actions(before) or at(before, "actions_enabled") is False:
        return None
    if at(after, "actions_enabled") is not True:
        return _DISABLED
    return None if _has_actions(after) else _WITHOUT_ACTIONS


def _has_actions(alarm: Mapping[str, Any]) -> bool:
    """Return whether an alarm notifies anybody; one that doesn't is seen in CloudWatch only."""
    return not is_blank(at(alarm, "alarm_actions"))


def _watched(alarm: Mapping[str, Any]) -> list[Any]:
    """Return what an alarm watches. Two alarms that watch the same may differ in name and threshold."""
    queries = at(alarm, "metric_query")
    dimensions = [at(query, "metric.dimensions") for query in queries] if isinstance(queries, list) else []
    dimensions.sort(key=str)
    return [_measured(alarm), at(alarm, "dimensions") or None, dimensions]


def _is_elsewhere(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Return whether an alarm compares something else than now. A measure that it lacks now is no loss."""
    return any(was and was != now for was, now in zip(_measured(before), _measured(after), strict=True))


def _measured(alarm: Mapping[str, Any]) -> list[Any]:
    """Return what an alarm compares, without the function or queue: a replaced one may have another name."""
    queries = at(alarm, "metric_query")
    return [
        # Terraform writes null where the provider writes "" for an attribute that is not set.
        *(at(alarm, attribute) or None for attribute in _METRIC),
        # A set, which Terraform shows in any order.
        sorted(([_without_limits(at(query, attribute) or None) for attribute in _QUERY] for query in queries), key=str)
        if isinstance(queries, list)
        else queries,
    ]


def _without_limits(value: Any) -> Any:
    return re.sub(r"([<>=]=?) *[0-9.]+", r"\1 a limit", value) if isinstance(value, str) else value
