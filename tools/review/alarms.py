"""The alarms: without them nobody is told that schedules are late, lost or not handed over.

A threshold is not judged, nor a number that an expression compares with: most are 0, of which no raise is small or
large, and the others are there to be tuned or follow from other settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tools.review.danger import Danger, name_of
from tools.review.plan import Change, Plan, at, is_blank

__all__ = ["alarm_dangers"]

_GONE = "destroyed"
_DISABLED = "left with their actions disabled"
_WITHOUT_ACTIONS = "left without any action"
_ELSEWHERE = "put on something else than now"

_METRIC = ("namespace", "metric_name", "statistic", "extended_statistic", "comparison_operator")
_QUERY = ("id", "expression", "metric.namespace", "metric.metric_name")


def alarm_dangers(plan: Plan) -> Iterator[Danger]:
    """Alarms that vanish or fall silent, told once for each module."""
    silent = list(_silent(list(plan.of_type("aws_cloudwatch_metric_alarm"))))
    for module in dict.fromkeys(change.module for change, _ in silent):
        found = [(change, kind) for change, kind in silent if change.module == module]
        told = []
        for kind in (_GONE, _DISABLED, _WITHOUT_ACTIONS, _ELSEWHERE):
            names = [name_of(change) for change, its in found if its == kind]
            if names:
                told.append(f"{', '.join(names)} would be {kind}")
        yield Danger(
            "alarms-silenced",
            module or found[0][0].address,
            f"Nobody would be told when what these alarms watch goes wrong: {'; '.join(told)}.",
        )


def _silent(alarms: list[Change]) -> Iterator[tuple[Change, str]]:
    """The alarms that tell now, and would not, with what becomes of them."""
    created = [change.after for change in alarms if not change.exists]
    for change in alarms:
        if not change.exists:
            continue
        after = change.after
        if change.action == "destroy":
            successors = [other for other in created if _watched(other) == _watched(change.before)]
            after = successors[0] if successors else {}
            # One that is created takes the place of one.
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
    """Whether an alarm tells anybody that it begins; one that doesn't is seen in CloudWatch only."""
    return not is_blank(at(alarm, "alarm_actions"))


def _watched(alarm: Mapping[str, Any]) -> list[Any]:
    """What an alarm is on. One that differs in nothing of this is the same with another name or threshold."""
    queries = at(alarm, "metric_query")
    dimensions = [at(query, "metric.dimensions") for query in queries] if isinstance(queries, list) else []
    dimensions.sort(key=str)
    return [_measured(alarm), at(alarm, "dimensions") or None, dimensions]


def _is_elsewhere(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether an alarm compares something else than now. What it doesn't have yet is no loss."""
    return any(was and was != now for was, now in zip(_measured(before), _measured(after), strict=True))


def _measured(alarm: Mapping[str, Any]) -> list[Any]:
    """What an alarm compares, of whichever function or queue: that one is replaced may change its name."""
    queries = at(alarm, "metric_query")
    return [
        # Terraform says null of what is not set where the provider says "".
        *(at(alarm, attribute) or None for attribute in _METRIC),
        # A set, which Terraform shows in any order.
        sorted(([_without_limits(at(query, attribute) or None) for attribute in _QUERY] for query in queries), key=str)
        if isinstance(queries, list)
        else queries,
    ]


def _without_limits(value: Any) -> Any:
    return re.sub(r"([<>=]=?) *[0-9.]+", r"\1 a limit", value) if isinstance(value, str) else value
