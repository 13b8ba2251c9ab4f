"""The alarms: without them nobody is notified that schedules are late, lost or not handed over."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from tools.review.danger import Danger, Markdown, name_of, quoted, sentence
from tools.review.plan import UNKNOWN, Change, Plan, at, is_blank
from tools.review.table import Judged, ours

__all__ = ["alarm_dangers"]

_TYPE = "aws_cloudwatch_metric_alarm"

_GONE = "destroyed"
_DISABLED = "left with their actions disabled"
_WITHOUT_ACTIONS = "left without any action"
_OTHER_ACTIONS = "left without an action that they have now"
_ELSEWHERE = "put on something else than now"
_KINDS = (_GONE, _DISABLED, _WITHOUT_ACTIONS, _OTHER_ACTIONS, _ELSEWHERE)

_METRIC = ("namespace", "metric_name", "statistic", "extended_statistic", "comparison_operator")
_QUERY = (
    "id",
    "expression",
    "return_data",
    "metric.namespace",
    "metric.metric_name",
    "metric.stat",
    "metric.period",
    "metric.unit",
)

#: Counts that delay an alarm when they rise.
_COUNTS = ("evaluation_periods", "datapoints_to_alarm", "period")

_JUDGED = (
    "actions_enabled", "alarm_actions", "comparison_operator", "dimensions", "extended_statistic", "metric_name",
    "metric_query.expression", "metric_query.id", "metric_query.metric", "metric_query.return_data", "namespace",
    "statistic", "threshold", "treat_missing_data", *_COUNTS,
)  # fmt: skip


def alarm_dangers(plan: Plan, judged: Judged) -> Iterator[Danger]:
    """Name alarms that vanish, fall silent or fire later, in a danger of each kind for a module, at its address."""
    silent: dict[str, dict[str, list[str]]] = defaultdict(lambda: {kind: [] for kind in _KINDS})
    later: dict[str, list[str]] = defaultdict(list)
    for change, after in _successors(plan):
        judged.add(change, *_JUDGED)
        place = change.module or change.address
        if kind := _silence(plan, change.before, after):
            silent[place][kind].append(name_of(change))
        elif loosened := list(_loosened(change.before, after)):
            later[place].append(f"{name_of(change)} ({', '.join(loosened)})")
    for place, kinds in silent.items():
        parts = [f"{', '.join(names)} would be {kind}" for kind, names in kinds.items() if names]
        yield sentence("alarms-silenced", place, changes=Markdown("; ".join(parts)))
    for place, changes in later.items():
        yield sentence("alarms-loosened", place, changes=Markdown("; ".join(changes)))


def _successors(plan: Plan) -> Iterator[tuple[Change, Mapping[str, Any]]]:
    """Return each alarm that is there now, with its values after the change, or those of the one that succeeds it."""
    created = defaultdict(list)
    for change in plan.of_type(_TYPE):
        if not change.exists:
            created[_watched(change.after)].append(change.after)
    for change in ours(plan, _TYPE):
        if change.action == "destroy":
            # An alarm that is created succeeds one alarm.
            successors = created[_watched(change.before)]
            yield change, successors.pop(0) if successors else {}
        elif change.exists:
            yield change, change.after


def _silence(plan: Plan, before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """Return how an alarm falls silent, if it does."""
    if not after:
        return _GONE
    actions, kept = (at(alarm, "alarm_actions") for alarm in (before, after))
    # An alarm without an action is seen in CloudWatch only.
    if not is_blank(actions) and at(before, "actions_enabled") is not False:
        if at(after, "actions_enabled") is not True:
            return _DISABLED
        if is_blank(kept):
            return _WITHOUT_ACTIONS
        if not isinstance(actions, list) or not isinstance(kept, list) or any(each not in kept for each in actions):
            return _OTHER_ACTIONS
    return _ELSEWHERE if _is_elsewhere(plan, before, after) else None


def _loosened(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Find what makes an alarm fire later, or in fewer cases."""
    is_low = str(at(before, "comparison_operator")).startswith("LessThan")
    for path in ("threshold", *_COUNTS):
        old, new = (at(side, path) or 0 for side in (before, after))
        is_number = isinstance(old, int | float) and isinstance(new, int | float)
        is_tighter = is_number and (new >= old if path == "threshold" and is_low else new <= old)
        if old != new and not is_tighter:
            yield f"`{path}` {quoted(old)} → {quoted(new)}"
    path = "treat_missing_data"
    if at(before, path) != at(after, path):
        yield f"`{path}` {quoted(at(before, path))} → {quoted(at(after, path))}"


def _watched(alarm: Mapping[str, Any]) -> str:
    """Return what an alarm watches. Two alarms that watch the same may differ in name and threshold."""
    queries = at(alarm, "metric_query")
    dimensions = [at(query, "metric.dimensions") for query in queries] if isinstance(queries, list) else []
    return repr([_measured(alarm), at(alarm, "dimensions") or None, sorted(dimensions, key=str)])


def _is_elsewhere(plan: Plan, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Return whether an alarm compares something else than now. A measure that it lacks now is no loss."""
    if any(was and was != now for was, now in zip(_measured(before), _measured(after), strict=True)):
        return True
    pairs = zip(_dimensions(before), _dimensions(after), strict=False)
    # What a replaced resource is called may be known only after the apply.
    renewed = any(change.is_gone or not change.exists for change in plan.changes)
    return any(was and was != now and not (renewed and _is_unknown(now)) for was, now in pairs)


def _dimensions(alarm: Mapping[str, Any]) -> list[Any]:
    """Return the functions, queues and tables that an alarm measures."""
    queries = at(alarm, "metric_query")
    by_id = sorted(queries, key=lambda query: str(at(query, "id"))) if isinstance(queries, list) else []
    return [at(alarm, "dimensions"), *(at(query, "metric.dimensions") for query in by_id)]


def _is_unknown(dimensions: Any) -> bool:
    return dimensions is UNKNOWN or (isinstance(dimensions, Mapping) and UNKNOWN in dimensions.values())


def _measured(alarm: Mapping[str, Any]) -> list[Any]:
    """Return what an alarm compares, without the function or queue."""
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
    """Return an expression without the number of workers, with which the settings compare."""
    return re.sub(r"(sweeps >=) *[0-9.]+", r"\1 a limit", value) if isinstance(value, str) else value
