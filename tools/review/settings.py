"""Which function is which, and what it is told by its environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.review.plan import UNKNOWN, Change, Plan, at

__all__ = ["FAST_TRACK", "POST", "SWEEP", "function_of", "planned_setting", "setting"]

#: The modules of the functions.
FAST_TRACK = "stream_dynamodb_fasttrack_enqueuer"
POST = "api_schedule_post"
SWEEP = "task_1minute_enqueuer"


def function_of(change: Change) -> str:
    """The function that a resource belongs to: the name of its module."""
    return change.module.removeprefix("module.")


def setting(values: Mapping[str, Any], name: str) -> Any:
    """A function's setting, as a number where it is one; None if there is none."""
    found = at(values, f"environment.variables.{name}")
    return int(found) if isinstance(found, str) and found.isdecimal() else found


def planned_setting(plan: Plan, change: Change, name: str) -> Any:
    """A function's setting after the apply; where its variables are not known as a whole, as the root variable is."""
    if at(change.after, "environment.variables") is UNKNOWN:
        return plan.settings.get(name, UNKNOWN)
    return setting(change.after, name)
