"""The failure bucket's lifecycle: what S3 deletes by itself, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tools.review.danger import Danger, quoted
from tools.review.plan import UNKNOWN, Change, Plan, at, is_blank

__all__ = ["lifecycle_dangers"]


def lifecycle_dangers(plan: Plan) -> Iterator[Danger]:
    """Records are deleted that are kept now, or can be brought back for less long.

    A configuration may be declared elsewhere than before, so what matters is what all of a module say together.
    """
    found = [change for change in plan.resources if change.type == "aws_s3_bucket_lifecycle_configuration"]
    for change in found:
        if change.action == "no-op" or not change.after or plan.is_first:
            continue
        if at(change.after, "rule") is UNKNOWN:
            yield Danger(
                "retention-shortened",
                change.address,
                f"When records in the failure bucket {_bucket(change)} are deleted can't be told: its rules are not "
                "known yet.",
            )
        before = [rule for other in found if other.module == change.module for rule in _rules(other.before)]
        after = _rules(change.after)
        known = _expirations(before)
        new = [end for end in _expirations(after) if end not in known]
        if new:
            yield Danger(
                "retention-shortened",
                change.address,
                f"Records in the failure bucket {_bucket(change)} would be deleted {' or '.join(new)}, whether anyone "
                "gave them back or not, and their schedules be lost.",
            )
        days = _days_back(after)
        if before and _number(days) < _number(_days_back(before)):
            yield Danger(
                "retention-shortened",
                change.address,
                f"A record that is deleted by mistake could be brought back for {quoted(days)} days only.",
            )


def _bucket(change: Change) -> str:
    return quoted(at(change.before, "bucket") or at(change.after, "bucket"))


def _rules(values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rules that are applied: one that is not disabled may be."""
    found = values.get("rule")
    rules = found if isinstance(found, list) else []
    return [rule for rule in rules if isinstance(rule, dict) and rule.get("status") != "Disabled"]


def _expirations(rules: list[Mapping[str, Any]]) -> list[str]:
    """When each rule deletes what is not deleted yet."""
    days = [at(rule, "expiration.days") for rule in rules]
    dates = [at(rule, "expiration.date") for rule in rules]
    return [
        *(f"after {quoted(found)} days" for found in days if found),
        *(f"from {quoted(found)} on" for found in dates if not is_blank(found)),
    ]


def _days_back(rules: list[Mapping[str, Any]]) -> Any:
    """After how many days the first rule forgets what was deleted; None if none does."""
    path = "noncurrent_version_expiration.noncurrent_days"
    return min((found for rule in rules if not is_blank(found := at(rule, path))), default=None, key=_number)


def _number(days: Any) -> float:
    """Days as a number: never is the longest, and what is not known may be at once."""
    return float("inf") if days is None else days if isinstance(days, int | float) else 0
