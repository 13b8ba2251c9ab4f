"""Which function a resource is, and its settings: its environment variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tools.review.plan import UNKNOWN, Change, Plan, at

__all__ = ["FAST_TRACK", "POST", "SWEEP", "function_of", "is_same_function", "planned_setting", "setting"]

#: The functions' packages, which also name their modules.
FAST_TRACK = "stream_dynamodb_fasttrack_enqueuer"
POST = "api_schedule_post"
SWEEP = "task_1minute_enqueuer"


def function_of(change: Change) -> str:
    """Return the package of a function: by its handler, or else the name of its module without an instance key."""
    package = str(at(change.before or change.after, "handler")).partition(".")[0]
    if package in (FAST_TRACK, POST, SWEEP):
        return package
    return re.sub(r'\[("(\\.|[^"\\])*"|\d+)\]$', "", change.module).rpartition("module.")[2]


def is_same_function(plan: Plan, new: Any, *old: Any) -> bool:
    """Return whether `new` is one of the functions that are called now, or the replacement of one.

    Each value is a function's ARN, or contains one, as an integration's URI does.
    """
    called = [_function_arn(each) for each in old]
    if new is not UNKNOWN:
        return _function_arn(new) in called
    # The replacement of the function is a danger already.
    return any(change.is_gone and at(change.before, "arn") in called for change in plan.of_type("aws_lambda_function"))


def _function_arn(value: Any) -> Any:
    """Return a function's ARN without the version or alias that may follow, or else the value."""
    found = re.search(r"arn:[^:]*:lambda:[^:]*:[^:]*:function:[^:/]+", value) if isinstance(value, str) else None
    return found[0] if found else value


def setting(values: Mapping[str, Any], name: str) -> Any:
    """Return a function's setting, as a number if it is one; None if it is not set."""
    found = at(values, f"environment.variables.{name}")
    return int(found) if isinstance(found, str) and re.fullmatch(r"\d{1,18}", found) else found


def planned_setting(plan: Plan, change: Change, name: str) -> Any:
    """Return a function's setting after the apply: the root variable while the environment variables are unknown."""
    if at(change.after, "environment.variables") is UNKNOWN:
        return plan.settings.get(name, UNKNOWN)
    return setting(change.after, name)
